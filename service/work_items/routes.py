"""JSON: officers' tasks."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from service.context import CurrentNode
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.paging import PageAfter, PageLimit
from service.work_items.actions import finish_item, take_item
from service.work_items.handing import hand_over_items, undo_item
from service.work_items.queries import Counted, WorkItemPage, counts_by_kind, work_items_page
from service.work_items.rules import Kind
from service.work_items.tables import WorkItem

router = APIRouter(route_class=JsonRoute, tags=["work items"])


class WorkItemView(BaseModel):
    """A task; `about` is the id of the case, the ledger, the pair … that `kind` says.

    `not_for` is the officer whom it concerns, so that another one does it; `peer` the region it has to do with.
    """

    id: str
    kind: str
    about: str
    area: str
    state: str
    due_on: date | None
    due_provisional: bool
    assignee: str | None
    not_for: str | None
    peer: str | None
    created_at: datetime
    done_at: datetime | None
    done_by: str | None

    @classmethod
    def of(cls, item: WorkItem) -> "WorkItemView":
        """The view of a row."""
        return cls.model_validate(item, from_attributes=True)


class WorkItemList(BaseModel):
    """A page of tasks."""

    items: list[WorkItemView]
    next: str | None

    @classmethod
    def of(cls, page: WorkItemPage) -> "WorkItemList":
        """The view of a page."""
        return cls(items=[WorkItemView.of(item) for item in page.items], next=page.next)


class KindCount(BaseModel):
    """How many open tasks of a kind are one's own, and how many are in the pool."""

    kind: str
    mine: int
    pool: int

    @classmethod
    def of(cls, counted: Counted) -> "KindCount":
        """The view of a count."""
        return cls.model_validate(counted, from_attributes=True)


class WorkItemCounts(BaseModel):
    """The open tasks of the officer's area by kind; a kind without any is left out."""

    items: list[KindCount]


class HandOver(BaseModel):
    """Who gets the task; nobody: back into the pool. There is no room for a remark."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Annotated[str, Field(max_length=100)] | None = None


@router.get("/work-items")
async def work_items(
    node: CurrentNode,
    officer: CurrentOfficer,
    *,
    state: Literal["open", "done"] = "open",
    whose: Literal["mine", "pool", "all"] = "all",
    assignee: Annotated[str | None, Query(max_length=100)] = None,
    kind: Kind | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> WorkItemList:
    """List the tasks of the officer's area, newest first."""
    mine = None if whose == "all" else whose == "mine"
    kinds = (kind,) if kind else ()
    return await node.database.read(
        lambda session: WorkItemList.of(
            work_items_page(
                session,
                by=officer,
                state=state,
                mine=mine,
                assignee=assignee,
                kinds=kinds,
                after=after,
                limit=limit,
            )
        )
    )


@router.get("/work-items/counts")
async def counts(node: CurrentNode, officer: CurrentOfficer) -> WorkItemCounts:
    """Count the officer's own open tasks and the pool's, by kind."""
    found = await node.database.read(lambda session: counts_by_kind(session, by=officer))
    return WorkItemCounts(items=[KindCount.of(one) for one in found])


@router.post("/work-items/{item_id}/take")
async def take(item_id: str, node: CurrentNode, officer: CurrentOfficer) -> WorkItemView:
    """Take a task of the pool; whoever comes second is told who has it (409)."""
    return await write_once(node, lambda session: WorkItemView.of(take_item(session, item_id, by=officer)), status=200)


@router.post("/work-items/{item_id}/hand-over")
async def hand(item_id: str, body: HandOver, node: CurrentNode, officer: CurrentOfficer) -> WorkItemView:
    """Hand a task to a colleague, or put it back into the pool; `…/undo` takes it back while nobody has touched it."""
    return await write_once(
        node,
        lambda session: WorkItemView.of(hand_over_items(session, node, item_id, [item_id], to=body.to, by=officer)[0]),
        status=200,
    )


@router.post("/work-items/{item_id}/done")
async def done(item_id: str, node: CurrentNode, officer: CurrentOfficer) -> WorkItemView:
    """Say that a task is done, where it does not close with the work itself."""
    return await write_once(
        node, lambda session: WorkItemView.of(finish_item(session, node, item_id, by=officer)), status=200
    )


@router.post("/work-items/{item_id}/undo")
async def undo(item_id: str, node: CurrentNode, officer: CurrentOfficer) -> WorkItemView:
    """Take back, within ten minutes, that a task is done, or that it was handed over."""
    return await write_once(
        node, lambda session: WorkItemView.of(undo_item(session, node, item_id, by=officer)[0]), status=200
    )
