"""A month that is not closed: what stands in it so far, in whole tens.

A closed month is counted once, and what may be told of it is decided for the whole table. A month that goes on changes
with every entry, and two looks at its exact numbers would tell by their difference who came between them. So each of
its counts is told in tens, rounded down; under ten it is ``<10`` as everywhere; and a total is the sum of what is told
in its line, which tells nothing more. Days to answer are not told before the month is closed.
"""

from collections.abc import Collection, Mapping

from sqlmodel import Session

from schemas.problems import WrongState
from service.context import Node
from service.reports.closing import BACK, HELD, CountedCell, held_counts, report_cells
from service.reports.counting import count_month
from service.reports.months import Month
from service.reports.suppression import SMALL, Cell, Lines, Shown


def count_so_far(session: Session, node: Node, month: Month, *, parts: Collection[str]) -> list[CountedCell]:
    """Give the cells of an open month as they may be told now; nothing is kept, and only some parts are counted.

    Raises `WrongState` for a month that has not begun, or that has left the register.
    """
    today = Month.of(node.today())
    if month > today:
        raise WrongState("This month has not begun.")
    if month < today.plus(-BACK):
        raise WrongState("Too much of this month has left the register.")
    rows: list[CountedCell] = []
    for name, measured in count_month(session, node, month, parts=parts).items():
        exact = measured.lines.with_totals(measured.counts)
        told = measured.lines.with_totals({cell: _tens(count) for cell, count in measured.counts.items()})
        rows += report_cells(name, told, _shown(measured.lines, exact, told))
    held = held_counts(session, node) if HELD in parts else {}
    shown: dict[Cell, Shown] = {cell: "small" if count < SMALL else "yes" for cell, count in held.items()}
    return [*rows, *report_cells(HELD, {cell: _tens(count) for cell, count in held.items()}, shown)]


def _shown(lines: Lines, exact: Mapping[Cell, int], told: Mapping[Cell, int]) -> dict[Cell, Shown]:
    """Small as everywhere; a total of nothing but small counts that is itself ten or more is not told."""
    return {
        cell: "small" if exact[cell] < SMALL else "yes" if told[cell] >= SMALL else "hidden" for cell in lines.cells()
    }


def _tens(count: int) -> int:
    return count // SMALL * SMALL
