"""How the two databases are opened."""

import pytest
import sqlalchemy
from sqlalchemy import text
from sqlmodel import Session

from service import engines
from service.database import Database, Lease
from tests.service.test_database import names, put


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "postgresql://x/y"])
def test_only_files_and_psycopg_are_opened(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite|SQLite|neither"):
        Database(url)


@pytest.mark.one_database("sqlite", "its own settings")
def test_sqlite_is_durable_and_forgets_what_is_deleted(database: Database) -> None:
    def settings(session: Session) -> dict[str, object]:
        wanted = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        return {name: session.execute(text(f"PRAGMA {name}")).scalar() for name in wanted}

    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 10_000}
    assert database.read_sync(settings) == expected
    assert database.write_sync(settings) == expected
    assert database.notices == []


@pytest.mark.one_database("sqlite", "only SQLite keeps deleted pages in a log beside it")
def test_emptying_the_log_leaves_no_trace_of_what_was_deleted(database: Database, database_url: str) -> None:
    path = sqlalchemy.make_url(database_url).database or ""
    database.write_sync(put("canary-in-the-mine"))
    database.write_sync(lambda s: s.execute(sqlalchemy.delete(Lease)))
    database.empty_wal()
    for file in (path, f"{path}-wal"):
        with open(file, "rb") as stored:  # noqa: PTH123 - a file beside the database
            assert b"canary-in-the-mine" not in stored.read()


@pytest.mark.parametrize(
    ("version", "buggy"),
    [
        ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False), ((3, 45, 0), True), ((3, 50, 6), True),
        ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 53, 4), False),
    ],
)  # fmt: skip
def test_the_wal_reset_bug_is_known_by_version(version: tuple[int, ...], buggy: bool) -> None:
    assert engines.has_wal_reset_bug(version) is buggy


@pytest.mark.one_database("sqlite", "a bug of SQLite")
def test_a_buggy_sqlite_does_without_wal_and_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "has_wal_reset_bug", lambda _: True)
    database = Database(database_url)
    assert "journal_mode=DELETE" in database.notices[0]
    assert database.read_sync(lambda s: s.execute(text("PRAGMA journal_mode")).scalar()) == "delete"
    database.write_sync(put("a"))
    assert database.read_sync(names) == ["a"]
    database.close()
