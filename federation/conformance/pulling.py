"""The pull: what a peer may fetch again of what it missed."""

import json
from typing import Any

from federation.conformance.lines import Lines
from federation.conformance.stand import NotHeld, Stand, problem_in, seen
from federation.mock_peer import Exchange
from federation.node import EVENTS_PATH

lines = Lines()


@lines.add("pull-unknown", "a stream that there is not is empty: {items: [], high_water: 0}")
async def _unknown(stand: Stand) -> str:
    found = _page(await stand.get())
    if found != {"items": [], "high_water": 0}:
        raise NotHeld(f"{str(found)[:80]}")
    return "empty"


@lines.add("pull-items", "its own stream to us: the messages it sent, unchanged and in order, and the highest number")
async def _items(stand: Stand) -> str:
    sent = await _sent(stand)
    found = _page(await stand.get(str(sent[0]["stream"])))
    items = found["items"]
    if items[: len(sent)] != sent[: len(items)] or not items:
        raise NotHeld(f"{len(items)} items, not the {len(sent)} that it sent")
    if found["high_water"] < sent[-1]["streamseq"]:
        raise NotHeld(f"high_water {found['high_water']}, but number {sent[-1]['streamseq']} was sent")
    return f"{len(items)} items, high_water {found['high_water']}"


@lines.add("pull-after", "only what is beyond the number that was asked for")
async def _after(stand: Stand) -> str:
    sent = await _sent(stand)
    found = _page(await stand.get(str(sent[0]["stream"]), sent[0]["streamseq"]))
    if any(one["streamseq"] <= sent[0]["streamseq"] for one in found["items"]):
        raise NotHeld("messages up to the number, too")
    return f"{len(found['items'])} items"


@lines.add("pull-query", "a query without its two parameters is a signed 400 malformed / never")
async def _query(stand: Stand) -> str:
    await stand.pace()
    exchange = await stand.me.call(stand.region, "GET", f"{EVENTS_PATH}?stream={stand.uuid()}")
    problem_in(exchange, 400, "malformed", "never")
    return seen(exchange)


def _page(exchange: Exchange) -> dict[str, Any]:
    try:
        found = json.loads(exchange.reply.body)
    except ValueError:
        found = None
    whole = isinstance(found, dict) and set(found) == {"items", "high_water"} and isinstance(found["items"], list)
    if exchange.status != 200 or not exchange.is_signed or not whole:
        raise NotHeld(f"{seen(exchange)}; expected a signed 200 with items and high_water")
    return dict(found)


async def _sent(stand: Stand) -> list[dict[str, Any]]:
    """What the node sent us in its first stream, each message once, by number."""
    await stand.delivered(await stand.provoke(2), "the node sent nothing")
    messages = {one["id"]: one for heard in stand.me.heard if heard.region for one in heard.messages}
    streams = [one.get("stream") for one in messages.values()]
    if not streams:
        raise NotHeld("the node has sent nothing yet")
    mine = [one for one in messages.values() if one.get("stream") == streams[0]]
    return sorted(mine, key=lambda one: int(one["streamseq"]))
