"""Registering a ledger's people, many at once: `to_be_told` until each of them was given the notice (rule 2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from schemas.calendar import PartialDate
from schemas.entropy import uuid4, uuid7
from schemas.identity import PersonIdentity
from service.access_log import Entry, LogNode, Told, insert_entries, made_entry, record_each
from service.context import Node
from service.many_rows import insert_many
from service.officers.rules import Officer, Role, require
from service.registry.life.voiding import void_move
from service.registry.people import Contact, NewPerson, document_index, name_birth_index, visible
from service.registry.rows import insert_people, new_person
from service.registry.searching.matching import touches
from service.registry.tables import Arrival, Departure, Person

Kind = Literal["arrivals", "departures"]

_IN_LIMIT = 500
_ACTIONS: Final[dict[Kind, str]] = {"arrivals": "arrival.imported", "departures": "departure.imported"}


class Registrable(Protocol):
    """A ledger's row as it is registered; `region` is where from (arrivals) or where to (departures)."""

    @property
    def identity(self) -> PersonIdentity:
        """Name, document and date of birth."""
        ...

    @property
    def phone(self) -> str | None:
        """A normalised phone number, if known."""
        ...

    @property
    def email(self) -> str | None:
        """An e-mail address, if known."""
        ...

    @property
    def address(self) -> str | None:
        """Where they live now, if known."""
        ...

    @property
    def region(self) -> str:
        """Where from, or where to."""
        ...

    @property
    def moved_on(self) -> PartialDate:
        """The day or month of the move."""
        ...

    @property
    def expected_return_on(self) -> PartialDate | None:
        """Known for departures only."""
        ...


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing an import did: `kept` are those that somebody has worked with since."""

    undone: int
    kept: int


@dataclass(frozen=True, slots=True)
class MadeRow:
    """One person of a ledger, sealed, ready to be inserted, with the entry of their log that says so."""

    person: dict[str, Any] = field(repr=False)
    move: dict[str, Any] = field(repr=False)
    entry: Entry = field(repr=False)


def new_of(row: Registrable) -> NewPerson:
    """Give what a ledger's row says of the person."""
    return NewPerson(row.identity, Contact(row.phone, row.email), row.address, "zh-CN")


def make_row(node: LogNode, kind: Kind, row: Registrable, *, person_id: str, ledger_id: str, by: Officer) -> MadeRow:
    """Seal one checked row of a ledger for the officer's area: what needs no database, and most of the time."""
    person, key = new_person(node, by.area, new_of(row), person_id)
    move = _move(node, kind, row, person_id=person_id, ledger_id=ledger_id, by=by)
    told = Told(_ACTIONS[kind], key, "task", ("identity", "contact", "address"))
    return MadeRow(person, move, made_entry(node, by.as_actor, told))


def insert_made(session: Session, kind: Kind, made: Sequence[MadeRow], *, by: Officer) -> None:
    """Register what `make_row` made, in order; each of them finds it in their log. Their tokens are there already.

    Raises `Forbidden`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    insert_people(session, [one.person for one in made])
    insert_many(session, Arrival if kind == "arrivals" else Departure, [one.move for one in made])
    insert_entries(session, [one.entry for one in made])


def may_be_registered(session: Session, people: Sequence[dict[str, Any]]) -> bool:
    """Tell whether any of these people, who were made of a ledger, may be there already (`already_registered`).

    False is certain, and most batches of a ledger are of nobody who is there. Nobody learns who it would be.
    """
    for name in ("document_index", "name_birth_index"):
        keys = [one[name] for one in people if one[name] is not None]
        for start in range(0, len(keys), _IN_LIMIT):
            some = col(getattr(Person, name)).in_(keys[start : start + _IN_LIMIT])
            if session.execute(select_columns(col(Person.id)).where(some).limit(1)).first() is not None:
                return True
    # Who has neither is known by name and move.
    return any(one["document_index"] is None and one["name_birth_index"] is None for one in people)


def already_registered(
    session: Session, node: Node, kind: Kind, rows: Sequence[Registrable], *, by: Officer
) -> list[bool]:
    """Tell of each row whether this person's move stands in the register already.

    The same document (or, without one, name and date of birth), in the officer's area, with a move of this kind
    between the same regions that has not ended, or that began on the same day: whoever has left since does not come
    back with last year's ledger. Protected people count as absent (rule 7). Whoever is told to be there
    finds the comparison in their log (rule 6), so this writes.
    """
    keys = [_key(node, row.identity) for row in rows]
    moved: dict[bytes, list[Any]] = {}
    for column in (Person.document_index, Person.name_birth_index):
        wanted = list({key for held_in, key in keys if held_in is column and key is not None})
        for start in range(0, len(wanted), _IN_LIMIT):
            found = session.execute(_moves_by(node, kind, column, wanted[start : start + _IN_LIMIT]))
            for one in found:
                moved.setdefault(bytes(one.key), []).append(one)
    met = [
        next((one for one in moved.get(key or b"", ()) if by.sees(one.area) and _same_move(one, row)), None)
        for (_, key), row in zip(keys, rows, strict=True)
    ]
    known = {one.id: one for one in met if one is not None}
    record_each(session, node, by.as_actor, "person.compared", known.values(), purpose="task", fields=("identity",))
    return [one is not None for one in met]


def undo_import(session: Session, node: Node, ledger_id: str, *, by: Officer) -> Undone:
    """Void what an import registered, except for people who were told or changed since. Raises `Forbidden`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    undone = kept = 0
    for table in (Arrival, Departure):
        moves: Any = session.exec(select(table).where(table.source_ledger == ledger_id, table.state != "voided"))
        for move in list(moves):
            person = session.get(Person, move.person_id)
            if person is None or move.state != "to_be_told" or person.version != 1:
                kept += 1
                continue
            void_move(session, node, move, person, by=by)
            undone += 1
    return Undone(undone, kept)


def _move(
    node: LogNode, kind: Kind, row: Registrable, *, person_id: str, ledger_id: str, by: Officer
) -> dict[str, Any]:
    move: dict[str, Any] = {
        "id": uuid7(node.now(), node.entropy),
        "person_id": person_id,
        "area": by.area,
        "state": "to_be_told",
        "journey": uuid4(node.entropy),
        "registered_by": by.name,
        "source_ledger": ledger_id,
        "entered_at": node.now(),
    }
    if kind == "arrivals":
        return move | {"origin_region": row.region, "arrived_on": str(row.moved_on)}
    expected = str(row.expected_return_on) if row.expected_return_on else None
    return move | {
        "destination_region": row.region,
        "departed_on": str(row.moved_on),
        "expected_return_on": expected,
    }


def _moves_by(node: Node, kind: Kind, column: Any, keys: Sequence[bytes]) -> Any:
    """Select the people of some keys with their moves of a kind."""
    table: Any = Arrival if kind == "arrivals" else Departure
    arrivals = kind == "arrivals"
    return (
        select_columns(
            col(Person.id),
            col(Person.wrapped_key),
            col(Person.area),
            col(column).label("key"),
            (table.origin_region if arrivals else table.destination_region).label("place"),
            table.state.label("move_state"),
            (table.arrived_on if arrivals else table.departed_on).label("moved_on"),
        )
        .join(table, table.person_id == Person.id)
        .where(col(column).in_(keys), visible(node.today()), table.state != "voided")
    )


def _key(node: Node, identity: PersonIdentity) -> tuple[Any, bytes | None]:
    """By which column a person is looked up, and by which value: the document, or name and date of birth."""
    key = document_index(node, identity)
    return (Person.document_index, key) if key else (Person.name_birth_index, name_birth_index(node, identity))


def _same_move(found: Any, row: Registrable) -> bool:
    return same_place(found.place, row.region) and (found.move_state != "ended" or found.moved_on == row.moved_on)


def same_place(one: str, other: str) -> bool:
    """Tell whether two places may be one, told more or less exactly: 790202 and 790202201."""
    return touches(one, other) or touches(other, one)
