"""Two federation nodes with databases of their own, on both databases."""

from collections.abc import Callable, Iterator

import pytest

from federation.tables import Peer, PeerState
from schemas.clock import FakeClock
from service.database import Database
from tests.federation.nodes import START, Pair, Side, Wire, introduce, make_side


@pytest.fixture
def new_side(new_database_url: Callable[..., str]) -> Iterator[Callable[..., Side]]:
    """Makes nodes on one wire and one clock."""
    opened: list[Database] = []
    wire, clock = Wire(), FakeClock(START)

    def make(region: str, name: str) -> Side:
        database = Database(new_database_url())
        opened.append(database)
        return make_side(wire, clock, database, region, name)

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def strangers(new_side: Callable[..., Side]) -> Pair:
    """Two nodes that do not know each other."""
    lan, qing = new_side("790303", "澜江市"), new_side("790101", "青禾县")
    clock = lan.fed.clock
    assert isinstance(clock, FakeClock)
    return Pair(lan, qing, lan.wire, clock)


@pytest.fixture
async def pair(strangers: Pair) -> Pair:
    """Two nodes that are paired and active."""
    introduce(strangers.lan, strangers.qing)
    introduce(strangers.qing, strangers.lan)
    await strangers.lan.delivery.tick()
    for one, other in ((strangers.lan, strangers.qing), (strangers.qing, strangers.lan)):
        assert one.read(lambda s, region=other.region: s.get(Peer, region)).state == PeerState.ACTIVE
    strangers.wire.log.clear()
    return strangers
