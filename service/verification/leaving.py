"""Letting prepared answers leave, and taking back those that no longer may.

Answers, corrections and declines by an officer leave at the release times of working days, so that their time tells
nothing (rule 7). Each is checked once more when it leaves: who withdrew or was protected meanwhile comes to
`no_record`. An answer that left our hands but that no peer has receipted yet is taken back in the same way.
"""

from datetime import UTC, datetime

from sqlmodel import Session, col, delete, select

from federation.outbox import find_message
from federation.peers import OPEN_STATES
from federation.tables import MessageState
from schemas.claims import DeclineReason
from service.context import Node
from service.registry.tables import Person
from service.registry.telling import stop_message
from service.verification.cases import (
    Prepared,
    keep_prepared,
    read_prepared,
    standing_of,
    unpack_answers,
    withheld_of,
)
from service.verification.rules import NOBODY, leaves_at, still_true
from service.verification.sending import Leaving, answer_link, send_answer, send_decline
from service.verification.tables import GivenAnswer, VerificationRequest

BATCH = 100


def next_release(node: Node) -> datetime:
    """Give when what is prepared now may leave."""
    return leaves_at(node.now(), node.settings.release_times, node.calendar, node.zone).astimezone(UTC)


def release_due(session: Session, node: Node, limit: int = BATCH) -> int:
    """Let what was prepared leave whose time has come (job `releases`); give how much it was."""
    rows = session.exec(
        select(VerificationRequest)
        .where(VerificationRequest.direction == "received", col(VerificationRequest.leaves_at) <= node.now())
        .order_by(col(VerificationRequest.leaves_at), col(VerificationRequest.id))
        .limit(limit)
    ).all()
    for row in rows:
        _leave(session, node, row)
    return len(rows)


def leave_if_due(session: Session, node: Node, row: VerificationRequest) -> None:
    """Let what was prepared leave at once where its time has come."""
    if row.leaves_at is not None and row.leaves_at <= node.now():
        _leave(session, node, row)


def recall_answers(session: Session, node: Node, *people: Person, is_leaving: bool = False) -> None:
    """Take back answers about some people that no peer has receipted and that are no longer allowed.

    They become prepared answers anew, with `no_record` where a word lapsed, and leave at the next release time, as
    any answer to a question that matched nobody. `is_leaving`: they are being erased, and count as nobody.
    """
    links = {answer_link(session, node, person.id): person for person in people}
    rows = session.exec(
        select(VerificationRequest).where(
            col(VerificationRequest.answer_link).in_(links),
            VerificationRequest.state == "answered",
            col(VerificationRequest.subject).is_not(None),
        )
    ).all()
    for row in rows:
        person = links[row.answer_link or b""]
        answers = unpack_answers(row.answers) or {}
        standing = NOBODY if is_leaving else standing_of(session, node, person, row.peer)
        revised = still_true(answers, standing, withheld_of(session, row))
        if revised == answers or not _is_on_its_way(session, row):
            continue
        stop_message(session, node, row.answer_message_id or "")
        keep_prepared(node, row, Prepared(revised, None, None if is_leaving else person.id))
        row.state, row.answers, row.automatic = "answering", None, False
        row.answer_message_id = row.answer_link = row.answered_at = row.closed_at = None
        row.leaves_at = next_release(node)
        session.add(row)
        session.exec(delete(GivenAnswer).where(col(GivenAnswer.request_id) == row.id))
        session.flush()
        leave_if_due(session, node, row)


def _is_on_its_way(session: Session, row: VerificationRequest) -> bool:
    message = find_message(session, row.answer_message_id or "")
    return message is not None and message.state in (*OPEN_STATES, MessageState.PARKED)


def _leave(session: Session, node: Node, row: VerificationRequest) -> None:
    prepared = read_prepared(node, row)
    if prepared is None:
        row.leaves_at = None
        session.add(row)
        session.flush()
    elif prepared.reason is not None:
        send_decline(session, node, row, DeclineReason(prepared.reason))
    elif prepared.answers is not None:
        person = session.get(Person, prepared.person_id) if prepared.person_id else None
        standing = standing_of(session, node, person, row.peer)
        answers = still_true(prepared.answers, standing, withheld_of(session, row))
        send_answer(session, node, Leaving(row, answers, person), automatic=False, by=row.answered_by)
