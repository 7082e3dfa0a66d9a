"""A report on A4, in both languages, with bars, tables, and room for seal and signature."""

from datetime import datetime
from typing import Final

from service.context import Node
from service.reports.folding import folded
from service.reports.queries import ClosedReport, Table
from service.reports.texts import CHARTS, HEADS, MARKS, TABLES, TITLES, row_name, shown_value
from service.web.languages import Translator
from service.web.pdf import Both, Line, Sheet

TITLE: Final = Both("流动人口登记服务月报", "Monthly report of the register")
SIGNED: Final = (
    Both("制表人", "Made by"),
    Both("审核人", "Checked by"),
    Both("单位（盖章）", "Office (seal)"),
    Both("日期", "Date"),
)


def report_pdf(node: Node, report: ClosedReport, *, chinese: Translator, made_at: datetime) -> bytes:
    """Print a report, its later corrections included."""

    def both(text: str) -> Both:
        return Both(chinese.gettext(text), text)

    office = node.divisions.full_name(report.area)
    running = f"{chinese.gettext(TITLES[report.name])}  {report.month}  {office}"
    sheet = Sheet("A4", TITLE, made_at, running=running)
    sheet.lines(
        [
            Line(Both("报表", "Report"), chinese.gettext(TITLES[report.name])),
            Line(Both("月份", "Month"), report.month),
            Line(Both("单位", "Office"), office),
            Line(Both("关账时间", "Closed"), report.closed_at.astimezone(node.zone).date().isoformat()),
        ]
    )
    for table in report.tables:
        _table(sheet, node, folded(table), both(TABLES[table.title]), chinese)
    for number, correction in enumerate(report.corrections, start=1):
        day = correction.counted_at.astimezone(node.zone).date().isoformat()
        title = Both(f"更正 {number}（{day} 计）", f"Correction {number}, counted on {day}")
        if not correction.tables:
            sheet.paragraph(title)
            sheet.small(Both("没有可以列出的更正（少于 10 的变动不列出）。", "Nothing that may be told changed."))
        for table in correction.tables:
            _table(sheet, node, table, title, chinese)
    # No seal on a sheet that is empty but for it.
    sheet.together(50)
    sheet.small(both(MARKS))
    sheet.gap(0.5)
    sheet.room(30, *SIGNED)
    return sheet.to_bytes()


def _table(sheet: Sheet, node: Node, table: Table, title: Both, chinese: Translator) -> None:
    head = [Both(chinese.gettext(HEADS[code]), HEADS[code]) for code in table.head]
    rows = [
        (row_name(node, row.code, chinese, table=table.title), [shown_value(value) for value in row.values])
        for row in table.rows
    ]
    sheet.table(title, head, rows)
    drawn = [place for place, code in enumerate(table.head) if code in CHARTS.get(table.title, ())]
    bars = [
        (
            row_name(node, row.code, chinese, table=table.title),
            row.values[place],
            chinese.gettext(HEADS[table.head[place]]),
        )
        for row in table.rows
        if row.code
        for place in drawn
    ]
    sheet.bars([(name, value, label) for name, value, label in bars if isinstance(value, (int, float)) and value > 0])
