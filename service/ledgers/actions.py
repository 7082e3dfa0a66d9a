"""What changes an import: storing what was read, registering it batch by batch, undoing and purging it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlmodel import Session, col, delete, select

from schemas.entropy import uuid7
from schemas.problems import NotFound, WrongState
from service.access_log import record
from service.context import Node
from service.ledgers.fields import KeptColumn, LedgerKind
from service.ledgers.known import known_already
from service.ledgers.places import Places
from service.ledgers.report import ReportRow, counts_of
from service.ledgers.rules import Candidate, Code, Outcome, judge
from service.ledgers.sealed_rows import open_rows, seal_columns, seal_rows
from service.ledgers.tables import LedgerBatch, LedgerImport
from service.officers.rules import Officer, Role, require
from service.registry.bulk import register_many, undo_import
from service.work_items.actions import close_items, open_item

KEPT_FOR = timedelta(hours=24)
"""So long an upload's rows are kept (rule 9 of the domain)."""
BATCH_ROWS = 100
"""Rows that are registered in one transaction: about 50 ms during which nobody else writes."""
REGISTERED = (Outcome.OK, Outcome.WARNING)
"""Outcomes of rows that are registered."""
_WORKING_DAYS_TO_CORRECT = 5


@dataclass(frozen=True, slots=True)
class UndoneImport:
    """What undoing did: `kept` counts records that somebody has worked with since."""

    undone: int
    kept: int


def begin_import(session: Session, node: Node, kind: LedgerKind, file_hash: str, *, by: Officer) -> str:
    """Open an import that is about to be read; returns its id. Raises `Forbidden`.

    `file_hash` is kept under a key (`file_mark_of`); neither the file nor its name is.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    ledger = LedgerImport(
        id=uuid7(node.now(), node.entropy),
        kind=kind.value,
        state="uploaded",
        area=by.area,
        registered_by=by.name,
        file_mark=file_mark_of(node, file_hash),
        ok=0,
        warning=0,
        error=0,
        duplicate=0,
        created_at=node.now(),
        expires_at=node.now() + KEPT_FOR,
    )
    session.add(ledger)
    session.flush()
    record(session, node, by.as_actor, "ledger.uploaded")
    return ledger.id


def file_mark_of(node: Node, file_hash: str) -> bytes:
    """Give the keyed mark of a file's hash: without the node's key nobody can test whether a file was imported."""
    return node.vault.blind("ledger_file", file_hash)


def store_batch(session: Session, node: Node, import_id: str, number: int, rows: Sequence[ReportRow]) -> None:
    """Keep some rows of a ledger, sealed, and count them."""
    ledger = session.get_one(LedgerImport, import_id)
    session.add(LedgerBatch(import_id=import_id, number=number, sealed=seal_rows(node.vault, import_id, number, rows)))
    _count(ledger, counts_of(rows), 1)
    session.add(ledger)
    session.flush()


def finish_reading(
    session: Session, node: Node, import_id: str, kept: Sequence[KeptColumn], dropped: Sequence[str]
) -> None:
    """Say that all rows are stored: the import can be looked at and committed."""
    ledger = session.get_one(LedgerImport, import_id)
    ledger.summary = seal_columns(node.vault, import_id, kept, dropped)
    ledger.state = "checked"
    session.add(ledger)
    session.flush()


def discard_import(session: Session, import_id: str) -> None:
    """Forget an import of which nothing was registered."""
    session.exec(delete(LedgerBatch).where(col(LedgerBatch.import_id) == import_id))
    session.exec(delete(LedgerImport).where(col(LedgerImport.id) == import_id, col(LedgerImport.registered) == 0))


def start_commit(session: Session, import_id: str, *, by: Officer) -> LedgerImport:
    """Let an import's rows be registered. Asking again is harmless, also when it is done.

    Raises `NotFound` outside the officer's area, `WrongState` where it was undone or is still being read, `Forbidden`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    ledger = find_import(session, import_id, by=by)
    if ledger.state == "checked":
        ledger.state = "importing"
        session.add(ledger)
        session.flush()
    elif ledger.state not in ("importing", "committed"):
        raise WrongState
    return ledger


def register_next_batch(session: Session, node: Node, import_id: str, *, by: Officer) -> int | None:
    """Register the good rows of the next batch; returns how many rows it held, `None` once all are done.

    Whoever was registered since the preview becomes a duplicate now. A batch and its mark `done` commit together, so
    that after a crash the import goes on where it stopped and nobody is registered twice.
    """
    ledger = session.get_one(LedgerImport, import_id)
    if ledger.state != "importing":
        return None
    wanted = select(LedgerBatch).where(LedgerBatch.import_id == import_id, col(LedgerBatch.done).is_(False))
    batch = session.exec(wanted.order_by(col(LedgerBatch.number)).limit(1)).first()
    if batch is None:
        _close(session, node, ledger, by)
        return None
    rows = open_rows(node.vault, import_id, batch.number, batch.sealed)
    now = _register(session, node, ledger, rows, by=replace(by, area=ledger.area))
    _count(ledger, counts_of(rows), -1)
    _count(ledger, counts_of(now), 1)
    batch.sealed = seal_rows(node.vault, import_id, batch.number, now)
    batch.done = True
    session.add(batch)
    session.add(ledger)
    session.flush()
    node.point("import.batch")
    return len(rows)


def undo(session: Session, node: Node, import_id: str, *, by: Officer) -> UndoneImport:
    """Void what an import registered, in one step; records that were told or changed since stay.

    Raises `NotFound`, `Forbidden`, and `WrongState` unless the import is committed.
    """
    ledger = find_import(session, import_id, by=by)
    if ledger.state != "committed":
        raise WrongState
    found = undo_import(session, node, import_id, by=by)
    ledger.state = "undone"
    ledger.undone_at = node.now()
    session.add(ledger)
    session.flush()
    close_items(session, node, import_id)
    record(session, node, by.as_actor, "ledger.undone")
    return UndoneImport(found.undone, found.kept)


def purge_uploads(session: Session, node: Node) -> int:
    """Delete the rows of uploads that are a day old, and imports of which nothing came; returns how many there were.

    One whose registering was cut off is left to `importing.finish_imports`.
    """
    wanted = select(LedgerImport).where(col(LedgerImport.expires_at) <= node.now(), LedgerImport.state != "importing")
    expired = session.exec(wanted).all()
    for ledger in expired:
        session.exec(delete(LedgerBatch).where(col(LedgerBatch.import_id) == ledger.id))
        if ledger.state in ("uploaded", "checked"):
            session.delete(ledger)
        else:
            ledger.summary = None
            ledger.expires_at = None
            session.add(ledger)
    session.flush()
    return len(expired)


def find_import(session: Session, import_id: str, *, by: Officer) -> LedgerImport:
    """Give an import of the officer's area. Raises `NotFound`, also for officers who see no people."""
    ledger = session.get(LedgerImport, import_id)
    if ledger is None or not by.sees_people or not by.sees(ledger.area):
        raise NotFound
    return ledger


def _register(
    session: Session, node: Node, ledger: LedgerImport, rows: Sequence[ReportRow], *, by: Officer
) -> list[ReportRow]:
    kind = LedgerKind(ledger.kind)
    places = Places(node.divisions)
    candidates: dict[int, Candidate] = {}
    for row in rows:
        verdict = judge(row.raw, kind, node.today(), places) if row.outcome in REGISTERED else None
        if verdict is not None and verdict.candidate is not None:
            candidates[row.number] = verdict.candidate
    known = known_already(session, node, kind, list(candidates.values()), by=by)
    new = {number: one for (number, one), there in zip(candidates.items(), known, strict=True) if not there}
    register_many(session, node, kind.value, list(new.values()), ledger_id=ledger.id, by=by)
    ledger.registered += len(new)
    return [
        replace(row, outcome=Outcome.DUPLICATE, codes=(Code.ALREADY_REGISTERED,))
        if row.number in candidates and row.number not in new
        else row
        for row in rows
    ]


def _close(session: Session, node: Node, ledger: LedgerImport, by: Officer) -> None:
    ledger.state = "committed"
    ledger.committed_at = node.now()
    session.add(ledger)
    session.flush()
    record(session, node, by.as_actor, "ledger.committed")
    if ledger.error:
        due = node.calendar.add_working_days(node.today(), _WORKING_DAYS_TO_CORRECT)
        open_item(session, node, "import_rows", ledger.id, area=ledger.area, due=due)


def _count(ledger: LedgerImport, counts: dict[str, int], sign: int) -> None:
    for outcome, count in counts.items():
        setattr(ledger, outcome, getattr(ledger, outcome) + sign * count)
