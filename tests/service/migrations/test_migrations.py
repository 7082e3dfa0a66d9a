"""One script for both databases comes to what the tables say, under a lock, or not at all."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from schemas.problems import SettingInvalid
from service.engines import Engines, open_engines
from service.migrations import configuration, head, migrate
from service.migrations.metadata import all_tables


@pytest.fixture
def empty(new_database_url: Callable[..., str]) -> str:
    return new_database_url(empty=True)


def looking(url: str, look: Callable[[Connection], object]) -> object:
    engines: Engines = open_engines(url, readers=1)
    try:
        with engines.read.begin() as connection:
            return look(connection)
    finally:
        engines.dispose()


def tables(connection: Connection) -> set[str]:
    return set(sqlalchemy.inspect(connection).get_table_names())


def test_a_migrated_database_is_what_the_tables_say(empty: str) -> None:
    migrate(empty)

    def differences(connection: Connection) -> object:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, all_tables())

    assert looking(empty, differences) == [], 'draft what is missing: make migration M="…"'


def test_indexes_and_constraints_are_those_of_the_tables_too(empty: str, new_database_url: Callable[..., str]) -> None:
    def shape(connection: Connection) -> dict[str, object]:
        inspector = sqlalchemy.inspect(connection)
        return {
            table: (
                sorted((i["name"] or "", tuple(i["column_names"]), i["unique"]) for i in inspector.get_indexes(table)),
                sorted(tuple(u["column_names"]) for u in inspector.get_unique_constraints(table)),
                sorted(
                    (tuple(f["constrained_columns"]), f["referred_table"]) for f in inspector.get_foreign_keys(table)
                ),
                [(c["name"], c["nullable"]) for c in inspector.get_columns(table)],
                inspector.get_pk_constraint(table)["constrained_columns"],
            )
            for table in inspector.get_table_names()
            if table != "alembic_version"
        }

    migrate(empty)
    assert looking(empty, shape) == looking(new_database_url(), shape)


def test_every_module_that_declares_a_table_is_known() -> None:
    root = Path(__file__).parents[3]
    declaring = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for package in ("schemas", "federation", "service")
        for path in (root / package).rglob("*.py")
        if re.search(r"^class \w+\(.*table=True\):", path.read_text("utf-8"), re.MULTILINE)
    }
    known = {mapper.class_.__module__ for mapper in SQLModel._sa_registry.mappers} if all_tables() else set()
    assert declaring <= known


def test_migrating_again_changes_nothing(empty: str) -> None:
    migrate(empty)
    before = looking(empty, tables)
    migrate(empty)
    assert looking(empty, tables) == before


def test_several_processes_that_start_at_once_migrate_once(empty: str) -> None:
    script = "import sys; from service.migrations import migrate; migrate(sys.argv[1])"
    starting = [
        subprocess.Popen([sys.executable, "-c", script, empty], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in starting:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert "alembic_version" in tables_of(empty)


def tables_of(url: str) -> set[str]:
    found = looking(url, tables)
    assert isinstance(found, set)
    return found


def test_a_revision_that_fails_leaves_the_database_as_it_was(empty: str) -> None:
    engines = open_engines(empty, readers=1)
    last = max(all_tables().tables)
    with engines.write.begin() as connection:
        connection.execute(text(f'CREATE TABLE "{last}" (id INTEGER)'))
    engines.dispose()
    with pytest.raises((SettingInvalid, sqlalchemy.exc.SQLAlchemyError)):
        migrate(empty)
    assert tables_of(empty) == {last}


def test_a_database_of_a_newer_version_is_refused_in_one_line(empty: str) -> None:
    migrate(empty)
    engines = open_engines(empty, readers=1)
    with engines.write.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engines.dispose()
    with pytest.raises(SettingInvalid) as refused:
        migrate(empty)
    assert "9999" in refused.value.detail
    assert "\n" not in refused.value.detail


def test_the_history_is_one_line() -> None:
    script = ScriptDirectory.from_config(configuration())
    assert script.get_heads() == [head()]
    assert len(script.get_bases()) == 1


def test_a_database_that_cannot_be_opened_is_a_wrong_setting() -> None:
    with pytest.raises(SettingInvalid, match="database_url"):
        migrate("sqlite:////nowhere/at/all.sqlite")
