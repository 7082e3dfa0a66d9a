"""A report as an .xlsx: numbers as numbers, marks as text, a sheet for each table."""

from io import BytesIO
from typing import TYPE_CHECKING, Final

from service.context import Node
from service.reports.folding import folded
from service.reports.queries import ClosedReport, Table
from service.reports.texts import CLOSED, FIRST_HEADS, HEADS, MARKS, TABLES, TITLES, row_name
from service.web.languages import N_, Translator

if TYPE_CHECKING:
    from xlsxwriter import Workbook

_A4: Final = 9
"""The number of the paper in a workbook (ECMA-376, 18.3.1.63)."""


def workbook(node: Node, report: ClosedReport, translator: Translator) -> bytes:
    """Make the workbook of a report: its tables, and each later correction on a sheet of its own."""
    import xlsxwriter  # noqa: PLC0415 - 40 ms, and only a download needs it

    say = translator.gettext
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": say(TITLES[report.name]), "created": report.closed_at.replace(tzinfo=None)})
    tables = [(say(TABLES[table.title]), folded(table)) for table in report.tables]
    for number, correction in enumerate(report.corrections, start=1):
        title = say(N_("Correction %(number)s")) % {"number": number}
        tables += [(f"{title} {say(TABLES[table.title])}", table) for table in correction.tables]
    for title, table in tables:
        _sheet(book, title, node, report, table, translator=translator)
    book.close()
    return content.getvalue()


def _sheet(
    book: "Workbook", title: str, node: Node, report: ClosedReport, table: Table, *, translator: Translator
) -> None:
    say = translator.gettext
    title_format = book.add_format({"bold": True, "font_size": 14})
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    right_bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "align": "right"})
    total = book.add_format({"bold": True, "top": 1})
    formats = {
        (last, kind): book.add_format(
            {"num_format": shape, "align": "right"} | ({"bold": True, "top": 1} if last else {})
        )
        for kind, shape in ((int, "#,##0"), (float, "0.0"), (str, "@"))
        for last in (False, True)
    }
    sheet = book.add_worksheet(title[:31])
    named = f"{say(TITLES[report.name])} {report.month} {node.divisions.full_name(report.area)}"
    sheet.write_string(0, 0, named, title_format)
    day = f"{report.closed_at.astimezone(node.zone):%Y-%m-%d}"
    sheet.write_string(1, 0, say(CLOSED) % {"day": day})
    sheet.write_string(2, 0, say(FIRST_HEADS[table.title]), bold)
    for column, head in enumerate(table.head, start=1):
        sheet.write_string(2, column, say(HEADS[head]), right_bold)
    for line, row in enumerate(table.rows, start=3):
        last = not row.code
        sheet.write_string(line, 0, row_name(node, row.code, translator, table=table.title), total if last else None)
        for column, value in enumerate(row.values, start=1):
            write = sheet.write_string if isinstance(value, str) else sheet.write_number
            write(line, column, value, formats[last, type(value)])
    sheet.write_string(len(table.rows) + 4, 0, say(MARKS))
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, len(table.head), 14)
    sheet.freeze_panes(3, 1)
    # On A4, as wide as the page: an office prints it, too.
    sheet.set_paper(_A4)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
