"""One region whose register the tests fill."""

from collections.abc import AsyncIterator, Callable

import pytest

from schemas.clock import FakeClock
from service.settings import Settings
from tests.service.two_regions import ASKER, Region, Wire, close_region, open_region


@pytest.fixture
async def region(new_settings: Callable[..., Settings], clock: FakeClock, password_hash: str) -> AsyncIterator[Region]:
    opened = open_region(new_settings(ASKER, "澜江市"), Wire(), clock, password_hash)
    yield opened
    await close_region(opened)
