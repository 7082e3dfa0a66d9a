"""A mock peer's part of a reconciliation, as the one that is asked: both rounds, from memory alone."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from federation.intersection import hide, new_secret, raise_points
from federation.keys import b64url
from federation.mock_peer.lapses import Lapse
from federation.mock_peer.memory import Comparison, KnownPeer, Memory
from federation.mock_peer.reading import Lapses
from federation.node import FederationNode
from federation.reconciliation import RECONCILIATIONS_PATH
from schemas.problems import (
    IdReused,
    InvalidMessage,
    Malformed,
    NoAgreement,
    QuotaExceeded,
    ReconciledRecently,
    TooFewJourneys,
)
from schemas.reconciliation import FEWEST_JOURNEYS, ReconciliationOffer, ReconciliationProof
from schemas.strict_json import UnreadableJsonError, read_document

__all__ = ["Comparing"]


class Comparing:
    """Answers offers and proofs; raises the problem that the asker is told."""

    def __init__(self, own: FederationNode, memory: Memory, lapses: Lapses) -> None:
        self._own = own
        self._memory = memory
        self._lapses = lapses

    def answer(self, path: str, body: bytes, peer: KnownPeer, now: datetime) -> dict[str, Any]:
        """One round's answer."""
        try:
            document = read_document(body)
            if path == RECONCILIATIONS_PATH:
                return self._offered(ReconciliationOffer.from_wire(document), peer, now)
            proof = ReconciliationProof.from_wire(document)
        except (UnreadableJsonError, ValidationError):
            raise Malformed(reason="a round of a comparison is expected") from None
        if path != f"{RECONCILIATIONS_PATH}/{proof.reconciliation}":
            raise Malformed(reason="another comparison than the address says")
        return self._proven(proof)

    def _offered(self, offer: ReconciliationOffer, peer: KnownPeer, now: datetime) -> dict[str, Any]:
        secret = new_secret(self._own.entropy)
        raised, is_right = self._raised(list(offer.points), secret)
        agreement = self._memory.agreements.get(offer.agreement)
        if agreement is None or not agreement.in_force or peer.region not in agreement.document.regions:
            raise NoAgreement
        known = self._memory.comparisons.get(offer.reconciliation)
        if known is not None and Lapse.COMPARE_ANSWERED_ANEW not in self._lapses:
            if known.offer != offer.to_wire():
                raise IdReused
            return known.answer
        earlier = [one for one in self._memory.comparisons.values() if one.agreement == offer.agreement]
        if known is None and earlier and Lapse.COMPARE_MONTH_IGNORED not in self._lapses:
            raise ReconciledRecently
        ours = self._memory.journeys
        fewest = 1 if Lapse.COMPARE_FEW_TAKEN in self._lapses else FEWEST_JOURNEYS
        if min(len(offer.points), len(ours)) < fewest:
            raise TooFewJourneys
        if agreement.asked + len(offer.points) > agreement.document.per_month:
            raise QuotaExceeded
        if Lapse.COMPARE_RAISED_SORTED in self._lapses:
            raised.sort()
        answer: dict[str, Any] = {"raised": raised, "points": sorted(hide(ours, secret))}
        if not is_right or known is not None or len(offer.points) < FEWEST_JOURNEYS:
            # A lapse: only the answer shows it.
            return answer
        agreement.asked += len(offer.points)
        self._memory.comparisons[offer.reconciliation] = Comparison(
            offer.to_wire(), offer.agreement, answer, set(raised)
        )
        return answer

    def _raised(self, points: list[str], secret: bytes) -> tuple[list[str], bool]:
        try:
            return raise_points(points, secret), True
        except InvalidMessage:
            if Lapse.COMPARE_POINT_UNCHECKED not in self._lapses:
                raise
            # Whoever does not look takes anything for a point, and gives anything back.
            return [b64url(self._own.entropy.token_bytes(32)) for _ in points], False

    def _proven(self, proof: ReconciliationProof) -> dict[str, Any]:
        known = self._memory.comparisons.get(proof.reconciliation)
        if known is None or len(proof.raised) != len(known.answer["points"]):
            raise InvalidMessage
        known.matched = len(known.theirs & set(proof.raised))
        return {"matched": known.matched + (1 if Lapse.COMPARE_MISCOUNTED in self._lapses else 0)}
