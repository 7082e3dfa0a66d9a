"""What is read about imports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from schemas.problems import NotFound
from service.context import Node
from service.ledgers.actions import find_import
from service.ledgers.fields import KeptColumn, LedgerKind
from service.ledgers.report import ReportRow
from service.ledgers.sealed_rows import open_columns, open_rows
from service.ledgers.tables import LedgerBatch, LedgerImport
from service.officers.rules import Officer


@dataclass(frozen=True, slots=True)
class LedgerView:
    """An import as it stands. `rows`, `kept` and `dropped` are there for a day (`expires_at`), the counts for good."""

    id: str
    kind: LedgerKind
    state: str
    area: str
    registered_by: str
    counts: dict[str, int]
    registered: int
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


def ledger_view(session: Session, node: Node, import_id: str, *, by: Officer) -> LedgerView:
    """Give one import with its rows and outcomes. Raises `NotFound` outside the officer's area."""
    ledger = find_import(session, import_id, by=by)
    if ledger.expires_at is None or ledger.expires_at <= node.now():
        if ledger.state in ("uploaded", "checked"):
            # Its day is over, the purge has yet to run.
            raise NotFound
        return _view(node, ledger, ())
    wanted = select(LedgerBatch).where(LedgerBatch.import_id == import_id).order_by(col(LedgerBatch.number))
    batches = session.exec(wanted).all()
    rows = [row for batch in batches for row in open_rows(node.vault, import_id, batch.number, batch.sealed)]
    return _view(node, ledger, rows)


def ledgers_page(session: Session, node: Node, *, by: Officer, after: str | None = None, limit: int = 50) -> LedgerPage:
    """List the imports of the officer's area, newest first."""
    if not by.sees_people:
        return LedgerPage([], None)
    wanted = select(LedgerImport).where(
        col(LedgerImport.area).startswith(by.area, autoescape=True), LedgerImport.state != "uploaded"
    )
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
    kept: tuple[KeptColumn, ...] = ()
    dropped: tuple[str, ...] = ()
    if ledger.summary is not None:
        kept, dropped = open_columns(node.vault, ledger.id, ledger.summary)
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
        kept=kept,
        dropped=dropped,
        rows=tuple(rows),
        created_at=ledger.created_at,
        expires_at=ledger.expires_at,
        committed_at=ledger.committed_at,
        undone_at=ledger.undone_at,
    )
