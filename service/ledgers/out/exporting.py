"""A ledger out of the register: what may be in it, and who must agree (rule 11 of the domain).

Columns and filters are closed lists. Document numbers and phones are masked and no date of birth is ever in it. Whole
numbers leave only where a supervisor asks and a second officer agrees, at most 500 people at a time. Everybody in the
file finds it in their own log, with the purpose and what it showed of them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from sqlmodel import Session, col, func, or_, select

from schemas.entropy import uuid7
from schemas.problems import Forbidden, InvalidInput, NotFound, WrongState
from service.access_log import record
from service.context import Node
from service.ledgers.files.fields import LedgerKind
from service.ledgers.tables import LedgerExport
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson, unseal_people
from service.registry.queries import FullPurpose, Listed, MoveFilter, moves_of_kind
from service.registry.tables import Person
from service.web.languages import N_

KEPT_FOR: Final = timedelta(hours=24)
MOST_FULL: Final = 500
"""People whose whole numbers may leave in one file."""
BATCH_PEOPLE: Final = 100
FileType = Literal["xlsx", "csv"]
NO_COLUMN: Final = N_("Choose at least one column.")
TOO_MANY: Final = N_("Whole numbers of at most 500 people leave in one file; narrow it down.")


class ExportColumn(StrEnum):
    """What a file may show of a move; there is no date of birth among it."""

    NAME = "name"
    DOCUMENT_TYPE = "document_type"
    DOCUMENT_NUMBER = "document_number"
    REGION = "region"
    MOVED_ON = "moved_on"
    EXPECTED_RETURN_ON = "expected_return_on"
    ADDRESS = "address"
    PHONE = "phone"
    AREA = "area"
    STATE = "state"
    ENTERED_ON = "entered_on"
    REGISTERED_BY = "registered_by"


USUAL: Final = tuple(
    ExportColumn(name) for name in ("name", "document_type", "document_number", "region", "moved_on", "state")
)
_FIELDS: Final = {
    ExportColumn.NAME: "identity",
    ExportColumn.DOCUMENT_TYPE: "identity",
    ExportColumn.DOCUMENT_NUMBER: "identity",
    ExportColumn.ADDRESS: "address",
    ExportColumn.PHONE: "contact",
}
"""What a person's log names for a column; all others are of the move."""


@dataclass(frozen=True, slots=True)
class ExportWish:
    """What an officer wants in a file."""

    kind: LedgerKind
    columns: tuple[ExportColumn, ...]
    purpose: FullPurpose
    wanted: MoveFilter = field(default_factory=MoveFilter)
    file_type: FileType = "xlsx"
    full: bool = False


def columns_of(kind: LedgerKind) -> list[ExportColumn]:
    """The columns that a file of a kind may have, in the order in which they stand."""
    no_return = kind is LedgerKind.ARRIVALS
    return [one for one in ExportColumn if not (no_return and one is ExportColumn.EXPECTED_RETURN_ON)]


def request_export(session: Session, node: Node, wish: ExportWish, *, by: Officer) -> LedgerExport:
    """Note what is wanted; a file with whole numbers waits for a second officer.

    Raises `Forbidden` (whole numbers: for all but supervisors) and `InvalidInput`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    if wish.full:
        require(by, Role.SUPERVISOR)
    columns = [one for one in columns_of(wish.kind) if one in wish.columns]
    if not columns:
        raise InvalidInput(errors=[{"field": "columns", "message": NO_COLUMN}])
    rows = _count(session, node, wish, by)
    if wish.full and rows > MOST_FULL:
        raise InvalidInput(errors=[{"field": "full", "message": TOO_MANY}])
    row = LedgerExport(
        id=uuid7(node.now(), node.entropy),
        kind=wish.kind.value,
        area=by.area,
        columns=json.dumps(columns),
        wanted=json.dumps(asdict(wish.wanted), default=str),
        file_type=wish.file_type,
        purpose=wish.purpose,
        full=wish.full,
        requested_by=by.name,
        rows=rows,
        created_at=node.now(),
        expires_at=node.now() + KEPT_FOR,
    )
    session.add(row)
    session.flush()
    record(session, node, by.as_actor, "ledger.export_requested", purpose=wish.purpose)
    return row


def confirm_export(session: Session, node: Node, export_id: str, *, by: Officer) -> LedgerExport:
    """Agree, as a second officer of the area, that whole numbers leave. Asking again is harmless.

    Raises `NotFound`, `Forbidden` for the one who asked, `WrongState` for a file that needs nobody's agreement.
    """
    row = find_export(session, node, export_id, by=by)
    if row.requested_by == by.name:
        raise Forbidden
    if not row.full:
        raise WrongState
    if row.confirmed_by is None:
        row.confirmed_by, row.confirmed_at = by.name, node.now()
        session.add(row)
        session.flush()
        record(session, node, by.as_actor, "ledger.export_confirmed", purpose=row.purpose)
    return row


def find_export(session: Session, node: Node, export_id: str, *, by: Officer) -> LedgerExport:
    """Give an export of the officer's area that has not expired. Raises `NotFound`, `Forbidden`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    row = session.get(LedgerExport, export_id)
    if row is None or not by.sees(row.area) or row.expires_at <= node.now():
        raise NotFound
    return row


def start_export(session: Session, node: Node, export_id: str, *, by: Officer) -> LedgerExport:
    """Give an export to the officer who asked for it, to make its file now.

    Raises `NotFound` for all others, `WrongState` before a second officer agreed, `InvalidInput` where too many people
    would be in it by now.
    """
    row = find_export(session, node, export_id, by=by)
    if row.requested_by != by.name:
        raise NotFound
    if row.full and row.confirmed_by is None:
        raise WrongState
    if row.full:
        require(by, Role.SUPERVISOR)
        if _count(session, node, wish_of(row), by) > MOST_FULL:
            raise InvalidInput(errors=[{"field": "full", "message": TOO_MANY}])
    row.made_at = node.now()
    session.add(row)
    session.flush()
    record(session, node, by.as_actor, "ledger.exported", purpose=row.purpose)
    return row


def exports_of(session: Session, node: Node, *, by: Officer) -> list[LedgerExport]:
    """List the officer's own exports, and those of the area that wait for a second officer, newest first."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    waits = (col(LedgerExport.full).is_(True)) & (col(LedgerExport.confirmed_by).is_(None))
    wanted = select(LedgerExport).where(
        col(LedgerExport.area).startswith(by.area, autoescape=True),
        LedgerExport.expires_at > node.now(),
        or_(LedgerExport.requested_by == by.name, waits),
    )
    return list(session.exec(wanted.order_by(col(LedgerExport.id).desc()).limit(50)).all())


def wish_of(row: LedgerExport) -> ExportWish:
    """Read what was wanted."""
    kept = json.loads(row.wanted)
    for name in ("moved_from", "moved_to"):
        kept[name] = date.fromisoformat(kept[name]) if kept[name] else None
    return ExportWish(
        kind=LedgerKind(row.kind),
        columns=tuple(ExportColumn(one) for one in json.loads(row.columns)),
        purpose=_purpose(row.purpose),
        wanted=MoveFilter(**kept),
        file_type="csv" if row.file_type == "csv" else "xlsx",
        full=row.full,
    )


def exported_moves(node: Node, wish: ExportWish, *, by: Officer) -> Iterator[Listed]:
    """Give the moves of a file, newest entry first; each person's log says so, a batch at a time. Blocking."""
    after: str | None = None
    left = MOST_FULL if wish.full else None
    while left is None or left > 0:
        limit = BATCH_PEOPLE if left is None else min(BATCH_PEOPLE, left)
        found = node.database.write_sync(_batch_of(node, wish, by, after, limit))
        yield from found
        if len(found) < limit:
            return
        after = found[-1].move.id
        left = None if left is None else left - len(found)


def _batch_of(node: Node, wish: ExportWish, by: Officer, after: str | None, limit: int) -> Any:
    fields = sorted({_FIELDS.get(one, "moves") for one in wish.columns})
    action = "ledger.exported_in_full" if wish.full else "ledger.exported"

    def read(session: Session) -> list[Listed]:
        table, conditions = moves_of_kind(node, wish.kind.value, by=by, wanted=wish.wanted)
        query = select(table, Person).join(Person, table.person_id == Person.id).where(*conditions)
        if after is not None:
            query = query.where(table.id < after)
        rows: Sequence[tuple[Any, Person]] = session.exec(query.order_by(table.id.desc()).limit(limit)).all()
        people: list[OpenPerson] = unseal_people(
            session,
            node,
            [person for _, person in rows],
            actor=by.as_actor,
            action=action,
            purpose=wish.purpose,
            fields=fields,
        )
        return [Listed(move, person) for (move, _), person in zip(rows, people, strict=True)]

    return read


def _count(session: Session, node: Node, wish: ExportWish, by: Officer) -> int:
    table, conditions = moves_of_kind(node, wish.kind.value, by=by, wanted=wish.wanted)
    counted = select(func.count()).select_from(table).join(Person, table.person_id == Person.id).where(*conditions)
    return session.exec(counted).one()


def _purpose(kept: str) -> FullPurpose:
    purposes: dict[str, FullPurpose] = {
        "counter": "counter",
        "task": "task",
        "correction": "correction",
        "persons_request": "persons_request",
        "audit": "audit",
    }
    return purposes[kept]
