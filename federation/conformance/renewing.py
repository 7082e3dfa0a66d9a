"""New keys of ours: who vouches for them, how long the old ones count, and that a compromised one counts no more.

After it the suite goes on with the new keys. The seven days for which an old key counts are not waited for: that a key
can end at all shows in the one that is said to be compromised.
"""

from typing import Any

from federation.conformance.lines import Lines
from federation.conformance.stand import NotHeld, Stand, seen
from federation.jws import read_jws, sign_jws, sign_jws_with
from federation.keys import NodeKey, NodeKeys
from federation.mock_peer import Bend
from schemas.clock import rfc3339
from schemas.descriptor import DESCRIPTOR_TYP

lines = Lines()

ROTATED = "tonglu.keys.rotated.v1"


@lines.add("keys-forged", "new keys whose proof is by a key that it never pinned are refused invalid_message / never")
async def _forged(stand: Stand) -> str:
    new, stranger = _new(stand), NodeKeys.generate(stand.me.own.entropy)
    jws = stand.me.descriptor(keys=new)
    proof = sign_jws(stranger, "transport", DESCRIPTOR_TYP, read_jws(jws, DESCRIPTOR_TYP).payload)
    return await stand.refused(_stray(stand, {"descriptor": {"jws": jws}, "proof": proof}), "invalid_message")


@lines.add("keys-unbound", "a proof by the pinned key over another descriptor is refused invalid_message / never")
async def _unbound(stand: Stand) -> str:
    # Every descriptor that we ever published is such a signature.
    data = {"descriptor": {"jws": stand.me.descriptor(keys=_new(stand))}, "proof": stand.me.descriptor()}
    return await stand.refused(_stray(stand, data), "invalid_message")


@lines.add("keys-rotated", "new keys that the old one vouches for are taken, and what they sign counts at once")
async def _rotated(stand: Stand) -> str:
    await _rotate(stand)
    await _answered(stand, "with the new key")
    await stand.delivered(await stand.provoke(), "what the new key signs is no answer to it")
    return "accepted"


@lines.add("keys-overlap", "the old key counts on, for what was on its way")
async def _overlap(stand: Stand) -> str:
    await _answered(stand, "with the old key", Bend(keys=_last_retired(stand)))
    return "signed 200"


@lines.add("keys-back", "a key that was replaced is not taken back: invalid_message / never")
async def _back(stand: Stand) -> str:
    jws = stand.me.descriptor(keys=_last_retired(stand))
    proof = sign_jws(stand.me.own.keys, "transport", DESCRIPTOR_TYP, read_jws(jws, DESCRIPTOR_TYP).payload)
    return await stand.refused(_stray(stand, {"descriptor": {"jws": jws}, "proof": proof}), "invalid_message")


@lines.add("keys-compromised", "a key that we say was compromised is unknown from then on, like a stranger's")
async def _compromised(stand: Stand) -> str:
    await _rotate(stand, compromised_from=rfc3339(stand.me.own.clock.now()))
    await _answered(stand, "with the new key")
    return await stand.unauthenticated(await stand.get(bend=Bend(keys=_last_retired(stand))))


async def _rotate(stand: Stand, **more: Any) -> None:
    """Replace our keys, as ``keys.rotated`` says it, and go on with the new ones."""
    keys = stand.me.own.keys
    old, new = keys.current("transport"), keys.rotated(stand.me.own.entropy, stand.me.own.clock.now())
    jws = stand.me.descriptor(keys=new)
    proof = sign_jws_with(old, DESCRIPTOR_TYP, read_jws(jws, DESCRIPTOR_TYP).payload)
    data = {"descriptor": {"jws": jws}, "proof": proof, **more}
    await stand.accepted([stand.me.message(stand.region, ROTATED, data)])
    keys.take(new)


async def _answered(stand: Stand, how: str, bend: Bend | None = None) -> None:
    exchange = await stand.get(bend=bend or Bend())
    if exchange.status != 200 or not exchange.is_signed:
        raise NotHeld(f"{how}: {seen(exchange)}; expected a signed 200")


def _new(stand: Stand) -> NodeKeys:
    return NodeKeys.generate(stand.me.own.entropy)


def _last_retired(stand: Stand) -> NodeKeys:
    """Our keys as they were before the last rotation."""
    retired = [key for key in stand.me.own.keys.all() if key.retired_at is not None]
    if not retired:
        raise NotHeld("no rotation was taken")
    # Of each use the newest that was replaced, as the one in force.
    newest = {key.use: key for key in retired}
    return NodeKeys([NodeKey(key.use, key.private) for key in newest.values()])


def _stray(stand: Stand, data: dict[str, Any]) -> dict[str, Any]:
    return stand.me.message(stand.region, ROTATED, data, stream=stand.uuid(), streamseq=1)
