"""Rows 2 and 3: verified and answered round trips between two nodes, against the plainest way and bare SQL."""

import asyncio
import tempfile
import time
from itertools import islice
from pathlib import Path

from bench import bare_way, plain_node, plain_way
from bench.pair import ANSWERER, ASKER, Pair, identities
from bench.slices import Result, Work, compare
from schemas.identity import PersonIdentity

BATCH = 200
PAIRS = 3
WORK = "verified and answered round trips, batches of 200, SQLite synchronous=FULL"
NOTE = (
    "both sides in one process; three messages, JWE, vault, log entries, receipts, consents and quota on both sides of "
    "the ratio; {people:,} people"
)


def measure(*, pairs: int = PAIRS) -> list[Result]:
    rows = (
        ("the plainest way: ORM rows, one message a POST, a commit each", 20.0, False),
        ("the same work in bare ASGI and raw sqlite3", 0.8, True),
    )
    results = []
    for baseline, bar, bare in rows:
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
            results.append(_row(Path(folder), runner, baseline, bar, bare=bare, pairs=pairs))
    return results


def _row(directory: Path, runner: asyncio.Runner, baseline: str, bar: float, *, bare: bool, pairs: int) -> Result:
    slices = pairs + 1
    pair = Pair(directory / "ours")
    ids = pair.prepare(BATCH * slices)
    runner.run(pair.agree(len(ids)))
    asker, answerer = (plain_node.open_node(directory, region) for region in (ASKER, ANSWERER))
    people = [PersonIdentity.model_validate(one) for one in islice(identities(), BATCH * slices)]
    plain_node.fill(asker, answerer, people)
    plain_node.fill(answerer, asker, people)
    clients = (bare_way if bare else plain_way).clients_of(asker, answerer)
    ours, theirs = iter(ids), iter(people)

    def own() -> Work:
        batch = list(islice(ours, BATCH))
        begun = time.perf_counter()
        runner.run(pair.round_trips(batch))
        return Work(len(batch), time.perf_counter() - begun)

    async def plainly(batch: list[PersonIdentity]) -> None:
        if bare:
            await bare_way.trips(asker, answerer, clients, batch)
        else:
            for person in batch:
                await plain_way.trip(asker, answerer, clients, person)

    def plain() -> Work:
        batch = list(islice(theirs, BATCH))
        begun = time.perf_counter()
        runner.run(plainly(batch))
        return Work(len(batch), time.perf_counter() - begun)

    try:
        return compare(WORK, baseline, bar, own, plain, pairs=pairs, note=NOTE.format(people=len(ids)))
    finally:
        runner.run(pair.close())


if __name__ == "__main__":
    print(measure())
