"""What is in a request: its size, its coding, its JSON, and each message's form."""

from federation.conformance.lines import Lines, Try
from federation.conformance.stand import NotHeld, Stand, code_of, problem_in, raw, results_of, seen
from federation.mock_peer import Bend, WireFault
from federation.node import EVENTS_PATH
from schemas.entropy import uuid4
from schemas.envelope import MAX_MESSAGE_BYTES, MAX_MESSAGES

lines = Lines()


# --- The whole request ---------------------------------------------------------------------------------------------


@lines.add("coding-refused", "a content coding is a signed 415 unsupported_coding / after_fixing")
async def _coding(stand: Stand) -> str:
    exchange = await stand.post([stand.stray()], Bend(headers={"content-encoding": "gzip"}))
    problem_in(exchange, 415, "unsupported_coding", "after_fixing")
    return seen(exchange)


@lines.add("content-type", "another content type, well signed, is a signed 400 malformed / never")
async def _content_type(stand: Stand) -> str:
    await stand.pace()
    body = b"[" + raw(stand.stray()) + b"]"
    exchange = await stand.me.call(stand.region, "POST", EVENTS_PATH, body, content_type="application/json")
    problem_in(exchange, 400, "malformed", "never")
    return seen(exchange)


def _malformed(body: bytes) -> Try:
    async def attempt(stand: Stand) -> str:
        exchange = await stand.post(body)
        problem_in(exchange, 400, "malformed", "never")
        return seen(exchange)

    return attempt


lines.put("batch-empty", "a batch without a message is a signed 400 malformed", _malformed(b"[]"))
lines.put("batch-object", "an object in place of the array is a signed 400 malformed", _malformed(b"{}"))
lines.put("json-broken", "what is no JSON is a signed 400 malformed", _malformed(b'[{"id":'))
lines.put("json-not-utf8", "what is not UTF-8 is a signed 400 malformed", _malformed(b'[{"id":"\xff"}]'))


@lines.add("json-bom", "a byte order mark is not taken")
async def _bom(stand: Stand) -> str:
    exchange = await stand.post(b"\xef\xbb\xbf[" + raw(stand.stray()) + b"]")
    problem_in(exchange, 400, "malformed", "never")
    return seen(exchange)


@lines.add("json-bottomless", "100,000 levels do not shake it: a signed 400 malformed, or one refusal")
async def _bottomless(stand: Stand) -> str:
    exchange = await stand.post(b"[" * 100_000 + b"]" * 100_000)
    if exchange.status == 200:
        found = results_of(exchange)
        if [one.get("result") for one in found] != ["refused"]:
            raise NotHeld(f"{found[:1]}")
        return "refused"
    problem_in(exchange, 400, "malformed", "never")
    return seen(exchange)


@lines.add("batch-too-many", "more messages than it takes are refused whole, signed, and none has an effect")
async def _too_many(stand: Stand) -> str:
    message = raw(stand.stray())
    most = min(stand.node.limits.max_messages, MAX_MESSAGES)
    exchange = await stand.post(b"[" + b",".join([message] * (most + 1)) + b"]")
    if not exchange.is_signed or code_of(exchange) not in ("malformed", "too_large"):
        raise NotHeld(f"{seen(exchange)}; expected a signed malformed or too_large")
    return seen(exchange)


@lines.add("size-known", "a peer's body over the limit is 413, too")
async def _size(stand: Stand) -> str:
    try:
        exchange = await stand.post(b"[" + b" " * stand.node.limits.max_bytes + b"]")
    except WireFault as fault:
        return f"connection ended ({fault})"
    if exchange.status != 413:
        raise NotHeld(f"{seen(exchange)}; expected 413")
    return seen(exchange)


# --- One message ---------------------------------------------------------------------------------------------------


def _spoilt(old: bytes, new: bytes) -> Try:
    """A right message with some of its bytes replaced: refused alone, for ever."""

    async def attempt(stand: Stand) -> str:
        message = raw(stand.stray())
        if old not in message:
            raise NotHeld("the trial itself does not fit the message")
        return await stand.refused(message.replace(old, new, 1), "invalid_message")

    return attempt


_HEAD = b'"specversion":"1.0"'

for _id, _says, _old, _new in (
    ("json-duplicate-key", "a key two times", _HEAD, b'"specversion":"0.3",' + _HEAD),
    ("json-duplicate-inner", "a key two times in data", b'"data":{', b'"data":{"message_ids":[],'),
    ("json-float", "a number with a point", b'"streamseq":1', b'"streamseq":1.0'),
    ("json-number-large", "a number beyond 2^53", b'"streamseq":1', b'"streamseq":9007199254740993'),
    ("json-null", "null for what is absent", _HEAD, b'"purpose":null,' + _HEAD),
    ("json-deep", "more than eight levels", b'"data":{', b'"data":{"x":[[[[[[[[1]]]]]]]],'),
    ("json-string-number", "a number as text", b'"streamseq":1', b'"streamseq":"1"'),
    ("message-large", "a message over 16 KiB, if only by spaces", _HEAD, _HEAD + b" " * MAX_MESSAGE_BYTES),
    ("field-unknown-data", "an unknown field in data", b'"data":{', b'"data":{"note":"x",'),
    ("field-unknown-envelope", "an unknown attribute", _HEAD, _HEAD + b',"note":"x"'),
    ("agreement-not-wanted", "an agreement where its type has none", _HEAD, _HEAD + b',"purpose":"confirm_journey"'),
    ("specversion", "another CloudEvents version", _HEAD, b'"specversion":"0.3"'),
    ("datacontenttype", "another content type of data", b'"application/json"', b'"text/plain"'),
    ("subject", "a subject that is not what the data are about", b'"subject":"node"', b'"subject":"none"'),
):
    lines.put(_id, f"refused alone, invalid_message / never: {_says}", _spoilt(_old, _new))


@lines.add("id-version", "refused alone, invalid_message / never: an id that is no UUIDv7")
async def _id_version(stand: Stand) -> str:
    return await stand.refused(stand.stray(id=uuid4(stand.me.own.entropy)), "invalid_message")


@lines.add("id-case", "refused alone, invalid_message / never: an id in capitals")
async def _id_case(stand: Stand) -> str:
    message = stand.stray()
    return await stand.refused(message | {"id": message["id"].upper()[:-1] + "F"}, "invalid_message")


@lines.add("time-offset", "refused alone, invalid_message / never: a time without its offset")
async def _time(stand: Stand) -> str:
    return await stand.refused(stand.stray(time="2026-11-02T01:30:00"), "invalid_message")
