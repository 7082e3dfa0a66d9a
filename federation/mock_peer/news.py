"""What a mock peer makes of news of another node: new keys, a new address, absence, return, a tree head to witness."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from federation.jws import CompactJws, JwsRefused, read_jws
from federation.keys import Jwk
from federation.mock_peer.heads import cosigned, is_signed, origin_of, read_head
from federation.mock_peer.lapses import Lapse
from federation.mock_peer.memory import KnownPeer
from federation.mock_peer.reading import Lapses
from federation.node import FederationNode
from federation.pairing import read_descriptor
from schemas.descriptor import DESCRIPTOR_TYP, Descriptor
from schemas.messages import KeysRotated, LogCheckpoint, LogCosigned, NodeMaintenance, NodeMoved, NodeReturned
from schemas.problems import InvalidMessage, InvitationRefused

COSIGNED = "tonglu.log.cosigned.v1"
OLD_COUNTS = timedelta(days=7)
LONGEST_AWAY = timedelta(days=31)

__all__ = ["News"]


class Resend(Protocol):
    """What the sending side does for a peer that is back."""

    def again(self, region: str, held: dict[str, int], *, unnamed_too: bool) -> None:
        """Queue again what went beyond the numbers that a peer holds (of streams that it does not name: all)."""
        ...


class News:
    """Takes what a peer tells of itself; raises ``InvalidMessage`` for what nobody vouches for."""

    def __init__(
        self,
        own: FederationNode,
        lapses: Lapses,
        send: Callable[[str, str, dict[str, Any]], str],
        sending: Resend,
    ) -> None:
        self._own = own
        self._lapses = lapses
        self._send = send
        self._sending = sending

    def take(self, data: Any, peer: KnownPeer, now: datetime) -> None:
        """One message's effect; what is no news has none."""
        if isinstance(data, KeysRotated):
            self._rotated(data, peer, now)
        elif isinstance(data, NodeMoved):
            self._moved(data, peer, now)
        elif isinstance(data, NodeMaintenance):
            self._maintenance(data, peer)
        elif isinstance(data, NodeReturned):
            self._returned(data, peer)
        elif isinstance(data, LogCheckpoint):
            self._witness(data, peer, now)

    # --- Keys and address --------------------------------------------------------------------------------------------

    def _rotated(self, data: KeysRotated, peer: KnownPeer, now: datetime) -> None:
        signed, descriptor, keys = _described(data.descriptor.jws, peer)
        try:
            proof = read_jws(data.proof, DESCRIPTOR_TYP)
        except JwsRefused:
            raise _refused("proof") from None
        same = proof.payload == signed.payload or Lapse.KEYS_PROOF_UNBOUND in self._lapses
        known = same and self._is_by_known(proof, peer, now)
        if not known and Lapse.KEYS_PROOF_IGNORED not in self._lapses:
            raise _refused("proof")
        if Lapse.KEYS_OLD_TAKEN_BACK not in self._lapses and any(key["kid"] in peer.ended for key in keys):
            raise _refused("descriptor")
        ends = now + OLD_COUNTS
        if data.compromised_from is not None and Lapse.KEYS_COMPROMISED_TAKEN not in self._lapses:
            ends = now
        if Lapse.KEYS_OLD_ENDED_AT_ONCE in self._lapses:
            ends = now
        new = {key["kid"] for key in keys}
        for key in peer.of_use("transport"):
            if key["kid"] not in new:
                peer.ended[key["kid"]] = min(ends, peer.ended.get(key["kid"], ends))
        peer.ended = {kid: until for kid, until in peer.ended.items() if kid not in new}
        # The newest first: what is sealed for the peer is sealed for the first of its kind.
        peer.keys = [*keys, *(key for key in peer.keys if key["kid"] not in new)]
        peer.limits, peer.descriptor_at = descriptor.limits, descriptor.issued_at

    def _moved(self, data: NodeMoved, peer: KnownPeer, now: datetime) -> None:
        signed, descriptor, _ = _described(data.descriptor.jws, peer)
        if not self._is_by_known(signed, peer, now) and Lapse.MOVE_UNVERIFIED not in self._lapses:
            raise _refused("descriptor")
        is_older = peer.descriptor_at is not None and descriptor.issued_at < peer.descriptor_at
        if is_older and Lapse.MOVE_OLD_TAKEN not in self._lapses:
            raise _refused("descriptor")
        # A node with that lapse believes the address, too; only what it answers tells, so it keeps the one that works.
        if self._is_by_known(signed, peer, now) and not is_older:
            peer.base_url, peer.descriptor_at = descriptor.base_url, descriptor.issued_at

    def _is_by_known(self, signed: CompactJws, peer: KnownPeer, now: datetime) -> bool:
        counting = [key for key in peer.of_use("transport") if peer.ended.get(key["kid"], now + OLD_COUNTS) > now]
        return any(signed.is_by(key) for key in counting)

    # --- Away and back -----------------------------------------------------------------------------------------------

    def _maintenance(self, data: NodeMaintenance, peer: KnownPeer) -> None:
        is_odd = data.ends_at <= data.starts_at or data.ends_at - data.starts_at > LONGEST_AWAY
        if is_odd and Lapse.MAINTENANCE_UNBOUNDED not in self._lapses:
            raise _refused("to")
        if Lapse.MAINTENANCE_IGNORED not in self._lapses and not is_odd:
            peer.away = data.starts_at, data.ends_at

    def _returned(self, data: NodeReturned, peer: KnownPeer) -> None:
        peer.away = None
        if Lapse.RETURNED_IGNORED in self._lapses:
            return
        held = dict(data.held)
        if Lapse.RETURNED_SENDS_ALL in self._lapses:
            held = dict.fromkeys(held, 0)
        self._sending.again(peer.region, held, unnamed_too=data.restored)

    # --- Witnesses ---------------------------------------------------------------------------------------------------

    def _witness(self, data: LogCheckpoint, peer: KnownPeer, now: datetime) -> None:
        found = read_head(data.checkpoint)
        if found is None or found.origin != origin_of(peer.region):
            raise _refused("checkpoint")
        is_theirs = any(is_signed(found, key) for key in peer.of_use("checkpoint"))
        if not is_theirs and Lapse.HEAD_UNVERIFIED not in self._lapses:
            raise _refused("checkpoint")
        last = peer.head
        is_odd = last is not None and (found.size < last.size or (found.size == last.size and found.root != last.root))
        if not is_theirs or (is_odd and Lapse.CONTRADICTION_COSIGNED not in self._lapses):
            return
        peer.head = found
        at = datetime.fromtimestamp(0, now.tzinfo) if Lapse.COSIGNATURE_UNTIMED in self._lapses else now
        text = cosigned(self._own.keys, self._own.region, data.checkpoint, at)
        self._send(peer.region, COSIGNED, LogCosigned(checkpoint=text).to_wire())


def _described(jws: str, peer: KnownPeer) -> tuple[CompactJws, Descriptor, list[Jwk]]:
    try:
        descriptor, keys = read_descriptor(jws)
    except InvitationRefused:
        raise _refused("descriptor") from None
    if descriptor.region != peer.region:
        raise _refused("descriptor")
    return read_jws(jws, DESCRIPTOR_TYP), descriptor, keys


def _refused(field: str) -> InvalidMessage:
    return InvalidMessage(
        errors=[{"field": f"data.{field}", "message": "not what a key that is known here vouches for"}]
    )
