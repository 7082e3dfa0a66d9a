"""Comparing journeys with a peer, both rounds: what an officer or the node's operator starts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ValidationError
from sqlmodel import Session

from federation.delivery import Delivery
from federation.intersection import new_secret
from federation.reconciliation import RECONCILIATIONS_PATH
from federation.results import problem_code
from schemas.entropy import uuid4
from schemas.envelope import canonical
from schemas.problems import (
    InvalidMessage,
    LocalError,
    NoAgreementInForce,
    ReconciledRecently,
    TooFewJourneys,
    WrongState,
)
from schemas.reconciliation import ReconciliationAnswer, ReconciliationProof, ReconciliationResult
from schemas.strict_json import UnreadableJsonError, read_document
from service.access_log import Actor
from service.context import Node
from service.registry.people import OpenPerson
from service.verification.reconciling import Begun, begin, learn
from service.verification.tables import Reconciliation

TRIES: Final = 3


class ReconciliationView(BaseModel):
    """A comparison: how many journeys each side brought, and how many both hold."""

    id: str
    direction: str
    peer: str
    agreement: str
    state: str
    ours: int
    theirs: int
    matched: int | None
    started_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Reconciliation) -> "ReconciliationView":
        """The view of a row."""
        return cls.model_validate(row, from_attributes=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one comparison came to; `told` says whether the peer took round two, and so learnt the same."""

    view: ReconciliationView
    matched: list[OpenPerson]
    told: bool


async def reconcile(node: Node, delivery: Delivery, region: str, *, actor: Actor) -> Outcome:
    """Compare journeys with a peer, both rounds.

    Raises as `begin`; `TooFewJourneys`, `ReconciledRecently`, `NoAgreementInForce`, `WrongState` as the peer refuses.
    """
    secret, new_id = new_secret(node.entropy), uuid4(node.entropy)
    begun = await node.database.write(
        lambda session: begin(session, node, region, actor=actor, secret=secret, new_id=new_id)
    )
    body = await _ask(delivery, region, RECONCILIATIONS_PATH, begun.document)
    try:
        answer = ReconciliationAnswer.from_wire(read_document(body))
        row, proof, matched = await node.database.write(
            lambda session: _learnt(session, node, region, begun, answer, actor=actor)
        )
    except (UnreadableJsonError, ValidationError, InvalidMessage):
        raise WrongState("The peer's answer does not fit. Nothing was learnt.") from None
    told = False
    try:
        body = await _ask(delivery, region, f"{RECONCILIATIONS_PATH}/{new_id}", canonical(proof.to_wire()))
        told = ReconciliationResult.from_wire(read_document(body)).matched == len(matched)
    except (LocalError, UnreadableJsonError, ValidationError):
        told = False
    return Outcome(row, matched, told)


def _learnt(
    session: Session, node: Node, region: str, begun: Begun, answer: ReconciliationAnswer, *, actor: Actor
) -> tuple[ReconciliationView, ReconciliationProof, list[OpenPerson]]:
    row, proof, matched = learn(session, node, region, begun, answer, actor=actor)
    return ReconciliationView.of(row), proof, matched


async def _ask(delivery: Delivery, region: str, path: str, document: bytes) -> bytes:
    """The peer's signed answer, after a blip or two. Raises what the peer's refusal means here."""
    for _ in range(TRIES):
        found = await delivery.ask(region, path, document)
        if found is not None and found.answer is not None:
            if found.status == 200:
                return found.answer.body
            raise _refusal(problem_code(found.problem))
    raise WrongState("The peer did not answer. Nothing was compared; please try again later.")


def _refusal(code: str | None) -> LocalError:
    for known in (TooFewJourneys, ReconciledRecently, NoAgreementInForce):
        if code == known.code:
            return known()
    return WrongState("The peer did not take part: the month's quota is used up there, or it cannot just now.")
