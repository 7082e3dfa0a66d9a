"""One page about a run."""

from collections import Counter

from tests.chaos.judging import Judgement
from tests.chaos.run import Course, Weather
from tests.chaos.world import World


def page(kind: str, weather: Weather, course: Course, judgement: Judgement, world: World) -> str:
    """What a run stood, how long it took to settle, and what was lost or doubled, as Markdown."""
    faults: Counter[str] = Counter()
    for proxy in world.proxies.proxies:
        faults.update(proxy.counts)
    delays = sorted(judgement.delays_seconds)
    settled = "never" if course.healed_in_seconds is None else f"{course.healed_in_seconds:.1f} s"
    rows = [
        ("messages", f"{judgement.messages.total():,}"),
        *((f"– {name.removeprefix('tonglu.')}", f"{count:,}") for name, count in sorted(judgement.messages.items())),
        ("storm", f"{course.stormy_seconds:.0f} s, seed {weather.seed}"),
        ("SIGKILLs", f"{course.kills.total()}, every {weather.kill_every_seconds:g} s: {dict(course.kills)}"),
        ("partition", f"{weather.partition_seconds:g} s, requests {'held' if weather.held else 'refused'}"),
        ("requests between nodes", f"{faults.total():,}"),
        *((f"– {name}", f"{count:,}") for name, count in sorted(faults.items())),
        ("calls of officers that were repeated", f"{world.repeated_calls:,}"),
        ("delivery, from queued to receipt", f"p50 {_part(delays, 0.5):.1f} s, p95 {_part(delays, 0.95):.1f} s"),
        ("open when all was healed", f"{course.open_at_healing:,} rows"),
        ("all answered after", settled),
        ("acknowledged and lost", f"{len(judgement.lost)}"),
        ("effects that happened twice", f"{len(judgement.doubled)}"),
        ("without one receipt on each side", f"{len(judgement.unproven)}"),
        ("nodes that died by themselves", f"{len(course.broken)}"),
    ]
    bad = [*course.broken, *judgement.lost, *judgement.doubled, *judgement.unproven]
    lines = [f"# Chaos on {kind}", "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join([*lines, *(["", *(f"- {one}" for one in bad[:50])] if bad else []), ""])


def _part(ordered: list[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0
