"""One person by id: the register's query beside the database alone, and beside a register of a fifth of the size."""

import random
import statistics
import time
from pathlib import Path
from typing import Any

from bench.full_register import full_register, open_register
from bench.siblings import register_of_siblings
from bench.slices import Result, Slice, Work, compare
from service.context import Node
from service.engines import sqlite_driver
from service.registry.people import open_own_record
from service.registry.tables import Person

PEOPLE = 1_000_000
LOOK_UPS = 400
PAIRS = 15
WORK = "point look-up by id through the service's query function, unsealed"


def measure(*, people: int = PEOPLE, pairs: int = PAIRS) -> list[Result]:
    single, five = full_register(people), register_of_siblings(people)
    small, large = open_register(single), open_register(five)
    try:
        ours = _service(small, single, people)
        return [
            compare(
                f"{WORK}, {people:,} people, p50",
                "raw sqlite3, sealed",
                1 / 8,
                ours,
                _raw(single, people),
                pairs=pairs,
                note="the bar is p50 at most 8 times raw sqlite3",
            ),
            compare(
                f"{WORK}, {people * 5:,} people, p50",
                f"the same among {people:,}",
                1 / 1.2,
                _service(large, five, people),
                ours,
                pairs=pairs,
                note="the bar is at most 1.2 times as long; the larger register holds siblings (`bench/siblings.py`)",
            ),
        ]
    finally:
        small.database.close()
        large.database.close()


def people_of(directory: Path, count: int, most: int, seed: int = 1) -> list[str]:
    """Ids of people anywhere in the register, of the first `most` that were made: siblings cannot be opened."""
    pick = random.Random(seed)
    database = sqlite_driver().connect(directory / "tonglu.sqlite")
    found = [
        database.execute("SELECT id FROM person WHERE rowid = ?", (pick.randint(1, most),)).fetchone()[0]
        for _ in range(count)
    ]
    database.close()
    return found


def _service(node: Node, directory: Path, most: int) -> Slice:
    ids = people_of(directory, LOOK_UPS * 20, most)

    def slice_() -> Work:
        wanted = random.sample(ids, LOOK_UPS)

        def read(session: Any) -> list[float]:
            return _times(wanted, lambda one: open_own_record(session, node, one))

        return Work(1, statistics.median(node.database.read_sync(read)))

    # The pages that will be looked at are in memory on both sides, as they are in an office's day.
    node.database.read_sync(lambda session: _times(ids, lambda one: open_own_record(session, node, one)))
    return slice_


def _raw(directory: Path, most: int) -> Slice:
    database = sqlite_driver().connect(directory / "tonglu.sqlite")
    columns = ", ".join(f'"{column.name}"' for column in Person.__table__.columns)
    query = f"SELECT {columns} FROM person WHERE id = ?"
    ids = people_of(directory, LOOK_UPS * 20, most, seed=2)

    def slice_() -> Work:
        return Work(
            1,
            statistics.median(
                _times(random.sample(ids, LOOK_UPS), lambda one: database.execute(query, (one,)).fetchone())
            ),
        )

    return slice_


def _times(ids: list[str], look_up: Any) -> list[float]:
    taken = []
    for one in ids:
        begun = time.perf_counter()
        assert look_up(one) is not None
        taken.append(time.perf_counter() - begun)
    return taken


if __name__ == "__main__":
    print(measure())
