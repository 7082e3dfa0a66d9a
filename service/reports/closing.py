"""Closing a month: it is counted once, what may be told is decided once, and both are kept.

By itself on the fifth working day after it, or by a supervisor of the whole region as soon as it is over. Whatever is
entered later shows as a difference: when a later month closes, the moves of the three months before it are counted
again, and by how much they changed since is kept as a version of its own, with its own decision what may be told.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from sqlmodel import Session, col, func, select

from schemas.clock import local_date
from schemas.problems import WrongState
from service.context import Node
from service.many_rows import insert_many
from service.officers.queries import all_accounts
from service.officers.rules import Officer, Role, require_region
from service.privacy_report import held
from service.reports.counting import DAYS, FLOWS, count_flows, count_month
from service.reports.months import Month
from service.reports.suppression import SMALL, TOTAL, Cell, Lines, Shown, protect, protect_change
from service.reports.tables import ReportCell, ReportVersion

CORRECTED_FOR_MONTHS: Final = 3
"""So many months before the one that closes are counted again."""
BACK: Final = 24
"""So many months back a supervisor may close one: what ended before has left the register."""
HELD: Final = "held"
"""The measure of the privacy report; its columns are kinds of records."""


class CountedCell(NamedTuple):
    """A cell of a report as it was counted: a `ReportCell` but for its month and version, and light to make."""

    measure: str
    row: str
    column: str
    value: int
    shown: Shown


async def close_due(node: Node) -> int:
    """Close every month whose day has come since the node began, the oldest first; give how many (job)."""
    due = await node.database.read(lambda session: due_months(session, node))
    for month in due:
        counted = await node.database.read(partial(_counted, node=node, month=month))
        await node.database.write(partial(_keep, node=node, month=month, counted=counted, by=None))
    return len(due)


def close_month(node: Node, month: Month, *, by: Officer) -> None:
    """Close a month by a supervisor's word.

    Raises `Forbidden`, and `WrongState` for one that is not over, lies too far back, or is closed already.
    """
    _require_closable(node, month, by)
    counted = node.database.read_sync(partial(_to_close, node=node, month=month))
    node.database.write_sync(partial(_keep, node=node, month=month, counted=counted, by=by.name))


async def close_month_async(node: Node, month: Month, *, by: Officer) -> None:
    """The same, for routes: the count waits for nobody else's request."""
    _require_closable(node, month, by)
    counted = await node.database.read(partial(_to_close, node=node, month=month))
    await node.database.write(partial(_keep, node=node, month=month, counted=counted, by=by.name))


def _require_closable(node: Node, month: Month, by: Officer) -> None:
    require_region(by, node.region, Role.SUPERVISOR)
    today = node.today()
    if month.last >= today:
        raise WrongState("The month is not over.")
    if month < Month.of(today).plus(-BACK):
        raise WrongState("Too much of this month has left the register.")


def _to_close(session: Session, node: Node, month: Month) -> dict[tuple[Month, int], list[CountedCell]]:
    if is_closed(session, month):
        raise WrongState("This month is closed.")
    return _counted(session, node, month)


def due_months(session: Session, node: Node) -> list[Month]:
    """The months that should be closed by now and are not, from the one on in which the node began."""
    begun = min((account.created_at for account in all_accounts(session)), default=node.now())
    month, today = Month.of(local_date(begun, node.zone)), node.today()
    month = max(month, Month.of(today).plus(-BACK))
    due = []
    while month.closes_on(node.calendar) <= today:
        if not is_closed(session, month):
            due.append(month)
        month = month.plus(1)
    return due


def is_closed(session: Session, month: Month) -> bool:
    """Tell whether a month is closed."""
    return session.get(ReportVersion, (str(month), 0)) is not None


def _counted(session: Session, node: Node, month: Month) -> dict[tuple[Month, int], list[CountedCell]]:
    """The rows of a month and of the corrections that go with it, by month and version; nothing is written."""
    found = {(month, 0): [*_first_count(session, node, month), *_held(session, node)]}
    for back in range(1, CORRECTED_FOR_MONTHS + 1):
        earlier = month.plus(-back)
        newest: Any = session.exec(
            select(func.max(ReportVersion.version)).where(ReportVersion.month == str(earlier))
        ).one()
        if newest is not None and newest < CORRECTED_FOR_MONTHS:
            found[earlier, newest + 1] = _correction(session, node, earlier)
    return found


def _first_count(session: Session, node: Node, month: Month) -> list[CountedCell]:
    rows: list[CountedCell] = []
    for name, measured in count_month(session, node, month).items():
        table = measured.lines.with_totals(measured.counts)
        shown = protect(measured.lines, table)
        rows += report_cells(name, table, shown)
        rows += report_cells(f"{DAYS}:{name}", measured.days, shown)
    return rows


def _held(session: Session, node: Node) -> list[CountedCell]:
    counts = held_counts(session, node)
    shown: dict[Cell, Shown] = {cell: "small" if count < SMALL else "yes" for cell, count in counts.items()}
    return report_cells(HELD, counts, shown)


def held_counts(session: Session, node: Node) -> dict[Cell, int]:
    """How many records of each kind the node holds today."""
    # How many people there are stands in the table of the records, where it was decided whether it may be told.
    found = held(session, node.today())
    return {(TOTAL, kind.split()[-1]): count for kind, count in found.items() if kind != "people"}


def _correction(session: Session, node: Node, month: Month) -> list[CountedCell]:
    known: dict[str, dict[Cell, int]] = {name: defaultdict(int) for name in FLOWS}
    kept: Any = select(ReportCell.measure, ReportCell.row, ReportCell.column, func.sum(ReportCell.value))
    mine = (ReportCell.month == str(month), col(ReportCell.measure).in_(FLOWS))
    for name, row, column, value in session.execute(
        kept.where(*mine).group_by(ReportCell.measure, ReportCell.row, ReportCell.column)
    ):
        known[name][row, column] = int(value)
    # The rows and columns of the first count: who became a peer since is among the others, as then.
    first = known[FLOWS[0]]
    lines = Lines([row for row, _ in _inner_rows(first)], [column for _, column in _inner_columns(first)])
    rows: list[CountedCell] = []
    for name, counts in count_flows(session, node, month, lines).items():
        now, before = lines.with_totals(counts), known[name]
        change = {cell: now[cell] - before[cell] for cell in now}
        rows += report_cells(name, change, protect_change(lines, change, before))
    return rows


def _inner_rows(cells: Mapping[Cell, int]) -> list[Cell]:
    return sorted(cell for cell in cells if cell[0] != TOTAL and cell[1] == TOTAL)


def _inner_columns(cells: Mapping[Cell, int]) -> list[Cell]:
    return sorted(cell for cell in cells if cell[0] == TOTAL and cell[1] != TOTAL)


def report_cells(measure: str, values: Mapping[Cell, int], shown: Mapping[Cell, Shown]) -> list[CountedCell]:
    """The cells of one measure, its totals included."""
    return [CountedCell(measure, *cell, value, shown[cell]) for cell, value in values.items()]


def _keep(
    session: Session,
    node: Node,
    month: Month,
    counted: Mapping[tuple[Month, int], list[CountedCell]],
    by: str | None,
) -> None:
    if is_closed(session, month):
        if by is not None:
            raise WrongState("This month is closed.")
        return
    for (each, version), cells in counted.items():
        if session.get(ReportVersion, (str(each), version)) is not None:
            continue
        session.add(
            ReportVersion(
                month=str(each), version=version, counted_at=node.now(), closed_by=by if version == 0 else None
            )
        )
        session.flush()
        key = {"month": str(each), "version": version}
        insert_many(session, ReportCell, [key | cell._asdict() for cell in cells])
