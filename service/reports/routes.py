"""JSON: the month's reports."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from service.context import CurrentNode
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.reports.closing import close_month_async
from service.reports.months import Month
from service.reports.queries import Name, Report, months_closed, read_report

router = APIRouter(route_class=JsonRoute, tags=["reports"])

AskedMonth = Annotated[
    str | None, Query(max_length=7, description="A month, `2026-10`; the newest closed one unless given.")
]
AskedArea = Annotated[
    str | None, Query(max_length=12, description="An office of one's own area; all of it unless given.")
]


class RowView(BaseModel):
    """A row: an office's or region's code, `other`, or empty for the total.

    A value is a number, `<10`, `…` (ten or more, not told) or `-` (there is none).
    """

    code: str
    values: list[int | float | str]


class TableView(BaseModel):
    """One table; `head` are the codes of its columns."""

    title: str
    head: list[str]
    rows: list[RowView]


class CorrectionView(BaseModel):
    """By how much the moves of the month changed since it was closed, as counted at one later closing."""

    counted_at: datetime
    tables: list[TableView]


class ReportView(BaseModel):
    """A month of a report; `closed_by` is empty where the node closed it by itself.

    A month that is not closed has no `closed_at`: its numbers are told in tens, rounded down, and change. They stand as
    of `counted_at`, which in a large register may lie up to a minute back.
    """

    model_config = ConfigDict(from_attributes=True)

    name: str
    month: str
    area: str
    counted_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    tables: list[TableView]
    corrections: list[CorrectionView]
    months: list[str] = []

    @classmethod
    def of(cls, report: Report, months: list[str]) -> "ReportView":
        """The view of a report."""
        view = cls.model_validate(report, from_attributes=True)
        view.months = months
        return view


class Closing(BaseModel):
    """The month to be closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    month: Annotated[str, Field(max_length=7)]


class Closed(BaseModel):
    """The months that are closed."""

    months: list[str]


@router.get("/reports/{report_name}")
async def report(
    report_name: Name, node: CurrentNode, officer: CurrentOfficer, month: AskedMonth = None, area: AskedArea = None
) -> ReportView:
    """Give a month of a report for the officer's own area."""
    return await node.database.read(
        lambda session: ReportView.of(
            read_report(session, node, report_name, by=officer, month=month, area=area), months_closed(session)
        )
    )


@router.post("/reports/closings", status_code=201)
async def close(body: Closing, node: CurrentNode, officer: CurrentOfficer) -> Closed:
    """Close a month that is over (a supervisor of the whole region)."""
    await close_month_async(node, Month.parse(body.month), by=officer)
    return Closed(months=await node.database.read(months_closed))
