"""The one door to the database, on both databases and with real processes."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlmodel import Session, select

from schemas.problems import Unavailable
from service import engines
from service.database import MAX_BATCH, Database, Lease

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def put(name: str, holder: str = "") -> Callable[[Session], None]:
    """A function that stores one row."""

    def fn(session: Session) -> None:
        session.add(Lease(name=name, holder=holder, expires_at=NOW))

    return fn


def names(session: Session) -> list[str]:
    return sorted(session.exec(select(Lease.name)))


class Boom(Exception):
    """A function's own error."""


# --- transactions -----------------------------------------------------------------------------------------------------


def test_what_is_written_can_be_read(database: Database) -> None:
    database.write_sync(put("a"))
    assert database.read_sync(names) == ["a"]


def test_the_value_comes_back_readable_after_the_session_is_closed(database: Database) -> None:
    def fn(session: Session) -> Lease:
        lease = Lease(name="a", holder="me", expires_at=NOW)
        session.add(lease)
        return lease

    assert database.write_sync(fn).holder == "me"


@pytest.mark.asvs("2.3.3", "16.5.3")
def test_a_function_that_fails_leaves_nothing(database: Database) -> None:
    def fn(session: Session) -> None:
        put("a")(session)
        session.flush()
        raise Boom

    with pytest.raises(Boom):
        database.write_sync(fn)
    assert database.read_sync(names) == []


def test_an_outer_rollback_undoes_released_savepoints(database: Database) -> None:
    def fn(session: Session) -> None:
        for name in ("a", "b"):
            with session.begin_nested():
                put(name)(session)
        assert names(session) == ["a", "b"]
        raise Boom

    with pytest.raises(Boom):
        database.write_sync(fn)
    assert database.read_sync(names) == []


def test_an_outer_rollback_undoes_released_savepoints_on_the_bare_connection(database_url: str) -> None:
    opened = engines.open_engines(database_url, readers=1)
    insert = sqlalchemy.insert(Lease).values(name="a", holder="", expires_at=NOW)
    with opened.write.connect() as connection:
        transaction = connection.begin()
        with connection.begin_nested():
            connection.execute(insert)
        transaction.rollback()
    with opened.read.connect() as connection:
        assert connection.execute(select(Lease.name)).all() == []
    opened.dispose()


def test_one_of_many_savepoints_in_a_function_can_fail_alone(database: Database) -> None:
    def fn(session: Session) -> None:
        put("a")(session)
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(sqlalchemy.insert(Lease).values(name="a", holder="", expires_at=NOW))
        put("b")(session)

    database.write_sync(fn)
    assert database.read_sync(names) == ["a", "b"]


def test_a_constraint_broken_at_the_end_goes_to_its_function_alone(database: Database) -> None:
    database.write_sync(put("a"))
    with pytest.raises(IntegrityError):
        database.write_sync(put("a"))
    database.write_sync(put("b"))
    assert database.read_sync(names) == ["a", "b"]


def test_a_wrong_statement_is_a_fault_and_not_an_outage(database: Database) -> None:
    with pytest.raises((OperationalError, ProgrammingError)):
        database.write_sync(lambda s: s.execute(text("SELECT * FROM nowhere")))
    with pytest.raises((OperationalError, ProgrammingError)):
        database.read_sync(lambda s: s.execute(text("SELECT * FROM nowhere")))


def test_reading_cannot_write(database: Database) -> None:
    def fn(session: Session) -> None:
        put("a")(session)
        session.flush()

    with pytest.raises((SQLAlchemyError, Unavailable)):
        database.read_sync(fn)
    assert database.read_sync(names) == []


def test_a_read_is_one_snapshot(database: Database) -> None:
    def fn(session: Session) -> tuple[list[str], list[str]]:
        before = names(session)
        database.write_sync(put("a"))
        return before, names(session)

    assert database.read_sync(fn) == ([], [])
    assert database.read_sync(names) == ["a"]


def test_reads_go_on_while_a_function_writes(database: Database) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        put("a")(session)
        session.flush()
        inside.set()
        assert leave.wait(20)

    writing = threading.Thread(target=database.write_sync, args=(slow,))
    writing.start()
    assert inside.wait(20)
    assert database.read_sync(names) == []
    leave.set()
    writing.join()
    assert database.read_sync(names) == ["a"]


@pytest.mark.asvs("16.2.2")
def test_moments_come_back_in_utc(database: Database) -> None:
    database.write_sync(put("a"))
    assert database.read_sync(lambda s: s.exec(select(Lease.expires_at)).one()) == NOW


# --- group commit -----------------------------------------------------------------------------------------------------


class Commits:
    """A point that counts, and can hold the writer until many wait."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, name: str) -> None:
        self.count += name == "database.after_commit"


async def test_waiting_functions_share_one_commit_and_one_failure_spoils_nobody(database_url: str) -> None:
    commits = Commits()
    database = Database(database_url, commits)
    inside, leave = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        inside.set()
        leave.wait(20)

    def fail(session: Session) -> None:
        put("never")(session)
        session.flush()
        raise Boom

    held = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(inside.wait, 20)
    waiting = [asyncio.create_task(database.write(put(f"{n:02}"))) for n in range(40)]
    failing = asyncio.create_task(database.write(fail))
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(held, *waiting)
    with pytest.raises(Boom):
        await failing
    assert await database.read(names) == [f"{n:02}" for n in range(40)]
    assert commits.count <= 5, "41 functions waited: they share a few transactions"
    database.close()


async def test_many_tasks_and_threads_write_at_once(database: Database) -> None:
    await asyncio.gather(*(database.write(put(f"a{n:03}")) for n in range(MAX_BATCH + 50)))
    await asyncio.gather(*(asyncio.to_thread(database.write_sync, put(f"b{n}")) for n in range(8)))
    assert len(await database.read(names)) == MAX_BATCH + 58


async def test_a_caller_that_went_away_disturbs_nobody(database: Database) -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        put("a")(session)
        inside.set()
        leave.wait(20)

    gone = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(inside.wait, 20)
    gone.cancel()
    leave.set()
    await database.write(put("b"))
    assert await database.read(names) == ["a", "b"]


def test_no_answer_goes_before_the_commit(database_url: str) -> None:
    seen: list[list[str]] = []

    def point(name: str) -> None:
        seen.append([name, *other.read_sync(names)])

    other = Database(database_url)
    database = Database(database_url, point)
    database.write_sync(put("a"))
    assert seen == [["database.before_commit"], ["database.after_commit", "a"]]
    database.close()
    other.close()


# --- when the database refuses ----------------------------------------------------------------------------------------


async def test_when_the_commit_fails_nobody_is_told_otherwise_and_the_next_batch_works(database: Database) -> None:
    def tables(session: Session) -> None:
        session.execute(text("CREATE TABLE a (id INTEGER PRIMARY KEY)"))
        session.execute(
            text("CREATE TABLE b (id INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)"),
        )

    def break_the_commit(session: Session) -> None:
        session.execute(text("INSERT INTO b VALUES (1)"))

    await database.write(tables)
    results = await asyncio.gather(
        database.write(put("a")), database.write(break_the_commit), database.write(put("b")), return_exceptions=True
    )
    stored = await database.read(names)
    assert isinstance(results[1], Unavailable)
    # Who shared the failed transaction was refused; who came in another one was stored.
    assert stored == [name for name, result in zip("ab", (results[0], results[2]), strict=True) if result is None]
    await database.write(put("c"))
    assert "c" in await database.read(names)


@pytest.mark.one_database("sqlite", "SQLite's own limit stands for a full disk")
def test_a_full_disk_acknowledges_nothing_and_recovers_without_a_restart(database: Database) -> None:
    def limit(pages: str) -> None:
        database.write_sync(lambda s: s.execute(text(f"PRAGMA max_page_count={pages}")))

    pages = database.read_sync(lambda s: s.execute(text("PRAGMA page_count")).scalar_one())
    limit(str(pages + 2))
    with pytest.raises(Unavailable):
        database.write_sync(put("big", "x" * 100_000))
    assert database.read_sync(names) == []
    limit("1000000")
    database.write_sync(put("big", "x" * 100_000))
    assert database.read_sync(names) == ["big"]


def test_a_database_that_stays_locked_refuses_and_recovers(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_SECONDS", 0.2)
    database = Database(database_url)
    database.write_sync(put("a"))
    other = engines.open_engines(database_url, readers=1)
    with other.write.begin():
        with pytest.raises(Unavailable):
            database.write_sync(put("b"))
        assert database.read_sync(names) == ["a"]
    database.write_sync(put("c"))
    assert database.read_sync(names) == ["a", "c"]
    database.close()
    other.dispose()


@pytest.mark.one_database("postgresql", "SQLite has no connection to lose")
def test_a_lost_connection_refuses_and_the_next_batch_has_a_new_one(database: Database) -> None:
    def lose(session: Session) -> None:
        put("a")(session)
        session.flush()
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable):
        database.write_sync(lose)
    database.write_sync(put("b"))
    assert database.read_sync(names) == ["b"]


async def test_a_closed_door_refuses(database: Database) -> None:
    database.close()
    for door in (database.write, database.read):
        with pytest.raises(Unavailable):
            await door(names)
    for door in (database.write_sync, database.read_sync):
        with pytest.raises(Unavailable):
            door(names)


def test_closing_waits_for_a_read_in_anothers_thread_and_leaves_no_connection(database: Database) -> None:
    used: list[Any] = []
    closing = threading.Thread(target=database.close)

    def read(session: Session) -> list[str]:
        used.append(session.connection().connection.dbapi_connection)
        closing.start()
        closing.join(0.05)
        return names(session)

    assert database.read_sync(read) == []
    closing.join()
    with pytest.raises(Exception, match="closed"):
        used[0].cursor().execute("SELECT 1")


def test_a_function_cannot_wait_for_the_writer_that_runs_it(database: Database) -> None:
    with pytest.raises(RuntimeError):
        database.write_sync(lambda _: database.write_sync(put("a")))


# --- processes --------------------------------------------------------------------------------------------------------

ADD = """
import sys
from service.database import Database, Lease
def add(session):
    row = session.get(Lease, "counter")
    row.holder = str(int(row.holder) + 1)
database = Database(sys.argv[1])
for _ in range(40):
    database.write_sync(add)
database.close()
"""

KILL = """
import os, signal, sys
from datetime import UTC, datetime
from typing import Any
from service.database import Database, Lease
point = sys.argv[2]
def kill(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)
database = Database(sys.argv[1], kill)
database.write_sync(lambda s: s.add(Lease(name="a", holder="", expires_at=datetime.now(UTC))))
"""


def test_several_processes_share_one_database_without_losing_an_update(database: Database, database_url: str) -> None:
    database.write_sync(put("counter", "0"))
    processes = [subprocess.Popen([sys.executable, "-c", ADD, database_url]) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert database.read_sync(lambda s: s.get_one(Lease, "counter").holder) == "120"


@pytest.mark.parametrize(("point", "stored"), [("database.before_commit", []), ("database.after_commit", ["a"])])
def test_a_kill_around_the_commit_leaves_all_or_nothing(
    database: Database, database_url: str, point: str, stored: list[str]
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILL, database_url, point], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert database.read_sync(names) == stored
    database.write_sync(put("b"))
