"""A node whose register holds a million people or five, made once and kept in the machine's temporary folder.

People are sealed and indexed by the register's own functions (`service.registry.rows.new_rows`) and inserted with
`executemany`. Two things differ from an import, both only to save time: the indexes are made at the end, and the tokens
are sorted before they go in, so that no page of the largest table is written twice. No log entries are made.

`python -m bench.full_register 1000000` makes one and says where.
"""

import hashlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlmodel import Session

from bench.invented import invented
from schemas import readings
from schemas.calendar import PartialDate
from schemas.clock import SystemClock, rfc3339
from schemas.entropy import SystemEntropy, uuid4, uuid7
from service import migrations, vault
from service.building import build_node
from service.context import Node
from service.engines import sqlite_driver
from service.founding import found
from service.many_rows import insert_many
from service.officers.actions import account_of, add_officer
from service.officers.passwords import FirstPassword
from service.officers.queries import officer_from
from service.officers.rules import Officer, Role
from service.registry.doubles import pairs
from service.registry.marks import DONE, set_mark
from service.registry.people import NewPerson
from service.registry.rows import PersonRows, new_rows
from service.registry.searching import indexing, tokens
from service.registry.tables import Arrival, Person
from service.settings import Settings

REGION, FROM = "790303", "790101"
BATCH = 2000
_FILLED = "person", "search_token", "arrival"


def full_register(count: int, *, progress: bool = True) -> Path:
    """Give the directory of a node with `count` people, made where there is none yet of this state of the register."""
    shape = [Path(str(room.__file__)) for room in (readings, tokens, vault)]
    shape += sorted(Path(str(migrations.__file__)).parent.glob("versions/*.py"))
    version = hashlib.sha256(b"".join(one.read_bytes() for one in shape)).hexdigest()[:12]
    directory = Path(tempfile.gettempdir()) / f"tonglu-bench-{count}-{version}"
    done = directory / "filled"
    if not done.exists():
        shutil.rmtree(directory, ignore_errors=True)
        _fill(directory / "node", count, progress=progress)
        done.touch()
    return directory / "node"


def open_register(directory: Path) -> Node:
    """Open a filled node."""
    return build_node(Settings.load(directory, allow_private_peers=True), clock=SystemClock())


def officer_of(node: Node, area: str) -> Officer:
    """An officer of an area with every role, made at first use."""
    name = f"bench-{area}"

    def add(session: Session) -> Officer:
        try:
            return officer_from(account_of(session, name))
        except LookupError:
            pass
        except Exception as error:
            if getattr(error, "code", "") != "not_found":
                raise
        add_officer(session, node, name, frozenset(Role), area=area, password=FirstPassword.one_time(node.entropy))
        return officer_from(account_of(session, name))

    return node.database.write_sync(add)


def _fill(directory: Path, count: int, *, progress: bool) -> None:
    found(directory, region=REGION, name="澜江市", base_url="http://790303.example", entropy=SystemEntropy())
    node = open_register(directory)
    file = str(node.settings.database_url or directory / "tonglu.sqlite").removeprefix("sqlite:///")
    node.database.close()
    engine = sqlalchemy.create_engine(f"sqlite:///{file}", module=sqlite_driver())
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.isolation_level = None
        for pragma in ("journal_mode=DELETE", "synchronous=OFF", "cache_size=-400000", "temp_store=FILE"):
            raw.execute(f"PRAGMA {pragma}")
        indexes = _drop_indexes(raw)
        raw.execute("CREATE TABLE staged (token BLOB, person_id TEXT)")
        begun = time.monotonic()
        made = 0
        with multiprocessing.get_context("spawn").Pool(os.cpu_count(), _open_worker, (directory,)) as workers:
            for batch in workers.imap(_seal, _batches(count)):
                raw.execute("BEGIN")
                _insert(connection, batch)
                raw.execute("COMMIT")
                made += len(batch[0])
                if progress and made % 100_000 == 0:
                    print(f"{made:,} people in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        raw.execute("BEGIN")
        raw.execute("INSERT INTO search_token (token, person_id) SELECT token, person_id FROM staged ORDER BY 1, 2")
        raw.execute("COMMIT")
        raw.execute("DROP TABLE staged")
        for statement in indexes:
            raw.execute(statement)
        raw.execute("PRAGMA journal_mode=WAL")
        if progress:
            print(f"indexed after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    engine.dispose()
    _let_passes_rest(directory)


_Batch = tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[bytes, str]]]
_worker: list[Node] = []


def _open_worker(directory: Path) -> None:
    _worker.append(open_register(directory))


def _batches(count: int) -> Iterator[list[tuple[int, NewPerson, PartialDate]]]:
    people = invented(count)
    while batch := list(islice(people, BATCH)):
        yield batch


def _seal(batch: list[tuple[int, NewPerson, PartialDate]]) -> _Batch:
    """Make the rows of people, their moves and their tokens (in a worker)."""
    node = _worker[0]
    made = [(new_rows(node, f"{REGION}{township + 1:03d}", new), str(moved)) for township, new, moved in batch]
    tokens = [(token, one.id) for one, _ in made for token in one.tokens]
    return [one.person for one, _ in made], [_arrival(node, one, moved) for one, moved in made], tokens


def _insert(connection: sqlalchemy.Connection, batch: _Batch) -> None:
    session = Session(connection)
    insert_many(session, Person, batch[0])
    insert_many(session, Arrival, batch[1])
    raw: Any = connection.connection.dbapi_connection
    raw.executemany("INSERT INTO staged VALUES (?, ?)", batch[2])


def _arrival(node: Node, one: PersonRows, moved: str) -> dict[str, Any]:
    return {
        "id": uuid7(node.now(), node.entropy),
        "person_id": one.id,
        "area": one.person["area"],
        "state": "declared",
        "journey": uuid4(node.entropy),
        "registered_by": "first",
        "entered_at": node.now(),
        "origin_region": FROM,
        "arrived_on": moved,
    }


def _let_passes_rest(directory: Path) -> None:
    """Say that the passes over the register have been through it, as they have in one that grew for years."""
    node = open_register(directory)

    def say(session: Session) -> None:
        set_mark(session, indexing.MARK, DONE)
        set_mark(session, pairs.MARK, rfc3339(node.now()))

    node.database.write_sync(say)
    node.database.close()


def _drop_indexes(raw: Any) -> list[str]:
    marks = ", ".join("?" for _ in _FILLED)
    found = raw.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks})",
        _FILLED,
    ).fetchall()
    for name, _ in found:
        raw.execute(f"DROP INDEX {name}")
    return [statement for _, statement in found]


if __name__ == "__main__":
    print(full_register(int(sys.argv[1])))
