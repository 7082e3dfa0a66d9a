"""Three nodes under SIGKILL, resets and a partition: nothing acknowledged is lost, nothing happens twice.

`make test` runs it small. `make chaos` runs it in full: CHAOS_MESSAGES (5000), CHAOS_SEED, CHAOS_KILL_SECONDS,
CHAOS_RESETS, CHAOS_PARTITION_SECONDS; the reports stand in CHAOS_REPORTS (build/chaos).
"""

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.crash_world import Databases
from tests.chaos.judging import judge
from tests.chaos.report import page
from tests.chaos.run import MESSAGES_EACH, Weather, run
from tests.chaos.world import PAIRS, SETTLED_SECONDS, three_regions

SHORT = Weather(partition_seconds=2.5, most_seconds=8.0)


def setting(name: str, otherwise: float) -> float:
    return float(os.environ.get(f"CHAOS_{name}", otherwise))


@pytest.fixture
def stand(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Callable[[Weather, int], str]:
    """Goes through a storm with so many messages, gives the report, and fails if it was not stood."""

    def through(weather: Weather, messages: int) -> str:
        server = request.getfixturevalue("postgresql_server") if database_kind == "postgresql" else None
        databases = Databases(database_kind, server)
        travellers = math.ceil(messages / len(PAIRS) / MESSAGES_EACH)
        try:
            with three_regions(tmp_path, databases, travellers) as world:
                course = run(world, weather)
                judgement = judge(world)
                report = page(database_kind, weather, course, judgement, world)
                for node in world.nodes.values():
                    node.kill()
                    node.told("log", "verify", node.directory)
        finally:
            databases.close()
        assert not course.broken, report
        assert judgement.messages.total() >= messages
        assert (judgement.lost, judgement.doubled, judgement.unproven) == ([], [], []), report
        assert course.healed_in_seconds is not None, report
        assert course.healed_in_seconds <= SETTLED_SECONDS, report
        return report

    return through


@pytest.mark.by_turns
def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(stand: Callable[[Weather, int], str]) -> None:
    stand(SHORT, 500)


@pytest.mark.long
def test_the_full_storm(stand: Callable[[Weather, int], str], database_kind: str) -> None:
    weather = Weather(
        seed=int(setting("SEED", 1)),
        kill_every_seconds=setting("KILL_SECONDS", 2),
        resets=setting("RESETS", 0.2),
        partition_seconds=setting("PARTITION_SECONDS", 20),
        held=True,
        lapse_leases=False,
    )
    report = stand(weather, int(setting("MESSAGES", 5000)))
    folder = Path(os.environ.get("CHAOS_REPORTS", "build/chaos"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{database_kind}.md").write_text(report, "utf-8")
    print(report)
