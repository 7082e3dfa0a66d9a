"""The row of durability: what `synchronous=FULL` costs against NORMAL when two hundred messages share a commit."""

import asyncio
import tempfile
import time
from itertools import islice
from pathlib import Path

from sqlalchemy import event

from bench.pair import Pair
from bench.slices import Result, Work, compare

BATCH = 200
PAIRS = 5
WORK = "round trips at batch 200, SQLite synchronous=FULL"


def measure(*, pairs: int = PAIRS) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        full, normal = Pair(Path(folder) / "full"), Pair(Path(folder) / "normal")
        relax(normal)
        works = [trips(pair, runner, pairs + 1) for pair in (full, normal)]
        try:
            note = "both nodes of a pair alike; two pairs of nodes in turn"
            return [compare(WORK, "the same with synchronous=NORMAL", 0.85, *works, pairs=pairs, note=note)]
        finally:
            for pair in (full, normal):
                runner.run(pair.close())


def relax(pair: Pair) -> None:
    """Commit with NORMAL from now on; a transaction that has begun cannot change it, so before each."""
    for side in (pair.asker, pair.answerer):
        pool = side.node.database._engines.write.pool  # noqa: SLF001 - no setting offers what the row compares with

        @event.listens_for(pool, "checkout")
        def relaxed(connection, _record, _proxy):
            connection.execute("PRAGMA synchronous=NORMAL")


def trips(pair: Pair, runner: asyncio.Runner, slices: int):
    """A slice of this pair's round trips, each about people who were not asked about before."""
    ids = pair.prepare(BATCH * slices)
    runner.run(pair.agree(len(ids)))
    left = iter(ids)

    def work() -> Work:
        batch = list(islice(left, BATCH))
        begun = time.perf_counter()
        runner.run(pair.round_trips(batch))
        return Work(len(batch), time.perf_counter() - begun)

    return work


if __name__ == "__main__":
    print(measure())
