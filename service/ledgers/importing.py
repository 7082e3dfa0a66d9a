"""The whole way of a ledger: read, compare, keep; then register. Blocking: run it in a thread or a command.

Each step is a short transaction of its own, so that a long ledger stops nobody else from writing.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

from sqlmodel import Session, col, select

from service.context import Node
from service.ledgers import actions
from service.ledgers.checking import CheckedRow, check_rows
from service.ledgers.fields import LedgerKind
from service.ledgers.known import known_already
from service.ledgers.reader_process import LedgerReader
from service.ledgers.report import ReportRow
from service.ledgers.rules import Code, Outcome
from service.ledgers.tables import LedgerImport
from service.officers.rules import Officer, Role

Advance = Callable[[int], None]
"""Called with the number of rows that were done since the last call."""


def _stand(_rows: int) -> None:
    """Tell nobody how far it is."""


def take_in(
    node: Node, source: Path | bytes, kind: LedgerKind | None, *, by: Officer, advance: Advance = _stand
) -> str:
    """Read a ledger and keep its rows, sealed, for a day; returns the import's id. Nothing is registered yet.

    Raises `LedgerUnreadable`, of which nothing is kept, and `Forbidden`.
    """
    write = node.database.write_sync
    with LedgerReader(source, kind) as reader:
        file_hash = hash_of(source)
        import_id = write(lambda session: actions.begin_import(session, node, reader.kind, file_hash, by=by))
        try:
            for number, rows in enumerate(compared(node, reader, by=by)):
                write(partial(_store, node, import_id, number, rows))
                advance(len(rows))
            kept, dropped = reader.kept, reader.dropped
            write(lambda session: actions.finish_reading(session, node, import_id, kept, dropped))
        except BaseException:
            write(lambda session: actions.discard_import(session, import_id))
            raise
    return import_id


def compared(node: Node, reader: LedgerReader, *, by: Officer) -> Iterator[list[ReportRow]]:
    """Judge a ledger's rows and compare the good ones with the register, a batch at a time; keeps nothing."""
    checked = check_rows(reader.rows, reader.kind, today=node.today(), divisions=node.divisions)
    while batch := list(islice(checked, actions.BATCH_ROWS)):
        yield _compare(node, reader.kind, batch, by)


def register_all(node: Node, import_id: str, *, by: Officer, advance: Advance = _stand) -> None:
    """Register an import's good rows, from wherever it stopped. Raises `NotFound`, `WrongState`, `Forbidden`."""
    write = node.database.write_sync
    write(lambda session: actions.start_commit(session, import_id, by=by))
    while (done := write(lambda session: actions.register_next_batch(session, node, import_id, by=by))) is not None:
        advance(done)
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
    cut_off = node.database.read_sync(
        lambda session: session.exec(select(LedgerImport).where(LedgerImport.state == "importing")).all()
    )
    for ledger in cut_off:
        register_all(node, ledger.id, by=operator(node, ledger.area, ledger.registered_by))
    return len(cut_off)


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


def _store(node: Node, import_id: str, number: int, rows: list[ReportRow], session: Session) -> None:
    actions.store_batch(session, node, import_id, number, rows)


def _compare(node: Node, kind: LedgerKind, batch: list[CheckedRow], by: Officer) -> list[ReportRow]:
    good = {
        row.number: row.verdict.candidate
        for row in batch
        if row.verdict.outcome in actions.REGISTERED and row.verdict.candidate is not None
    }
    # A look into the register that tells who is there is written down, hence a writing transaction.
    known = node.database.write_sync(lambda session: known_already(session, node, kind, list(good.values()), by=by))
    there = {number for number, is_known in zip(good, known, strict=True) if is_known}
    return [
        ReportRow(row.number, Outcome.DUPLICATE, (Code.ALREADY_REGISTERED,), row.raw)
        if row.number in there
        else ReportRow(row.number, row.verdict.outcome, row.verdict.codes, row.raw)
        for row in batch
    ]
