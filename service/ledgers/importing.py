"""The whole way of a ledger: read, compare, keep; then register. Blocking: run it in a thread or a command.

Each step is a short transaction of its own, so that a long ledger stops nobody else from writing.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from sqlmodel import Session, col, select

from schemas.problems import BeingImported
from service.context import Node
from service.database import Database
from service.ledgers import actions
from service.ledgers.files.fields import Chosen, LedgerKind
from service.ledgers.files.mapping import as_remembered, check_choice, recall, remember, with_memory
from service.ledgers.files.reader_process import LedgerReader
from service.ledgers.judging.checking import CheckedRow, check_rows
from service.ledgers.judging.rules import REGISTERED, Code, Outcome
from service.ledgers.known import known_already
from service.ledgers.maker_process import MakerEnded, made_for
from service.ledgers.making import Making, made_ready
from service.ledgers.origins import OWN, Origin
from service.ledgers.registering import windows_of, write_all
from service.ledgers.report import ReportRow
from service.ledgers.sealed_rows import Columns
from service.ledgers.tables import LedgerImport
from service.ledgers.undoing import go_on_undoing
from service.officers.rules import Officer, Role

ROWS_READ: Final = 600
"""Rows that are compared with the register and kept in one transaction: short, because nobody is registered by it."""
Advance = Callable[[int], None]
"""Called with the number of rows that were done since the last call."""

_guard = Lock()
_running: WeakKeyDictionary[Database, set[str]] = WeakKeyDictionary()
"""Imports that are being registered in this process, by the database that they are in."""


def _stand(_rows: int) -> None:
    """Tell nobody how far it is."""


@dataclass(slots=True)
class Opened:
    """A ledger whose columns are known and whose rows are still to be read; `recalled` is what was remembered."""

    reader: LedgerReader
    file_hash: str
    chosen: Chosen
    recalled: Chosen

    @property
    def columns(self) -> Columns:
        """How its columns are understood."""
        reader = self.reader
        return Columns(
            as_remembered(reader.columns, self.recalled),
            reader.kept,
            reader.dropped,
            reader.refusal.msgid if reader.refusal else None,
        )


def open_ledger(
    node: Node,
    source: Path | bytes,
    kind: LedgerKind | None,
    *,
    by: Officer,
    origin: Origin = OWN,
    chosen: Chosen | None = None,
) -> Opened:
    """Start to read a ledger: its columns as their headers say, as they were the last time, as is `chosen` now.

    Whoever calls it closes its reader. Raises `LedgerUnreadable` where it is none, `InvalidInput` for a choice that
    cannot be; a ledger that lacks columns is opened, with its `refusal`.
    """
    reader = LedgerReader(source, kind)
    try:
        recalled = node.database.read_sync(lambda session: recall(session, node, by.area, origin, reader.columns))
        preset: Chosen = recalled.chosen if recalled is not None and kind in (None, recalled.kind) else {}
        check_choice(reader.columns, chosen or {})
        wanted = with_memory(preset, chosen or {})
        if wanted:
            reader.choose(wanted, recalled.kind if recalled is not None and preset else None)
        return Opened(reader, hash_of(source), wanted, preset)
    except BaseException:
        reader.close()
        raise


def take_in(
    node: Node,
    source: Path | bytes,
    kind: LedgerKind | None,
    *,
    by: Officer,
    origin: Origin = OWN,
    chosen: Chosen | None = None,
    advance: Advance = _stand,
) -> str:
    """Read a ledger and keep its rows, sealed, for a day; returns the import's id. Nothing is registered yet.

    Raises `LedgerUnreadable`, of which nothing is kept, `InvalidInput` and `Forbidden`.
    """
    opened = open_ledger(node, source, kind, by=by, origin=origin, chosen=chosen)
    with opened.reader:
        if opened.reader.refusal is not None:
            raise opened.reader.refusal
        import_id = begin(node, opened, by=by, origin=origin)
        try:
            read_rows(node, opened, import_id, by=by, advance=advance)
        except BaseException:
            node.database.write_sync(lambda session: actions.discard_import(session, import_id))
            raise
        if chosen:
            keep_choice(node, opened, by=by, origin=origin)
    return import_id


def begin(node: Node, opened: Opened, *, by: Officer, origin: Origin) -> str:
    """Open an import for a ledger; one that lacks columns waits for them. Raises `Forbidden`."""
    kind, columns = opened.reader.kind, opened.columns
    return node.database.write_sync(
        lambda session: actions.begin_import(
            session, node, kind, opened.file_hash, origin=origin, columns=columns, by=by
        )
    )


def keep_choice(node: Node, opened: Opened, *, by: Officer, origin: Origin) -> None:
    """Remember what was chosen for this sender's next ledger."""
    kind, columns, chosen = opened.reader.kind, opened.reader.columns, opened.chosen
    node.database.write_sync(
        lambda session: remember(session, node, by.area, origin, kind=kind, columns=columns, chosen=chosen)
    )


def read_rows(node: Node, opened: Opened, import_id: str, *, by: Officer, advance: Advance = _stand) -> None:
    """Read a ledger's people to the end and keep them, sealed. Raises `LedgerUnreadable` where it breaks off."""
    kind = opened.reader.kind
    for part, batch in enumerate(_batches(node, opened.reader, ROWS_READ)):
        first = part * (ROWS_READ // actions.BATCH_ROWS)
        store = partial(_store, node=node, import_id=import_id, first=first, kind=kind, batch=batch, by=by)
        node.database.write_sync(store)
        advance(len(batch))
    columns = opened.columns
    node.database.write_sync(lambda session: actions.finish_reading(session, node, import_id, columns))


def compared(node: Node, reader: LedgerReader, *, by: Officer) -> Iterator[list[ReportRow]]:
    """Judge a ledger's rows and compare the good ones with the register, a batch at a time; keeps nothing."""
    for batch in _batches(node, reader, ROWS_READ):
        # A look into the register that tells who is there is written down, hence a writing transaction.
        yield node.database.write_sync(partial(_compare, node=node, kind=reader.kind, batch=batch, by=by))


def register_all(node: Node, import_id: str, *, by: Officer, advance: Advance = _stand) -> None:
    """Register an import's good rows, from wherever it stopped.

    Raises `NotFound`, `WrongState`, `Forbidden`, and `BeingImported` while somebody else in this process does it. (Two
    processes share the work: a batch is registered by the one that comes first.)
    """
    write = node.database.write_sync
    with _alone(node, import_id):
        ledger = write(lambda session: actions.start_commit(session, node, import_id, by=by))
        node.held.drop(import_id)
        began, in_area = ledger.started_at or ledger.created_at, replace(by, area=ledger.area)
        making = Making(import_id, actions.kind_of(ledger), began, in_area)
        left = ledger.ok + ledger.warning - ledger.registered
        try:
            with made_for(node, making, windows_of(node, import_id), left) as ready:
                write_all(node, import_id, ready, advance, by=by)
        except MakerEnded:
            ready = made_ready(node, making, windows_of(node, import_id))
            write_all(node, import_id, ready, advance, by=by)
        write(lambda session: actions.finish_commit(session, node, import_id, by=by))
    # A job may look for doubles among the newcomers.
    node.wake("duplicates")


def unfinished_import(session: Session, node: Node, file_hash: str, kind: LedgerKind | None) -> LedgerImport | None:
    """Find the import of this very file whose registering was cut off."""
    wanted = select(LedgerImport).where(
        LedgerImport.file_mark == actions.file_mark_of(node, file_hash), LedgerImport.state == "importing"
    )
    if kind is not None:
        wanted = wanted.where(LedgerImport.kind == kind.value)
    return session.exec(wanted.order_by(col(LedgerImport.id).desc())).first()


def finish_imports(node: Node) -> int:
    """Go on with imports that were cut off in the middle (a crash, a restart); returns how many there were."""
    wanted = select(LedgerImport).where(col(LedgerImport.state).in_(("importing", "undoing")))
    cut_off = node.database.read_sync(lambda session: session.exec(wanted).all())
    done = 0
    for ledger in cut_off:
        by = operator(node, ledger.area, ledger.registered_by)
        if ledger.state == "undoing":
            go_on_undoing(node, ledger.id, by=by)
            done += 1
        else:
            with suppress(BeingImported):
                register_all(node, ledger.id, by=by)
                done += 1
    return done


def operator(node: Node, area: str | None = None, name: str = "operator") -> Officer:
    """Whoever runs a command on the node's own machine, or in whose name an import goes on."""
    return Officer(
        id="",
        name=name,
        roles=frozenset({Role.CLERK, Role.SUPERVISOR}),
        area=area or node.region,
        language="zh-CN",
    )


def hash_of(source: Path | bytes) -> str:
    """Give the SHA-256 of a file or an upload, in hex."""
    digest = sha256()
    for piece in _pieces(source):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(source: Path | bytes) -> Iterable[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while piece := file.read(1024 * 1024):
            yield piece


@contextmanager
def _alone(node: Node, import_id: str) -> Iterator[None]:
    """Let nobody else in this process register the same import meanwhile. Raises `BeingImported`."""
    with _guard:
        running = _running.setdefault(node.database, set())
        if import_id in running:
            raise BeingImported
        running.add(import_id)
    try:
        yield
    finally:
        with _guard:
            running.discard(import_id)


def _batches(node: Node, reader: LedgerReader, size: int) -> Iterator[list[CheckedRow]]:
    checked = check_rows(reader.rows, reader.kind, today=node.today(), divisions=node.divisions)
    while batch := list(islice(checked, size)):
        yield batch


def _store(
    session: Session,
    *,
    node: Node,
    import_id: str,
    first: int,
    kind: LedgerKind,
    batch: list[CheckedRow],
    by: Officer,
) -> None:
    rows = _compare(session, node=node, kind=kind, batch=batch, by=by)
    for number, start in enumerate(range(0, len(rows), actions.BATCH_ROWS), start=first):
        actions.store_batch(session, node, import_id, number, rows[start : start + actions.BATCH_ROWS])


def _compare(
    session: Session, *, node: Node, kind: LedgerKind, batch: list[CheckedRow], by: Officer
) -> list[ReportRow]:
    good = {
        row.number: row.verdict.candidate
        for row in batch
        if row.verdict.outcome in REGISTERED and row.verdict.candidate is not None
    }
    known = known_already(session, node, kind, list(good.values()), by=by)
    there = {number for number, is_known in zip(good, known, strict=True) if is_known}
    return [
        ReportRow(row.number, Outcome.DUPLICATE, (Code.ALREADY_REGISTERED,), row.raw)
        if row.number in there
        else ReportRow(row.number, row.verdict.outcome, row.verdict.codes, row.raw, row.verdict.candidate)
        for row in batch
    ]
