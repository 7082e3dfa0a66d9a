"""JSON: officers' tasks."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.context import CurrentNode
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.paging import PageAfter, PageLimit
from service.work_items.actions import Kind, assign_item
from service.work_items.queries import WorkItemPage, work_items_page
from service.work_items.tables import WorkItem

router = APIRouter(route_class=JsonRoute, tags=["work items"])


class WorkItemView(BaseModel):
    """A task; `about` is the id of the case, the ledger, the pair … that `kind` says."""

    id: str
    kind: str
    about: str
    area: str
    state: str
    due_on: date | None
    due_provisional: bool
    assignee: str | None
    created_at: datetime

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


class Assigned(BaseModel):
    """Who takes the task; nobody: back to the pool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    assignee: Annotated[str, Field(max_length=100)] | None = None


@router.get("/work-items")
async def work_items(
    node: CurrentNode,
    officer: CurrentOfficer,
    *,
    state: Literal["open", "done"] = "open",
    whose: Literal["mine", "pool", "all"] = "all",
    kind: Kind | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> WorkItemList:
    """List the tasks of the officer's area, newest first."""
    mine = None if whose == "all" else whose == "mine"
    kinds = (kind,) if kind else ()
    return await node.database.read(
        lambda session: WorkItemList.of(
            work_items_page(session, by=officer, state=state, mine=mine, kinds=kinds, after=after, limit=limit)
        )
    )


@router.post("/work-items/{item_id}/assign")
async def assign(item_id: str, body: Assigned, node: CurrentNode, officer: CurrentOfficer) -> WorkItemView:
    """Take a task, hand it to a colleague, or put it back into the pool."""
    return await write_once(
        node, lambda session: WorkItemView.of(assign_item(session, item_id, to=body.assignee, by=officer)), status=200
    )
