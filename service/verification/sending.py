"""What leaves about a case: answers, corrections, declines, and the asker's own cancelling and reminding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, insert

from federation.outbox import enqueue_all
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
from service.registry.searching.matching import all_open_departures, bind_journeys, touches
from service.registry.tables import Person
from service.request_notices.waiting import ToTell, queue_found
from service.vault import INDEX_BYTES
from service.verification.cases import pack_answers
from service.verification.tables import GivenAnswer, VerificationRequest
from service.work_items.actions import close_all_items, close_items


@dataclass(frozen=True, slots=True)
class Leaving:
    """An answer that leaves, and about whom it is, if about anybody."""

    row: VerificationRequest
    answers: Mapping[Claim, AnswerWord]
    person: Person | None


def send_answer(session: Session, node: Node, leaving: Leaving, *, automatic: bool, by: str | None) -> None:
    """Let an answer leave, or a correction of one that left; a confirmed departure is bound to the asker's journey."""
    send_answers(session, node, [leaving], automatic=automatic, by=by)


def send_answers(
    session: Session, node: Node, leaving: Sequence[Leaving], *, automatic: bool, by: str | None = None
) -> None:
    """Let several answers leave, as `send_answer`."""
    now = node.now()
    said = [(one.row, _answer_of(one, automatic=automatic, at=now)) for one in leaving]
    for one, message_id in zip(leaving, _send_of_cases(session, node, said), strict=True):
        one.row.answer_message_id = message_id
        one.row.answer_link = _link_of(node, one.person)
        if one.person is not None and not automatic:
            queue_found(session, node, ToTell(one.row.id, one.row.peer, "received", one.person.id))
    given = [(one.row, one.answers, now, automatic) for one in leaving]
    close_all_answered(session, node, given, by=by)
    confirmed = {
        one.person.id: one.row
        for one in leaving
        if one.person is not None
        and one.answers.get(Claim.DEPARTURE_DECLARED) is AnswerWord.CONFIRMED
        and one.row.journey
    }
    departures = all_open_departures(session, confirmed)
    bound = []
    for person_id, row in confirmed.items():
        there = [one for one in departures[person_id] if touches(row.peer, one.destination_region)]
        bound += [(one, row.journey or "") for one in there[:1]]
    bind_journeys(session, bound)


def _answer_of(leaving: Leaving, *, automatic: bool, at: datetime) -> MessageData:
    row = leaving.row
    said = {"case": row.case, "answers": dict(leaving.answers), "automatic": automatic, "answered_at": at}
    if row.state == "answered" and row.answer_message_id is not None:
        return VerificationCorrected.model_validate(said | {"supersedes": row.answer_message_id})
    return VerificationAnswered.model_validate(said)


def answer_link(session: Session, node: Node, person_id: str | None) -> bytes:
    """Give the one-way link from a person to answers about them; for nobody one that leads from nowhere."""
    return _link_of(node, session.get(Person, person_id) if person_id is not None else None)


def _link_of(node: Node, person: Person | None) -> bytes:
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
    return _send_of_cases(session, node, [(row, data)])[0]


def _send_of_cases(
    session: Session, node: Node, said: Sequence[tuple[VerificationRequest, MessageData]]
) -> list[str | None]:
    """Queue a message about each of several cases; give their ids in order, as `send_of_case`."""
    peers = {row.peer: find_peer(session, row.peer) for row, _ in said}
    closed = (PeerState.REVOKED, PeerState.PAPER)
    outgoing = [
        None
        if (peer := peers[row.peer]) is None or peer.state in closed
        else Outgoing(
            recipient=row.peer,
            type=type_of(data),
            subject=row.case,
            data=data.to_wire(),
            agreement=row.agreement,
            purpose=Purpose(row.purpose),
        )
        for row, data in said
    ]
    sent = iter(enqueue_all(session, node.fed, [one for one in outgoing if one is not None]))
    node.wake("delivery")
    return [None if one is None else next(sent) for one in outgoing]


Given = tuple[VerificationRequest, Mapping[Claim, AnswerWord], datetime, bool]
"""An answer, ours or the peer's: its case, its words, when it was given, and whether automatically."""


def close_answered(session: Session, node: Node, given: Given, *, by: str | None) -> None:
    """Note an answer in the case and its history."""
    close_all_answered(session, node, [given], by=by)


def close_all_answered(session: Session, node: Node, given: Sequence[Given], *, by: str | None = None) -> None:
    """Note several answers in their cases and histories."""
    if not given:
        return
    history = []
    for row, answers, at, automatic in given:
        packed = pack_answers(answers)
        history.append(
            {
                "id": uuid7(node.now(), node.entropy),
                "request_id": row.id,
                "answers": packed,
                "answered_at": at,
                "automatic": automatic,
                "answered_by": by,
            }
        )
        row.state, row.answers, row.automatic = "answered", packed, automatic
        row.answered_by, row.leaves_at, row.prepared = by, None, None
        row.answered_at = at
        row.closed_at = row.closed_at or node.now()
        session.add(row)
    session.execute(insert(GivenAnswer), history)
    session.flush()
    close_all_items(session, node, [row.id for row, *_ in given])
