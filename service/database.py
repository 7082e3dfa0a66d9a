"""The one door to the database: functions go in, and their answers come out after the commit.

**Writing.** One thread a process takes functions from a queue, opens one transaction, runs each function in a savepoint
of its own, commits once for all that waited, and only then lets their answers go. So a commit's price (one flush to the
disk) is shared, nothing is ever acknowledged that could still be lost, and a function that fails undoes only itself.
The transaction begins with the write lock (`BEGIN IMMEDIATE` on SQLite, an advisory lock on PostgreSQL), so writers of
several processes take turns and see all that was committed before them: on both databases writes are serial, and an
action may read, decide and write without a race.

Work that is written for a set (one look-up and one statement a table, however many ask) waits with its argument
(`write_together`): what stands in the queue with the same work, one behind the other, is done as one set in one
savepoint; if it fails, in halves, so that the one that is at fault fails alone.

A batch ends after `MAX_BATCH` functions or `BATCH_SECONDS`, whichever comes first: nobody holds the lock for long
because others keep coming. If the transaction itself fails (disk, lock, connection), everyone in it gets `Unavailable`,
and the next batch starts afresh.

**Reading.** A small pool of threads with connections that cannot write, each read in one snapshot.
"""

import asyncio
import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Index, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, SQLModel, select

from federation.tables import UtcDateTime
from schemas.points import Point, pass_by
from schemas.problems import Unavailable
from service.engines import is_not_now, open_engines
from service.leases import Lease, drop_lease, take_lease

__all__ = ["Database", "Lease", "SetWork", "UtcDateTime", "drop_lease", "few_rows_index", "find_all", "take_lease"]

A = TypeVar("A")
T = TypeVar("T")
Row = TypeVar("Row", bound=SQLModel)

SetWork = Callable[[Session, Sequence[A]], Sequence[T]]
"""Work on several arguments at once, which gives a value for each, in order."""

MAX_BATCH = 200
"""Functions in one transaction. (PostgreSQL keeps 64 savepoints of a transaction in shared memory and spills the rest;
released ones count, so its batches are smaller.)"""

MAX_BATCH_POSTGRESQL = 60

MAX_TOGETHER = 50
"""Arguments of one set: so many cost little more a piece than any larger number would."""

BATCH_SECONDS = 0.04
"""No further function joins a transaction that is this old."""

READERS = 4
"""Threads that read at the same time."""


def few_rows_index(name: str, column: str, condition: str) -> Index:
    """An index that holds only the rows of an SQL condition, alike on both databases: small beside a large table.

    A query uses it when it says the condition in the same words, its values written out and not bound.
    """
    return Index(name, column, sqlite_where=text(condition), postgresql_where=text(condition))


def find_all(session: Session, table: type[Row], ids: Iterable[str]) -> dict[str, Row]:
    """Give the rows of a table with these ids (its primary key), by id, in one look-up."""
    key = inspect(table).primary_key[0]
    found = session.exec(select(table).where(key.in_(set(ids)))).all()
    return {str(getattr(row, key.key)): row for row in found}


@dataclass(eq=False, slots=True)
class _Write:
    """A function that waits for the writer, and whoever waits for its answer; with `work`, one argument of a set."""

    fn: Callable[[Session], Any] | None = None
    work: SetWork[Any, Any] | None = None
    argument: Any = None
    context: Context = field(default_factory=copy_context)
    loop: asyncio.AbstractEventLoop | None = None
    """The loop of an awaiting caller; None when a thread waits."""
    future: Any = None
    """An asyncio future of that loop, or a concurrent one."""
    value: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Hand out the answer; a caller that went away gets none."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.value)


class _TransactionLost(Exception):
    """The database ended the whole transaction under a function's error."""


class Database:
    """A database that is open for one process. Make it where the process starts; nothing happens at import."""

    def __init__(self, url: str, point: Point = pass_by, *, readers: int = READERS) -> None:
        """Open `url`; `point` is passed before and after each commit (tests end the process there)."""
        self._engines = open_engines(url, readers=readers)
        self._point = point
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._max_batch = MAX_BATCH if self.dialect == "sqlite" else MAX_BATCH_POSTGRESQL
        self._held: _Write | None = None
        """Taken from the queue by the writer, and not begun."""
        self._closed = False
        self._closing = threading.Condition()
        self._reading = 0
        """Reads that are under way, in whichever thread."""
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="tonglu-read")
        self._writer = threading.Thread(target=self._work, name="tonglu-write", daemon=True)
        self._writer.start()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engines.dialect

    @property
    def notices(self) -> list[str]:
        """What an operator should know about this database, one sentence each."""
        return list(self._engines.notices)

    # --- the doors --------------------------------------------------------------------------------------------------

    async def write(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` in a writing transaction and return its value once that is committed. `fn` never commits.

        Raises what `fn` raises (its changes are undone, others' are not), or Unavailable when the database refused.
        """
        loop = asyncio.get_running_loop()
        item = _Write(fn, loop=loop, future=loop.create_future())
        self._put(item)
        return cast("T", await item.future)

    async def write_together(self, work: SetWork[A, T], argument: A) -> T:
        """Run `work` on this argument and on those of others that wait with an equal `work`; return this one's value.

        `work` never commits. Where it raises for several arguments, it is tried on fewer, down to each alone. Raises as
        `write`.
        """
        loop = asyncio.get_running_loop()
        item = _Write(work=work, argument=argument, loop=loop, future=loop.create_future())
        self._put(item)
        return cast("T", await item.future)

    def write_sync(self, fn: Callable[[Session], T]) -> T:
        """`write` for a caller in a thread of its own. Never call it on an event loop or inside a function."""
        if threading.current_thread() is self._writer:
            raise RuntimeError("a function that writes cannot wait for another one: call it with its session")
        future: Future[T] = Future()
        self._put(_Write(fn, future=future))
        return future.result()

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` in a reading transaction (one snapshot, writing is refused) and return its value."""
        context = copy_context()
        with self._closing:
            if self._closed:
                raise Unavailable
            done = asyncio.get_running_loop().run_in_executor(self._readers, context.run, self.read_sync, fn)
        return await done

    def read_sync(self, fn: Callable[[Session], T]) -> T:
        """`read` in the caller's own thread."""
        with self._closing:
            if self._closed:
                raise Unavailable
            self._reading += 1
        try:
            with Session(self._engines.read, expire_on_commit=False) as session:
                return fn(session)
        except SQLAlchemyError as error:
            if is_not_now(error):
                raise Unavailable from error
            raise
        finally:
            with self._closing:
                self._reading -= 1
                self._closing.notify_all()

    def close(self) -> None:
        """Finish what waits and what is being read, then close. Later calls raise Unavailable."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._writer.join()
        self._readers.shutdown()
        with self._closing:
            # Whoever was cancelled on the loop may still read in its thread.
            self._closing.wait_for(lambda: self._reading == 0)
        self._engines.dispose()

    def empty_wal(self) -> None:
        """Write SQLite's log back into the file and cut it, so that deleted rows' old pages do not linger in it."""
        if self.dialect != "sqlite":
            return
        raw = self._engines.read.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            raw.close()

    # --- the writer thread ------------------------------------------------------------------------------------------

    def _put(self, item: _Write) -> None:
        with self._closing:
            if self._closed:
                raise Unavailable
            self._queue.put(item)

    def _work(self) -> None:
        while (first := self._next() or self._queue.get()) is not None:
            self._run_batch(first)

    def _run_batch(self, first: _Write) -> None:
        """One transaction for `first` and for all that wait behind it."""
        done: list[_Write] = []
        began = time.monotonic()
        item: _Write | None = first
        try:
            with self._transaction() as connection:
                while item is not None:
                    alike = self._alike(item)
                    done += alike
                    self._run(connection, alike)
                    full = len(done) >= self._max_batch or time.monotonic() - began > BATCH_SECONDS
                    item = None if full else self._next()
                self._point("database.before_commit")
            self._point("database.after_commit")
        except Exception as error:  # noqa: BLE001 - nothing is hidden: everyone who waits gets it
            if not done:
                # No transaction could be opened: those behind `first` would only wait as long again.
                done = [first, *self._all_waiting()]
            for waiting in done:
                if waiting.error is None:
                    waiting.error = Unavailable()
                    waiting.error.__cause__ = error
        _settle(done)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A transaction that holds the write lock; a connection whose transaction failed is not used again."""
        with self._engines.write.connect() as connection:
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                connection.invalidate()
                raise

    def _run(self, connection: Connection, items: Sequence[_Write]) -> None:
        """One function, or a set's work, in its savepoint; an error is kept for its caller, and its changes undone."""
        session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        try:
            values = _values(session, items)
            session.commit()
        except BaseException as error:
            lost = not _in_transaction(connection)
            refused: BaseException = error
            if lost or is_not_now(error):
                refused = Unavailable()
                refused.__cause__ = error
            for item in items:
                item.value, item.error = None, refused
            if lost:
                raise _TransactionLost from error
            try:
                session.rollback()
            except SQLAlchemyError as failed:
                raise _TransactionLost from failed
        else:
            for item, value in zip(items, values, strict=True):
                item.value, item.error = value, None
        finally:
            with contextlib.suppress(SQLAlchemyError):
                session.close()
        if len(items) > 1 and items[0].error is not None and not isinstance(items[0].error, Unavailable):
            middle = len(items) // 2
            self._run(connection, items[:middle])
            self._run(connection, items[middle:])

    def _alike(self, first: _Write) -> list[_Write]:
        """The function, or it and those right behind it in the queue that are work of the same set."""
        alike = [first]
        while first.work is not None and len(alike) < MAX_TOGETHER and (item := self._next()) is not None:
            if item.work != first.work:
                self._held = item
                break
            alike.append(item)
        return alike

    def _next(self) -> _Write | None:
        """The next function that waits already; None when there is none, or when the door closes."""
        held, self._held = self._held, None
        if held is not None:
            return held
        try:
            item = self._queue.get_nowait()
        except Empty:
            return None
        if item is None:
            self._queue.put(None)
        return item

    def _all_waiting(self) -> list[_Write]:
        waiting: list[_Write] = []
        while (item := self._next()) is not None:
            waiting.append(item)
        return waiting


def _values(session: Session, items: Sequence[_Write]) -> Sequence[Any]:
    first = items[0]
    if first.work is not None:
        return first.context.run(first.work, session, [item.argument for item in items])
    return [first.context.run(cast("Callable[[Session], Any]", first.fn), session)]


def _in_transaction(connection: Connection) -> bool:
    """Whether the database still holds our transaction: on a full disk SQLite ends it by itself."""
    if connection.dialect.name != "sqlite":
        return not connection.invalidated
    return bool(getattr(connection.connection.dbapi_connection, "in_transaction", False))


def _settle(done: list[_Write]) -> None:
    """Let the answers go: threads at once, each event loop by one call."""
    loops: dict[asyncio.AbstractEventLoop, list[_Write]] = defaultdict(list)
    for item in done:
        if item.loop is None:
            item.settle()
        else:
            loops[item.loop].append(item)
    for loop, items in loops.items():
        # A loop that was closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_on_loop, items)


def _settle_on_loop(items: list[_Write]) -> None:
    for item in items:
        item.settle()
