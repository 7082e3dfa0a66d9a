"""The start page: search, the two new records, and the tasks by due working day."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.web.flash import Done
from service.web.templating import pages_of
from service.work_items.actions import assign_item
from service.work_items.queries import work_items_by_due_day
from service.work_items.tables import WorkItem

router = APIRouter(include_in_schema=False)

PLACES: Final = {
    "answer_request": "/verifications/{about}",
    "request_unanswered": "/verifications/{about}",
    "duplicate": "/duplicates/{about}",
    "import_rows": "/ledgers/{about}",
    "message_parked": "/messages/{about}",
    "persons_request": "/people/{about}",
    "agreement_ending": "/agreements/{about}",
    "unusual_access": "/access-log",
}
"""Where the work of each kind of task is done."""
WARN_OF_NEXT_YEAR_FROM_MONTH: Final = 11


@dataclass(frozen=True)
class Task:
    """One line of the task list: the item, where its work is done, and how many days are left (None: no day)."""

    item: WorkItem
    path: str
    days_left: int | None


def tasks_of(session: Session, node: Node, officer: Officer, *, mine: bool) -> list[Task]:
    """The officer's own tasks, or those of the pool, by due working day."""
    today = node.today()
    return [
        Task(
            item=item,
            path=PLACES.get(item.kind, "/").format(about=item.about),
            days_left=(item.due_on - today).days if item.due_on is not None else None,
        )
        for item in work_items_by_due_day(session, by=officer, mine=mine)
    ]


def years_without_holidays(node: Node) -> list[int]:
    """The years for which due dates are provisional: this one, and from November on the next one."""
    today = node.today()
    years = [today.year] if today.month < WARN_OF_NEXT_YEAR_FROM_MONTH else [today.year, today.year + 1]
    return [year for year in years if node.calendar.is_provisional(year)]


@router.get("/")
async def start(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """What there is to do today."""
    mine, pool = await node.database.read(
        lambda session: (tasks_of(session, node, officer, mine=True), tasks_of(session, node, officer, mine=False))
    )
    return pages_of(request).render(
        request,
        "work_items/start.html",
        mine=mine,
        pool=pool,
        provisional_years=years_without_holidays(node),
        sees_people=officer.sees_people,
    )


@router.get("/next-task")
async def next_task(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Go to the most urgent task: one's own, else one of the pool (F9)."""
    found = await node.database.read(
        lambda session: tasks_of(session, node, officer, mine=True) or tasks_of(session, node, officer, mine=False)
    )
    return pages_of(request).see_other(request, found[0].path if found else "/")


@router.post("/work-items/{item_id}/take")
async def take(request: Request, node: CurrentNode, officer: PageOfficer, item_id: str) -> Response:
    """Take a task of the pool."""
    await node.database.write(lambda session: assign_item(session, item_id, to=officer.name, by=officer))
    return pages_of(request).see_other(request, "/", Done("item_taken"))


@router.post("/work-items/{item_id}/release")
async def release(request: Request, node: CurrentNode, officer: PageOfficer, item_id: str) -> Response:
    """Put a task back into the pool."""
    await node.database.write(lambda session: assign_item(session, item_id, to=None, by=officer))
    return pages_of(request).see_other(request, "/", Done("item_released"))
