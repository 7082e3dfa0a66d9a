"""One month of one report, for one office: only what may be told leaves this room.

No number stands in two tables that were protected apart from each other: one might hide what the other tells. So what
two reports show is read from one table.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlmodel import Session, col, select

from schemas.problems import Forbidden, NotFound, WrongState
from service.agreements.queries import learn_names
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.reports.closing import HELD
from service.reports.counting import CLASSES, DAYS, FLOWS, PUNCTUAL, WORK, offices
from service.reports.months import Month
from service.reports.running import count_so_far
from service.reports.suppression import TOTAL
from service.reports.tables import ReportCell, ReportVersion

Name = Literal["monthly_flows", "response_times", "register_quality", "privacy"]
NAMES: Final[tuple[Name, ...]] = get_args(Name)
OF_THE_REGION: Final = frozenset({"response_times", "privacy"})
"""Reports about the region as a whole, for officers of the whole of it."""

Value = int | float | Literal["<10", "…", "-"]
"""A number; ``<10``; ``…``: ten or more, not told; ``-``: none (no median of few answers)."""
SMALL_MARK: Final = "<10"
HIDDEN_MARK: Final = "…"
NONE_MARK: Final = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """A line: an office's or region's code, ``other``, or ``""`` for the total; and its values."""

    code: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One table; ``title`` is a code, ``head`` the codes of its columns."""

    title: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """By how much a month changed since, as counted at one later closing; only rows with something to tell."""

    counted_at: datetime
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A month of one report, as an office sees it; one that is not closed (``closed_at`` is None) is told in tens.

    ``counted_at`` is when its tables were counted: of a large register's open month up to a minute ago.
    """

    name: Name
    month: str
    area: str
    tables: tuple[Table, ...]
    counted_at: datetime
    corrections: tuple[Correction, ...] = ()
    closed_at: datetime | None = None
    closed_by: str | None = None


@dataclass(frozen=True, slots=True)
class ClosedReport(Report):
    """A report whose numbers stay as they were counted: what may be printed and saved."""

    closed_at: datetime = field(kw_only=True)


class _Cells:
    """The cells of one version by measure: a value, and how it is told."""

    def __init__(self, cells: Iterable[tuple[str, str, str, int, str]]) -> None:
        self._cells = {(measure, row, column): (value, shown) for measure, row, column, value, shown in cells}

    def value(self, measure: str, row: str, column: str) -> Value:
        value, shown = self._cells.get((measure, row, column), (None, ""))
        if value is None or (measure.startswith(DAYS) and shown != "yes"):
            return NONE_MARK
        if shown != "yes":
            return SMALL_MARK if shown == "small" else HIDDEN_MARK
        return value / 10 if measure.startswith(DAYS) else value

    def codes(self, measure: str, *, of_rows: bool) -> list[str]:
        """The row or column codes of a measure, in order, the total last."""
        cells = [(row, column) for name, row, column in self._cells if name == measure]
        found = {row if of_rows else column for row, column in cells}
        return [*sorted(found - {TOTAL, "other"}), *(["other"] if "other" in found else []), TOTAL]


def months_closed(session: Session) -> list[str]:
    """The months that are closed, the newest first."""
    wanted = select(ReportVersion.month).where(ReportVersion.version == 0)
    return list(session.exec(wanted.order_by(col(ReportVersion.month).desc())).all())


def areas_of(node: Node, by: Officer) -> list[str]:
    """The offices whose reports an officer may see: the region's, or the own township's alone."""
    return [code for code in offices(node) if by.sees(code)]


def read_report(
    session: Session, node: Node, name: Name, *, by: Officer, month: str | None = None, area: str | None = None
) -> Report:
    """One month of a report, for the officer's own area unless another is given.

    Without a month, the newest closed one; as long as there is none, the month that goes on (:mod:`.running`).
    Raises `Forbidden`, `NotFound` for an area that is not theirs, `WrongState` for a month that has no numbers.
    """
    learn_names(session, node)
    require(by, Role.CLERK, Role.SUPERVISOR, *((Role.AUDITOR, Role.ADMINISTRATOR) if name == "privacy" else ()))
    allowed = areas_of(node, by)
    wanted = area or (allowed[0] if allowed else by.area)
    if wanted not in allowed:
        raise NotFound
    if name in OF_THE_REGION and wanted != node.region:
        raise Forbidden
    chosen = Month.parse(month or next(iter(months_closed(session)), str(Month.of(node.today()))))
    first = session.get(ReportVersion, (str(chosen), 0))
    row = TOTAL if wanted == node.region else wanted
    if first is None:
        # Counted for all areas at once, and cut to the one that was asked for and may be seen.
        so_far, counted_at = node.counted.get(
            (name, str(chosen)),
            node.now(),
            lambda: _Cells(count_so_far(session, node, chosen, parts=_PARTS[name])),
        )
        return Report(name, str(chosen), wanted, tables=_LAYOUTS[name](so_far, row), counted_at=counted_at)
    return ClosedReport(
        name,
        str(chosen),
        wanted,
        tables=_LAYOUTS[name](_cells(session, str(chosen), 0), row),
        counted_at=first.counted_at,
        corrections=_corrections(session, str(chosen), row) if name == "monthly_flows" else (),
        closed_at=first.counted_at,
        closed_by=first.closed_by,
    )


def read_closed(
    session: Session, node: Node, name: Name, *, by: Officer, month: str | None = None, area: str | None = None
) -> ClosedReport:
    """`read_report` for paper and files, which are not to change. Raises `WrongState` for an open month, too."""
    found = read_report(session, node, name, by=by, month=month, area=area)
    if not isinstance(found, ClosedReport):
        raise WrongState("This month is not closed yet.")
    return found


def _cells(session: Session, month: str, version: int) -> _Cells:
    wanted: Any = select(  # type: ignore[call-overload]  # SQLModel's select stops at four columns
        ReportCell.measure, ReportCell.row, ReportCell.column, ReportCell.value, ReportCell.shown
    )
    return _Cells(session.execute(wanted.where(ReportCell.month == month, ReportCell.version == version)))


def _flows(
    cells: _Cells, row: str, measures: tuple[str, ...] = (*FLOWS, *WORK, f"{DAYS}:answered")
) -> tuple[Table, ...]:
    tables = []
    if row == TOTAL:
        rows = [Row(one, tuple(cells.value(name, one, TOTAL) for name in measures)) for one in _rows(cells)]
        tables.append(Table("by_office", measures, tuple(rows)))
    columns = cells.codes(FLOWS[0], of_rows=False)
    by_peer = [Row(one, tuple(cells.value(name, row, one) for name in measures)) for one in columns]
    return (*tables, Table("by_peer", measures, tuple(by_peer)))


def _rows(cells: _Cells) -> list[str]:
    return cells.codes(FLOWS[0], of_rows=True)


def _times(cells: _Cells, _row: str) -> tuple[Table, ...]:
    measure, days = "answers_given", f"{DAYS}:answers_given"
    given = [
        Row(
            one,
            (*(cells.value(measure, one, part) for part in (*PUNCTUAL, TOTAL)), cells.value(days, one, TOTAL)),
        )
        for one in cells.codes(measure, of_rows=True)
    ]
    # Of theirs, the totals of the flows' table: the same numbers in two tables would have to be hidden in both.
    got = [
        Row(one, (cells.value("answered", TOTAL, one), cells.value(f"{DAYS}:answered", TOTAL, one)))
        for one in cells.codes("answered", of_rows=False)
    ]
    return Table(measure, (*PUNCTUAL, "all", DAYS), tuple(given)), Table("answers_got", ("all", DAYS), tuple(got))


def _quality(cells: _Cells, row: str) -> tuple[Table, ...]:
    rows = cells.codes("records", of_rows=True) if row == TOTAL else [row]
    values = [
        Row(
            one,
            (
                *(cells.value("records", one, part) for part in (*CLASSES, TOTAL)),
                cells.value("doubles", one, TOTAL),
            ),
        )
        for one in rows
    ]
    return (Table("records", (*CLASSES, "all", "pairs"), tuple(values)),)


def _held(cells: _Cells, _row: str) -> tuple[Table, ...]:
    kinds = [code for code in cells.codes("held", of_rows=False) if code]
    rows = [Row("people", (cells.value("records", TOTAL, TOTAL),))]
    rows += [Row(kind, (cells.value("held", TOTAL, kind),)) for kind in kinds]
    return (Table("held", ("count",), tuple(rows)),)


_LAYOUTS: Final[Mapping[Name, Callable[[_Cells, str], tuple[Table, ...]]]] = {
    "monthly_flows": _flows,
    "response_times": _times,
    "register_quality": _quality,
    "privacy": _held,
}

_PARTS: Final[Mapping[Name, frozenset[str]]] = {
    "monthly_flows": frozenset({"flows", "work"}),
    "response_times": frozenset({"work"}),
    "register_quality": frozenset({"quality"}),
    "privacy": frozenset({"quality", HELD}),
}
"""What of an open month is counted for a report."""


def _corrections(session: Session, month: str, row: str) -> tuple[Correction, ...]:
    later = select(ReportVersion).where(ReportVersion.month == month, ReportVersion.version > 0)
    found = []
    for version in session.exec(later.order_by(col(ReportVersion.version))):
        tables = _flows(_cells(session, month, version.version), row, FLOWS)
        told = [Table(table.title, table.head, tuple(_changed(table.rows))) for table in tables]
        found.append(Correction(version.counted_at, tuple(table for table in told if table.rows)))
    return tuple(found)


def _changed(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if any(isinstance(value, int) for value in row.values)]
