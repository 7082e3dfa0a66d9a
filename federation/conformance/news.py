"""What we tell of ourselves: that we are away or back, that we moved, the head of our access log to be witnessed."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from federation.conformance.lines import Lines
from federation.conformance.stand import NotHeld, Stand
from federation.keys import NodeKeys
from federation.mock_peer.heads import cosigned_at, head, is_cosigned
from schemas.clock import rfc3339

lines = Lines()

MAINTENANCE = "tonglu.node.maintenance.v1"
RETURNED = "tonglu.node.returned.v1"
MOVED = "tonglu.node.moved.v1"
CHECKPOINT = "tonglu.log.checkpoint.v1"
COSIGNED = "tonglu.log.cosigned.v1"
CLOCKS_DIFFER = timedelta(minutes=10)
ENTRIES = 5


# --- Away and back ---------------------------------------------------------------------------------------------------


@lines.add("maintenance-bounds", "an absence that ends before it begins, or lasts over 31 days, is refused / never")
async def _bounds(stand: Stand) -> str:
    now = stand.me.own.clock.now()
    for begins, ends in ((now, now - CLOCKS_DIFFER), (now, now + timedelta(days=32))):
        await stand.refused(_stray(stand, MAINTENANCE, _from_to(begins, ends)), "invalid_message")
    return "refused twice"


@lines.add("maintenance-kept", "while we said that we are away, nothing comes; node.returned ends it")
async def _kept(stand: Stand) -> str:
    now = stand.me.own.clock.now()
    away = stand.me.message(stand.region, MAINTENANCE, _from_to(now - CLOCKS_DIFFER, now + timedelta(hours=1)))
    await stand.accepted([away])
    marks = await stand.provoke()
    await stand.quiet()
    came = stand.requests_about(marks)
    await stand.accepted([stand.me.message(stand.region, RETURNED, {"restored": False, "held": {}})])
    await stand.delivered(marks, "after node.returned the message did not come")
    if came:
        raise NotHeld("a message came while we were away")
    return "quiet, then delivered"


@lines.add("returned-again", "back from a backup, we get again what we do not hold any more, with the same bytes")
async def _again(stand: Stand) -> str:
    lost, _ = await _come_back(stand)
    if not lost:
        raise NotHeld("what we lost did not come again, as it was")
    return f"{len(lost)} came again"


@lines.add("returned-held", "what we say that we hold does not come again")
async def _held(stand: Stand) -> str:
    lost, others = await _come_back(stand)
    if others:
        raise NotHeld(f"{len(others)} messages came again that we hold")
    return f"{len(lost)} came, none that we hold"


async def _come_back(stand: Stand) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Say that we were restored and lack the newest message; what of it came again, and what else that was here."""
    (mark,) = await stand.provoke()
    requests = await stand.delivered([mark], "the message did not come")
    newest = max((one for heard in requests for one in heard.messages), key=lambda one: int(one["streamseq"]))
    # Once a later one comes, the node holds the receipt of the one before.
    await stand.delivered(await stand.provoke(), "a later message did not come")
    since, known = len(stand.me.heard), {one["id"] for heard in stand.me.heard for one in heard.messages}
    held = {newest["stream"]: newest["streamseq"] - 1}
    await stand.accepted([stand.me.message(stand.region, RETURNED, {"restored": True, "held": held})])

    def came() -> list[dict[str, Any]]:
        return [one for heard in stand.me.heard[since:] for one in heard.messages if one.get("id") in known]

    # Whatever goes again has come when a later message has.
    await stand.delivered(await stand.provoke(), "a later message did not come")
    lost = [one for one in came() if one["streamseq"] >= newest["streamseq"]]
    return (lost if newest in lost else []), [one for one in came() if one not in lost]


# --- A new address ---------------------------------------------------------------------------------------------------


@lines.add("moved-forged", "a new address that no key of ours vouches for is refused invalid_message / never")
async def _forged(stand: Stand) -> str:
    other = NodeKeys.generate(stand.me.own.entropy)
    return await stand.refused(_stray(stand, MOVED, _descriptor(stand, keys=other)), "invalid_message")


@lines.add("moved-older", "an address from a descriptor older than the one known is refused invalid_message / never")
async def _older(stand: Stand) -> str:
    old = stand.me.own.clock.now() - timedelta(hours=1)
    return await stand.refused(_stray(stand, MOVED, _descriptor(stand, issued_at=old)), "invalid_message")


@lines.add("moved-taken", "a new descriptor that our key signed is taken, and the node goes on sending")
async def _moved(stand: Stand) -> str:
    await stand.accepted([stand.me.message(stand.region, MOVED, _descriptor(stand))])
    await stand.delivered(await stand.provoke(), "after node.moved nothing came")
    return "accepted"


def _descriptor(stand: Stand, *, keys: NodeKeys | None = None, issued_at: datetime | None = None) -> dict[str, Any]:
    return {"descriptor": {"jws": stand.me.descriptor(keys=keys, issued_at=issued_at)}}


# --- Witnesses -------------------------------------------------------------------------------------------------------


@lines.add("log-forged", "a tree head of our log that our key did not sign is refused invalid_message / never")
async def _head_forged(stand: Stand) -> str:
    other = NodeKeys.generate(stand.me.own.entropy)
    text = head(other, stand.me.region, ENTRIES, _root("forged"))
    return await stand.refused(_stray(stand, CHECKPOINT, {"checkpoint": text}), "invalid_message")


@lines.add("log-cosigned", "a tree head comes back with one line more: the node's cosignature, and when")
async def _cosigned(stand: Stand) -> str:
    text = head(stand.me.own.keys, stand.me.region, ENTRIES, _root("first"))
    before = stand.me.own.clock.now()
    await stand.accepted([stand.me.message(stand.region, CHECKPOINT, {"checkpoint": text})])
    (found, *_) = await stand.until(lambda: _cosigned_of(stand, text), "no log.cosigned came")
    if not any(is_cosigned(text, found, stand.region, key) for key in stand.node.of_use("checkpoint")):
        raise NotHeld("not the head and one good cosignature")
    said = cosigned_at(found)
    if abs(said - before) > CLOCKS_DIFFER:
        raise NotHeld(f"at {rfc3339(said)}")
    return f"at {rfc3339(said)}"


@lines.add("log-contradicted", "a head of the same size with another root, or of a shorter log, is never cosigned")
async def _contradicted(stand: Stand) -> str:
    odd = [
        head(stand.me.own.keys, stand.me.region, ENTRIES, _root("other")),
        head(stand.me.own.keys, stand.me.region, ENTRIES - 1, _root("shorter")),
    ]
    for text in odd:
        await stand.post([stand.me.message(stand.region, CHECKPOINT, {"checkpoint": text})])
    await stand.delivered(await stand.provoke(), "a later message did not come")
    if any(_cosigned_of(stand, text) for text in odd):
        raise NotHeld("it cosigned a head that contradicts what it saw")
    return "not cosigned"


def _cosigned_of(stand: Stand, text: str) -> list[str]:
    found = [one.envelope.data["checkpoint"] for one in stand.me.taken if one.envelope.type == COSIGNED]
    return [one for one in found if one.startswith(text)]


def _root(name: str) -> bytes:
    return sha256(name.encode()).digest()


# --- Messages --------------------------------------------------------------------------------------------------------


def _stray(stand: Stand, message_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Meant to be refused: in a stream of its own."""
    return stand.me.message(stand.region, message_type, data, stream=stand.uuid(), streamseq=1)


def _from_to(begins: datetime, ends: datetime) -> dict[str, Any]:
    return {"from": rfc3339(begins), "to": rfc3339(ends)}
