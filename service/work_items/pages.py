"""The start page: search, the two new records, and the tasks by due working day."""

import asyncio
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.entropy import uuid4
from schemas.problems import TongluError
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of
from service.work_items.actions import (
    finish_item,
    require_people,
    take_item,
)
from service.work_items.away import away_until, come_back, go_away
from service.work_items.handing import hand_over_items, undo_item
from service.work_items.printing import task_list
from service.work_items.queries import colleagues, counts_by_kind, work_items_by_due_day
from service.work_items.rules import KINDS, Kind
from service.work_items.tasks import Task, tasks_of
from service.work_items.warnings import node_warnings

router = APIRouter(include_in_schema=False)

CHOOSE: Final = N_("Choose at least one task.")
MOST_AT_ONCE: Final = 200
"""So many tasks are handed over or printed at once."""


@router.get("/")
async def start(
    request: Request, node: CurrentNode, officer: PageOfficer, kind: Annotated[str | None, Query(max_length=20)] = None
) -> Response:
    """What there is to do today; ``kind`` narrows the tasks to one kind."""
    chosen: Kind | None = next((one for one in KINDS if one == kind), None)
    found: dict[str, Any] = await node.database.read(
        lambda session: {
            "mine": tasks_of(session, node, officer, mine=True, kind=chosen),
            "pool": tasks_of(session, node, officer, mine=False, kind=chosen),
            "counts": counts_by_kind(session, by=officer),
            "warnings": node_warnings(session, node, by=officer),
            "away": away_until(session, node, officer.name),
            "started": node.callbacks.started_forms(session, officer.id),
        }
    )
    return pages_of(request).render(
        request, "work_items/start.html", chosen=chosen, sees_people=officer.sees_people, **found
    )


@router.get("/next-task")
async def next_task(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Go to the most urgent task: one's own, else one of the pool that the officer may take (F9)."""

    def first(session: Session) -> Task | None:
        own = tasks_of(session, node, officer, mine=True, limit=1)
        pool = [task for task in tasks_of(session, node, officer, mine=False) if task.takeable]
        return next(iter([*own, *pool]), None)

    found = await node.database.read(first)
    return pages_of(request).see_other(request, found.path if found else "/")


@router.post("/work-items/{item_id}/take")
async def take(request: Request, node: CurrentNode, officer: PageOfficer, item_id: str) -> Response:
    """Take a task of the pool."""
    await node.database.write(lambda session: take_item(session, item_id, by=officer))
    return pages_of(request).see_other(request, "/", Done("item_taken"))


@router.post("/work-items/{item_id}/release")
async def release(request: Request, node: CurrentNode, officer: PageOfficer, item_id: str) -> Response:
    """Put a task back into the pool."""
    await node.database.write(lambda session: hand_over_items(session, node, item_id, [item_id], to=None, by=officer))
    return pages_of(request).see_other(request, "/", Done("item_released", f"/work-items/{item_id}/undo"))


@router.post("/work-items/{item_id}/done")
async def done(request: Request, node: CurrentNode, officer: PageOfficer, item_id: str) -> Response:
    """Say that a task is done; it can be undone for ten minutes."""
    await node.database.write(lambda session: finish_item(session, node, item_id, by=officer))
    return pages_of(request).see_other(request, "/", Done("item_done", f"/work-items/{item_id}/undo"))


@router.post("/work-items/{item_id}/undo")
async def undo(request: Request, node: CurrentNode, officer: PageOfficer, item_id: str) -> Response:
    """Take that back; instead of a task's id, that of a hand-over of several."""
    await node.database.write(lambda session: len(undo_item(session, node, item_id, by=officer)))
    return pages_of(request).see_other(request, "/", Done("item_reopened"))


@router.get("/hand-over")
async def hand_over_page(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Choose tasks and who gets them; be away until a day."""
    require_people(officer)
    return await _hand_over_page(request, node, officer, Form())


@router.post("/hand-over")
async def hand_over_many(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Hand several tasks to a colleague or to the pool: all of them, or none."""
    require_people(officer)
    form = await sent_form(request)
    chosen = form.texts("item")[:MOST_AT_ONCE]
    if not chosen:
        form.refuse("item", CHOOSE)
    to = form.text("to") or None

    name = uuid4(node.entropy)
    if form.ok:
        try:
            await node.database.write(
                lambda session: len(hand_over_items(session, node, name, chosen, to=to, by=officer))
            )
        except TongluError as error:
            form.take(error)
    if not form.ok:
        return await _hand_over_page(request, node, officer, form, status=422)
    return pages_of(request).see_other(request, "/", Done("items_handed_over", f"/work-items/{name}/undo"))


@router.get("/hand-over/list.pdf")
async def hand_over_list(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """The officer's own tasks on paper."""
    require_people(officer)
    items = await node.database.read(
        lambda session: work_items_by_due_day(session, by=officer, mine=True, limit=MOST_AT_ONCE)
    )
    chinese = pages_of(request).languages.translator("zh-CN")
    content = await asyncio.to_thread(task_list, node, items, officer=officer, chinese=chinese, made_at=node.now())
    headers = {"Content-Disposition": 'inline; filename="tasks.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.post("/away")
async def away(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Be away until a day; what the officer had goes to the pool."""
    require_people(officer)
    form = await sent_form(request)
    until = form.date("until")
    if until is not None:
        try:
            await node.database.write(lambda session: go_away(session, node, date.fromisoformat(until), by=officer))
        except TongluError as error:
            form.take(error)
    if not form.ok:
        return await _hand_over_page(request, node, officer, form, status=422)
    return pages_of(request).see_other(request, "/", Done("gone_away"))


@router.post("/away/back")
async def back(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Be at work again."""
    require_people(officer)
    await node.database.write(lambda session: come_back(session, by=officer))
    return pages_of(request).see_other(request, "/", Done("come_back"))


async def _hand_over_page(request: Request, node: Node, officer: Officer, form: Form, *, status: int = 200) -> Response:
    found: dict[str, Any] = await node.database.read(
        lambda session: {
            "mine": tasks_of(session, node, officer, mine=True, limit=MOST_AT_ONCE),
            "colleagues": [(name, name) for name in colleagues(session, node, by=officer)],
            "away": away_until(session, node, officer.name),
        }
    )
    return pages_of(request).render(request, "work_items/hand_over.html", status=status, form=form, **found)
