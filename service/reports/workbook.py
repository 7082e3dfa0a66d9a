"""A report as an .xlsx: numbers as numbers, marks as text, a sheet for each table."""

from io import BytesIO
from typing import TYPE_CHECKING

from service.context import Node
from service.reports.queries import Report, Table
from service.reports.texts import HEADS, MARKS, TABLES, TITLES, row_name
from service.web.languages import N_, Translator

if TYPE_CHECKING:
    from xlsxwriter import Workbook


def workbook(node: Node, report: Report, translator: Translator) -> bytes:
    """Make the workbook of a report: its tables, and each later correction on a sheet of its own."""
    import xlsxwriter  # noqa: PLC0415 - 40 ms, and only a download needs it

    say = translator.gettext
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": say(TITLES[report.name]), "created": report.closed_at.replace(tzinfo=None)})
    tables = [(say(TABLES[table.title]), table) for table in report.tables]
    for number, correction in enumerate(report.corrections, start=1):
        title = say(N_("Correction %(number)s")) % {"number": number}
        tables += [(f"{title} {say(TABLES[table.title])}", table) for table in correction.tables]
    for title, table in tables:
        _sheet(book, title, node, report, table, translator=translator)
    book.close()
    return content.getvalue()


def _sheet(book: "Workbook", title: str, node: Node, report: Report, table: Table, *, translator: Translator) -> None:
    say = translator.gettext
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    total = book.add_format({"bold": True, "top": 1})
    formats = {
        (last, kind): book.add_format({"num_format": shape} | ({"bold": True, "top": 1} if last else {}))
        for kind, shape in ((int, "#,##0"), (float, "0.0"))
        for last in (False, True)
    }
    right = book.add_format({"align": "right"})
    sheet = book.add_worksheet(title[:31])
    sheet.write_string(0, 0, f"{say(TITLES[report.name])} {report.month} {node.divisions.full_name(report.area)}", bold)
    sheet.write_string(2, 0, "", bold)
    for column, head in enumerate(table.head, start=1):
        sheet.write_string(2, column, say(HEADS[head]), bold)
    for line, row in enumerate(table.rows, start=3):
        last = not row.code
        sheet.write_string(line, 0, row_name(node, row.code, translator, table=table.title), total if last else None)
        for column, value in enumerate(row.values, start=1):
            if isinstance(value, str):
                sheet.write_string(line, column, value, right)
            else:
                sheet.write_number(line, column, value, formats[last, type(value)])
    sheet.write_string(len(table.rows) + 4, 0, say(MARKS))
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, len(table.head), 14)
    sheet.freeze_panes(3, 1)
