"""Half of three hundred peers die at once, and the others notice nothing.

Time is the event loop's, and virtual: nothing waits, and the same happens in every run. So what is compared is the
order in which the sender serves its peers, not the machine.
"""

import asyncio
import random
import selectors
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.pool import StaticPool
from sqlmodel import Session, create_engine, select

from federation import outbox
from federation.client import PeerClient
from federation.delivery import Delivery
from federation.keys import NodeKeys
from federation.node import FederationNode
from federation.tables import Destination, OutboxMessage
from federation.turns import AILING_PLACES, HANGING_PLACES, SOUND_PLACES
from schemas.entropy import SeededEntropy, uuid4
from schemas.envelope import Outgoing
from service.migrations.metadata import all_tables
from tests.federation.many_peers import Crowd, passing
from tests.federation.nodes import AGREEMENT, REMINDED, START, purpose

T = TypeVar("T")
PEERS = 300
SECONDS = 5
EACH_SECOND = 12
DYING_SECONDS = 1.5
"""So soon the places of the living are free again when half of the peers die at once."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: when nothing is ready, it is at once the time of what comes next."""

    def __init__(self) -> None:
        self.passed = 0.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self.passed


class _Leaping(selectors.DefaultSelector):  # type: ignore[valid-type,misc]  # chosen at run time
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._loop.passed += timeout
        return super().select(0)


@dataclass
class VirtualClock:
    """The node's clock goes with the loop's time."""

    loop: VirtualLoop

    def now(self) -> datetime:
        return START + timedelta(seconds=self.loop.passed)


class AtOnce:
    """A database in memory and without threads: each transaction is over before anything else happens."""

    def __init__(self) -> None:
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        all_tables().create_all(self.engine)

    def do(self, fn: Callable[[Session], T]) -> T:
        with Session(self.engine) as session, session.begin():
            return fn(session)

    async def write(self, fn: Callable[[Session], T]) -> T:
        return self.do(fn)

    async def read(self, fn: Callable[[Session], T]) -> T:
        return self.do(fn)


@dataclass
class Sender:
    """A node with many peers, and when each message to them was queued and taken."""

    loop: VirtualLoop
    fed: FederationNode
    crowd: Crowd
    transactions: AtOnce
    queued: dict[str, float] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)

    @classmethod
    def make(cls, loop: VirtualLoop) -> "Sender":
        clock = VirtualClock(loop)
        crowd = Crowd(PEERS, clock=clock, answer_seconds=0.05)
        keys, entropy = NodeKeys.generate(SeededEntropy("sender")), SeededEntropy("ids")
        fed = FederationNode(
            "790303", "澜江市", "http://790303.example", keys, clock, entropy, allow_private_peers=True
        )
        kid = keys.kid("transport")

        def introduce(session: Session) -> None:
            crowd.introduce(session, clock.now())
            for destination in session.exec(select(Destination)).all():
                destination.signs_with = destination.announced = kid
                session.add(destination)

        transactions = AtOnce()
        transactions.do(introduce)
        sender = cls(loop, fed, crowd, transactions)
        crowd.took = sender.took
        return sender

    def took(self, subject: str) -> None:
        self.delays.setdefault(subject, self.loop.time() - self.queued[subject])

    def p95_after(self, seconds: float) -> float:
        """The delay that 95 % of the messages stay below, of those that were queued after a while."""
        later = sorted(delay for case, delay in self.delays.items() if self.queued[case] >= seconds)
        return later[int(len(later) * 0.95)]

    def queue(self, region: str) -> str:
        case = uuid4(self.fed.entropy)
        self.queued[case] = self.loop.time()
        message = Outgoing(region, REMINDED, case, {"case": case}, AGREEMENT, purpose())
        self.transactions.do(lambda session: outbox.enqueue(session, self.fed, message))
        return case

    async def live(self, seconds: int, chance: random.Random) -> None:
        """Send to peers at random, and to each dead one at least once."""
        delivery = Delivery(self.fed, self.transactions, lambda: PeerClient(self.fed, self.crowd))
        running = asyncio.create_task(delivery.run())
        for region in sorted(self.crowd.dead):
            self.queue(region)
        for _ in range(seconds * EACH_SECOND):
            self.queue(chance.choice(self.crowd.regions))
            delivery.wake()
            await passing(1 / EACH_SECOND)
        await passing(2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await delivery.aclose()


def run(dead: int) -> Sender:
    loop = VirtualLoop()
    try:
        sender = Sender.make(loop)
        sender.crowd.dead = set(sender.crowd.regions[::2][:dead])
        loop.run_until_complete(sender.live(SECONDS, random.Random(7)))
        return sender
    finally:
        loop.close()


def test_half_of_the_peers_dead_delays_the_others_by_nothing() -> None:
    without, half = run(0), run(PEERS // 2)
    for sender in (without, half):
        sent = sender.transactions.do(
            lambda session: session.exec(select(OutboxMessage.subject, OutboxMessage.region)).all()
        )
        alive = {case for case, region in sent if region not in sender.crowd.dead}
        assert alive == sender.delays.keys(), "every message to the living has come"
        assert sender.crowd.most_at_once <= SOUND_PLACES + AILING_PLACES + HANGING_PLACES
        sender.transactions.engine.dispose()
    assert half.p95_after(DYING_SECONDS) <= 1.1 * without.p95_after(DYING_SECONDS)
    assert max(half.delays.values()) <= DYING_SECONDS, "nor for long in the moment when all of them die"
    assert half.crowd.tries >= PEERS // 2, "all the dead were tried meanwhile"
