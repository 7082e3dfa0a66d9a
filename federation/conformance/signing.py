"""Requests whose signature is not exactly of the protocol's shape: each counts as unsigned, whatever else is right."""

from base64 import b64encode
from hashlib import sha512
from urllib.parse import urlsplit

from federation.conformance.lines import Lines, Try
from federation.conformance.stand import NotHeld, Stand, code_of, problem_in, raw, seen
from federation.keys import NodeKeys
from federation.mock_peer import Bend
from federation.mock_peer.bending import BARE_COMPONENTS, BODY_COMPONENTS
from federation.node import EVENTS_PATH
from federation.signatures import LIFETIME_SECONDS

lines = Lines()

_BODYLESS = Bend(components=BARE_COMPONENTS, headers={"content-digest": None})
SHIFT_SECONDS = LIFETIME_SECONDS - 10
"""Inside the window by more than two machines' clocks differ, and outside by the same."""


def _counts_as_unsigned(bend: Bend, *, bare: bool = False) -> Try:
    async def attempt(stand: Stand) -> str:
        exchange = await (stand.get(bend=bend) if bare else stand.post([stand.stray()], bend))
        return await stand.unauthenticated(exchange)

    return attempt


_BENDS = (
    ("sig-none", "no signature at all", Bend(unsigned=True)),
    ("sig-wrong", "one bit of the signature turned", Bend(alter=True)),
    ("sig-nonce-missing", "no nonce", Bend(parameters={"nonce": None})),
    ("sig-nonce-short", "a nonce of less than 128 bits", Bend(nonce="AAECAwQFBgc")),
    ("sig-created-missing", "no created", Bend(parameters={"created": None})),
    ("sig-expires-missing", "no expires", Bend(parameters={"expires": None})),
    ("sig-lifetime", "expires is not created + 300", Bend(lifetime_seconds=2 * LIFETIME_SECONDS)),
    ("sig-alg", "another alg", Bend(parameters={"alg": '"hmac-sha256"'})),
    ("sig-keyid-missing", "no keyid", Bend(parameters={"keyid": None})),
    ("sig-tag", "another tag", Bend(parameters={"tag": '"another-v1"'})),
    ("sig-tag-missing", "no tag", Bend(parameters={"tag": None})),
    ("sig-parameter-added", "a parameter that is not ours", Bend(parameters={"more": '"x"'})),
    ("sig-label", "another label", Bend(label="sig1")),
    ("sig-component-added", "a component more", Bend(components=(*BODY_COMPONENTS, '"@authority"'))),
    ("sig-component-missing", "content-digest is not covered", Bend(components=BODY_COMPONENTS[:3])),
    ("sig-components-order", "the components in another order", Bend(components=BODY_COMPONENTS[::-1])),
    ("sig-field-twice", "two Signature fields", Bend(twice="signature")),
    ("sig-content-type", "another Content-Type than was signed", Bend(headers={"content-type": "application/json"})),
    ("sig-bodyless", "a body that is neither covered nor named", _BODYLESS),
)

for _id, _says, _bend in _BENDS:
    lines.put(_id, f"counts as unsigned: {_says}", _counts_as_unsigned(_bend))

lines.put(
    "sig-bare-content-type",
    "counts as unsigned: a request without a body that has a Content-Type",
    _counts_as_unsigned(Bend(headers={"content-type": "application/json"}), bare=True),
)


@lines.add("sig-key-borrowed", "counts as unsigned: our key's id over another key's signature")
async def _borrowed(stand: Stand) -> str:
    other = NodeKeys.generate(stand.me.own.entropy)
    bend = Bend(keys=other, keyid=stand.me.own.keys.kid("transport"))
    return await stand.unauthenticated(await stand.post([stand.stray()], bend))


@lines.add("sig-key-use", "counts as unsigned: our checkpoint key, which is pinned, but for something else")
async def _use(stand: Stand) -> str:
    bend = Bend(keyid=stand.me.own.keys.kid("checkpoint"))
    return await stand.unauthenticated(await stand.post([stand.stray()], bend))


@lines.add("sig-key-unknown", "counts as unsigned, in the very words of a wrong signature: a key that nobody knows")
async def _unknown(stand: Stand) -> str:
    other = NodeKeys.generate(stand.me.own.entropy)
    return await stand.unauthenticated(await stand.post([stand.stray()], Bend(keys=other)))


@lines.add("sig-target", "counts as unsigned: a request that was signed for another path")
async def _target(stand: Stand) -> str:
    bend = Bend(signed_uri=f"{stand.url}{EVENTS_PATH}/else")
    return await stand.unauthenticated(await stand.post([stand.stray()], bend))


@lines.add("sig-query", "counts as unsigned: a query that was changed on the way")
async def _query(stand: Stand) -> str:
    uri = f"{stand.url}{EVENTS_PATH}?stream={stand.uuid()}&after=0"
    return await stand.unauthenticated(await stand.get(bend=Bend(signed_uri=uri)))


@lines.add("sig-host", "@target-uri is built from the configured base URL, never from Host or X-Forwarded-Host")
async def _host(stand: Stand) -> str:
    scheme = urlsplit(stand.url).scheme
    uri = f"{scheme}://evil.example{EVENTS_PATH}"
    bend = Bend(
        signed_uri=uri,
        headers={"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": scheme},
    )
    exchange = await stand.post([stand.stray()], bend)
    if exchange.status < 400 or exchange.status >= 500:
        raise NotHeld(f"{seen(exchange)} to a request for another host")
    return seen(exchange)


@lines.add("digest-wrong", "a body that its digest does not name is a signed 400 digest_mismatch / now")
async def _digest(stand: Stand) -> str:
    message = stand.stray()
    changed = b"[" + raw(message).replace(b'"node"', b'"nodE"') + b"]"
    exchange = await stand.post([message], Bend(body=changed))
    problem_in(exchange, 400, "digest_mismatch", "now")
    return seen(exchange)


@lines.add("digest-sha512", "a digest other than sha-256 is refused, however right")
async def _sha512(stand: Stand) -> str:
    body = b"[" + raw(stand.stray()) + b"]"
    field = f"sha-512=:{b64encode(sha512(body).digest()).decode()}:"
    exchange = await stand.post(body, Bend(digest=field))
    if code_of(exchange) not in ("digest_mismatch", "unauthenticated"):
        raise NotHeld(f"{seen(exchange)}; expected digest_mismatch or unauthenticated")
    return seen(exchange)


@lines.add("clock-within", "a clock that is 290 s behind or ahead is no trouble")
async def _within(stand: Stand) -> str:
    for shift in (-SHIFT_SECONDS, SHIFT_SECONDS):
        exchange = await stand.get(bend=Bend(created_shift_seconds=shift))
        if exchange.status != 200:
            raise NotHeld(f"{shift:+} s: {seen(exchange)}")
    return "±290 s taken"


@lines.add("clock-beyond", "beyond five minutes it is a signed 401 clock_skew / after_fixing that says by how much")
async def _beyond(stand: Stand) -> str:
    told = []
    for shift in (-LIFETIME_SECONDS - 20, LIFETIME_SECONDS + 20):
        exchange = await stand.get(bend=Bend(created_shift_seconds=shift))
        problem = problem_in(exchange, 401, "clock_skew", "after_fixing")
        offset = problem.get("offset_seconds")
        if not isinstance(offset, int) or abs(offset - shift) > 15:
            raise NotHeld(f"{shift:+} s: offset_seconds {offset}")
        told.append(f"{offset:+}")
    return f"offset_seconds {', '.join(told)}"


@lines.add("clock-not-to-strangers", "an old request with a wrong signature is told nothing of the clock")
async def _strangers(stand: Stand) -> str:
    bend = Bend(created_shift_seconds=-4000, alter=True)
    return await stand.unauthenticated(await stand.get(bend=bend))


@lines.add("order-digest-clock", "the digest is checked before the clock")
async def _order(stand: Stand) -> str:
    message = stand.stray()
    changed = b"[" + raw(message).replace(b'"node"', b'"nodE"') + b"]"
    exchange = await stand.post([message], Bend(body=changed, created_shift_seconds=-4000))
    problem_in(exchange, 400, "digest_mismatch", "now")
    return seen(exchange)


@lines.add("nonce-replayed", "the same request a second time is a signed 409 replayed / now")
async def _replayed(stand: Stand) -> str:
    first = await stand.get()
    if first.status != 200:
        raise NotHeld(f"the first time: {seen(first)}")
    await stand.pace()
    again = await stand.me.send(stand.region, first.request, first.call)
    problem_in(again, 409, "replayed", "now")
    return seen(again)


@lines.add("answer-bound", "an answer is bound to its request: it does not verify for another one")
async def _bound(stand: Stand) -> str:
    one, other = await stand.get(), await stand.get()
    if not (one.is_signed and other.is_signed):
        raise NotHeld(f"{seen(one)}, {seen(other)}")
    if one.reply.value("signature") == other.reply.value("signature"):
        raise NotHeld("two requests, one signature")
    return "200 with the body's digest, and the request's signature, covered"
