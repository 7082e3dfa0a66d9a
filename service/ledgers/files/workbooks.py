"""Sheets of a workbook as rows of cells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, Final

import python_calamine as calamine

from schemas.problems import LedgerUnreadable
from service.ledgers.files.columns import HEADER_SEARCH_ROWS, Merge, Row
from service.ledgers.files.date_systems import counts_from_1904
from service.ledgers.files.fields import Cell
from service.ledgers.files.formats import MAX_CELLS, MAX_COLUMNS, MAX_SHEETS, FileFormat, SpoiltCells
from service.ledgers.files.month_cells import MonthCells, month_cells, sheet_members
from service.ledgers.files.ods_cells import ods_sheets
from service.ledgers.files.old_cells import old_month_cells

_EPOCH = date(1899, 12, 30)
_KEPT: Final = frozenset({str, int, bool, date, datetime})
_FIRST_SERIAL, _LAST_SERIAL = 3_654, 73_050


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its title, its first rows with their merged ranges, and an iterator over all its rows from the top.

    `from_1904`: days that stand as plain numbers are counted from 1904 (old workbooks of a Mac). `tall`: ranges that
    are merged over several rows, anywhere. `spoilt`: cells whose formula failed, which stand among the rows as blank.
    """

    title: str
    head: list[Row]
    merges: list[Merge]
    rows: Iterator[Row]
    from_1904: bool = False
    tall: Sequence[Merge] = ()
    spoilt: frozenset[tuple[int, int]] = frozenset()


def read_workbook(path: Path, found: FileFormat, spoilt: SpoiltCells | None = None) -> Iterator[Sheet]:
    """Give the visible sheets of a workbook (.xlsx, .xlsb, .xls, .ods), one after the other.

    Formulas give the value that was saved with them; they are never run. A day that is shown as a month is
    given as that month. Raises `LedgerUnreadable` for a workbook that is damaged, locked or larger than a ledger can
    be.
    """
    book = _open(path)
    if len(book.sheets_metadata) > MAX_SHEETS:
        raise LedgerUnreadable("The workbook has more than %(sheets)s sheets; split it.", sheets=MAX_SHEETS)
    beside = ods_sheets(path) if found is FileFormat.ODS else []
    months = [one.month_cells for one in beside] or _months(path, found)
    from_1904 = counts_from_1904(path, found)
    members = dict(enumerate(sheet_members(path))) if spoilt else {}
    for number, sheet in enumerate(book.sheets_metadata):
        if sheet.typ == calamine.SheetTypeEnum.WorkSheet and sheet.visible == calamine.SheetVisibleEnum.Visible:
            merges = beside[number].merges if number < len(beside) else None
            seen = _sheet(book, number, sheet.name, months[number] if number < len(months) else frozenset(), merges)
            yield replace(seen, from_1904=from_1904, spoilt=(spoilt or {}).get(members.get(number, ""), frozenset()))


def _months(path: Path, found: FileFormat) -> Sequence[MonthCells]:
    if found is FileFormat.XLSX:
        return month_cells(path)
    return old_month_cells(path) if found is FileFormat.XLS else []


def _open(path: Path) -> calamine.CalamineWorkbook:
    try:
        # By its path: of a file object the library would hold all bytes twice.
        return calamine.CalamineWorkbook.from_path(path)
    except calamine.PasswordError:
        raise LedgerUnreadable("The workbook is protected by a password; save it without one.") from None
    except (calamine.CalamineError, OSError, ValueError):
        raise LedgerUnreadable("The workbook is damaged; open it in Excel and save it again.") from None


def _sheet(
    book: calamine.CalamineWorkbook, number: int, title: str, months: MonthCells, merges: list[Merge] | None
) -> Sheet:
    try:
        sheet = book.get_sheet_by_index(number)
    except (calamine.CalamineError, OSError, ValueError):
        raise LedgerUnreadable("The workbook is damaged; open it in Excel and save it again.") from None
    last_row, last_column = sheet.end or (0, 0)
    if last_column >= MAX_COLUMNS:
        raise LedgerUnreadable(
            "The sheet has more than %(columns)s columns; delete the empty ones.", columns=MAX_COLUMNS
        )
    if last_column * last_row > MAX_CELLS:
        raise LedgerUnreadable("The sheet is too large: split the ledger.")
    head: list[Row] = [_row(cells) for cells in sheet.to_python(skip_empty_area=False, nrows=HEADER_SEARCH_ROWS)]
    merges = merges if merges is not None else sheet.merged_cell_ranges or []
    return Sheet(
        title,
        head,
        [merge for merge in merges if merge[0][0] < HEADER_SEARCH_ROWS],
        _rows(sheet, months),
        tall=[merge for merge in merges if merge[1][0] > merge[0][0]],
    )


def _rows(sheet: calamine.CalamineSheet, months: MonthCells) -> Iterator[Row]:
    """Give all rows from the first, blank ones included; the library leaves out blank columns on the left."""
    padding: list[Cell] = [None] * (sheet.start or (0, 0))[1]
    if not padding and not months:
        yield from map(_row, sheet.iter_rows())
        return
    rows = {row for row, _ in months}
    for number, cells in enumerate(sheet.iter_rows()):
        row = padding + _row(cells)
        if number in rows:
            row = [_month(cell) if (number, place) in months else cell for place, cell in enumerate(row)]
        yield row


def _month(cell: Cell) -> Cell:
    """Give the month that a cell shows; serial numbers that the library takes for plain ones are days, too."""
    if isinstance(cell, float) and _FIRST_SERIAL < cell < _LAST_SERIAL:
        cell = _EPOCH + timedelta(days=int(cell))
    return f"{cell:%Y-%m}" if isinstance(cell, date) else cell


def _row(cells: Sequence[Any]) -> list[Cell]:
    """Keep texts, numbers and dates; a time of day, a length of time or an error is nothing that a ledger means."""
    return [cell if type(cell) in _KEPT or _finite(cell) else None for cell in cells]


def _finite(cell: object) -> bool:
    # A workbook made by hand may hold NaN and 1e999.
    return isinstance(cell, float) and isfinite(cell)
