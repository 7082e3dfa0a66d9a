"""How a move goes on: verifying, confirmed or not, ended; and what the other side is told of it."""

from collections.abc import Sequence

from sqlmodel import Session

from schemas.calendar import PartialDate
from schemas.claims import EndReason
from schemas.problems import NotFound, WrongState
from service.access_log import Actor, record, record_each
from service.context import Node
from service.database import find_all
from service.officers.rules import Officer, Role, require
from service.registry import rules
from service.registry.life.settling import settle_later
from service.registry.people import find_person, unseal_person
from service.registry.searching.matching import (
    departure_of_journey,
    departures_of_journeys,
    open_arrivals,
    open_departures,
)
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import Confirmed, tell_arrivals_confirmed
from service.registry.undoing.history import before_save, note_change


def end_arrival(
    session: Session,
    node: Node,
    arrival_id: str,
    ended_on: PartialDate,
    *,
    reason: EndReason = EndReason.MOVED_ON,
    by: Officer,
) -> Arrival:
    """Note that someone left again.

    Once it cannot be undone any more, the origin learns that it ended, if it knew of it and may know. Raises
    `NotFound`, `Forbidden`, `WrongState`, `DateInFuture`, `InvalidInput`.
    """
    arrival, person = find_arrival(session, node, arrival_id, by)
    _may_end(by, arrival.state, rules.OPEN_ARRIVAL)
    rules.check_ended(ended_on, arrival.arrived_on, "ended_on", node.today())
    _end_by(session, node, (arrival, person), str(ended_on), reason, by=by)
    return arrival


def return_departure(
    session: Session, node: Node, departure_id: str, returned_on: PartialDate, *, by: Officer
) -> Departure:
    """Note that someone came back (返回). Raises as `end_arrival`."""
    departure, person = find_departure(session, node, departure_id, by)
    _may_end(by, departure.state, rules.OPEN_DEPARTURE)
    rules.check_ended(returned_on, departure.departed_on, "returned_on", node.today())
    _end_by(session, node, (departure, person), str(returned_on), EndReason.RETURNED, by=by)
    return departure


def find_arrival(session: Session, node: Node, arrival_id: str, by: Officer) -> tuple[Arrival, Person]:
    """Give an arrival with its person's row. Raises `NotFound` alike for absent and for not to be seen."""
    arrival = session.get(Arrival, arrival_id)
    if arrival is None or arrival.state == "voided":
        raise NotFound
    return arrival, find_person(session, node, arrival.person_id, by)


def find_departure(session: Session, node: Node, departure_id: str, by: Officer) -> tuple[Departure, Person]:
    """Give a departure with its person's row. Raises `NotFound` alike for absent and for not to be seen."""
    departure = session.get(Departure, departure_id)
    if departure is None or departure.state == "voided":
        raise NotFound
    return departure, find_person(session, node, departure.person_id, by)


def confirm_arrival(session: Session, node: Node, arrival: Arrival, *, peer: str) -> None:
    """Note that the origin confirmed the journey, and tell it that the person is here if the person allows that.

    Nothing happens to an arrival that is confirmed already, ended or voided.
    """
    confirm_arrivals(session, node, [(arrival, None)], peer=peer)


def confirm_arrivals(
    session: Session, node: Node, arrivals: Sequence[tuple[Arrival, str | None]], *, peer: str
) -> None:
    """Note that a peer confirmed several journeys, each with the case that asked for it; as `confirm_arrival`."""
    fresh: list[tuple[Arrival, str | None]] = []
    for arrival, case in arrivals:
        if arrival.state in ("declared", "verifying", "unconfirmed"):
            arrival.state, arrival.confirmed_at = "confirmed", node.now()
            session.add(arrival)
            fresh.append((arrival, case))
    session.flush()
    people = find_all(session, Person, [arrival.person_id for arrival, _ in fresh])
    confirmed = [Confirmed(people[arrival.person_id], arrival, case) for arrival, case in fresh]
    _record_confirmed(session, node, "arrival.confirmed", [one.person for one in confirmed], peer)
    tell_arrivals_confirmed(session, node, confirmed)


def set_arrival_state(session: Session, arrival: Arrival, state: str, *, only_from: tuple[str, ...]) -> bool:
    """Move an arrival on to `verifying`, `unconfirmed` or back to `declared`; tell whether it was in such a state."""
    if arrival.state not in only_from:
        return False
    arrival.state = state
    session.add(arrival)
    session.flush()
    return True


def take_confirmation_back(session: Session, move: Arrival | Departure, state: str) -> None:
    """Put a confirmed move into an earlier state: the peer corrected what it had confirmed."""
    if move.state == "confirmed":
        move.state, move.confirmed_at = state, None
        session.add(move)
        session.flush()


def confirm_departures(session: Session, node: Node, departures: Sequence[Departure], *, peer: str) -> None:
    """Note that arrivals of the peer matched. Nothing happens to a departure confirmed already, ended or voided."""
    fresh = []
    for departure in departures:
        if departure.state in ("declared", "notified"):
            departure.state, departure.confirmed_at = "confirmed", node.now()
            session.add(departure)
            fresh.append(departure.person_id)
    session.flush()
    people = find_all(session, Person, fresh)
    _record_confirmed(session, node, "departure.confirmed", [people[one] for one in fresh], peer)


def end_departure_of_peer(session: Session, node: Node, journey: str, ended_on: str, *, peer: str) -> None:
    """Note that the peer said the journey ended there; why, and where to, is not known here."""
    departure = departure_of_journey(session, journey, peer)
    if departure is None or departure.state not in rules.OPEN_DEPARTURE:
        return
    person = session.get_one(Person, departure.person_id)
    _end(session, node, departure, ended_on, None)
    record(
        session,
        node,
        Actor.peer(peer),
        "departure.ended",
        person=person,
        purpose="confirm_journey",
        fields=("state",),
        automatic=True,
    )
    _tell_if_last(session, node, person)


def note_notified(session: Session, journeys: Sequence[str], peer: str) -> None:
    """Note that the destination's node took our `departure.notified` of these journeys."""
    for departure in departures_of_journeys(session, journeys, peer).values():
        if departure.state == "declared":
            departure.state = "notified"
            session.add(departure)
    session.flush()


def _record_confirmed(session: Session, node: Node, action: str, people: Sequence[Person], peer: str) -> None:
    record_each(
        session,
        node,
        Actor.peer(peer),
        action,
        people,
        purpose="confirm_journey",
        fields=("state",),
        automatic=True,
    )


def _may_end(by: Officer, state: str, open_states: tuple[str, ...]) -> None:
    require(by, Role.CLERK, Role.SUPERVISOR)
    if state not in (*open_states, "to_be_told"):
        raise WrongState


def _end_by(
    session: Session,
    node: Node,
    found: tuple[Arrival | Departure, Person],
    ended_on: str,
    reason: EndReason,
    *,
    by: Officer,
) -> None:
    """End a move for an officer; what follows from that waits until it cannot be undone any more."""
    move, person = found
    action = "arrival.ended" if isinstance(move, Arrival) else "departure.returned"
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action=action, purpose="counter", fields=("state", "ended_on")
    )
    before = before_save(person, opened, [move])
    end_move(session, node, move, ended_on, reason)
    person.version += 1
    session.add(person)
    note_change(session, node, "ended", before, person=person, now_open=opened, moves=[move], by=by)
    if not open_arrivals(session, person.id) and not open_departures(session, person.id):
        node.callbacks.ending(session, person)


def end_move(session: Session, node: Node, move: Arrival | Departure, ended_on: str, reason: EndReason) -> None:
    """End a move in the register; peers, plans and questions hear of it once it cannot be undone any more."""
    _end(session, node, move, ended_on, reason)
    settle_later(node, move)
    session.add(move)
    session.flush()


def _end(session: Session, node: Node, move: Arrival | Departure, ended_on: str, reason: EndReason | None) -> None:
    move.state, move.ended_on, move.ended_at = "ended", ended_on, node.now()
    move.ended_reason = reason.value if reason else None
    session.add(move)
    session.flush()


def _tell_if_last(session: Session, node: Node, person: Person) -> None:
    if not open_arrivals(session, person.id) and not open_departures(session, person.id):
        node.callbacks.ended(session, person)
