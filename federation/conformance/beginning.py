"""Who the node is, what strangers are told, and how pairing begins."""

import zlib
from datetime import timedelta

from pydantic import ValidationError

from federation.conformance.lines import Lines
from federation.conformance.stand import NotHeld, Stand, is_uuid, seen, shape_of
from federation.jws import JwsRefused, read_jws
from federation.keys import NodeKeys, b64url_bytes, verifies
from federation.mock_peer import Bend, Call, Reply, WireFault
from federation.node import DESCRIPTOR_PATH, target_uri
from federation.pairing import INVITATION_DAYS, read_descriptor
from schemas.certificates import STATUS_BITS, STATUS_LIST_TTL_SECONDS, STATUS_LIST_TYPE
from schemas.descriptor import DESCRIPTOR_TYP, Descriptor, DescriptorDocument, Invitation
from schemas.problems import InvitationRefused
from schemas.strict_json import UnreadableJsonError, read_document

before_pairing = Lines()
pairing = Lines()

CLOCKS_DIFFER = timedelta(minutes=5)
LEAST_ENTRIES = 10_000


# --- The descriptor ------------------------------------------------------------------------------------------------


@before_pairing.add("descriptor-served", "GET /.well-known/tonglu answers {jws}, without sign-in")
async def _served(stand: Stand) -> str:
    reply = await _get(stand, DESCRIPTOR_PATH)
    try:
        document = DescriptorDocument.from_wire(read_document(reply.body))
    except (UnreadableJsonError, ValidationError):
        raise NotHeld(f"{reply.status}, a body that is not {{jws}}") from None
    if reply.status != 200:
        raise NotHeld(f"{reply.status}")
    stand.descriptor = document.jws
    return f"{reply.status}, {len(document.jws)} characters"


@before_pairing.add("descriptor-signed", "its header is exactly alg kid typ, and its own transport key signed it")
async def _signed(stand: Stand) -> str:
    jws = _known(stand)
    try:
        found = read_jws(jws, DESCRIPTOR_TYP)
        read_descriptor(jws)
    except (JwsRefused, InvitationRefused) as error:
        raise NotHeld(str(error)) from None
    return f"by {found.kid[:8]}…"


@before_pairing.add("descriptor-content", "it names this URL, version 1, limits, and one key at least of each use")
async def _content(stand: Stand) -> str:
    descriptor = _descriptor(stand)
    if descriptor.base_url != stand.url:
        raise NotHeld(f"base_url {descriptor.base_url}, called as {stand.url}")
    if 1 not in descriptor.versions:
        raise NotHeld(f"versions {list(descriptor.versions)}")
    return f"{descriptor.region} {descriptor.name}"


@before_pairing.add("descriptor-clock", "issued_at tells its clock, which is right within five minutes")
async def _clock(stand: Stand) -> str:
    ahead = _descriptor(stand).issued_at - stand.me.own.clock.now()
    if abs(ahead) > CLOCKS_DIFFER:
        raise NotHeld(f"{ahead.total_seconds():+.0f} s")
    return f"{ahead.total_seconds():+.0f} s"


@before_pairing.add("invitation-valid", "the invitation has its four members, brings the same keys, ends in 14 days")
async def _invitation(stand: Stand) -> str:
    try:
        invitation = Invitation.from_wire(stand.invitation)
        inside = Descriptor.from_wire(read_jws(invitation.descriptor.jws, DESCRIPTOR_TYP).payload)
    except (ValidationError, JwsRefused) as error:
        raise NotHeld(type(error).__name__) from None
    served = _descriptor(stand)
    if {key.kid for key in inside.keys.keys} != {key.kid for key in served.keys.keys}:
        raise NotHeld("other keys than the descriptor that is served")
    if inside.region != served.region or inside.base_url != served.base_url:
        raise NotHeld("another region or base URL than the descriptor that is served")
    lasts = invitation.expires_at - stand.me.own.clock.now()
    if not timedelta() < lasts <= timedelta(days=INVITATION_DAYS, minutes=5):
        raise NotHeld(f"ends in {lasts.days} days")
    return f"ends in {lasts.days} days"


# --- Strangers -----------------------------------------------------------------------------------------------------


@before_pairing.add("stranger-refused", "a well signed request of somebody unknown gets 401 unauthenticated, unsigned")
async def _refused(stand: Stand) -> str:
    exchange = await stand.post([stand.stray()])
    shown = await stand.unauthenticated(exchange)
    stand.refusal = shape_of(exchange)
    return shown


@before_pairing.add("stranger-alike", "no signature, no key that is known, a wrong one: the same answer, byte for byte")
async def _alike(stand: Stand) -> str:
    if stand.refusal is None:
        raise NotHeld("there is no refusal to compare with")
    other = NodeKeys.generate(stand.me.own.entropy)
    for bend in (Bend(unsigned=True), Bend(keys=other), Bend(alter=True), Bend(created_shift_seconds=-4000)):
        await stand.unauthenticated(await stand.post([stand.stray()], bend))
    await stand.unauthenticated(await stand.get())
    return "five strangers, one answer"


@before_pairing.add("size-first", "a body over the limit is 413 before anybody asks whose it is")
async def _size(stand: Stand) -> str:
    too_much = b"[" + b" " * stand.node.limits.max_bytes + b"]"
    try:
        exchange = await stand.post(too_much)
    except WireFault as fault:
        # A node may hang up on a body that it will not read to its end.
        return f"connection ended ({fault})"
    if exchange.status != 413:
        raise NotHeld(f"{seen(exchange)}; expected 413")
    return seen(exchange)


@before_pairing.add("status-list", "a status list is there for everyone: signed, two bits an entry, 10,000 of them")
async def _status_list(stand: Stand) -> str:
    reply = await _get(stand, "/federation/v1/status/1")
    if reply.status != 200:
        raise NotHeld(f"{reply.status}; expected 200")
    try:
        token = read_jws(reply.body.decode("ascii").strip(), STATUS_LIST_TYPE)
        inside = token.payload["status_list"]
        entries = zlib.decompress(b64url_bytes(inside["lst"]))
    except (JwsRefused, UnicodeDecodeError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise NotHeld(f"a token that cannot be read ({type(error).__name__})") from None
    certificate = stand.node.of_use("certificate")
    if not any(token.is_by(key) and verifies(key, token.signature, token.signed) for key in certificate):
        raise NotHeld("not signed by the certificate key")
    size = len(entries) * 8 // STATUS_BITS
    if inside.get("bits") != STATUS_BITS or size < LEAST_ENTRIES:
        raise NotHeld(f"bits {inside.get('bits')}, {size} entries")
    if token.payload.get("ttl") != STATUS_LIST_TTL_SECONDS:
        raise NotHeld(f"ttl {token.payload.get('ttl')}")
    return f"{size} entries"


# --- Pairing -------------------------------------------------------------------------------------------------------


@pairing.add("pairing-probe", "once it accepted us it keeps asking GET …/events?stream=<fresh UUID>&after=0, signed")
async def _probe(stand: Stand) -> str:
    try:
        await stand.me.wait_for(lambda: any(one.region for one in stand.me.heard), stand.operator_seconds)
    except TimeoutError:
        raise NotHeld("no signed request came: was our invitation accepted, and can the node reach us?") from None
    first = next(one for one in stand.me.heard if one.region)
    stream = first.query.removeprefix("stream=").removesuffix("&after=0")
    if first.method != "GET" or first.query != f"stream={stream}&after=0" or not is_uuid(stream, 4):
        raise NotHeld(f"{first.method} {first.path}?{first.query}")
    return f"GET ?{first.query}"


@pairing.add("pairing-active", "our own signed request is then answered 200, signed, and makes both sides active")
async def _active(stand: Stand) -> str:
    exchange = await stand.get()
    if exchange.status != 200 or not exchange.is_signed:
        raise NotHeld(seen(exchange))
    stand.node.state = "active"
    return seen(exchange)


async def _get(stand: Stand, path: str) -> Reply:
    return await stand.me.wire.send(Call("GET", target_uri(stand.url, path)))


def _known(stand: Stand) -> str:
    if not stand.descriptor:
        raise NotHeld("there is none to look at")
    return stand.descriptor


def _descriptor(stand: Stand) -> Descriptor:
    try:
        return Descriptor.from_wire(read_jws(_known(stand), DESCRIPTOR_TYP).payload)
    except (JwsRefused, ValidationError):
        raise NotHeld("a descriptor that cannot be read") from None
