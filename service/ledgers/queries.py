"""What is read about imports."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlmodel import Session, col, select

from schemas.problems import NotFound
from service.context import Node
from service.ledgers.actions import BATCH_ROWS, find_import
from service.ledgers.files.fields import KeptColumn, LedgerKind, ToldColumn
from service.ledgers.origins import Source
from service.ledgers.report import ReportRow
from service.ledgers.sealed_rows import Columns, open_columns, open_rows
from service.ledgers.tables import LedgerBatch, LedgerImport
from service.officers.rules import Officer


@dataclass(frozen=True, slots=True)
class LedgerView:
    """An import as it stands. `rows` and all about columns are there for a day (`expires_at`), the counts for good.

    `refusal` is the English msgid that says why the file could not be read, where it could not. `done` counts the rows
    of what is going on (reading, registering, undoing), `moved_at` is when that number changed last.
    """

    id: str
    kind: LedgerKind
    state: str
    area: str
    registered_by: str
    counts: dict[str, int]
    registered: int
    source: Source
    source_region: str | None
    done: int
    moved_at: datetime | None
    columns: tuple[ToldColumn, ...]
    refusal: str | None
    facts: dict[str, Any]
    kept: tuple[KeptColumn, ...]
    dropped: tuple[str, ...]
    rows: tuple[ReportRow, ...]
    created_at: datetime
    expires_at: datetime | None
    committed_at: datetime | None
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Imports, newest first, without their rows; and the id to go on after."""

    items: list[LedgerView]
    next: str | None


def ledger_view(session: Session, node: Node, import_id: str, *, by: Officer, with_rows: bool = True) -> LedgerView:
    """Give one import, with its rows and outcomes if wanted. Raises `NotFound` outside the officer's area."""
    ledger = find_import(session, import_id, by=by)
    gone = ledger.expires_at is None or ledger.expires_at <= node.now()
    if gone and ledger.state in ("columns", "uploaded", "checked", "failed"):
        # Its day is over, the purge has yet to run.
        raise NotFound
    # While a file is being read its outcomes are not all known: nothing is shown of half a ledger.
    shown = with_rows and not gone and ledger.state not in ("columns", "uploaded")
    return _view(node, ledger, tuple(rows_of(session, node, import_id)) if shown else ())


def rows_of(session: Session, node: Node, import_id: str, *, after: int = 0) -> Iterator[ReportRow]:
    """Give an import's rows one after the other, in the order of the file: a long ledger never lies in memory whole.

    ``after`` is a row's number, to go on behind it. Whoever calls this has looked up the import (`ledger_view`).
    """
    # A batch holds BATCH_ROWS at most: the row behind `after` lies in none before this one.
    number = after // BATCH_ROWS - 1
    while True:
        wanted = select(LedgerBatch).where(LedgerBatch.import_id == import_id, col(LedgerBatch.number) > number)
        batch = session.exec(wanted.order_by(col(LedgerBatch.number)).limit(1)).first()
        if batch is None:
            return
        number = batch.number
        session.expunge(batch)
        yield from (row for row in open_rows(node.vault, import_id, number, batch.sealed) if row.number > after)


def ledgers_page(
    session: Session,
    node: Node,
    *,
    by: Officer,
    after: str | None = None,
    limit: int = 50,
    being_read: bool = False,
) -> LedgerPage:
    """List the imports of the officer's area, newest first; `being_read`: also those whose counts still grow."""
    if not by.sees_people:
        return LedgerPage([], None)
    wanted = select(LedgerImport).where(col(LedgerImport.area).startswith(by.area, autoescape=True))
    if not being_read:
        wanted = wanted.where(LedgerImport.state != "uploaded")
    if after is not None:
        wanted = wanted.where(LedgerImport.id < after)
    found = session.exec(wanted.order_by(col(LedgerImport.id).desc()).limit(limit + 1)).all()
    more = found[limit - 1].id if len(found) > limit else None
    return LedgerPage([_view(node, ledger, ()) for ledger in found[:limit]], more)


def row_count(session: Session, import_id: str) -> int:
    """Say how many people an import's file held."""
    ledger = session.get_one(LedgerImport, import_id)
    return ledger.ok + ledger.warning + ledger.error + ledger.duplicate


def _view(node: Node, ledger: LedgerImport, rows: Sequence[ReportRow]) -> LedgerView:
    told = open_columns(node.vault, ledger.id, ledger.summary) if ledger.summary is not None else Columns(())
    return LedgerView(
        id=ledger.id,
        kind=LedgerKind(ledger.kind),
        state=ledger.state,
        area=ledger.area,
        registered_by=ledger.registered_by,
        counts={
            "ok": ledger.ok,
            "warning": ledger.warning,
            "error": ledger.error,
            "duplicate": ledger.duplicate,
        },
        registered=ledger.registered,
        source=cast("Source", ledger.source),
        source_region=ledger.source_region,
        done=ledger.done,
        moved_at=ledger.moved_at,
        columns=told.columns,
        refusal=told.refusal,
        facts=told.facts,
        kept=told.kept,
        dropped=told.dropped,
        rows=tuple(rows),
        created_at=ledger.created_at,
        expires_at=ledger.expires_at,
        committed_at=ledger.committed_at,
        undone_at=ledger.undone_at,
    )
