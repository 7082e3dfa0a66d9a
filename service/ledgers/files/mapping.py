"""What officers said of a sender's columns, remembered for the next time.

A sender is the area that takes the ledger in, with the office that it comes from; a header is all names of its columns,
in whatever order. Both are kept as keyed hashes, and so is each column's name: the row tells the node which field a
column fills once it sees the same header again, and tells nobody what the header said.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sqlmodel import Session, col, delete

from schemas.problems import InvalidInput
from service.context import Node
from service.ledgers.files.fields import MANY_COLUMNS, Chosen, Field, LedgerKind, ToldColumn, Why
from service.ledgers.files.headers import is_forbidden
from service.ledgers.origins import Origin
from service.ledgers.tables import LedgerMapping
from service.web.languages import N_

REMEMBERED_FOR: Final = timedelta(days=730)
"""What nobody has used for two years is forgotten."""
NO_SUCH_COLUMN: Final = N_("The file has no such column.")
NOT_TO_BE_HELD: Final = N_("A register may not hold what this column says; it cannot be chosen.")
TWICE: Final = N_("Only one column can fill this field.")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was said of a header the last time: the kind of ledger, and some of its columns."""

    kind: LedgerKind
    chosen: Chosen


def check_choice(columns: Iterable[ToldColumn], chosen: Chosen) -> None:
    """Refuse a choice that no ledger may be read by. Raises `InvalidInput`; its fields name no column."""
    told = {column.header: column for column in columns}
    errors = []
    filled: dict[Field, int] = {}
    for header, field in chosen.items():
        if header not in told:
            errors.append(NO_SUCH_COLUMN)
        elif field is not None and (told[header].why is Why.FORBIDDEN or is_forbidden((header,))):
            errors.append(NOT_TO_BE_HELD)
        elif field is not None and field not in MANY_COLUMNS:
            filled[field] = filled.get(field, 0) + 1
    errors += [TWICE for count in filled.values() if count > 1]
    if errors:
        raise InvalidInput(errors=[{"field": "columns", "message": message} for message in dict.fromkeys(errors)])


def with_memory(recalled: Chosen, chosen: Chosen) -> Chosen:
    """Join what was chosen the last time with what is chosen now, which wins."""
    filled = {field for field in chosen.values() if field is not None and field not in MANY_COLUMNS}
    return {header: field for header, field in recalled.items() if field not in filled} | dict(chosen)


def recall(session: Session, node: Node, area: str, origin: Origin, columns: Iterable[ToldColumn]) -> Remembered | None:
    """Give what was said of these columns the last time that a ledger of this sender had them."""
    columns = list(columns)
    row = session.get(LedgerMapping, _key(node, area, origin, columns))
    if row is None:
        return None
    kept = json.loads(row.columns)
    by_mark: dict[str, str] = kept["columns"]
    marks = {column.header: _mark(node, column.header) for column in columns}
    chosen = {
        header: Field(by_mark[mark]) if by_mark[mark] else None for header, mark in marks.items() if mark in by_mark
    }
    return Remembered(LedgerKind(kept["kind"]), chosen)


def remember(
    session: Session,
    node: Node,
    area: str,
    origin: Origin,
    *,
    kind: LedgerKind,
    columns: Iterable[ToldColumn],
    chosen: Chosen,
) -> None:
    """Keep what an officer said of a sender's columns; where it is what the headers say anyway, forget it."""
    sender, header = _key(node, area, origin, columns)
    session.exec(delete(LedgerMapping).where(col(LedgerMapping.sender) == sender, col(LedgerMapping.header) == header))
    if chosen:
        by_mark = {_mark(node, name): str(field) if field else "" for name, field in sorted(chosen.items())}
        text = json.dumps({"kind": str(kind), "columns": by_mark}, separators=(",", ":"))
        session.add(LedgerMapping(sender=sender, header=header, columns=text, used_at=node.now()))
    session.flush()


def as_remembered(columns: Iterable[ToldColumn], recalled: Chosen) -> tuple[ToldColumn, ...]:
    """Say of columns that were chosen that they were so the last time."""
    return tuple(
        replace(column, why=Why.REMEMBERED)
        if column.why is Why.CHOSEN and column.header in recalled and recalled[column.header] is column.field
        else column
        for column in columns
    )


def purge_mappings(session: Session, node: Node) -> None:
    """Forget what nobody has used for long."""
    session.exec(delete(LedgerMapping).where(col(LedgerMapping.used_at) < node.now() - REMEMBERED_FOR))


def _key(node: Node, area: str, origin: Origin, columns: Iterable[ToldColumn]) -> tuple[bytes, bytes]:
    sender = f"{area}\x00{origin.source}\x00{origin.region or ''}"
    header = "\x00".join(sorted(column.header for column in columns))
    return node.vault.blind("ledger_sender", sender), node.vault.blind("ledger_header", header)


def _mark(node: Node, header: str) -> str:
    return node.vault.blind("ledger_column", header).hex()
