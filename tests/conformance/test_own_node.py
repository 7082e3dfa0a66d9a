"""Our own node passes all of it."""

from typing import Any

from federation.conformance import all_lines
from service.settings import Settings
from tests.conformance.worlds import own_node, try_own


async def test_our_own_node_keeps_to_the_whole_protocol(settings: Settings) -> None:
    apps: dict[str, Any] = {}
    async with own_node(settings, apps) as app:
        outcomes = await try_own(app, apps)
    assert [(one.id, one.seen) for one in outcomes if not one.held] == []
    assert [one.id for one in outcomes] == [line.id for line in all_lines()]
