"""Comparing journeys with a peer, both rounds: what an officer or the node's operator starts, or takes up again."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ValidationError

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
from schemas.reconciliation import ReconciliationAnswer, ReconciliationOffer, ReconciliationResult
from schemas.strict_json import UnreadableJsonError, read_document
from service.access_log import Actor
from service.context import Node
from service.registry.people import OpenPerson
from service.verification.gathering import gather, open_again, tell_matched
from service.verification.reconciling import (
    Begun,
    begin,
    check_answer,
    drop,
    end,
    learn,
    may_begin,
    offered_points,
    unfinished,
)
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
    """Compare journeys with a peer, both rounds; or go on where a comparison of the last day ended.

    Raises as `may_begin`; `TooFewJourneys`, `ReconciledRecently`, `NoAgreementInForce`, `WrongState` as the peer
    refuses.
    """
    opened: dict[str, OpenPerson] = {}
    begun = await node.database.read(lambda session: unfinished(session, node, region))
    if begun is None:
        begun, opened = await _begin(node, region, actor)
    if begun.proof is None:
        begun = await _first_round(node, delivery, region, begun, actor)
    learnt = begun
    people = list(dict.fromkeys(learnt.people))
    if not opened:
        opened = {one.id: one for one in await asyncio.to_thread(open_again, node, people, actor)}
    told = await _second_round(delivery, region, learnt)
    view = await node.database.write(lambda session: ReconciliationView.of(end(session, learnt, told=told)))
    return Outcome(view, [opened[one] for one in people if one in opened], told)


async def _begin(node: Node, region: str, actor: Actor) -> tuple[Begun, dict[str, OpenPerson]]:
    secret, new_id = new_secret(node.entropy), uuid4(node.entropy)
    agreement, shared = await node.database.read(lambda session: may_begin(session, node, region))
    compared = await asyncio.to_thread(gather, node, region, shared, actor=actor)
    points, people = await asyncio.to_thread(offered_points, compared, secret)
    offer = ReconciliationOffer(reconciliation=new_id, agreement=agreement.id, points=points)
    begun = await node.database.write(
        lambda session: begin(session, node, agreement, offer, secret=secret, people=people)
    )
    return begun, {one.person.id: one.person for one in compared}


async def _first_round(node: Node, delivery: Delivery, region: str, begun: Begun, actor: Actor) -> Begun:
    body = await _ask(delivery, region, RECONCILIATIONS_PATH, begun.document)
    if isinstance(body, LocalError):
        await node.database.write(lambda session: drop(session, begun))
        raise body
    try:
        answer = ReconciliationAnswer.from_wire(read_document(body))
        raised, matched = await asyncio.to_thread(check_answer, begun, answer)
        learnt = await node.database.write(lambda session: learn(session, node, begun, raised, matched, actor=actor))
    except (UnreadableJsonError, ValidationError, InvalidMessage):
        raise WrongState("The peer's answer does not fit. Nothing was learnt.") from None
    await asyncio.to_thread(tell_matched, node, region, matched)
    return learnt


async def _second_round(delivery: Delivery, region: str, begun: Begun) -> bool:
    """Whether the peer learnt the same; if not, the next start says it again."""
    if begun.proof is None:
        return False
    path = f"{RECONCILIATIONS_PATH}/{begun.offer.reconciliation}"
    try:
        body = await _ask(delivery, region, path, canonical(begun.proof.to_wire()))
        if isinstance(body, LocalError):
            return False
        return ReconciliationResult.from_wire(read_document(body)).matched == len(begun.people)
    except (LocalError, UnreadableJsonError, ValidationError):
        return False


async def _ask(delivery: Delivery, region: str, path: str, document: bytes) -> bytes | LocalError:
    """The peer's signed answer, after a blip or two, or what its refusal means here.

    Raises `WrongState` when none comes: what was begun can go on.
    """
    for _ in range(TRIES):
        found = await delivery.ask(region, path, document)
        if found is not None and found.answer is not None:
            return found.answer.body if found.status == 200 else _refusal(problem_code(found.problem))
    raise WrongState("The peer did not answer. Please start it again within a day: it goes on where it ended.")


def _refusal(code: str | None) -> LocalError:
    for known in (TooFewJourneys, ReconciledRecently, NoAgreementInForce):
        if code == known.code:
            return known()
    return WrongState("The peer did not take part: the month's quota is used up there, or it cannot just now.")
