"""What becomes of messages: receipts, one effect for each id, refusals that concern one message alone."""

import json

from federation.conformance.lines import Lines
from federation.conformance.stand import NotHeld, Stand, raw, refused_in, results_of, seen
from schemas.clock import parse_rfc3339
from schemas.envelope import digest

lines = Lines()

POISONED = 100


@lines.add("receipt-fields", "a result names id, streamseq, result, digest and recorded_at")
async def _fields(stand: Stand) -> str:
    message = stand.erasure()
    (result,) = await stand.accepted([message])
    if (result.get("id"), result.get("streamseq")) != (message["id"], message["streamseq"]):
        raise NotHeld(f"id {result.get('id')}, streamseq {result.get('streamseq')}")
    try:
        parse_rfc3339(str(result.get("recorded_at")))
    except ValueError:
        raise NotHeld(f"recorded_at {result.get('recorded_at')}") from None
    if "digest" not in result:
        raise NotHeld("no digest")
    return f"recorded_at {result['recorded_at']}"


@lines.add("receipt-digest", "digest is SHA-256 of the message's RFC 8785 form, however the message was written")
async def _digest(stand: Stand) -> str:
    message = stand.erasure()
    written = json.dumps(dict(reversed(message.items())), indent=1, ensure_ascii=True).encode()
    exchange = await stand.post(b"[" + written + b"]")
    (result,) = results_of(exchange)
    if result.get("result") != "accepted" or result.get("digest") != digest(message):
        raise NotHeld(f"{result.get('result')}, digest {str(result.get('digest'))[:12]}…, not {digest(message)[:12]}…")
    return f"{digest(message)[:12]}…"


@lines.add("receipt-order", "one result for each message, in their order")
async def _order(stand: Stand) -> str:
    messages = [stand.erasure() for _ in range(5)]
    results = await stand.accepted(messages)
    if [one.get("id") for one in results] != [one["id"] for one in messages]:
        raise NotHeld("in another order")
    return f"{len(results)} results"


@lines.add("erasure-answered", "erasure.requested is answered by record.erased with the same ids, whatever was held")
async def _erased(stand: Stand) -> str:
    message = stand.erasure()
    await stand.accepted([message])
    (mark,) = message["data"]["message_ids"]
    await stand.until(lambda: stand.erased(mark), "no record.erased came")
    return "record.erased"


@lines.add("duplicate-first", "a repeat is a duplicate with its first result, signed anew")
async def _duplicate(stand: Stand) -> str:
    message = stand.erasure()
    (first,) = await stand.accepted([message])
    (again,) = results_of(await stand.post([message]))
    told = again.get("first")
    if again.get("result") != "duplicate" or not isinstance(told, dict):
        raise NotHeld(f"{again.get('result')}; expected duplicate with first")
    if any(told.get(name) != first.get(name) for name in ("id", "result", "digest", "recorded_at")):
        raise NotHeld(f"first is {told.get('result')} at {told.get('recorded_at')}, was {first.get('recorded_at')}")
    stand.repeated = message["data"]["message_ids"][0]
    return "duplicate"


@lines.add("duplicate-once", "a repeat has no effect: one answer to an erasure that came twice")
async def _once(stand: Stand) -> str:
    mark = stand.repeated
    if not mark:
        raise NotHeld("nothing was repeated")
    later = stand.erasure()
    await stand.accepted([later])
    await stand.until(lambda: stand.erased(later["data"]["message_ids"][0]), "the answer to a later one did not come")
    if stand.erased(mark) != 1:
        raise NotHeld(f"{stand.erased(mark)} answers to one erasure")
    return "one effect"


@lines.add("id-reused", "the same id with other content is refused id_reused / never")
async def _reused(stand: Stand) -> str:
    message = stand.erasure()
    await stand.accepted([message])
    other = message | {"data": {"message_ids": [stand.uuid()]}}
    return refused_in(await stand.post([other]), "id_reused")


@lines.add("recipient-wrong", "a message for another node is refused wrong_recipient / never")
async def _recipient(stand: Stand) -> str:
    return await stand.refused(stand.stray(recipient="/regions/799999"), "wrong_recipient")


@lines.add("source-wrong", "a message of another node is refused wrong_source / never")
async def _source(stand: Stand) -> str:
    return await stand.refused(stand.stray(source="/regions/799999"), "wrong_source")


@lines.add("type-unknown", "a type outside the table is refused unknown_type / never")
async def _type(stand: Stand) -> str:
    return await stand.refused(stand.stray() | {"type": "tonglu.something.else.v1", "data": {}}, "unknown_type")


@lines.add("void-taken", "message.voided for what never came is taken")
async def _void(stand: Stand) -> str:
    message = stand.me.message(stand.region, "tonglu.message.voided.v1", {"voided": stand.uuid()})
    await stand.accepted([message])
    return "accepted"


@lines.add("poison-alone", "of 100 messages the one that is none is refused, and the other 99 take effect")
async def _poison(stand: Stand) -> str:
    count = min(POISONED, stand.node.limits.max_messages)
    good = [stand.erasure() for _ in range(count - 1)]
    half = len(good) // 2
    body = b",".join([*map(raw, good[:half]), b"42", *map(raw, good[half:])])
    exchange = await stand.post(b"[" + body + b"]")
    results = results_of(exchange)
    kinds = [one.get("result") for one in results]
    if len(results) != count or sorted(kinds, key=str) != ["accepted"] * (count - 1) + ["refused"]:
        raise NotHeld(f"{seen(exchange)}: {len(results)} results, {kinds.count('refused')} refused")
    marks = [one["data"]["message_ids"][0] for one in good]
    await stand.until(
        lambda: all(stand.erased(mark) for mark in marks),
        f"{sum(stand.erased(mark) > 0 for mark in marks)} of {len(marks)} effects",
        stand.patience_seconds * 2,
    )
    return f"{len(marks)} effects, 1 refusal"
