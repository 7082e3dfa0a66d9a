"""What this register tells a peer about one of its people, and how that is stopped again.

Nothing goes out without three things at once: a peer with keys in force, an agreement that covers the purpose today,
and the person's own live consent for that peer. Each message is noted beside the person, so that a withdrawal reaches
what is queued (it never leaves) and what has left (the peer is asked to erase it).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, insert, select

from federation.outbox import cancel, enqueue, enqueue_all, find_message
from federation.peers import peer_for
from federation.tables import MessageState, PeerState
from schemas.calendar import PartialDate
from schemas.claims import Purpose
from schemas.envelope import Outgoing
from schemas.messages import ArrivalConfirmed, ArrivalEnded, ErasureRequested, MessageData, subject_of, type_of
from service.agreements.queries import agreement_in_force
from service.agreements.tables import Agreement
from service.consents.consents import GivenConsent, live_share_consents
from service.context import Node
from service.registry.people import OpenPerson, is_protected
from service.registry.searching.matching import open_departures
from service.registry.tables import Arrival, Departure, PeerMessage, Person

NOTIFIED = "tonglu.departure.notified.v1"
_ERASURE = "tonglu.erasure.requested.v1"
_MOST_IDS = 200


@dataclass(frozen=True, slots=True)
class MayShare:
    """What sharing with a peer rests on."""

    peer: str
    agreement: Agreement
    consent: GivenConsent


def may_share(session: Session, node: Node, key: bytes, region: str, purpose: Purpose) -> MayShare | None:
    """Give what lets this node tell the peer of `region` about the person of `key`, or None."""
    return may_share_all(session, node, [(key, region)], purpose).get((key, region))


def may_share_all(
    session: Session, node: Node, wanted: Sequence[tuple[bytes, str]], purpose: Purpose
) -> dict[tuple[bytes, str], MayShare]:
    """Give what lets this node tell, for those of several (data key, region) for which there is anything."""
    lines = {region: _line(session, node, region, purpose) for region in {region for _, region in wanted}}
    asked = [(key, line[0]) for key, region in wanted if (line := lines[region]) is not None]
    consents = live_share_consents(session, node, asked)
    found = {}
    for key, region in wanted:
        line = lines[region]
        consent = consents.get((key, line[0])) if line is not None else None
        if line is not None and consent is not None:
            found[key, region] = MayShare(*line, consent)
    return found


def _line(session: Session, node: Node, region: str, purpose: Purpose) -> tuple[str, Agreement] | None:
    """The peer that is addressed for a region, with the agreement in force, if there are both."""
    peer = peer_for(session, region)
    if peer is None or peer.state not in (PeerState.ACTIVE, PeerState.SUSPENDED):
        return None
    agreement = agreement_in_force(session, peer.region, node.today(), purpose)
    return None if agreement is None else (peer.region, agreement)


@dataclass(frozen=True, slots=True)
class About:
    """A message about someone in this register, sent for one of their moves or for a question."""

    person_id: str
    about: str
    outgoing: Outgoing


def send_about(session: Session, node: Node, person_id: str, about: str, outgoing: Outgoing) -> str:
    """Queue a message about someone in this register and note it beside them; give its id."""
    return send_all_about(session, node, [About(person_id, about, outgoing)])[0]


def send_all_about(session: Session, node: Node, messages: Sequence[About]) -> list[str]:
    """Queue several messages about people in this register and note them beside them; give their ids in order."""
    if not messages:
        return []
    ids = enqueue_all(session, node.fed, [one.outgoing for one in messages])
    rows = [
        {
            "message_id": message_id,
            "person_id": one.person_id,
            "about": one.about,
            "peer": one.outgoing.recipient,
            "type": one.outgoing.type,
            "sent_at": node.now(),
            "stopped": False,
        }
        for message_id, one in zip(ids, messages, strict=True)
    ]
    session.execute(insert(PeerMessage), rows)
    node.wake("delivery")
    return ids


def tell_departures(session: Session, node: Node, person: Person, opened: OpenPerson) -> None:
    """Notify each destination of what the person declared and allows; done at most once for a departure."""
    if is_protected(person, node.today()) or opened.identity.date_of_birth is None:
        return
    for departure in _untold(session, person.id):
        share = may_share(session, node, opened.key, departure.destination_region, Purpose.CONFIRM_JOURNEY)
        if share is None:
            continue
        data: dict[str, Any] = {"journey": departure.journey, "departed_on": departure.departed_on}
        if departure.expected_return_on:
            data["expected_return_on"] = departure.expected_return_on
        outgoing = Outgoing(
            recipient=share.peer,
            type=NOTIFIED,
            subject=departure.journey,
            data=data,
            agreement=share.agreement.id,
            purpose=Purpose.CONFIRM_JOURNEY,
            person=opened.identity,
        )
        send_about(session, node, person.id, departure.id, outgoing)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An arrival that its origin confirmed, in answer to the question of a case or by telling of the departure."""

    person: Person
    arrival: Arrival
    case: str | None


def tell_arrivals_confirmed(session: Session, node: Node, confirmed: Sequence[Confirmed]) -> None:
    """Tell the origins that the people of journeys are registered here, if they allow that."""
    told: list[tuple[Person, Arrival, MessageData]] = []
    for one in confirmed:
        said = {"journey": one.arrival.journey, "arrived_on": PartialDate(one.arrival.arrived_on)}
        case = {} if one.case is None else {"case": one.case}
        told.append((one.person, one.arrival, ArrivalConfirmed.model_validate(said | case)))
    _tell_of_arrivals(session, node, told)


def tell_arrival_ended(session: Session, node: Node, person: Person, arrival: Arrival, ended_on: PartialDate) -> None:
    """Tell the origin that a journey which it knows of has ended: never where to, and not why."""
    told = session.exec(
        select(PeerMessage).where(PeerMessage.about == arrival.id, col(PeerMessage.stopped).is_(False)).limit(1)
    ).first()
    if told is not None:
        data = ArrivalEnded(journey=arrival.journey, ended_on=ended_on, reason="ended")
        _tell_of_arrivals(session, node, [(person, arrival, data)])


def notify_again(session: Session, node: Node, person: Person, opened: OpenPerson) -> None:
    """Take back what destinations were notified of with facts that were wrong, and tell them the right ones.

    A departure that the destination has confirmed is left alone: it knows whom it is about.
    """
    for departure in open_departures(session, person.id):
        if departure.state in ("declared", "notified"):
            stop_messages(session, node, person.id, about=departure.id, kind=NOTIFIED)
            departure.state = "declared"
            session.add(departure)
    session.flush()
    tell_departures(session, node, person, opened)


def stop_messages(
    session: Session,
    node: Node,
    person_id: str,
    peer: str | None = None,
    *,
    about: str | None = None,
    kind: str | None = None,
) -> None:
    """Stop what was sent about a person (to one peer, or to all; about one of their moves, or about any; of one type).

    What is still queued never leaves; of what a peer may hold, erasing is asked. Messages dealt with before are not
    touched again.
    """
    wanted = select(PeerMessage).where(PeerMessage.person_id == person_id, col(PeerMessage.stopped).is_(False))
    if peer is not None:
        wanted = wanted.where(PeerMessage.peer == peer)
    if about is not None:
        wanted = wanted.where(PeerMessage.about == about)
    if kind is not None:
        wanted = wanted.where(PeerMessage.type == kind)
    left: dict[str, list[str]] = {}
    for message in session.exec(wanted.order_by(col(PeerMessage.message_id))).all():
        row = find_message(session, message.message_id)
        held_there = row is None or row.state == MessageState.RECEIPTED
        never_left = row is not None and cancel(session, node.fed, message.message_id)
        if held_there or not never_left:
            left.setdefault(message.peer, []).append(message.message_id)
        message.stopped = True
        session.add(message)
    session.flush()
    for region, ids in left.items():
        _ask_to_erase(session, node, region, ids)


def stop_messages_about(session: Session, node: Node, moves: Sequence[str]) -> None:
    """Stop what was sent about some moves, as `stop_messages` does."""
    wanted = select(PeerMessage.person_id, PeerMessage.about).where(
        col(PeerMessage.about).in_(moves), col(PeerMessage.stopped).is_(False)
    )
    for person_id, about in sorted(set(session.exec(wanted).all())):
        stop_messages(session, node, person_id, about=about)


def stop_message(session: Session, node: Node, message_id: str) -> bool:
    """Stop one message that may still be queued; tell whether it never left."""
    row = find_message(session, message_id)
    return row is not None and cancel(session, node.fed, message_id)


def _ask_to_erase(session: Session, node: Node, region: str, ids: list[str]) -> None:
    peer = peer_for(session, region)
    if peer is None or peer.state in (PeerState.REVOKED, PeerState.PAPER):
        return
    for start in range(0, len(ids), _MOST_IDS):
        data = ErasureRequested(message_ids=tuple(ids[start : start + _MOST_IDS]))
        enqueue(session, node.fed, Outgoing(recipient=region, type=_ERASURE, subject="node", data=data.to_wire()))


def _untold(session: Session, person_id: str) -> list[Departure]:
    told = {
        message.about
        for message in session.exec(
            select(PeerMessage).where(
                PeerMessage.person_id == person_id, PeerMessage.type == NOTIFIED, col(PeerMessage.stopped).is_(False)
            )
        )
    }
    return [one for one in open_departures(session, person_id) if one.state == "declared" and one.id not in told]


def _tell_of_arrivals(session: Session, node: Node, told: Sequence[tuple[Person, Arrival, MessageData]]) -> None:
    today = node.today()
    keyed = [
        (node.vault.open_key(person.wrapped_key), person, arrival, data)
        for person, arrival, data in told
        if not is_protected(person, today)
    ]
    wanted = [(key, arrival.origin_region) for key, _, arrival, _ in keyed]
    shares = may_share_all(session, node, wanted, Purpose.CONFIRM_JOURNEY)
    messages = []
    for key, person, arrival, data in keyed:
        share = shares.get((key, arrival.origin_region))
        if share is None:
            continue
        outgoing = Outgoing(
            recipient=share.peer,
            type=type_of(data),
            subject=subject_of(data),
            data=data.to_wire(),
            agreement=share.agreement.id,
            purpose=Purpose.CONFIRM_JOURNEY,
        )
        messages.append(About(person.id, arrival.id, outgoing))
    send_all_about(session, node, messages)
