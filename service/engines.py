"""How the two databases are opened, and which of their errors mean "not now".

SQLite before 3.51.3 (and before 3.50.7 and 3.44.6 in their series) can lose commits in WAL mode when two connections
write and checkpoint at once (the WAL-reset bug). The driver `pysqlite3` bundles a newer one; where its wheel does not
fit, Python's own library is used, and if that one has the bug the node runs with `journal_mode=DELETE` and says so.

We emit BEGIN ourselves with the driver in autocommit: left alone, the driver opens transactions late and SQLAlchemy's
released savepoints would survive an outer rollback. A statement's values never stand in an error's text: they may be
a person's.
"""

import sqlite3
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

BUSY_TIMEOUT_SECONDS = 10.0
"""How long one process waits for another's write lock before it says that it cannot, on both databases."""

WRITER_CACHE_KIB = 32 * 1024
"""So much of a file SQLite's writing connection keeps in memory (2 MB by default, which a ledger's indexes outgrow)."""

LOG_PAGES = 8000
"""Pages of SQLite's log (32 MB) before it is written back: what changes again and again is written back once."""

WRITER_LOCK = 0x746F6E67
"""PostgreSQL advisory lock of whoever writes ("tong"); it makes writers take turns as SQLite's do."""

NOT_NOW_SQLITE = frozenset({5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26})
"""BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT FULL CANTOPEN PROTOCOL NOTADB (sqlite.org/rescode.html)."""

NOT_NOW_POSTGRESQL = ("08", "40", "53", "55P03", "57", "58")
"""Connection, rollback, resources, lock not available, operator intervention, system (PostgreSQL appendix A)."""


@dataclass(frozen=True)
class Engines:
    """One database, opened twice: for the one writer and for readers who cannot write."""

    dialect: str
    write: Engine
    read: Engine
    notices: list[str] = field(default_factory=list)
    """What an operator should know, one sentence each; empty when all is well."""

    def dispose(self) -> None:
        """Close every idle connection."""
        self.write.dispose()
        self.read.dispose()


def open_engines(url: str, *, readers: int, foreign_keys: bool = True) -> Engines:
    """Open `url` (``sqlite:///FILE`` or ``postgresql+psycopg://…``); nothing is connected yet.

    Raises ValueError for any other URL, and for SQLite in memory (its connections would not share it).
    """
    parsed = sqlalchemy.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("SQLite needs a file: its memory is not shared between connections")
        return _open_sqlite(url, readers, foreign_keys=foreign_keys)
    if parsed.drivername == "postgresql+psycopg":
        return _open_postgresql(url, readers)
    raise ValueError(f"{parsed.drivername} is neither sqlite nor postgresql+psycopg")


def is_not_now(error: BaseException) -> bool:
    """Whether the database refused for a passing reason (lock, disk, connection) and not for the statement."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in NOT_NOW_SQLITE
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(NOT_NOW_POSTGRESQL)
    # psycopg reports a server that went away without any SQLSTATE.
    return type(error.orig).__name__ in {"OperationalError", "InterfaceError", "AdminShutdown"}


# --- SQLite -----------------------------------------------------------------------------------------------------------


def sqlite_driver() -> ModuleType:
    """The bundled driver where its wheel fits this machine, else Python's own."""
    try:
        from pysqlite3 import dbapi2  # noqa: PLC0415 - optional: its wheel does not fit every machine
    except ImportError:
        return sqlite3
    module: ModuleType = dbapi2
    return module


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether this SQLite may lose commits in WAL mode (fixed in 3.51.3, 3.50.7 and 3.44.6; sqlite.org/wal.html)."""
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return version < (3, 51, 3)


def _open_sqlite(url: str, readers: int, *, foreign_keys: bool) -> Engines:
    driver = sqlite_driver()
    buggy = has_wal_reset_bug(driver.sqlite_version_info)
    notices = []
    if buggy:
        notices.append(
            f"SQLite {driver.sqlite_version} can lose commits in WAL mode, so journal_mode=DELETE is used: "
            "readers and the writer wait for each other. Install pysqlite3 or SQLite 3.51.3."
        )
    journal = "DELETE" if buggy else "WAL"

    def connect(connection: Any, _record: Any, *, query_only: bool) -> None:
        # Autocommit: BEGIN is ours to say.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")
        if cursor.execute("PRAGMA journal_mode").fetchone()[0].upper() != journal:
            cursor.execute(f"PRAGMA journal_mode={journal}")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        cursor.execute("PRAGMA secure_delete=ON")
        if query_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KIB}")
            cursor.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        cursor.close()

    engines = []
    for begin, query_only, size in (("BEGIN IMMEDIATE", False, 1), ("BEGIN", True, readers)):
        engine = sqlalchemy.create_engine(
            url,
            module=driver,
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_SECONDS},
            pool_size=size,
            max_overflow=0 if query_only else 1,
        )
        event.listen(engine, "connect", lambda c, r, q=query_only: connect(c, r, query_only=q))
        event.listen(engine, "begin", lambda c, b=begin: _say(c, b))
        engines.append(engine)
    return Engines("sqlite", engines[0], engines[1], notices)


def _say(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def _open_postgresql(url: str, readers: int) -> Engines:
    busy = int(BUSY_TIMEOUT_SECONDS * 1000)
    options = f"-c lock_timeout={busy} -c idle_in_transaction_session_timeout=300s -c timezone=UTC"
    arguments = {"options": options, "connect_timeout": 10}
    write = sqlalchemy.create_engine(
        url,
        connect_args=arguments,
        hide_parameters=True,
        pool_size=1,
        max_overflow=1,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
    )
    # Each statement after the lock sees all that earlier writers committed, so writes are as serial as on SQLite.
    event.listen(write, "begin", lambda c: _say(c, f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"))
    read = sqlalchemy.create_engine(
        url,
        connect_args=arguments,
        hide_parameters=True,
        pool_size=readers,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
    ).execution_options(postgresql_readonly=True)
    return Engines("postgresql", write, read)
