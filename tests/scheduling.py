"""Which tests stay together when several workers share a run: those that share a world that is costly to make.

A world is a pair of real nodes in their own processes, or all officers' pages in a browser: made once, it serves every
test of its module. The demo's tests share its two ports: apart, one worker would wait for the other. The inventory's
parse all code once. All other tests go one by one to whichever worker is free. Worlds are handed out first, the largest
before the others, so that the last minute is not one worker's alone.
"""

from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

WORLDS = {
    "tests/acceptance/test_pages.py": "pages",
    "tests/acceptance/test_pages_work.py": "pages",
    "tests/acceptance/test_crashes.py": "crashes",
    "tests/acceptance/test_demo.py": "demo",
    "tests/inventory/test_forbidden.py": "names in the code",
    "tests/inventory/test_inventory.py": "names in the code",
}
"""Module to the world that its tests share; each database has its own."""


class WorldScheduling(LoadScopeScheduling):
    """Keeps each world's tests with one worker."""

    def _split_scope(self, nodeid: str) -> str:
        module, _, rest = nodeid.partition("::")
        world = WORLDS.get(module)
        if world is None:
            return nodeid
        return f"{world} on PostgreSQL" if "[postgresql" in rest else world


def scheduler(config: pytest.Config, log: Producer) -> Any:
    """The scheduler of a run with several workers."""
    return WorldScheduling(config, log)
