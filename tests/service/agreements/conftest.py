"""Two regions that know each other and have an agreement."""

from collections.abc import AsyncIterator, Callable

import pytest

from schemas.clock import FakeClock
from service.settings import Settings
from tests.service.agreements.peer_world import PeerWorld, peer_world
from tests.service.two_regions import (
    ANSWERER,
    ASKER,
    NAMES,
    Regions,
    Wire,
    agree,
    close_region,
    introduce,
    open_region,
)


@pytest.fixture
async def strangers(
    new_settings: Callable[..., Settings], clock: FakeClock, password_hash: str
) -> AsyncIterator[Regions]:
    """Two regions that know each other and have agreed on nothing."""
    wire = Wire()
    sides = [open_region(new_settings(code, NAMES[code]), wire, clock, password_hash) for code in (ASKER, ANSWERER)]
    introduce(*sides)
    yield Regions(*sides, wire, clock)
    for side in sides:
        await close_region(side)


@pytest.fixture
async def regions(strangers: Regions) -> Regions:
    """Two regions with an agreement signed by both."""
    await agree(strangers)
    return strangers


@pytest.fixture
async def world(
    new_settings: Callable[..., Settings], clock: FakeClock, password_hash: str
) -> AsyncIterator[PeerWorld]:
    """One region and a peer that can be programmed."""
    async with peer_world(new_settings, clock, password_hash) as opened:
        yield opened
