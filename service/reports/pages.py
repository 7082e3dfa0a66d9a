"""The month's reports as pages: month picker, chart and table, .xlsx, A4; and closing a month."""

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.problems import NotFound, WrongState
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer, Role
from service.privacy_report import KEPT_UNTIL, NEVER_KEPT
from service.reports.charts import BarRow, bar_rows
from service.reports.closing import close_month_async, is_closed
from service.reports.folding import FOLDED, folded
from service.reports.months import Month
from service.reports.printing import report_pdf
from service.reports.queries import (
    NAMES,
    OF_THE_REGION,
    ClosedReport,
    Name,
    Report,
    Table,
    areas_of,
    months_closed,
    read_closed,
    read_report,
)
from service.reports.texts import CHARTS, FIRST_HEADS, HEADS, TABLES, TITLES, row_name, shown_value
from service.reports.workbook import workbook
from service.web.flash import Done
from service.web.forms import sent_form
from service.web.languages import Translator
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CLOSABLE: Final = 6
"""So many past months the page offers to close; the API takes earlier ones, too."""
AskedMonth = Annotated[str, Query(max_length=7)]
AskedArea = Annotated[str, Query(max_length=12)]


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table in words, and what its chart is drawn from (JSON, empty for none)."""

    title: str
    first: str
    head: list[str]
    rows: list[tuple[str, list[str], bool]]
    chart: str
    bars: list[BarRow]
    legend: list[str]


@router.get("/reports")
async def reports(request: Request, _node: CurrentNode, officer: PageOfficer) -> Response:
    """The first report that the officer may see."""
    name = "monthly_flows" if officer.sees_people else "privacy"
    return pages_of(request).see_other(request, f"/reports/{name}")


@router.post("/reports/close")
async def close(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Close a month that is over."""
    month = Month.parse((await sent_form(request)).text("month"))
    await close_month_async(node, month, by=officer)
    return pages_of(request).see_other(request, f"/reports/monthly_flows?month={month}", Done("month_closed"))


@router.get("/reports/{report_name}")
async def report_page(
    request: Request,
    node: CurrentNode,
    officer: PageOfficer,
    report_name: str,
    *,
    month: AskedMonth = "",
    area: AskedArea = "",
) -> Response:
    """One report of one month; of one that is not closed what stands in it so far, in tens."""
    known = _known(report_name)

    def read(session: Session) -> dict[str, Any]:
        try:
            found: Report | None = read_report(session, node, known, by=officer, month=month or None, area=area or None)
        except WrongState:
            found = None
        closed = months_closed(session)
        return {"report": found, "months": _offered(node, closed), "closable": _closable(session, node, officer)}

    values = await node.database.read(read)
    translator = pages_of(request).translator(request)
    found: Report | None = values["report"]
    areas = areas_of(node, officer)
    chosen = found.area if found is not None else area
    tables = [_shown(node, folded(table), translator) for table in found.tables] if found is not None else []
    corrections = [
        (one.counted_at, [_shown(node, table, translator) for table in one.tables])
        for one in (found.corrections if found is not None else ())
    ]
    waiting = Month.parse(found.month if found is not None else month)
    closes_on = waiting.closes_on(node.calendar)
    return pages_of(request).render(
        request,
        "reports/report.html",
        name=known,
        titles=TITLES,
        names=_names_for(officer, node),
        tables=tables,
        corrections=corrections,
        corrects=known == "monthly_flows",
        areas=[(code, row_name(node, code, translator, table="by_peer")) for code in areas],
        chosen_area=chosen,
        waiting=str(waiting),
        closes_on=closes_on if closes_on > node.today() else None,
        of_region=known in OF_THE_REGION,
        never_kept=NEVER_KEPT if known == "privacy" else (),
        kept_until=KEPT_UNTIL if known == "privacy" else {},
        **values,
    )


@router.get("/reports/{report_name}/workbook.xlsx")
async def report_workbook(
    request: Request,
    node: CurrentNode,
    officer: PageOfficer,
    report_name: str,
    *,
    month: AskedMonth = "",
    area: AskedArea = "",
) -> Response:
    """The report as a workbook."""
    report = await _read(node, officer, report_name, month, area)
    content = await asyncio.to_thread(workbook, node, report, pages_of(request).translator(request))
    return _download(content, XLSX, f"{report.name}-{report.month}.xlsx", attached=True)


@router.get("/reports/{report_name}/print.pdf")
async def report_print(
    request: Request,
    node: CurrentNode,
    officer: PageOfficer,
    report_name: str,
    *,
    month: AskedMonth = "",
    area: AskedArea = "",
) -> Response:
    """The report on A4."""
    report = await _read(node, officer, report_name, month, area)
    chinese = pages_of(request).languages.translator("zh-CN")
    content = await asyncio.to_thread(report_pdf, node, report, chinese=chinese, made_at=node.now())
    return _download(content, "application/pdf", f"{report.name}-{report.month}.pdf", attached=False)


async def _read(node: Node, officer: Officer, name: str, month: str, area: str) -> ClosedReport:
    known = _known(name)
    return await node.database.read(
        lambda session: read_closed(session, node, known, by=officer, month=month or None, area=area or None)
    )


def _download(content: bytes, media_type: str, filename: str, *, attached: bool) -> Response:
    way = "attachment" if attached else "inline"
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'{way}; filename="{filename}"'})


def _known(name: str) -> Name:
    found: Name | None = next((one for one in NAMES if one == name), None)
    if found is None:
        raise NotFound
    return found


def _names_for(officer: Officer, node: Node) -> list[Name]:
    whole = officer.sees(node.region)
    return [
        name for name in NAMES if (whole or name not in OF_THE_REGION) and (officer.sees_people or name == "privacy")
    ]


def _offered(node: Node, closed: list[str]) -> list[str]:
    """The months to choose from, the newest first: the one that goes on, the last where it is open, the closed ones."""
    today = Month.of(node.today())
    return sorted({str(today), str(today.plus(-1)), *closed}, reverse=True)


def _closable(session: Session, node: Node, officer: Officer) -> list[str]:
    """The past months that this officer may close, the newest first."""
    if not (officer.has(Role.SUPERVISOR) and officer.sees(node.region)):
        return []
    past = [Month.of(node.today()).plus(-back) for back in range(1, CLOSABLE + 1)]
    return [str(month) for month in past if not is_closed(session, month)]


def _shown(node: Node, table: Table, translator: Translator) -> ShownTable:
    say = translator.gettext
    rows = [
        (
            row_name(node, row.code, translator, table=table.title),
            [shown_value(value) for value in row.values],
            not row.code,
        )
        for row in table.rows
    ]
    drawn = [place for place, code in enumerate(table.head) if code in CHARTS.get(table.title, ())]
    lines = [row for row in table.rows if row.code and not row.code.startswith(FOLDED)]
    series: list[dict[str, Any]] = [
        {
            "name": say(HEADS[table.head[place]]),
            "data": [row.values[place] if isinstance(row.values[place], (int, float)) else None for row in lines],
        }
        for place in drawn
    ]
    any_number = any(value is not None for one in series for value in one["data"])
    names = [row_name(node, row.code, translator, table=table.title) for row in lines]
    return ShownTable(
        title=say(TABLES[table.title]),
        first=say(FIRST_HEADS[table.title]),
        head=[say(HEADS[code]) for code in table.head],
        rows=rows,
        chart=json.dumps({"names": names, "series": series}, ensure_ascii=False) if any_number else "",
        bars=bar_rows(names, [one["data"] for one in series]) if any_number else [],
        legend=[str(one["name"]) for one in series],
    )
