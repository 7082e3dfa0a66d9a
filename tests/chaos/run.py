"""One chaos run: offices at work while nodes are killed and lines break; then healing, and the clock until all is well.

For each traveller the office at home registers the departure and the office where they live asks about it. That makes
four messages: `departure.notified`, `verification.requested`, `verification.answered`, `arrival.confirmed`. Offices
repeat a call under one Idempotency-Key until it is answered, as the pages do.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from tests.acceptance.processes import patience
from tests.chaos.proxy import Fault, FaultProxy, Plan, Seen
from tests.chaos.world import SETTLED_SECONDS, Traveller, World, told

MESSAGES_EACH = 4
OFFICES = 6
PARTED = ("790101", "790303")
"""The two regions between which the line is gone for a while."""


@dataclass(frozen=True)
class Weather:
    """What a run has to stand; after `most_seconds` at the latest the storm is over, whatever is left to do.

    With `held`, the partition swallows requests instead of refusing them; with `lapse_leases`, nobody has to wait until
    those of a killed process run out (15 seconds).
    """

    seed: int = 1
    kill_every_seconds: float = 2.0
    resets: float = 0.2
    other_faults: float = 0.1
    partition_seconds: float = 3.0
    held: bool = False
    lapse_leases: bool = True
    most_seconds: float | None = None

    def plan(self, world: World, proxy: FaultProxy, parted: threading.Event) -> Plan:
        """The plan of one node's proxy: resets half before and half after, some cuts, slowness and latency."""
        region = next(code for code in world.nodes if world.proxy(code) is proxy)
        chance = random.Random(f"{self.seed} {region}")
        others = (
            lambda: Fault(cut_after=chance.randrange(1, 2000)),
            lambda: Fault(bytes_per_second=20_000, piece=chance.randrange(1, 500)),
            lambda: Fault(latency_seconds=chance.uniform(0.05, 0.5)),
        )

        def decide(seen: Seen) -> Fault:
            drawn, kind = chance.random(), chance.choice(others)()
            if parted.is_set() and {region, world.by_keyid.get(seen.keyid)} == set(PARTED):
                return Fault(held=True) if self.held else Fault(reset="before")
            if drawn < self.resets:
                return Fault(reset="before" if drawn < self.resets / 2 else "after")
            return kind if drawn < self.resets + self.other_faults else Fault()

        return decide


@dataclass
class Course:
    """What happened in a run."""

    kills: Counter[str] = field(default_factory=Counter)
    stormy_seconds: float = 0.0
    healed_in_seconds: float | None = None
    open_at_healing: int = 0
    broken: list[str] = field(default_factory=list)


def run(world: World, weather: Weather) -> Course:
    """Let the offices work through the storm, heal everything, and wait until nothing is open any more."""
    course = Course()
    parted, over = threading.Event(), threading.Event()
    world.proxies.plan(lambda proxy: weather.plan(world, proxy, parted))
    storm = [
        threading.Thread(target=_kill, args=(world, weather, course, over), name="killer"),
        threading.Thread(target=_part, args=(weather, parted, over), name="partition"),
    ]
    begun = time.monotonic()
    for thread in storm:
        thread.start()
    with ThreadPoolExecutor(1) as main_office:
        working = main_office.submit(_work, world, random.Random(weather.seed))
        wait([working], weather.most_seconds)
        over.set()
        for thread in storm:
            thread.join()
        world.proxies.heal()
        healed_at = time.monotonic()
        course.stormy_seconds = healed_at - begun
        working.result()
    if not course.broken:
        course.open_at_healing = _unsettled(world)
        for _ in patience(SETTLED_SECONDS + 30, "all is answered"):
            if _unsettled(world) == 0:
                break
        course.healed_in_seconds = time.monotonic() - healed_at
    return course


def _work(world: World, chance: random.Random) -> None:
    """All offices at once, each with one traveller after the other."""
    travellers = list(world.travellers)
    chance.shuffle(travellers)

    def serve(one: Traveller) -> None:
        today = time.strftime("%Y-%m-%d", time.gmtime())
        departure = {"person": one.facts, "destination_region": one.here, "departed_on": today, **told(one.here)}
        world.call(one.home, "/departures", departure)
        asked = {"person_id": one.person_id, "peer": one.home, "purpose": "confirm_journey"}
        world.call(one.here, "/verifications", {**asked, "claims": ["identity", "departure_declared"]})

    with ThreadPoolExecutor(OFFICES) as offices:
        for done in [offices.submit(serve, one) for one in travellers]:
            done.result()


def _kill(world: World, weather: Weather, course: Course, over: threading.Event) -> None:
    chance = random.Random(f"{weather.seed} killer")
    while not over.wait(weather.kill_every_seconds):
        region = chance.choice(list(world.nodes))
        try:
            world.restart_killed(region)
            if weather.lapse_leases:
                world.lapse_leases(region)
        except Exception as fault:  # noqa: BLE001 - told by the main thread, which asserts that there is none
            course.broken.append(f"{type(fault).__name__}: {fault}")
            return
        course.kills[region] += 1


def _part(weather: Weather, parted: threading.Event, over: threading.Event) -> None:
    if over.wait(1.0):
        return
    parted.set()
    over.wait(weather.partition_seconds)
    parted.clear()


_OPEN = (
    "SELECT count(*) FROM outbox_message WHERE state IN ('queued', 'waiting')",
    "SELECT count(*) FROM verification_request WHERE direction = 'sent' AND state <> 'answered'",
    "SELECT count(*) FROM received_departure WHERE looked_at IS NULL",
    'SELECT count(*) FROM access_log_entry WHERE "index" IS NULL',
)


def _unsettled(world: World) -> int:
    """How much is still under way."""
    return sum(int(world.value(region, query)) for region in world.nodes for query in _OPEN)
