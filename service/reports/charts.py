"""A table's numbers as bars that the server draws: they are there without a script, too. Pure.

The longest bar of a chart is as long as there is room; what is hidden has no bar, since its length would tell it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ROOM_PERCENT: Final = 82
"""The longest bar leaves room for its number."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its number, and its length in percent of the chart's width."""

    label: str
    percent: float


@dataclass(frozen=True, slots=True)
class BarRow:
    """What a row of the table has in each drawn column; None where nothing may be told."""

    name: str
    bars: tuple[Bar | None, ...]


def bar_rows(names: Sequence[str], columns: Sequence[Sequence[float | None]]) -> list[BarRow]:
    """The bars of a chart: a row for each name, with the values of each column at its place."""
    most = max((value for column in columns for value in column if value is not None), default=0)

    def bar(value: float | None) -> Bar | None:
        if value is None:
            return None
        label = str(int(value)) if value == int(value) else f"{value:.1f}"
        return Bar(label, round(ROOM_PERCENT * value / most, 1) if most > 0 else 0)

    return [BarRow(name, tuple(bar(column[place]) for column in columns)) for place, name in enumerate(names)]
