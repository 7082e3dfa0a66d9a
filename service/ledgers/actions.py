"""What changes an import: storing what was read, registering it batch by batch, and purging it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlmodel import Session, col, delete, select

from schemas.entropy import uuid7
from schemas.problems import BeingImported, NotFound, WrongState
from service.access_log import record
from service.context import Node
from service.ledgers.files.fields import LedgerKind
from service.ledgers.files.mapping import purge_mappings
from service.ledgers.judging.candidates import cells_of
from service.ledgers.judging.rules import Code, Outcome
from service.ledgers.known import known_already
from service.ledgers.making import MadeBatch
from service.ledgers.origins import Origin
from service.ledgers.report import ReportRow, counts_of
from service.ledgers.sealed_rows import Columns, open_rows, seal_columns, seal_rows
from service.ledgers.tables import LedgerBatch, LedgerExport, LedgerImport
from service.officers.rules import Officer, Role, require
from service.registry.bulk import Kind, MadeRow, insert_made, may_be_registered, new_of
from service.registry.rows import delete_tokens
from service.work_items.actions import open_item

KEPT_FOR = timedelta(hours=24)
"""So long an upload's rows are kept (rule 9 of the domain)."""
BATCH_ROWS = 200
"""Rows that are registered in one transaction: well under 50 ms during which nobody else writes."""
_WORKING_DAYS_TO_CORRECT = 5


def begin_import(
    session: Session, node: Node, kind: LedgerKind, file_hash: str, *, origin: Origin, columns: Columns, by: Officer
) -> str:
    """Open an import that is about to be read, or that waits for its columns to be chosen; returns its id.

    `file_hash` is kept under a key (`file_mark_of`); neither the file nor its name is. Raises `Forbidden`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    import_id = uuid7(node.now(), node.entropy)
    ledger = LedgerImport(
        id=import_id,
        kind=kind.value,
        state="columns" if columns.refusal else "uploaded",
        area=by.area,
        registered_by=by.name,
        file_mark=file_mark_of(node, file_hash),
        ok=0,
        warning=0,
        error=0,
        duplicate=0,
        source=origin.source,
        source_region=origin.region,
        summary=seal_columns(node.vault, import_id, columns),
        created_at=node.now(),
        moved_at=node.now(),
        expires_at=node.now() + KEPT_FOR,
    )
    session.add(ledger)
    session.flush()
    record(session, node, by.as_actor, "ledger.uploaded")
    return import_id


def begin_again(
    session: Session, node: Node, import_id: str, kind: LedgerKind, columns: Columns, *, by: Officer
) -> None:
    """Forget what was read of an upload: its columns were understood wrongly, and it is about to be read anew.

    Raises `NotFound`, `Forbidden`, `WrongState` once somebody was registered, or while it is being read.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    ledger = find_import(session, import_id, by=by)
    if ledger.state not in ("columns", "checked", "failed"):
        raise WrongState
    session.exec(delete(LedgerBatch).where(col(LedgerBatch.import_id) == import_id))
    ledger.kind = kind.value
    ledger.state = "uploaded"
    ledger.ok = ledger.warning = ledger.error = ledger.duplicate = ledger.done = 0
    ledger.moved_at = node.now()
    ledger.summary = seal_columns(node.vault, import_id, columns)
    session.add(ledger)
    session.flush()


def file_mark_of(node: Node, file_hash: str) -> bytes:
    """Give the keyed mark of a file's hash: without the node's key nobody can test whether a file was imported."""
    return node.vault.blind("ledger_file", file_hash)


def store_batch(session: Session, node: Node, import_id: str, number: int, rows: Sequence[ReportRow]) -> None:
    """Keep some rows of a ledger, sealed, and count them."""
    ledger = session.get_one(LedgerImport, import_id)
    session.add(LedgerBatch(import_id=import_id, number=number, sealed=seal_rows(node.vault, import_id, number, rows)))
    _count(ledger, counts_of(rows), 1)
    ledger.done += len(rows)
    ledger.moved_at = node.now()
    session.add(ledger)
    session.flush()


def finish_reading(session: Session, node: Node, import_id: str, columns: Columns) -> None:
    """Say that all rows are stored: the import can be looked at and committed."""
    ledger = session.get_one(LedgerImport, import_id)
    ledger.summary = seal_columns(node.vault, import_id, columns)
    ledger.state = "checked"
    session.add(ledger)
    session.flush()


def fail_reading(session: Session, node: Node, import_id: str, columns: Columns) -> None:
    """Say why the file could not be read to its end; none of its rows is kept."""
    session.exec(delete(LedgerBatch).where(col(LedgerBatch.import_id) == import_id))
    ledger = session.get_one(LedgerImport, import_id)
    ledger.summary = seal_columns(node.vault, import_id, columns)
    ledger.state = "failed"
    ledger.ok = ledger.warning = ledger.error = ledger.duplicate = ledger.done = 0
    session.add(ledger)
    session.flush()


def discard_import(session: Session, import_id: str) -> None:
    """Forget an import of which nothing was registered."""
    session.exec(delete(LedgerBatch).where(col(LedgerBatch.import_id) == import_id))
    session.exec(delete(LedgerImport).where(col(LedgerImport.id) == import_id, col(LedgerImport.registered) == 0))


def start_commit(session: Session, node: Node, import_id: str, *, by: Officer) -> LedgerImport:
    """Let an import's rows be registered. Asking again is harmless, also when it is done.

    Raises `NotFound` outside the officer's area, `WrongState` where it was undone or is still being read, `Forbidden`,
    and `BeingImported` while another upload of the same file is being registered: one of them is to be undone as one.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    ledger = find_import(session, import_id, by=by)
    if ledger.state == "checked":
        if _same_under_way(session, ledger):
            raise BeingImported
        ledger.state = "importing"
        ledger.started_at = node.now()
        ledger.done = 0
        session.add(ledger)
        session.flush()
    elif ledger.state not in ("importing", "committed"):
        raise WrongState
    return ledger


def register_batch(session: Session, node: Node, import_id: str, made: MadeBatch, *, by: Officer) -> None:
    """Register the good rows of one batch, unless another process was faster. Their tokens are there (`units`).

    Whoever was registered since the preview becomes a duplicate now. A batch and its mark `done` commit together, so
    that after a crash the import goes on where it stopped and nobody is registered twice.
    """
    ledger = session.get_one(LedgerImport, import_id)
    batch = session.get(LedgerBatch, (import_id, made.number))
    if ledger.state != "importing" or batch is None or batch.done:
        return
    by = replace(by, area=ledger.area)
    new = list(made.people.values())
    if may_be_registered(session, [one.person for one in new]):
        new = _without_known(session, node, ledger, batch, made, by=by)
    else:
        batch.sealed = made.sealed
    insert_made(session, kind_of(ledger), new, by=by)
    ledger.registered += len(new)
    ledger.done += made.rows
    ledger.moved_at = node.now()
    batch.done = True
    session.add(batch)
    session.add(ledger)
    session.flush()
    node.point("import.batch")


def finish_commit(session: Session, node: Node, import_id: str, *, by: Officer) -> None:
    """Say that every batch is registered; rows that were refused become a task of the office. Harmless if done."""
    ledger = session.get_one(LedgerImport, import_id)
    if ledger.state != "importing":
        return
    ledger.state = "committed"
    ledger.committed_at = node.now()
    session.add(ledger)
    session.flush()
    record(session, node, by.as_actor, "ledger.committed")
    if ledger.error:
        due = node.calendar.add_working_days(node.today(), _WORKING_DAYS_TO_CORRECT)
        open_item(session, node, "import_rows", ledger.id, area=ledger.area, due=due)


def purge_uploads(session: Session, node: Node) -> int:
    """Delete the rows of uploads that are a day old, and imports of which nothing came; returns how many there were.

    One whose registering or undoing was cut off is left to `importing.finish_imports`.
    """
    wanted = select(LedgerImport).where(
        col(LedgerImport.expires_at) <= node.now(), col(LedgerImport.state).not_in(("importing", "undoing"))
    )
    expired = session.exec(wanted).all()
    for ledger in expired:
        session.exec(delete(LedgerBatch).where(col(LedgerBatch.import_id) == ledger.id))
        if ledger.state in ("columns", "uploaded", "checked", "failed"):
            session.delete(ledger)
        else:
            ledger.summary = None
            ledger.expires_at = None
            session.add(ledger)
    session.flush()
    session.exec(delete(LedgerExport).where(col(LedgerExport.expires_at) <= node.now()))
    purge_mappings(session, node)
    node.held.drop_old(node.now())
    return len(expired)


def find_import(session: Session, import_id: str, *, by: Officer) -> LedgerImport:
    """Give an import of the officer's area. Raises `NotFound`, also for officers who see no people."""
    ledger = session.get(LedgerImport, import_id)
    if ledger is None or not by.sees_people or not by.sees(ledger.area):
        raise NotFound
    return ledger


def kind_of(ledger: LedgerImport) -> Kind:
    """Which kind of move an import registers."""
    return "arrivals" if ledger.kind == LedgerKind.ARRIVALS else "departures"


def _same_under_way(session: Session, ledger: LedgerImport) -> bool:
    wanted = select(LedgerImport.id).where(
        LedgerImport.state == "importing",
        LedgerImport.file_mark == ledger.file_mark,
        LedgerImport.kind == ledger.kind,
        LedgerImport.area == ledger.area,
    )
    return session.exec(wanted.limit(1)).first() is not None


def _without_known(
    session: Session, node: Node, ledger: LedgerImport, batch: LedgerBatch, made: MadeBatch, *, by: Officer
) -> list[MadeRow]:
    """Those of a batch who are not in the register; the others become duplicates, and their tokens go."""
    rows = open_rows(node.vault, ledger.id, batch.number, batch.sealed)
    good = [(row.number, row.candidate) for row in rows if row.number in made.people and row.candidate is not None]
    known = known_already(session, node, LedgerKind(ledger.kind), [one for _, one in good], by=by)
    there = {number: one for (number, one), is_there in zip(good, known, strict=True) if is_there}
    found = [(made.people[number].person["id"], new_of(one)) for number, one in there.items()]
    delete_tokens(session, node, ledger.area, found)
    now = [_as_known(row) if row.number in there else replace(row, candidate=None) for row in rows]
    _count(ledger, counts_of(rows), -1)
    _count(ledger, counts_of(now), 1)
    batch.sealed = seal_rows(node.vault, ledger.id, batch.number, now)
    return [one for number, one in made.people.items() if number not in there]


def _as_known(row: ReportRow) -> ReportRow:
    cells = cells_of(row.candidate) if row.outcome is Outcome.OK and row.candidate else row.raw
    return ReportRow(row.number, Outcome.DUPLICATE, (Code.ALREADY_REGISTERED,), cells)


def _count(ledger: LedgerImport, counts: dict[str, int], sign: int) -> None:
    for outcome, count in counts.items():
        setattr(ledger, outcome, getattr(ledger, outcome) + sign * count)
