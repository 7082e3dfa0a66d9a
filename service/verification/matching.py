"""The matching job: looks up, after the receipt and away from it, whom a peer speaks of.

A question is answered by itself only when it is an exact match and everything that may be told is `confirmed` (rule 8).
All else is one and the same work item: an absent, a protected and a misspelt person look alike in every queue.
"""

import json
from datetime import datetime
from functools import partial

from sqlmodel import Session, col, select

from schemas.claims import Purpose
from schemas.identity import PersonIdentity
from service.access_log import Actor, record, record_nobody
from service.context import Node
from service.registry.matching import adopt_journey, bind_journey, find_exact, open_arrivals
from service.registry.moves import confirm_arrival
from service.registry.tables import Person
from service.registry.telling import may_share
from service.verification.cases import claims_asked, open_subject, standing_of, withheld_of
from service.verification.rules import ASK_AGAIN_AFTER, automatic_answer
from service.verification.sending import send_answer
from service.verification.tables import ReceivedDeparture, VerificationRequest
from service.work_items.actions import open_item

BATCH = 50


async def run_matching(node: Node) -> int:
    """Look up what is waiting, each in a transaction of its own; give how many there were.

    A fault in one of them leaves it waiting, does not hold up the others, and is raised at the end.
    """
    requests = await node.database.read(_waiting_requests)
    departures = await node.database.read(_waiting_departures)
    works = [partial(match_request, node=node, request_id=one) for one in requests]
    works += [partial(match_departure, node=node, row_id=one) for one in departures]
    faults: list[Exception] = []
    for work in works:
        try:
            await node.database.write(work)
        except Exception as fault:  # noqa: BLE001 - raised below, once the others have had their turn
            faults.append(fault)
    if faults:
        raise faults[0]
    if BATCH in (len(requests), len(departures)):
        node.wake("matching")
    return len(works)


def match_request(session: Session, node: Node, request_id: str) -> None:
    """Answer a question, or give it to an officer. One that was looked at, answered or taken back is left alone."""
    row = session.get(VerificationRequest, request_id)
    if row is None or row.direction != "received" or row.state != "received" or row.matched_at is not None:
        return
    node.point("matching.claimed")
    subject = open_subject(node, row)
    if subject is None:
        return
    asked, withheld = claims_asked(row), withheld_of(session, row)
    # A hidden record is looked for only where no visible one is found: beside a visible one it must change nothing.
    known = find_exact(session, node, subject) or find_exact(session, node, subject, hidden_too=True)
    answers = automatic_answer(asked, standing_of(session, node, known, row.peer), withheld)
    if _was_asked_before(session, row):
        answers = None
    _log_question(session, node, row, known, automatic=answers is not None)
    row.matched_at = node.now()
    session.add(row)
    session.flush()
    if answers is not None and known is not None:
        send_answer(session, node, row, answers, automatic=True, person_id=known.id, by=None)
    else:
        open_item(session, node, "answer_request", row.id, due=row.due_on)


def match_departure(session: Session, node: Node, row_id: str) -> None:
    """Put together what a peer told of a departure with an arrival here, if the person allows telling the peer."""
    row = session.get(ReceivedDeparture, row_id)
    if row is None or row.looked_at is not None:
        return
    node.point("matching.claimed")
    row.looked_at = node.now()
    session.add(row)
    session.flush()
    key = node.vault.open_key(row.wrapped_key)
    opened = node.vault.unseal_bytes(key, row.subject, f"received_departure.subject:{row.id}")
    person = find_exact(session, node, PersonIdentity.model_validate(json.loads(opened)))
    if person is None:
        return
    key = node.vault.open_key(person.wrapped_key)
    if may_share(session, node, key, row.peer, Purpose.CONFIRM_JOURNEY) is None:
        return
    arrivals = open_arrivals(session, person.id, row.peer)
    if arrivals:
        know = bind_journey if arrivals[0].state == "confirmed" else adopt_journey
        know(session, arrivals[0], row.journey)
        confirm_arrival(session, node, arrivals[0], peer=row.peer)
        session.delete(row)
        session.flush()


def _was_asked_before(session: Session, row: VerificationRequest) -> bool:
    """Whether this peer asked the same about the same person within 30 days: then an officer decides (rule 5).

    It depends on what was asked alone, never on who is in the register.
    """
    since: datetime = row.created_at - ASK_AGAIN_AFTER
    earlier = select(VerificationRequest.id).where(
        VerificationRequest.direction == "received",
        VerificationRequest.subject_index == row.subject_index,
        VerificationRequest.id != row.id,
        col(VerificationRequest.created_at) > since,
        col(VerificationRequest.created_at) <= row.created_at,
    )
    return row.subject_index is not None and session.exec(earlier.limit(1)).first() is not None


def _log_question(
    session: Session, node: Node, row: VerificationRequest, known: Person | None, *, automatic: bool
) -> None:
    actor = Actor.peer(row.peer)
    if known is None:
        record_nobody(session, node, actor)
        return
    fields = tuple(claim.value for claim in claims_asked(row))
    record(
        session,
        node,
        actor,
        "verification.received",
        person=known,
        purpose=row.purpose,
        fields=fields,
        automatic=automatic,
    )


def _waiting_requests(session: Session) -> list[str]:
    return list(
        session.exec(
            select(VerificationRequest.id)
            .where(
                VerificationRequest.state == "received",
                VerificationRequest.direction == "received",
                col(VerificationRequest.matched_at).is_(None),
            )
            .order_by(col(VerificationRequest.id))
            .limit(BATCH)
        ).all()
    )


def _waiting_departures(session: Session) -> list[str]:
    return list(
        session.exec(
            select(ReceivedDeparture.id)
            .where(col(ReceivedDeparture.looked_at).is_(None))
            .order_by(col(ReceivedDeparture.id))
            .limit(BATCH)
        ).all()
    )
