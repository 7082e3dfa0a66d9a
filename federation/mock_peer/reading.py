"""From a raw request to a known peer's messages: the checks in the protocol's order, less the lapses of the node."""

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha512
from typing import Any

from federation.keys import Jwk, verifies
from federation.mock_peer.bending import BARE_COMPONENTS, BODY_COMPONENTS, request_values
from federation.mock_peer.lapses import Lapse
from federation.mock_peer.memory import Heard, KnownPeer, Memory
from federation.node import FederationNode
from federation.signatures import (
    LABEL,
    LIFETIME_SECONDS,
    REQUEST_TAG,
    SignedRequest,
    check_clock,
    check_digest,
    read_request,
    signature_base,
    verify_request,
)
from schemas.envelope import CONTENT_TYPE, MAX_MESSAGES, parse_batch
from schemas.problems import (
    Malformed,
    MessageRefused,
    PeerSuspended,
    Replayed,
    TooLarge,
    Unauthenticated,
    UnsupportedCoding,
)

_FORWARDED = ("x-forwarded-host", "host")
_INPUT = re.compile(rf"{LABEL}=(\(([^()]*)\)((?:;[a-z]+=(?:[0-9]+|\"[^\"]*\"))*))", re.ASCII)
_PARAMETER = re.compile(r';([a-z]+)=([0-9]+|"[^"]*")', re.ASCII)
_SHAPE_LAPSES = frozenset(
    {Lapse.NONCE_MISSING_TAKEN, Lapse.COMPONENT_ADDED_TAKEN, Lapse.APPLICATION_IGNORED, Lapse.LIFETIME_IGNORED}
)
_BODY_LAPSES = frozenset({Lapse.DUPLICATE_KEYS_TAKEN, Lapse.FLOATS_TAKEN, Lapse.LARGE_MESSAGE_TAKEN})

_PARAMETERS = frozenset({"created", "expires", "keyid", "alg", "tag"})
_NONCE_LENGTH = 24
"""22 characters of base64url in quotation marks."""

Lapses = frozenset[Lapse]


@dataclass(frozen=True)
class _Loose:
    """A request that is of nearly the right shape: what it claims, its signature base, and what is odd about it."""

    request: SignedRequest
    base: bytes
    flaws: Lapses


def authenticate(
    own: FederationNode, memory: Memory, lapses: Lapses, heard: Heard, now: datetime
) -> tuple[SignedRequest, KnownPeer]:
    """Who sent a request; raises ``Unauthenticated`` for whoever cannot show it."""
    has_body = heard.method == "POST"
    if has_body != bool(heard.body):
        raise Unauthenticated
    uri = _target_uri(own, lapses, heard)
    try:
        request = read_request(heard.method, uri, heard.headers, has_body=has_body)
        loose = None
    except Unauthenticated:
        loose = _read_loosely(heard, uri) if lapses & _SHAPE_LAPSES else None
        if loose is None or not loose.flaws <= lapses:
            raise
        request = loose.request
    found = memory.of_key(request.keyid, now)
    if found is None:
        told = Lapse.STRANGERS_TOLD_APART in lapses and not has_body
        raise Unauthenticated("The key is unknown." if told else None)
    peer, jwk = found
    try:
        _verify(request, loose, jwk)
    except Unauthenticated:
        if Lapse.CLOCK_TOLD_TO_STRANGERS in lapses:
            check_clock(request, now)
        raise
    return request, peer


def check(
    peer: KnownPeer, memory: Memory, lapses: Lapses, *, request: SignedRequest, heard: Heard, now: datetime
) -> None:
    """State, digest, clock and nonce of a request whose signature is a peer's; raises what is in its way."""
    if peer.state == "suspended":
        raise PeerSuspended
    if request.has_body and not (Lapse.SHA_512_TAKEN in lapses and _is_sha512(request.content_digest, heard.body)):
        check_digest(request, heard.body)
    if Lapse.CLOCK_IGNORED not in lapses:
        check_clock(request, now)
    used = (request.keyid, request.nonce)
    if request.nonce and used in memory.nonces and Lapse.REPLAY_TAKEN not in lapses:
        raise Replayed
    memory.nonces.add(used)


def read_batch(own: FederationNode, lapses: Lapses, heard: Heard, content_type: str) -> list[Any]:
    """The messages of a checked request, or in the place of one why it is none; raises for the whole."""
    codings = [value.strip().lower() for value in heard.values("content-encoding")]
    if any(one != "identity" for one in codings) and Lapse.CODING_TAKEN not in lapses:
        raise UnsupportedCoding
    if content_type != CONTENT_TYPE or heard.query:
        raise Malformed(reason=f"the content type is {CONTENT_TYPE}, without a query")
    found = parse_batch(_mended(heard.body, lapses) if lapses & _BODY_LAPSES else heard.body)
    if len(found) > min(own.limits.max_messages, MAX_MESSAGES):
        raise TooLarge
    if Lapse.BATCH_REFUSED_WHOLE in lapses and len(found) > 1 and any(isinstance(m, MessageRefused) for m in found):
        raise Malformed(reason="one of the messages is none")
    return found


def loosely(body: bytes) -> list[dict[str, Any]]:
    """What a body says, for the record: the objects of an array, read without any strictness."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _target_uri(own: FederationNode, lapses: Lapses, heard: Heard) -> str:
    right = own.target_uri(heard.path, heard.query)
    if Lapse.HOST_BELIEVED not in lapses:
        return right
    host = next((value for name in _FORWARDED for value in heard.values(name)), "")
    scheme, _, rest = right.partition("://")
    return f"{scheme}://{host}/{rest.partition('/')[2]}"


def _verify(request: SignedRequest, loose: _Loose | None, jwk: Jwk) -> None:
    if loose is None:
        verify_request(request, jwk)
    elif not verifies(jwk, b64decode(request.signature.split(":")[1]), loose.base):
        raise Unauthenticated


def _read_loosely(heard: Heard, uri: str) -> _Loose | None:
    """A request whose components or parameters are not ours but can be verified; ``None`` for anything odder."""
    fields = {name: heard.values(name) for name in ("signature-input", "signature", "content-type", "content-digest")}
    if any(len(values) > 1 for values in fields.values()) or not fields["signature"] or not fields["signature-input"]:
        return None
    shape = _INPUT.fullmatch(fields["signature-input"][0])
    signature = re.fullmatch(rf"{LABEL}=:([A-Za-z0-9+/=]+):", fields["signature"][0])
    if shape is None or signature is None:
        return None
    content_type, digest = ("".join(fields[name]) for name in ("content-type", "content-digest"))
    values = request_values(heard.method, uri, content_type, digest)
    components = tuple(shape[2].split())
    given: dict[str, str] = dict(_PARAMETER.findall(shape[3]))
    if not _is_nearly_right(heard, components, given) or not set(components) <= values.keys():
        return None
    created, expires = int(given["created"]), int(given["expires"])
    request = SignedRequest(
        heard.method,
        uri,
        content_type,
        digest,
        fields["signature-input"][0],
        fields["signature"][0],
        given["keyid"].strip('"'),
        created,
        expires,
        given.get("nonce", "").strip('"'),
    )
    base = signature_base([(one, values[one]) for one in components], shape[1])
    return _Loose(request, base, _flaws(heard, components, given, expires - created))


def _is_nearly_right(heard: Heard, components: tuple[str, ...], given: dict[str, str]) -> bool:
    """Whether all but what a lapse may be about is as it must be."""
    expected = BODY_COMPONENTS if heard.body else BARE_COMPONENTS
    bare = not heard.body and (heard.values("content-type") or heard.values("content-digest"))
    return (
        components[: len(expected)] == expected
        and _PARAMETERS <= given.keys() <= _PARAMETERS | {"nonce"}
        and given["alg"] == '"ed25519"'
        and len(given.get("nonce", '"AAAAAAAAAAAAAAAAAAAAAA"')) == _NONCE_LENGTH
        and not bare
    )


def _flaws(heard: Heard, components: tuple[str, ...], given: dict[str, str], lifetime: int) -> Lapses:
    expected = BODY_COMPONENTS if heard.body else BARE_COMPONENTS
    odd = {
        Lapse.NONCE_MISSING_TAKEN: "nonce" not in given,
        Lapse.COMPONENT_ADDED_TAKEN: components != expected,
        Lapse.APPLICATION_IGNORED: given["tag"] != f'"{REQUEST_TAG}"',
        Lapse.LIFETIME_IGNORED: lifetime != LIFETIME_SECONDS,
    }
    return frozenset(lapse for lapse, is_so in odd.items() if is_so)


def _is_sha512(field: str, body: bytes) -> bool:
    return field == f"sha-512=:{b64encode(sha512(body).digest()).decode()}:"


def _mended(body: bytes, lapses: Lapses) -> bytes:
    """The body as a lax reader takes it; as it is, where it has a flaw that is not among the lapses."""
    if body.startswith(b"\xef\xbb\xbf"):
        return body
    notes: set[Lapse] = set()

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(found)) != len(found):
            notes.add(Lapse.DUPLICATE_KEYS_TAKEN)
        return dict(found)

    def whole(number: str) -> int:
        notes.add(Lapse.FLOATS_TAKEN)
        return int(float(number))

    try:
        read = json.loads(body, object_pairs_hook=pairs, parse_float=whole)
    except (ValueError, RecursionError):
        return body
    if not notes and Lapse.LARGE_MESSAGE_TAKEN not in lapses:
        return body
    return json.dumps(read, ensure_ascii=False, separators=(",", ":")).encode() if notes <= lapses else body
