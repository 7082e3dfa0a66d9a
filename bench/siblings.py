"""Five million people out of one million: each person of a filled register gets four siblings.

A sibling has the same name, number, telephone and township, an id of its own, a data key of its own, and is sealed
under it like everyone else, so that any of the five million can be opened. Names' tokens are keyed by area, so those of
siblings are equal and each is five times as heavy. Making the tokens of five million people anew would take most of an
hour; like this it takes minutes.

`python -m bench.siblings 1000000` makes them and says where.
"""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.full_register import full_register, open_register
from schemas.entropy import uuid4
from service.engines import sqlite_driver
from service.vault import Vault

TIMES = 5
BATCH = 5000
_SEALED = ("identity", "contact", "address")


def register_of_siblings(count: int, *, progress: bool = True) -> Path:
    """Give the directory of a node with five times `count` people."""
    single = full_register(count, progress=progress)
    directory = single.parent.with_name(f"{single.parent.name}-siblings")
    done = directory / "filled"
    if not done.exists():
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(single, directory / "node")
        _grow(directory / "node", progress=progress)
        done.touch()
    return directory / "node"


def sibling_ids(person_id: str) -> list[str]:
    """The ids of a person and their four siblings: they differ in the last digit, so they stand side by side."""
    last = int(person_id[-1], 16)
    return [person_id[:-1] + f"{(last + 3 * place) % 16:x}" for place in range(TIMES)]


def _grow(directory: Path, *, progress: bool) -> None:
    node = open_register(directory)
    node.database.close()
    begun = time.monotonic()
    with closing(sqlite_driver().connect(directory / "tonglu.sqlite")) as database:
        database.isolation_level = None
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-300000", "foreign_keys=OFF"):
            database.execute(f"PRAGMA {pragma}")
        indexes = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            " AND tbl_name IN ('person', 'arrival')"
        ).fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        for table, make in (("person", _people), ("arrival", _arrivals)):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            names, marks = ", ".join(f'"{one}"' for one in columns), ", ".join("?" for _ in columns)
            (last,) = database.execute(f"SELECT max(rowid) FROM {table}").fetchone()
            for start in range(0, last, BATCH):
                rows = database.execute(
                    f"SELECT {names} FROM {table} WHERE rowid > ? AND rowid <= ?", (start, min(start + BATCH, last))
                ).fetchall()
                database.execute("BEGIN")
                database.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", make(node, columns, rows))
                database.execute("COMMIT")
            if progress:
                print(f"{table}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        _grow_tokens(database)
        for _, statement in indexes:
            database.execute(statement)
        database.execute("PRAGMA journal_mode=WAL")
    if progress:
        print(f"indexed: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def _people(node: Any, columns: list[str], rows: list[tuple[Any, ...]]) -> Iterator[list[Any]]:
    vault: Vault = node.vault
    place = {name: number for number, name in enumerate(columns)}
    for row in rows:
        person_id = row[place["id"]]
        key = vault.open_key(row[place["wrapped_key"]])
        clear = [vault.unseal_bytes(key, row[place[one]], f"person.{one}:{person_id}") for one in _SEALED]
        for sibling in sibling_ids(person_id)[1:]:
            made, own = list(row), vault.new_person_key()
            made[place["id"]], made[place["wrapped_key"]] = sibling, own.wrapped
            for one, text in zip(_SEALED, clear, strict=True):
                made[place[one]] = vault.seal(own.key, text, f"person.{one}:{sibling}")
            yield made


def _arrivals(node: Any, columns: list[str], rows: list[tuple[Any, ...]]) -> Iterator[list[Any]]:
    place = {name: number for number, name in enumerate(columns)}
    for row in rows:
        people = sibling_ids(row[place["person_id"]])
        for number, arrival in enumerate(sibling_ids(row[place["id"]])[1:], 1):
            made = list(row)
            made[place["id"]], made[place["person_id"]] = arrival, people[number]
            made[place["journey"]] = uuid4(node.entropy)
            yield made


def _grow_tokens(database: Any) -> None:
    """Each token of a person for each sibling, in the order of the index, so that its pages are written once."""
    digits = ", ".join(f"({3 * place})" for place in range(TIMES))
    (statement,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'search_token'").fetchone()
    database.execute("ALTER TABLE search_token RENAME TO single_token")
    database.execute(statement)
    database.execute("BEGIN")
    database.execute(
        "INSERT INTO search_token (token, person_id)"
        " SELECT token, substr(person_id, 1, 35)"
        " || substr('0123456789abcdef0123456789abcdef',"
        " instr('0123456789abcdef', substr(person_id, 36)) + digit.column1, 1)"
        f" FROM single_token CROSS JOIN (VALUES {digits}) AS digit"
    )
    database.execute("COMMIT")
    database.execute("DROP TABLE single_token")


if __name__ == "__main__":
    print(register_of_siblings(int(sys.argv[1])))
