"""One grid of cells as a workbook of any program: .xlsx, .xls or .ods."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import xlsxwriter
import xlwt
from odf.number import DateStyle, Day, Month, Text, Year
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style
from odf.table import CoveredTableCell, Table, TableCell, TableRow
from odf.text import P


class ShownAsMonth(date):
    """A day of which the sheet shows year and month only."""


@dataclass
class Grid:
    """Cells by row and column from 0, and merged ranges as first row, first column, last row, last column."""

    lines: list[list[object]]
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)

    def cells(self) -> list[tuple[int, int, object]]:
        """All cells that say something."""
        return [
            (y, x, cell) for y, line in enumerate(self.lines) for x, cell in enumerate(line) if cell not in ("", None)
        ]

    def merged_from(self, row: int, column: int) -> tuple[int, int, int, int] | None:
        return next((merge for merge in self.merges if merge[:2] == (row, column)), None)

    def covers(self, row: int, column: int) -> bool:
        return any(a <= row <= c and b <= column <= d and (a, b) != (row, column) for a, b, c, d in self.merges)


def as_xlsx(grid: Grid) -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    plain, day = book.add_format(), book.add_format({"num_format": "yyyy-mm-dd"})
    month = book.add_format({"num_format": 'yyyy"年"m"月"'})
    sheet = book.add_worksheet("台账")
    for merge in grid.merges:
        sheet.merge_range(*merge, None, plain)
    for row, column, cell in grid.cells():
        if isinstance(cell, date):
            sheet.write_datetime(row, column, cell, month if isinstance(cell, ShownAsMonth) else day)
        elif isinstance(cell, (int, float)):
            sheet.write_number(row, column, cell)
        else:
            sheet.write_string(row, column, str(cell))
    book.close()
    return content.getvalue()


def as_xls(grid: Grid) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("台账")
    plain, day = xlwt.easyxf(), xlwt.easyxf(num_format_str="YYYY-MM-DD")
    month = xlwt.easyxf(num_format_str='yyyy"年"m"月"')
    for row, column, cell in grid.cells():
        style = plain if not isinstance(cell, date) else month if isinstance(cell, ShownAsMonth) else day
        if merge := grid.merged_from(row, column):
            sheet.write_merge(merge[0], merge[2], merge[1], merge[3], cell, style)
        else:
            sheet.write(row, column, cell, style)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def as_ods(grid: Grid) -> bytes:
    book = OpenDocumentSpreadsheet()
    for name, parts in (("day", [Year, Month, Day]), ("month", [Year, Month])):
        shown = DateStyle(name=f"shown-{name}")
        for part in parts:
            shown.addElement(part(style="long"))
            shown.addElement(Text(text="-"))
        book.automaticstyles.addElement(shown)
        book.automaticstyles.addElement(Style(name=name, family="table-cell", datastylename=f"shown-{name}"))
    table = Table(name="台账")
    width = max(len(line) for line in grid.lines)
    for row, line in enumerate(grid.lines):
        made = TableRow()
        for column in range(width):
            cell = line[column] if column < len(line) else ""
            made.addElement(CoveredTableCell() if grid.covers(row, column) else _ods_cell(grid, row, column, cell))
        table.addElement(made)
    book.spreadsheet.addElement(table)
    content = io.BytesIO()
    book.write(content)
    return content.getvalue()


def _ods_cell(grid: Grid, row: int, column: int, cell: object) -> TableCell:
    told: dict[str, object] = {}
    if merge := grid.merged_from(row, column):
        told |= {"numberrowsspanned": merge[2] - row + 1, "numbercolumnsspanned": merge[3] - column + 1}
    if isinstance(cell, date):
        style = "month" if isinstance(cell, ShownAsMonth) else "day"
        made = TableCell(valuetype="date", datevalue=cell.isoformat(), stylename=style, **told)
    elif isinstance(cell, (int, float)):
        made = TableCell(valuetype="float", value=cell, **told)
    else:
        made = TableCell(valuetype="string", **told)
        made.addElement(P(text=str(cell or "")))
    return made


RENDERINGS: dict[str, Callable[[Grid], bytes]] = {"xlsx": as_xlsx, "xls": as_xls, "ods": as_ods}
