"""Messages about cases and journeys, taken in the transaction that records them.

Each tolerates being early, late or repeated. Nothing here looks anybody up for a peer: a question is stored, its
receipt is the same for anyone, and the matching job goes on from there (rule 7).
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import Session, col, insert, select

from federation.tables import Peer
from schemas.claims import Purpose
from schemas.entropy import uuid7
from schemas.envelope import Envelope, Incoming, Outgoing
from schemas.identity import PersonIdentity
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
from service.registry.life.moves import confirm_departures, end_departure_of_peer
from service.registry.people import document_index
from service.registry.searching.matching import departures_of_journeys
from service.registry.tables import Person
from service.verification.asking import release_arrival
from service.verification.cases import (
    OPEN_RECEIVED,
    OPEN_SENT,
    claims_asked,
    find_case,
    find_cases,
    seal_subject,
    subject_index,
    unpack_answers,
    wipe,
)
from service.verification.effects import Applied, apply_answers
from service.verification.rules import expires_on
from service.verification.sending import Given, close_all_answered
from service.verification.tables import ReceivedDeparture, VerificationRequest
from service.work_items.actions import close_items

Data = TypeVar("Data", bound=MessageData)

LONGEST_TERM = timedelta(days=120)
"""A request whose answer is due later than this was not meant so."""


def take_requested(session: Session, node: Node, messages: Sequence[Incoming], peer: Peer, now: datetime) -> None:
    """Store questions, each sealed under a key of its own; the matching job answers them or gives them to officers."""
    asked = [(incoming, _question(node, incoming)) for incoming in messages]
    known = find_cases(session, [data.case for _, data in asked], peer.region, "received")
    rows = [_asked_row(node, incoming, data, peer, now) for incoming, data in asked if data.case not in known]
    if rows:
        session.execute(insert(VerificationRequest), rows)
        node.wake("matching")


def take_answered(session: Session, node: Node, messages: Sequence[Incoming], peer: Peer, now: datetime) -> None:
    """Note the peer's answers, or its corrections of them, and what they mean for the journeys."""
    said = [_data(incoming, VerificationAnswered) for incoming in messages]
    asked = find_cases(session, [data.case for data in said], peer.region, "sent")
    given: list[Given] = []
    applied: list[Applied] = []
    for data in said:
        row = asked.get(data.case)
        if row is None:
            continue
        if set(data.answers) != set(claims_asked(row)):
            raise _refused("data.answers", "one word for each claim that was asked, and for no other")
        is_late = row.state == "answered" and row.answered_at is not None and data.answered_at <= row.answered_at
        if is_late or row.state not in (*OPEN_SENT, "expired", "answered", "declined"):
            continue
        row.delivered_at = row.delivered_at or now
        applied.append(Applied(row, data.answers, unpack_answers(row.answers)))
        given.append((row, data.answers, data.answered_at, data.automatic))
    close_all_answered(session, node, given)
    apply_answers(session, node, applied, peer=peer.region)


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
        row = VerificationRequest(**_row(node, incoming.envelope, peer, data.case, now) | {"message_id": None})
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


def take_departures(session: Session, node: Node, messages: Sequence[Incoming], peer: Peer, now: datetime) -> None:
    """Keep what a peer told of people who left for here, until arrivals match or it is no longer needed."""
    told = [(incoming, _data(incoming, DepartureNotified)) for incoming in messages]
    journeys = [data.journey for _, data in told]
    known = session.exec(
        select(ReceivedDeparture.journey).where(
            ReceivedDeparture.peer == peer.region, col(ReceivedDeparture.journey).in_(journeys)
        )
    ).all()
    rows = [_told_row(node, incoming, data, peer, now) for incoming, data in told if data.journey not in known]
    if rows:
        session.execute(insert(ReceivedDeparture), rows)
        node.wake("matching")


def take_arrivals_confirmed(
    session: Session, node: Node, messages: Sequence[Incoming], peer: Peer, now: datetime
) -> None:
    """Note that the peer's arrivals matched our departures; a journey that is not known here is no error."""
    journeys = [_data(incoming, ArrivalConfirmed).journey for incoming in messages]
    departures = departures_of_journeys(session, journeys, peer.region)
    matched = [departures[journey] for journey in journeys if journey in departures]
    confirm_departures(session, node, matched, peer=peer.region)


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


def _question(node: Node, incoming: Incoming) -> VerificationRequested:
    """What a message asks. Raises `InvalidMessage` for what nobody can answer, or what rests on no consent for us."""
    data, today = _data(incoming, VerificationRequested), node.today()
    if incoming.person is None or incoming.person.date_of_birth is None:
        raise _refused("data.subject_identity", "a person with a date of birth")
    purpose = data.consent.purpose
    if purpose.action != "share_with_peer" or purpose.region is None or not contains(node.region, purpose.region):
        raise _refused("data.consent.purpose", "a consent to share with this region")
    if not today - LONGEST_TERM <= data.due_on <= today + LONGEST_TERM:
        raise _refused("data.due_on", "too far away")
    return data


def _asked_row(
    node: Node, incoming: Incoming, data: VerificationRequested, peer: Peer, now: datetime
) -> dict[str, Any]:
    row = _row(node, incoming.envelope, peer, data.case, now)
    person = _person(incoming)
    return (
        row
        | seal_subject(node, row["id"], person)
        | {
            "claims": ",".join(data.claims),
            "urgency": data.urgency.value,
            "due_on": data.due_on,
            "expires_on": expires_on(node.calendar, data.due_on),
            "due_provisional": node.calendar.is_provisional(data.due_on.year),
            "journey": data.journey,
            "subject_index": subject_index(node, peer.region, row["purpose"], person),
        }
    )


def _told_row(node: Node, incoming: Incoming, data: DepartureNotified, peer: Peer, now: datetime) -> dict[str, Any]:
    person = _person(incoming)
    row_id, key = uuid7(now, node.entropy), node.vault.new_person_key()
    subject = person.model_dump_json(exclude_none=True).encode()
    return {
        "id": row_id,
        "peer": peer.region,
        "journey": data.journey,
        "message_id": incoming.envelope.id,
        "agreement": incoming.envelope.agreement or "",
        "wrapped_key": key.wrapped,
        "subject": node.vault.seal(key.key, subject, f"received_departure.subject:{row_id}", pad_to=512),
        "document_index": document_index(node, person),
        "received_at": now,
    }


def _person(incoming: Incoming) -> PersonIdentity:
    if incoming.person is None:
        raise _refused("data.subject_identity", "a person")
    return incoming.person


def _row(node: Node, envelope: Envelope, peer: Peer, case: str, now: datetime) -> dict[str, Any]:
    today: date = node.today()
    return {
        "id": uuid7(now, node.entropy),
        "case": case,
        "direction": "received",
        "peer": peer.region,
        "agreement": envelope.agreement or "",
        "purpose": (envelope.purpose or Purpose.CONFIRM_JOURNEY).value,
        "claims": "",
        "urgency": "normal",
        "state": "received",
        "created_at": now,
        "delivered_at": now,
        "due_on": today,
        "expires_on": today,
        "message_id": envelope.id,
    }


def _data(incoming: Incoming, model: type[Data]) -> Data:
    if not isinstance(incoming.data, model):
        raise InvalidMessage
    return incoming.data


def _refused(field: str, message: str) -> InvalidMessage:
    return InvalidMessage(errors=[{"field": field, "message": message}])
