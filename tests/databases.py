"""Databases for tests: each fresh, none slow.

SQLite's is a copied file. A PostgreSQL database takes seconds to make on a busy machine, so one that a test is done
with is emptied and given to the next: its rows go, its numbers start again; if a test changed its tables it is dropped.
Whoever empties stays connected: a new connection costs more than the emptying.
"""

import itertools
import os
import shutil
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from psycopg import sql

from service.engines import open_engines
from service.migrations import head
from service.migrations.metadata import all_tables

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")

_SHAPE = """
SELECT md5(string_agg(c.relname || ':' || coalesce(a.attname, '') || ':' || coalesce(a.atttypid::text, ''), ','
       ORDER BY c.relname, a.attnum))
FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'public'::regnamespace
"""


class SqliteDatabases:
    """Files, each a copy of one with all tables."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.sqlite"
        self._numbers = itertools.count(1)
        create_all(f"sqlite:///{self._template}")

    def make(self, folder: Path, *, empty: bool) -> str:
        """A fresh database in `folder`."""
        path = folder / f"database-{next(self._numbers)}.sqlite"
        if not empty:
            shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"


class PostgresqlDatabases:
    """Databases of this worker on the run's one server."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        self._template = f"template_{WORKER}"
        self._free: list[str] = []
        self._cleaners: dict[str, psycopg.Connection[Any]] = {}
        self._create(self._template, "template0")
        create_all(self.url(self._template))
        with psycopg.connect(self._conninfo(self._template)) as connection:
            self._shape = connection.execute(_SHAPE).fetchone()
        tables = [sql.Identifier(table.name) for table in reversed(all_tables().sorted_tables)]
        deletes = [sql.SQL("DELETE FROM {}").format(table) for table in tables]
        self._emptying = sql.SQL("; ").join([sql.SQL("SET session_replication_role = replica"), *deletes])

    def take(self) -> str:
        """The name of a database with all tables and no row."""
        if self._free:
            return self._free.pop()
        name = f"test_{WORKER}_{next(self._numbers)}"
        self._create(name, self._template)
        return name

    def take_empty(self) -> str:
        """The name of a database without tables."""
        name = f"empty_{WORKER}_{next(self._numbers)}"
        self._create(name, "template0")
        return name

    def give_back(self, name: str) -> None:
        """A test is done with it, whoever is still connected."""
        if name.startswith("test_") and self._emptied(name):
            self._free.append(name)
        else:
            self.drop(name)

    def close(self) -> None:
        """Let the connections go."""
        for cleaner in self._cleaners.values():
            cleaner.close()
        self._cleaners.clear()

    def _emptied(self, name: str) -> bool:
        """Empty it; False when a test changed its tables."""
        cleaner = self._cleaner(name)
        cleaner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if cleaner.execute(_SHAPE).fetchone() != self._shape:
            return False
        cleaner.execute(self._emptying)
        sequences = cleaner.execute(
            "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
        ).fetchall()
        for (sequence,) in sequences:
            cleaner.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(sequence)))
        return True

    def _cleaner(self, name: str) -> "psycopg.Connection[Any]":
        """The connection that empties a database; a new one where a test ended it."""
        kept = self._cleaners.get(name)
        if kept is not None:
            try:
                kept.execute("SELECT 1")
            except psycopg.OperationalError:
                kept.close()
            else:
                return kept
        self._cleaners[name] = psycopg.connect(self._conninfo(name), autocommit=True)
        return self._cleaners[name]

    def drop(self, name: str) -> None:
        """Drop one database."""
        cleaner = self._cleaners.pop(name, None)
        if cleaner is not None:
            cleaner.close()
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def url(self, name: str) -> str:
        """SQLAlchemy's URL of one database."""
        parsed = sqlalchemy.make_url(self.server)
        return parsed.set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)

    def _conninfo(self, name: str) -> str:
        return sqlalchemy.make_url(self.server).set(database=name).render_as_string(hide_password=False)

    def _create(self, name: str, template: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )


def create_all(url: str) -> None:
    """All tables of the packages, as the migrations leave them (a test holds that they come to the same)."""
    engines = open_engines(url, readers=1)
    with engines.write.begin() as connection:
        all_tables().create_all(connection)
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{head()}')")
    engines.dispose()
