"""Messages about cases and journeys, taken in the transaction that records them.

Each tolerates being early, late or repeated. Nothing here looks anybody up for a peer: a question is stored, its
receipt is the same for anyone, and the matching job goes on from there (rule 7).
"""

from datetime import date, datetime, timedelta
from typing import TypeVar

from sqlmodel import Session, col, select

from federation.tables import Peer
from schemas.claims import Purpose
from schemas.entropy import uuid7
from schemas.envelope import Envelope, Incoming, Outgoing
from schemas.messages import (
    ArrivalConfirmed,
    ArrivalEnded,
    DepartureNotified,
    MessageData,
    VerificationAnswered,
    VerificationCancelled,
    VerificationDeclined,
    VerificationReminded,
    VerificationRequested,
)
from schemas.problems import InvalidMessage
from schemas.regions import contains
from service.access_log import Actor, record
from service.context import Node
from service.registry.matching import departure_of_journey
from service.registry.moves import confirm_departure, end_departure_of_peer
from service.registry.people import document_index
from service.registry.tables import Person
from service.verification.asking import release_arrival
from service.verification.cases import (
    OPEN_RECEIVED,
    OPEN_SENT,
    claims_asked,
    find_case,
    seal_subject,
    subject_index,
    unpack_answers,
    wipe,
)
from service.verification.effects import apply_answer
from service.verification.rules import expires_on
from service.verification.sending import close_answered
from service.verification.tables import ReceivedDeparture, VerificationRequest
from service.work_items.actions import close_items

Data = TypeVar("Data", bound=MessageData)

LONGEST_TERM = timedelta(days=120)
"""A request whose answer is due later than this was not meant so."""


def take_requested(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Store a question, sealed under a key of its own; the matching job answers it or gives it to an officer."""
    data, envelope = _data(incoming, VerificationRequested), incoming.envelope
    if incoming.person is None or incoming.person.date_of_birth is None:
        raise _refused("data.subject_identity", "a person with a date of birth")
    _check_consent(node, data)
    today = node.today()
    if not today - LONGEST_TERM <= data.due_on <= today + LONGEST_TERM:
        raise _refused("data.due_on", "too far away")
    known = find_case(session, data.case, peer.region, "received")
    if known is not None:
        return []
    row = _row(node, envelope, peer, data.case, now)
    row.claims = ",".join(data.claims)
    row.urgency = data.urgency.value
    row.due_on = data.due_on
    row.expires_on = expires_on(node.calendar, data.due_on)
    row.due_provisional = node.calendar.is_provisional(data.due_on.year)
    row.journey = data.journey
    row.subject_index = subject_index(node, peer.region, row.purpose, incoming.person)
    seal_subject(node, row, incoming.person)
    session.add(row)
    session.flush()
    node.wake("matching")
    return []


def take_answered(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Note the peer's answer, or its correction of one, and what it means for the journey."""
    data = _data(incoming, VerificationAnswered)
    row = find_case(session, data.case, peer.region, "sent")
    if row is None:
        return []
    if set(data.answers) != set(claims_asked(row)):
        raise _refused("data.answers", "one word for each claim that was asked, and for no other")
    is_late = row.state == "answered" and row.answered_at is not None and data.answered_at <= row.answered_at
    if is_late or row.state not in (*OPEN_SENT, "expired", "answered", "declined"):
        return []
    row.delivered_at = row.delivered_at or now
    before = unpack_answers(row.answers)
    close_answered(session, node, row, data.answers, at=data.answered_at, automatic=data.automatic, by=None)
    apply_answer(session, node, row, data.answers, before=before)
    return []


def take_declined(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Note that the peer's office cannot take the question; nothing else changes for the person."""
    data = _data(incoming, VerificationDeclined)
    row = find_case(session, data.case, peer.region, "sent")
    if row is None or row.state not in OPEN_SENT:
        return []
    row.state, row.reason = "declined", data.reason.value
    row.delivered_at = row.delivered_at or now
    row.answered_at = row.closed_at = now
    session.add(row)
    session.flush()
    close_items(session, node, row.id)
    release_arrival(session, row, "unconfirmed")
    person = session.get(Person, row.person_id) if row.person_id else None
    if person is not None:
        record(
            session,
            node,
            Actor.peer(peer.region),
            "verification.declined",
            person=person,
            purpose=row.purpose,
            fields=("state",),
        )
    return []


def take_cancelled(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Drop a question that the asker takes back; one that was not here yet stays cancelled when it comes."""
    data = _data(incoming, VerificationCancelled)
    row = find_case(session, data.case, peer.region, "received")
    if row is None:
        row = _row(node, incoming.envelope, peer, data.case, now)
        row.message_id = None
    elif row.state not in OPEN_RECEIVED:
        return []
    row.state, row.reason = "cancelled", data.reason.value
    row.closed_at = now
    row.leaves_at = row.subject_index = None
    wipe(row)
    session.add(row)
    session.flush()
    close_items(session, node, row.id)
    return []


def take_reminded(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Note that the asker asked once more."""
    data = _data(incoming, VerificationReminded)
    row = find_case(session, data.case, peer.region, "received")
    if row is not None and row.reminded_at is None and row.state in OPEN_RECEIVED:
        row.reminded_at = now
        session.add(row)
        session.flush()
    return []


def take_departure(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Keep what a peer told of someone who left for here, until an arrival matches it or it is no longer needed."""
    data = _data(incoming, DepartureNotified)
    if incoming.person is None:
        raise _refused("data.subject_identity", "a person")
    known = session.exec(
        select(ReceivedDeparture).where(
            ReceivedDeparture.peer == peer.region, ReceivedDeparture.journey == data.journey
        )
    ).first()
    if known is not None:
        return []
    row_id = uuid7(now, node.entropy)
    key = node.vault.new_person_key()
    subject = incoming.person.model_dump_json(exclude_none=True).encode()
    session.add(
        ReceivedDeparture(
            id=row_id,
            peer=peer.region,
            journey=data.journey,
            message_id=incoming.envelope.id,
            agreement=incoming.envelope.agreement or "",
            wrapped_key=key.wrapped,
            subject=node.vault.seal(key.key, subject, f"received_departure.subject:{row_id}", pad_to=512),
            document_index=document_index(node, incoming.person),
            received_at=now,
        )
    )
    session.flush()
    node.wake("matching")
    return []


def take_arrival_confirmed(
    session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime
) -> list[Outgoing]:
    """Note that the peer's arrival matched our departure; a journey that is not known here is no error."""
    data = _data(incoming, ArrivalConfirmed)
    departure = departure_of_journey(session, data.journey, peer.region)
    if departure is not None:
        confirm_departure(session, node, departure, peer=peer.region)
    return []


def take_arrival_ended(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Note that the journey ended there."""
    data = _data(incoming, ArrivalEnded)
    end_departure_of_peer(session, node, data.journey, str(data.ended_on), peer=peer.region)
    return []


def erase_received(session: Session, node: Node, peer: str, message_ids: list[str]) -> None:
    """Erase what came with these messages of a peer; what is not here is no error."""
    requests = session.exec(
        select(VerificationRequest).where(
            VerificationRequest.direction == "received",
            VerificationRequest.peer == peer,
            col(VerificationRequest.message_id).in_(message_ids),
        )
    ).all()
    for row in requests:
        if row.state in OPEN_RECEIVED:
            row.state, row.closed_at = "cancelled", node.now()
        row.leaves_at = row.subject_index = None
        wipe(row)
        session.add(row)
        close_items(session, node, row.id)
    departures = session.exec(
        select(ReceivedDeparture).where(
            ReceivedDeparture.peer == peer, col(ReceivedDeparture.message_id).in_(message_ids)
        )
    ).all()
    for one in departures:
        session.delete(one)
    session.flush()


def _row(node: Node, envelope: Envelope, peer: Peer, case: str, now: datetime) -> VerificationRequest:
    today: date = node.today()
    return VerificationRequest(
        id=uuid7(now, node.entropy),
        case=case,
        direction="received",
        peer=peer.region,
        agreement=envelope.agreement or "",
        purpose=(envelope.purpose or Purpose.CONFIRM_JOURNEY).value,
        claims="",
        urgency="normal",
        state="received",
        created_at=now,
        delivered_at=now,
        due_on=today,
        expires_on=today,
        message_id=envelope.id,
    )


def _data(incoming: Incoming, model: type[Data]) -> Data:
    if not isinstance(incoming.data, model):
        raise InvalidMessage
    return incoming.data


def _check_consent(node: Node, data: VerificationRequested) -> None:
    """The consent that a question rests on must be one for sharing with us (rule 5)."""
    purpose = data.consent.purpose
    if purpose.action != "share_with_peer" or purpose.region is None or not contains(node.region, purpose.region):
        raise _refused("data.consent.purpose", "a consent to share with this region")


def _refused(field: str, message: str) -> InvalidMessage:
    return InvalidMessage(errors=[{"field": field, "message": message}])
