"""Our own node passes all of it."""

from collections.abc import Collection
from typing import Any

import pytest

from federation.conformance import all_lines
from service.settings import Settings
from tests.conformance.worlds import own_node, try_own

STORING = ("effects", "pulling", "agreed", "news", "keys")
"""The chapters in which the database has its part."""


async def passes(settings: Settings, chapters: Collection[str] = ()) -> None:
    apps: dict[str, Any] = {}
    async with own_node(settings, apps) as app:
        outcomes = await try_own(app, apps, chapters)
    assert [(one.id, one.seen) for one in outcomes if not one.held] == []
    assert [one.id for one in outcomes] == [line.id for line in all_lines(chapters)]


@pytest.mark.one_database("sqlite", "the whole suite takes half a minute, and most of it stores nothing")
async def test_our_own_node_keeps_to_the_whole_protocol(settings: Settings) -> None:
    await passes(settings)


@pytest.mark.one_database("postgresql", "SQLite's node passes the whole suite")
async def test_our_own_node_keeps_to_what_is_stored(settings: Settings) -> None:
    await passes(settings, STORING)


@pytest.mark.long
@pytest.mark.one_database("postgresql", "SQLite's node passes it in the short run")
async def test_our_own_node_keeps_to_the_whole_protocol_on_postgresql(settings: Settings) -> None:
    await passes(settings)
