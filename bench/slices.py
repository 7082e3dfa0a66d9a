"""Ratios on noisy machines: short slices of both sides in turn, the median of the ratios per pair of slices.

A machine that slows down for a while slows both sides of a pair; the median forgives the pairs that straddle the
change. Each slice reports work done and seconds taken, so that a slice may end when its batch does.
"""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Work:
    """What one slice did: `done` units in `seconds`."""

    done: float
    seconds: float

    @property
    def per_second(self) -> float:
        return self.done / self.seconds


@dataclass(frozen=True)
class Result:
    """One row of the table: `ratio` is ours over the baseline's (work per second), `bar` what it must reach."""

    row: str
    baseline: str
    bar: float
    ratio: float
    lowest: float
    highest: float
    ours_per_second: float
    baseline_per_second: float
    note: str = ""

    @property
    def reached(self) -> bool:
        return self.ratio >= self.bar

    def document(self) -> dict[str, object]:
        return asdict(self) | {"reached": self.reached}


Slice = Callable[[], Work]


def compare(row: str, baseline: str, bar: float, ours: Slice, theirs: Slice, *, pairs: int, note: str = "") -> Result:
    """Warm both sides once, then take `pairs` pairs of slices, changing which side goes first."""
    ours(), theirs()
    ratios: list[float] = []
    rates: tuple[list[float], list[float]] = ([], [])
    for pair in range(pairs):
        first, second = (ours, theirs) if pair % 2 == 0 else (theirs, ours)
        one, other = first().per_second, second().per_second
        mine, base = (one, other) if first is ours else (other, one)
        ratios.append(mine / base)
        rates[0].append(mine)
        rates[1].append(base)
    return Result(
        row=row,
        baseline=baseline,
        bar=bar,
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        ours_per_second=statistics.median(rates[0]),
        baseline_per_second=statistics.median(rates[1]),
        note=note,
    )
