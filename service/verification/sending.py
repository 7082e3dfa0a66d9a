"""What leaves about a case: answers, corrections, declines, and the asker's own cancelling and reminding."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from federation.outbox import enqueue
from federation.peers import find_peer
from federation.tables import PeerState
from schemas.claims import AnswerWord, CancelReason, Claim, DeclineReason, Purpose
from schemas.entropy import uuid7
from schemas.envelope import Outgoing
from schemas.messages import (
    MessageData,
    VerificationAnswered,
    VerificationCancelled,
    VerificationCorrected,
    VerificationDeclined,
    VerificationReminded,
    type_of,
)
from service.context import Node
from service.registry.matching import bind_journey, open_departures
from service.registry.tables import Person
from service.vault import INDEX_BYTES
from service.verification.cases import pack_answers
from service.verification.tables import GivenAnswer, VerificationRequest
from service.work_items.actions import close_items


def send_answer(
    session: Session,
    node: Node,
    row: VerificationRequest,
    answers: Mapping[Claim, AnswerWord],
    *,
    automatic: bool,
    person_id: str | None,
    by: str | None,
) -> None:
    """Let an answer leave, or a correction of one that left; a confirmed departure is bound to the asker's journey."""
    now = node.now()
    said = {"case": row.case, "answers": dict(answers), "automatic": automatic, "answered_at": now}
    data: MessageData
    if row.state == "answered" and row.answer_message_id is not None:
        data = VerificationCorrected.model_validate(said | {"supersedes": row.answer_message_id})
    else:
        data = VerificationAnswered.model_validate(said)
    row.answer_message_id = send_of_case(session, node, row, data)
    row.answer_link = answer_link(session, node, person_id)
    close_answered(session, node, row, answers, at=now, automatic=automatic, by=by)
    if person_id is not None and answers.get(Claim.DEPARTURE_DECLARED) is AnswerWord.CONFIRMED and row.journey:
        for departure in open_departures(session, person_id, row.peer)[:1]:
            bind_journey(session, departure, row.journey)


def answer_link(session: Session, node: Node, person_id: str | None) -> bytes:
    """Give the one-way link from a person to answers about them; for nobody one that leads from nowhere."""
    person = session.get(Person, person_id) if person_id is not None else None
    if person is None:
        return node.entropy.token_bytes(INDEX_BYTES)
    return node.vault.link(node.vault.open_key(person.wrapped_key), "verification_request")


def send_decline(session: Session, node: Node, row: VerificationRequest, reason: DeclineReason) -> None:
    """Let a decline leave."""
    send_of_case(session, node, row, VerificationDeclined(case=row.case, reason=reason))
    row.state, row.reason = "declined", reason.value
    row.leaves_at, row.prepared = None, None
    row.answered_at = row.closed_at = node.now()
    session.add(row)
    session.flush()
    close_items(session, node, row.id)


def send_cancel(session: Session, node: Node, row: VerificationRequest, reason: CancelReason) -> None:
    """Tell the peer that a request which left is taken back."""
    send_of_case(session, node, row, VerificationCancelled(case=row.case, reason=reason))


def send_reminder(session: Session, node: Node, row: VerificationRequest) -> None:
    """Ask once more."""
    send_of_case(session, node, row, VerificationReminded(case=row.case))


def send_of_case(session: Session, node: Node, row: VerificationRequest, data: MessageData) -> str | None:
    """Queue a message about a case; None where nothing can be sent to the peer any more."""
    peer = find_peer(session, row.peer)
    if peer is None or peer.state in (PeerState.REVOKED, PeerState.PAPER):
        return None
    outgoing = Outgoing(
        recipient=row.peer,
        type=type_of(data),
        subject=row.case,
        data=data.to_wire(),
        agreement=row.agreement,
        purpose=Purpose(row.purpose),
    )
    message_id = enqueue(session, node.fed, outgoing)
    node.wake("delivery")
    return message_id


def close_answered(
    session: Session,
    node: Node,
    row: VerificationRequest,
    answers: Mapping[Claim, AnswerWord],
    *,
    at: datetime,
    automatic: bool,
    by: str | None,
) -> None:
    """Note an answer, ours or the peer's, in the case and its history."""
    session.add(
        GivenAnswer(
            id=uuid7(node.now(), node.entropy),
            request_id=row.id,
            answers=pack_answers(answers),
            answered_at=at,
            automatic=automatic,
            answered_by=by,
        )
    )
    row.state, row.answers, row.automatic = "answered", pack_answers(answers), automatic
    row.answered_by, row.leaves_at, row.prepared = by, None, None
    row.answered_at = at
    row.closed_at = row.closed_at or node.now()
    session.add(row)
    session.flush()
    close_items(session, node, row.id)
