"""What is read of the register. Whatever shows a person goes through the logged door, so these run in `database.write`.

Lists are closed (rule 11): the filters below and no others, by date of entry or date of move, never by anything of a
person; protected, voided and merged people are in none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlmodel import Session, col, func, select

from schemas.problems import InvalidInput
from service.bounds import MOST_ITEMS
from service.consents.consents import GivenConsent, GivenNotice, consents_of, notices_of
from service.consents.refusals import do_not_ask
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.holds.standing import held_until
from service.registry.life.moves import find_arrival, find_departure
from service.registry.life.voiding import moves_of
from service.registry.people import (
    OpenPerson,
    find_person,
    is_protected,
    open_own_record,
    unseal_people,
    unseal_person,
    visible,
)
from service.registry.rules import OPEN_ARRIVAL, OPEN_DEPARTURE
from service.registry.searching.limits import count_opening
from service.registry.tables import Arrival, Departure, Person

MOST_RECENT = 10
MOST_LOOKED_AT = 500
"""Moves among which the regions used last are sought."""

Order = Literal["entered", "moved"]
FullPurpose = Literal["counter", "task", "correction", "persons_request", "audit"]


@dataclass(frozen=True, slots=True)
class MoveFilter:
    """The closed filters of both lists; `peer` is a region code that holds the other end, periods are inclusive."""

    state: str | None = None
    area: str | None = None
    peer: str | None = None
    moved_from: date | None = None
    moved_to: date | None = None
    registered_by: str | None = None
    source_ledger: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list: the move and who it is of."""

    move: Arrival | Departure
    person: OpenPerson


@dataclass(frozen=True, slots=True)
class MovePage:
    """A page of a list, and the cursor to go on after (None at the end)."""

    items: list[Listed]
    next: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """An opened record: the person, their moves (newest entry first), and what they were told, allow and refused."""

    person: OpenPerson
    moves: list[Arrival | Departure]
    notices: list[GivenNotice]
    consents: list[GivenConsent]
    do_not_ask: dict[str, date]
    protection_reason: str | None
    protection_until: date | None
    hold_code: str | None
    hold_until: date | None


def arrivals_page(
    session: Session,
    node: Node,
    *,
    by: Officer,
    wanted: MoveFilter | None = None,
    order: Order = "entered",
    after: str | None = None,
    limit: int = 50,
) -> MovePage:
    """List arrivals of the officer's area, newest first. Each person shown is logged. Raises `Forbidden`."""
    return _page(session, node, Arrival, by=by, wanted=wanted, order=order, after=after, limit=limit)


def departures_page(
    session: Session,
    node: Node,
    *,
    by: Officer,
    wanted: MoveFilter | None = None,
    order: Order = "entered",
    after: str | None = None,
    limit: int = 50,
) -> MovePage:
    """List departures of the officer's area, newest first. Each person shown is logged. Raises `Forbidden`."""
    return _page(session, node, Departure, by=by, wanted=wanted, order=order, after=after, limit=limit)


def one_arrival(session: Session, node: Node, arrival_id: str, *, by: Officer) -> Listed:
    """Give one arrival with its person, logged. Raises `NotFound`."""
    arrival, person = find_arrival(session, node, arrival_id, by)
    return Listed(arrival, _shown(session, node, person, by, "arrival.shown"))


def one_departure(session: Session, node: Node, departure_id: str, *, by: Officer) -> Listed:
    """Give one departure with its person, logged. Raises `NotFound`."""
    departure, person = find_departure(session, node, departure_id, by)
    return Listed(departure, _shown(session, node, person, by, "departure.shown"))


def open_record(
    session: Session, node: Node, person_id: str, *, by: Officer, full: bool = False, purpose: FullPurpose | None = None
) -> Record:
    """Open one person's record, logged; `full` (unmasked) needs a purpose.

    Raises `NotFound`, `InvalidInput` for `full` without a purpose, `DailyLimit`.
    """
    if full and purpose is None:
        raise InvalidInput(errors=[{"field": "purpose", "message": "Say what the full record is needed for."}])
    person = find_person(session, node, person_id, by)
    count_opening(session, node, person, by)
    action = "person.shown_in_full" if full else "person.shown"
    fields = ("identity", "contact", "address", "moves", "consents")
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action=action, purpose=purpose or "counter", fields=fields
    )
    return record_of(session, node, person, opened)


def recent_regions(session: Session, direction: Literal["arrivals", "departures"], *, by: Officer) -> list[str]:
    """The ten regions that this officer used last in a form of this kind, the latest first; no people."""
    table: Any = Arrival if direction == "arrivals" else Departure
    region: Any = Arrival.origin_region if direction == "arrivals" else Departure.destination_region
    newest = select(region.label("region"), table.registered_by.label("officer")).where(
        table.area.startswith(by.area, autoescape=True)
    )
    # Among the newest of the office only: nobody's own moves are sought through the whole table.
    looked_at = newest.order_by(table.id.desc()).limit(MOST_LOOKED_AT).subquery()
    used = session.exec(select(looked_at.c.region).where(looked_at.c.officer == by.name)).all()
    return list(dict.fromkeys(used))[:MOST_RECENT]


def own_record(session: Session, node: Node, person: Person) -> Record:
    """Open a record for the person it is of, on their own page: this writes nothing (see `open_own_record`)."""
    return record_of(session, node, person, open_own_record(session, node, person.id))


def record_of(session: Session, node: Node, person: Person, opened: OpenPerson) -> Record:
    """Put together what stands beside an unsealed person."""
    return Record(
        person=opened,
        moves=[move for move in moves_of(session, person.id) if move.state != "voided"],
        notices=notices_of(session, node, opened.key),
        consents=consents_of(session, node, opened.key),
        do_not_ask=do_not_ask(session, node, opened.key),
        protection_reason=person.protection_reason if is_protected(person, node.today()) else None,
        protection_until=person.protection_until if is_protected(person, node.today()) else None,
        hold_code=person.hold_code if held_until(person, node.today()) else None,
        hold_until=held_until(person, node.today()),
    )


def open_journeys_with(session: Session, peer: str) -> int:
    """Count the register's open journeys with a peer: the cap of an agreement's quota (rule 5)."""
    total = 0
    for table, region, states in (
        (Arrival, Arrival.origin_region, OPEN_ARRIVAL),
        (Departure, Departure.destination_region, OPEN_DEPARTURE),
    ):
        wanted = (
            select(func.count())
            .select_from(table)
            .where(col(table.state).in_(states), col(region).startswith(peer, autoescape=True))
        )
        total += session.exec(wanted).one()
    return total


def moves_of_kind(
    node: Node, kind: Literal["arrivals", "departures"], *, by: Officer, wanted: MoveFilter
) -> tuple[Any, Sequence[Any]]:
    """Give the table of a kind of move, and the conditions of those that an officer may have in a list or a file."""
    table: Any = Arrival if kind == "arrivals" else Departure
    moved: Any = table.arrived_on if table is Arrival else table.departed_on
    seen = (visible(node.today()), table.state != "voided", table.area.startswith(by.area, autoescape=True))
    return table, (*seen, *_conditions(table, moved, wanted))


def _page(
    session: Session,
    node: Node,
    table: Any,
    *,
    by: Officer,
    wanted: MoveFilter | None,
    order: Order,
    after: str | None,
    limit: int,
) -> MovePage:
    require(by, Role.CLERK, Role.SUPERVISOR)
    limit = max(1, min(limit, MOST_ITEMS))
    if after is not None and ("~" in after) != (order == "moved"):
        raise InvalidInput(errors=[{"field": "after", "message": "This is not valid."}])
    moved: Any = table.arrived_on if table is Arrival else table.departed_on
    query = (
        select(table, Person)
        .join(Person, table.person_id == Person.id)
        .where(visible(node.today()), table.state != "voided", table.area.startswith(by.area, autoescape=True))
        .where(*_conditions(table, moved, wanted or MoveFilter()))
    )
    if order == "moved":
        query = query.order_by(moved.desc(), table.id.desc())
        if after is not None:
            day, _, last = after.rpartition("~")
            query = query.where((moved < day) | ((moved == day) & (table.id < last)))
    else:
        query = query.order_by(table.id.desc())
        if after is not None:
            query = query.where(table.id < after)
    rows = session.exec(query.limit(limit + 1)).all()
    action = "arrival.listed" if table is Arrival else "departure.listed"
    people = unseal_people(
        session, node, [person for _, person in rows[:limit]], actor=by.as_actor, action=action, purpose="task"
    )
    items = [Listed(move, person) for (move, _), person in zip(rows[:limit], people, strict=True)]
    return MovePage(items, _cursor(items[-1].move, order) if len(rows) > limit else None)


def _conditions(table: Any, moved: Any, wanted: MoveFilter) -> Sequence[Any]:
    region: Any = table.origin_region if table is Arrival else table.destination_region
    found: list[Any] = []
    if wanted.state is not None:
        found.append(table.state == wanted.state)
    if wanted.area is not None:
        found.append(table.area.startswith(wanted.area, autoescape=True))
    if wanted.peer is not None:
        found.append(region.startswith(wanted.peer, autoescape=True))
    if wanted.moved_from is not None:
        # A month known without its day stands before its own days; it belongs to any period that begins in it.
        found.append(moved >= wanted.moved_from.isoformat()[:7])
        found.append((moved >= wanted.moved_from.isoformat()) | (func.length(moved) == 7))
    if wanted.moved_to is not None:
        found.append(moved <= wanted.moved_to.isoformat())
    if wanted.registered_by is not None:
        found.append(table.registered_by == wanted.registered_by)
    if wanted.source_ledger is not None:
        found.append(table.source_ledger == wanted.source_ledger)
    return found


def _cursor(move: Arrival | Departure, order: Order) -> str:
    if order == "entered":
        return move.id
    moved = move.arrived_on if isinstance(move, Arrival) else move.departed_on
    return f"{moved}~{move.id}"


def _shown(session: Session, node: Node, person: Person, by: Officer, action: str) -> OpenPerson:
    return unseal_person(
        session, node, person, actor=by.as_actor, action=action, purpose="counter", fields=("identity",)
    )


def other_end(move: Arrival | Departure) -> str:
    """Give the region at the other end of a move."""
    return move.origin_region if isinstance(move, Arrival) else move.destination_region


def moved_on(move: Arrival | Departure) -> str:
    """Give the day or month of a move."""
    return move.arrived_on if isinstance(move, Arrival) else move.departed_on
