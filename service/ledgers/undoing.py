"""Taking an import back: one step for the officer, many short transactions for the node.

It is one step while nothing was built on it. Where somebody has worked with a record since (gave the notice, corrected
it, ended the stay), the import stands, and what is in the way is counted by kind; the officer may then take back all
the others. Once it has begun nothing stops it, neither a crash nor a closed page.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from sqlmodel import Session, col, func, or_, select

from schemas.problems import ImportBuiltUpon, WrongState
from service.access_log import record
from service.context import Node
from service.ledgers.actions import find_import
from service.ledgers.files.fields import LedgerKind
from service.ledgers.tables import LedgerImport
from service.officers.rules import Officer, Role, require
from service.registry.life.voiding import void_moves
from service.registry.tables import Arrival, Departure, Person
from service.work_items.actions import close_items

BATCH_PEOPLE: Final = 50
"""Records that are voided in one transaction; each takes along what hangs on it."""


@dataclass(frozen=True, slots=True)
class UndoneImport:
    """What undoing did: `kept` counts records that somebody has worked with since."""

    undone: int
    kept: int


@dataclass(frozen=True, slots=True)
class InTheWay:
    """What was built on an import since: people who were `told`, and records that were `changed` without that."""

    told: int
    changed: int

    @property
    def count(self) -> int:
        """How many records somebody has worked with."""
        return self.told + self.changed


def in_the_way(session: Session, import_id: str) -> InTheWay:
    """Count what keeps an import from being undone as a whole."""
    told = changed = 0
    for table in _TABLES:
        counted = (
            select(table.state, func.count())
            .join(Person, table.person_id == Person.id)
            .where(*_mine(table, import_id), or_(table.state != "to_be_told", col(Person.version) != 1))
            .group_by(table.state)
        )
        for state, count in session.execute(counted).all():
            told += 0 if state == "to_be_told" else count
            changed += count if state == "to_be_told" else 0
    return InTheWay(told, changed)


def start_undo(session: Session, node: Node, import_id: str, *, keep_worked_with: bool, by: Officer) -> None:
    """Begin to take an import back.

    Raises `NotFound`, `Forbidden`, `WrongState` unless the import is committed, and `ImportBuiltUpon` (with counts)
    where somebody has worked with its records, unless those are to stay.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    ledger = find_import(session, import_id, by=by)
    if ledger.state != "committed":
        raise WrongState
    found = in_the_way(session, import_id)
    if found.count and not keep_worked_with:
        raise ImportBuiltUpon(count=found.count, told=found.told, changed=found.changed)
    ledger.state = "undoing"
    ledger.done = 0
    ledger.moved_at = node.now()
    session.add(ledger)
    session.flush()


def undo_batch(session: Session, node: Node, import_id: str, after: str, *, by: Officer) -> tuple[int, str | None]:
    """Void some records of an import that is being undone, from the move after `after` on.

    Returns how many, and the move to go on after, `None` at the end.
    """
    ledger = session.get_one(LedgerImport, import_id)
    if ledger.state != "undoing":
        return 0, None
    by = replace(by, area=ledger.area)
    table: Any = Arrival if ledger.kind == LedgerKind.ARRIVALS else Departure
    wanted = (
        select(table, Person)
        .join(Person, table.person_id == Person.id)
        .where(*_mine(table, import_id), table.id > after, table.state == "to_be_told", col(Person.version) == 1)
        .order_by(table.id)
        .limit(BATCH_PEOPLE)
    )
    found = session.exec(wanted).all()
    void_moves(session, node, found, by=by)
    ledger.done += len(found)
    ledger.moved_at = node.now()
    session.add(ledger)
    session.flush()
    return len(found), found[-1][0].id if found else None


def finish_undo(session: Session, node: Node, import_id: str, *, by: Officer) -> None:
    """Say that the import is undone. Harmless if it was said already."""
    ledger = session.get_one(LedgerImport, import_id)
    if ledger.state != "undoing":
        return
    ledger.state = "undone"
    ledger.undone_at = node.now()
    session.add(ledger)
    session.flush()
    close_items(session, node, import_id)
    record(session, node, by.as_actor, "ledger.undone")


def undo_all(
    node: Node,
    import_id: str,
    *,
    by: Officer,
    keep_worked_with: bool = False,
    advance: Callable[[int], None] = lambda _rows: None,
) -> UndoneImport:
    """Take an import back from beginning to end. Blocking: run it in a thread. Raises as `start_undo` does."""
    write = node.database.write_sync
    write(lambda session: start_undo(session, node, import_id, keep_worked_with=keep_worked_with, by=by))
    return go_on_undoing(node, import_id, by=by, advance=advance)


def go_on_undoing(
    node: Node, import_id: str, *, by: Officer, advance: Callable[[int], None] = lambda _rows: None
) -> UndoneImport:
    """Take back what is left of an import that is being undone."""
    write = node.database.write_sync
    after: str | None = ""
    while after is not None:
        done, after = write(partial(undo_batch, node=node, import_id=import_id, after=after, by=by))
        advance(done)
    write(lambda session: finish_undo(session, node, import_id, by=by))
    ledger, kept = node.database.read_sync(
        lambda session: (session.get_one(LedgerImport, import_id), _left(session, import_id))
    )
    return UndoneImport(ledger.done, kept)


def _left(session: Session, import_id: str) -> int:
    counts = [select(func.count()).select_from(table).where(*_mine(table, import_id)) for table in _TABLES]
    return sum(session.exec(count).one() for count in counts)


def _mine(table: Any, import_id: str) -> tuple[Any, ...]:
    return table.source_ledger == import_id, table.state != "voided"


_TABLES: Final[tuple[Any, ...]] = (Arrival, Departure)
