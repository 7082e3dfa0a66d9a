"""Reconciliation on the wire: ``POST /federation/v1/reconciliations``, then ``POST …/reconciliations/{id}``.

Both are requests of a known peer, signed, bounded and answered like batches of messages. What is compared, whether it
may be, and what follows is the host's (``Reconciler``). The costly part, raising the offered points, is done before the
writing transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError
from sqlmodel import Session

from federation.inbox import Inbox, RawRequest, Reply
from federation.intersection import new_secret, raise_points
from federation.node import FederationNode
from federation.tables import Peer
from schemas.problems import Malformed
from schemas.reconciliation import (
    ReconciliationAnswer,
    ReconciliationOffer,
    ReconciliationProof,
    ReconciliationResult,
)
from schemas.strict_json import UnreadableJsonError, read_document

RECONCILIATIONS_PATH = "/federation/v1/reconciliations"


@dataclass(frozen=True)
class Offered:
    """An offer that was read, the secret that answers it, and the offered points raised to it."""

    offer: ReconciliationOffer
    secret: bytes
    raised: list[str]


class Reconciler(Protocol):
    """What the host decides and keeps.

    What takes long is prepared in a thread of its own, with transactions as the host sees fit, once the request is
    known to be the peer's; then the answer is made in the transaction whose commit lets it go.

    Each may raise a problem that the asker is told, signed.
    """

    def prepare_offer(self, region: str, offered: Offered) -> Any:
        """Gather what we hold, for ``offered``."""
        ...

    def offered(
        self, session: Session, peer: Peer, offered: Offered, prepared: Any, now: datetime
    ) -> ReconciliationAnswer:
        """Compare with what we hold, as far as round one goes."""
        ...

    def prepare_proof(self, region: str, proof: ReconciliationProof) -> Any:
        """Learn from round two which of ours the asker holds, for ``proven``."""
        ...

    def proven(
        self, session: Session, peer: Peer, proof: ReconciliationProof, prepared: Any, now: datetime
    ) -> ReconciliationResult:
        """Say how many of ours the asker holds."""
        ...


def take_offer(fed: FederationNode, raw: RawRequest) -> Offered:
    """Read an offer and raise its points; raises ``Malformed`` or ``InvalidMessage``."""
    try:
        offer = ReconciliationOffer.from_wire(read_document(raw.body))
    except (UnreadableJsonError, ValidationError):
        raise Malformed(reason="an offer to compare journeys is expected") from None
    secret = new_secret(fed.entropy)
    return Offered(offer, secret, raise_points(offer.points, secret))


def take_proof(raw: RawRequest) -> ReconciliationProof:
    """Read round two; raises ``Malformed``."""
    try:
        proof = ReconciliationProof.from_wire(read_document(raw.body))
    except (UnreadableJsonError, ValidationError):
        raise Malformed(reason="the raised points are expected") from None
    if raw.path != f"{RECONCILIATIONS_PATH}/{proof.reconciliation}":
        raise Malformed(reason="the reconciliation is another one than the address says")
    return proof


async def answer_offer(fed: FederationNode, inbox: Inbox, reconciler: Reconciler, raw: RawRequest) -> Reply:
    """Round one."""

    def read(request: RawRequest, region: str) -> tuple[Offered, Any]:
        offered = take_offer(fed, request)
        return offered, reconciler.prepare_offer(region, offered)

    return await inbox.ask(
        raw, read, lambda session, peer, read, now: reconciler.offered(session, peer, *read, now).to_wire()
    )


async def answer_proof(inbox: Inbox, reconciler: Reconciler, raw: RawRequest) -> Reply:
    """Round two."""

    def read(request: RawRequest, region: str) -> tuple[ReconciliationProof, Any]:
        proof = take_proof(request)
        return proof, reconciler.prepare_proof(region, proof)

    return await inbox.ask(
        raw, read, lambda session, peer, read, now: reconciler.proven(session, peer, *read, now).to_wire()
    )
