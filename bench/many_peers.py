"""The row of many peers: how long a message to a living peer takes while half of 3,000 peers are dead.

The wire is simulated: living peers answer after a few milliseconds, dead ones hold a connection until it times out.
The rest is real: the database, the signatures, and the delivery loop with its tasks. The dead have been so for an hour:
each is tried once an hour, and messages for them are queued as for anyone.
"""

import asyncio
import random
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlmodel import select

from bench.slices import Result
from federation import outbox
from federation.client import PeerClient
from federation.delivery import Delivery
from federation.keys import NodeKeys
from federation.node import FederationNode
from federation.tables import Destination, Wait
from schemas.clock import SystemClock
from schemas.entropy import SystemEntropy, uuid4
from schemas.envelope import Outgoing
from service.database import Database
from tests.databases import create_all
from tests.federation.many_peers import Crowd
from tests.federation.nodes import AGREEMENT, REMINDED, purpose

PEERS = 3000
EACH_SECOND = 40
WARM_SECONDS = 5
SECONDS = 30
ROW = "live peers' delivery delay with half of 3,000 peers dead (simulated wire), p95"
BAR = 1 / 1.1


async def delays(directory: Path, dead: int) -> list[float]:
    """Queue messages to peers at random for a while; the seconds from queued to taken, of those to living peers."""
    clock, entropy, chance = SystemClock(), SystemEntropy(), random.Random(1)
    path = directory / f"{dead}.sqlite"
    create_all(f"sqlite:///{path}")
    database = Database(f"sqlite:///{path}")
    crowd = Crowd(PEERS, clock=clock, answer_seconds=0.02)
    keys = NodeKeys.generate(entropy)
    url = "http://790303.example"
    fed = FederationNode("790303", "澜江市", url, keys, clock, entropy, allow_private_peers=True)

    def introduce(session):
        crowd.introduce(session, clock.now())
        for destination in session.exec(select(Destination)).all():
            destination.signs_with = destination.announced = keys.kid("transport")
            session.add(destination)

        for region in crowd.dead:
            gone = session.get_one(Destination, region)
            gone.failures, gone.failing_since = 40, clock.now() - timedelta(hours=1)
            gone.wait, gone.next_attempt_at = Wait.OUTAGE, clock.now() + timedelta(seconds=chance.uniform(0, 3600))
            session.add(gone)

    crowd.dead = set(crowd.regions[::2][:dead])
    await database.write(introduce)
    queued: dict[str, float] = {}
    taken: dict[str, float] = {}
    crowd.took = lambda case: taken.setdefault(case, time.monotonic())
    delivery = Delivery(fed, database, lambda: PeerClient(fed, crowd))
    running = asyncio.create_task(delivery.run())

    async def send(region: str) -> str:
        case = uuid4(entropy)
        message = Outgoing(region, REMINDED, case, {"case": case}, AGREEMENT, purpose())
        await database.write(lambda session: outbox.enqueue(session, fed, message))
        queued[case] = time.monotonic()
        delivery.wake(region)
        return case

    async def load(seconds: float) -> list[str]:
        cases, ends_at = [], time.monotonic() + seconds
        while time.monotonic() < ends_at:
            region = chance.choice(crowd.regions)
            case = await send(region)
            if region not in crowd.dead:
                cases.append(case)
            await asyncio.sleep(1 / EACH_SECOND)
        return cases

    try:
        for region in sorted(crowd.dead):
            await send(region)
        await load(WARM_SECONDS)
        measured = await load(SECONDS)
        await asyncio.sleep(3)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await delivery.aclose()
        database.close()
    return [taken.get(case, float("inf")) - queued[case] for case in measured]


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def measure() -> list[Result]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        alive = asyncio.run(delays(Path(folder), 0))
        between = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        half = asyncio.run(delays(Path(folder), PEERS // 2))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ratio = p95(alive) / p95(half)
    note = (
        f"p95 {p95(half) * 1000:.1f} ms with half dead, {p95(alive) * 1000:.1f} ms with none; none over half, "
        f"so 1.1× slower is 0.91; most memory {before // 1024} MB before, {between // 1024} MB with all alive, "
        f"{after // 1024} MB with half dead"
    )
    rates = 1 / p95(half), 1 / p95(alive)
    return [Result(ROW, "none dead", BAR, ratio, ratio, ratio, *rates, note)]


if __name__ == "__main__":
    print(measure())
