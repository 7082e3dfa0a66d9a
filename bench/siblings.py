"""Five million people out of one million: each person of a filled register gets four siblings.

Only rows and indexes grow: a sibling has an id of its own beside the person's, and otherwise the same columns, moves
and tokens, so every index is as deep, and every token five times as heavy, as with five million people. What is sealed
opens under the id that it was sealed for alone: only the first million can be opened; they lie evenly among the others.

`python -m bench.siblings 1000000` makes them in minutes and says where.
"""

import shutil
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.full_register import full_register, open_register
from service.engines import sqlite_driver

TIMES = 5
# The last digit of an id, moved on by three for each sibling, so that siblings stand side by side.
_DIGITS = "0123456789abcdef"
_ID = f"substr({{0}}, 1, 35) || substr('{_DIGITS * 2}', instr('{_DIGITS}', substr({{0}}, 36)) + step, 1)"
_OWN = {"person": ("id",), "arrival": ("id", "person_id"), "search_token": ("person_id",)}


def register_of_siblings(count: int, *, progress: bool = True) -> Path:
    """Give the directory of a node with five times `count` people."""
    single = full_register(count, progress=progress)
    directory = single.parent.with_name(f"{single.parent.name}-siblings")
    done = directory / "filled"
    if not done.exists():
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(single, directory / "node")
        _grow(single, directory / "node", progress=progress)
        done.touch()
    return directory / "node"


def _grow(single: Path, directory: Path, *, progress: bool) -> None:
    open_register(directory).database.close()
    begun = time.monotonic()
    with closing(sqlite_driver().connect(directory / "tonglu.sqlite")) as database:
        database.isolation_level = None
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-300000", "foreign_keys=OFF"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("ATTACH ? AS single", (str(single / "tonglu.sqlite"),))
        tables = ", ".join(f"'{name}'" for name in _OWN)
        indexes = database.execute(
            "SELECT name, sql FROM main.sqlite_master"
            f" WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({tables})"
        ).fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX main.{name}")
        for table in _OWN:
            database.execute("BEGIN")
            _siblings(database, table)
            database.execute("COMMIT")
            if progress:
                print(f"{table}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        for _, statement in indexes:
            database.execute(statement)
        database.execute("PRAGMA journal_mode=WAL")
    if progress:
        print(f"indexed: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def _siblings(database: Any, table: str) -> None:
    columns = [row[1] for row in database.execute(f"PRAGMA main.table_info({table})")]
    names = ", ".join(f'"{one}"' for one in columns)
    values = ", ".join(_ID.format(one) if one in _OWN[table] else f'"{one}"' for one in columns)
    # The tokens go in whole and in order, so that no page of the largest table is written twice.
    first = 0 if table == "search_token" else 1
    if first == 0:
        (statement,) = database.execute("SELECT sql FROM main.sqlite_master WHERE name = 'search_token'").fetchone()
        database.execute("DROP TABLE main.search_token")
        database.execute(statement)
    steps = ", ".join(f"({3 * place})" for place in range(first, TIMES))
    database.execute(
        f"WITH moved(step) AS (VALUES {steps}) INSERT INTO main.{table} ({names})"
        f" SELECT {values} FROM single.{table} CROSS JOIN moved"
    )


if __name__ == "__main__":
    print(register_of_siblings(int(sys.argv[1])))
