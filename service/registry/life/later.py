"""What may happen to a move after it was registered: reopened, and corrected in its own facts.

Peers that were told something which turns out wrong are asked to erase it, and are told what is right, under the same
rules as ever: consent, agreement, peer. A move to or from another region than the one that was declared is another
journey, of which the first region may not learn: it gets a new journey id, and starts again as `declared`.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from sqlmodel import Session

from schemas.calendar import PartialDate
from schemas.entropy import uuid4
from schemas.problems import WrongState
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry import rules
from service.registry.drafts import ArrivalChanges, DepartureChanges
from service.registry.life.moves import find_arrival, find_departure
from service.registry.people import OpenPerson, unseal_person
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import (
    NOTIFIED,
    Confirmed,
    stop_messages,
    tell_arrivals_confirmed,
    tell_departures,
)
from service.registry.undoing.history import before_save, facts_of_move, note_change
from service.registry.undoing.meanwhile import Meanwhile, meanwhile_since

_Changes = TypeVar("_Changes", ArrivalChanges, DepartureChanges)
_CLEARED: Final = frozenset({"declared_on", "expected_return_on"})
"""Facts of which null says that there are none; of the others it says nothing."""


def reopen_arrival(session: Session, node: Node, arrival_id: str, *, by: Officer) -> Arrival:
    """Let a stay that was ended go on: it was ended in error, or the person stayed after all.

    It is `declared` again, and is confirmed anew by the origin, which may have learned of the end. Raises `NotFound`,
    `Forbidden`, `WrongState`.
    """
    arrival, person = find_arrival(session, node, arrival_id, by)
    _reopen(session, node, arrival, person, by=by)
    return arrival


def reopen_departure(session: Session, node: Node, departure_id: str, *, by: Officer) -> Departure:
    """Let a departure that was ended go on. Raises as `reopen_arrival`."""
    departure, person = find_departure(session, node, departure_id, by)
    _reopen(session, node, departure, person, by=by)
    return departure


def correct_arrival(
    session: Session, node: Node, arrival_id: str, changes: ArrivalChanges, *, by: Officer, whole_form: bool = False
) -> Arrival:
    """Correct where someone came from, or when.

    What a colleague changed since `changes.version` in other facts stays; `whole_form` says that a page sent all of
    them, touched or not. Raises `NotFound`, `Forbidden`, `InvalidInput`, `DateInFuture`, `WrongState` for one that has
    ended, `Conflict` (both changed the same facts to different values).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    arrival, person = find_arrival(session, node, arrival_id, by)
    changes = _beside_colleagues(session, node, (arrival, person), changes, whole_form=whole_form)
    given = changes.model_fields_set
    if changes.origin_region is not None:
        rules.check_other_region(node.region, changes.origin_region, "origin_region")
    if changes.arrived_on is not None:
        rules.check_moved(changes.arrived_on, "arrived_on", node.today())
    rules.check_declared(changes.declared_on, node.today())

    def change(opened: OpenPerson) -> None:
        elsewhere = changes.origin_region not in (None, arrival.origin_region)
        otherwise = elsewhere or changes.arrived_on not in (None, PartialDate(arrival.arrived_on))
        was_confirmed = arrival.state == "confirmed"
        arrival.origin_region = changes.origin_region or arrival.origin_region
        arrival.arrived_on = str(changes.arrived_on or arrival.arrived_on)
        if "declared_on" in given:
            arrival.declared_on = changes.declared_on.isoformat() if changes.declared_on else None
        if otherwise:
            stop_messages(session, node, person.id, about=arrival.id)
        if elsewhere:
            _another_journey(node, arrival)
        elif otherwise and was_confirmed:
            session.flush()
            tell_arrivals_confirmed(session, node, [Confirmed(person, arrival, None)])
        if elsewhere:
            node.callbacks.shareable(session, person)

    _correct(session, node, (arrival, person), change, by=by)
    return arrival


def correct_departure(
    session: Session, node: Node, departure_id: str, changes: DepartureChanges, *, by: Officer, whole_form: bool = False
) -> Departure:
    """Correct where someone went, when, or until when. As `correct_arrival`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    departure, person = find_departure(session, node, departure_id, by)
    changes = _beside_colleagues(session, node, (departure, person), changes, whole_form=whole_form)
    given = changes.model_fields_set
    if changes.destination_region is not None:
        rules.check_other_region(node.region, changes.destination_region, "destination_region")
    departed = changes.departed_on or PartialDate(departure.departed_on)
    rules.check_moved(departed, "departed_on", node.today())
    standing = PartialDate(departure.expected_return_on) if departure.expected_return_on else None
    expected = changes.expected_return_on if "expected_return_on" in given else standing
    rules.check_expected_return(departed, expected)
    rules.check_declared(changes.declared_on, node.today())

    def change(opened: OpenPerson) -> None:
        elsewhere = changes.destination_region not in (None, departure.destination_region)
        otherwise = elsewhere or str(departed) != departure.departed_on or expected != standing
        departure.destination_region = changes.destination_region or departure.destination_region
        departure.departed_on = str(departed)
        departure.expected_return_on = str(expected) if expected else None
        if "declared_on" in given:
            departure.declared_on = changes.declared_on.isoformat() if changes.declared_on else None
        if elsewhere:
            stop_messages(session, node, person.id, about=departure.id)
            _another_journey(node, departure)
        elif otherwise and departure.state in ("declared", "notified"):
            stop_messages(session, node, person.id, about=departure.id, kind=NOTIFIED)
            departure.state = "declared"
        session.add(departure)
        session.flush()
        if otherwise:
            tell_departures(session, node, person, opened)

    _correct(session, node, (departure, person), change, by=by)
    return departure


def move_meanwhile(
    session: Session, node: Node, move_id: str, changes: ArrivalChanges | DepartureChanges, *, by: Officer
) -> Meanwhile:
    """What a page's facts of a move meet in the move as it stands now, for the officer to choose. Raises `NotFound`."""
    find = find_arrival if isinstance(changes, ArrivalChanges) else find_departure
    return _meanwhile(session, node, find(session, node, move_id, by), changes, whole_form=True)


def _beside_colleagues(
    session: Session, node: Node, found: tuple[Arrival | Departure, Person], changes: _Changes, *, whole_form: bool
) -> _Changes:
    """The changes without those facts that the officer left alone, and a colleague did not. Raises `Conflict`."""
    met = _meanwhile(session, node, found, changes, whole_form=whole_form)
    met.require_agreement()
    left = {name: getattr(changes, name) for name in changes.model_fields_set - met.untouched}
    return type(changes).model_construct(_fields_set=set(left), **left)


def _meanwhile(
    session: Session,
    node: Node,
    found: tuple[Arrival | Departure, Person],
    changes: ArrivalChanges | DepartureChanges,
    *,
    whole_form: bool,
) -> Meanwhile:
    move, person = found
    given = {name: getattr(changes, name) for name in sorted(changes.model_fields_set - {"version"})}
    return meanwhile_since(
        session,
        node,
        person,
        seen=changes.version,
        standing=facts_of_move(move),
        wanted={
            name: str(value) if value is not None else None
            for name, value in given.items()
            if value is not None or name in _CLEARED
        },
        whole_form=whole_form,
        move_id=move.id,
    )


def _correct(
    session: Session,
    node: Node,
    found: tuple[Arrival | Departure, Person],
    change: Callable[[OpenPerson], None],
    *,
    by: Officer,
) -> None:
    require(by, Role.CLERK, Role.SUPERVISOR)
    move, person = found
    if move.state in ("ended", "voided"):
        raise WrongState
    action = "arrival.corrected" if isinstance(move, Arrival) else "departure.corrected"
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action=action, purpose="correction", fields=("moves",)
    )
    before = before_save(person, opened, [move])
    change(opened)
    person.version += 1
    session.add_all([move, person])
    session.flush()
    note_change(session, node, "move_corrected", before, person=person, now_open=opened, moves=[move], by=by)


def _reopen(session: Session, node: Node, move: Arrival | Departure, person: Person, *, by: Officer) -> None:
    require(by, Role.CLERK, Role.SUPERVISOR)
    if move.state != "ended":
        raise WrongState
    action = "arrival.reopened" if isinstance(move, Arrival) else "departure.reopened"
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action=action, purpose="correction", fields=("state", "ended_on")
    )
    before = before_save(person, opened, [move])
    if move.settle_at is None:
        move.state, move.confirmed_at = "declared", None
    else:
        # Nothing has followed from the end yet: nobody was told, and what the peer confirmed is true all the same.
        move.settle_at, move.state = None, "confirmed" if move.confirmed_at is not None else "declared"
    move.ended_on = move.ended_reason = move.ended_at = None
    person.version += 1
    session.add_all([move, person])
    session.flush()
    note_change(session, node, "reopened", before, person=person, now_open=opened, moves=[move], by=by)
    tell_departures(session, node, person, opened)
    node.callbacks.shareable(session, person)


def _another_journey(node: Node, move: Arrival | Departure) -> None:
    move.journey, move.other_journey = uuid4(node.entropy), None
    move.state, move.confirmed_at = "declared", None
