"""What is read about officers' tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from service.officers.rules import Officer
from service.work_items.tables import WorkItem


@dataclass(frozen=True, slots=True)
class WorkItemPage:
    """Tasks, and the id to go on after."""

    items: list[WorkItem]
    next: str | None


def work_items_page(
    session: Session,
    *,
    by: Officer,
    state: str = "open",
    mine: bool | None = None,
    kinds: Sequence[str] = (),
    after: str | None = None,
    limit: int = 50,
) -> WorkItemPage:
    """List the tasks of the officer's area, newest first; ``mine`` True: theirs, False: the pool's."""
    wanted = select(WorkItem).where(WorkItem.state == state, col(WorkItem.area).startswith(by.area, autoescape=True))
    if mine is not None:
        wanted = wanted.where(WorkItem.assignee == (by.name if mine else None))
    if kinds:
        wanted = wanted.where(col(WorkItem.kind).in_(kinds))
    if after is not None:
        wanted = wanted.where(WorkItem.id < after)
    if not by.sees_people:
        return WorkItemPage([], None)
    found = list(session.exec(wanted.order_by(col(WorkItem.id).desc()).limit(limit + 1)).all())
    more = len(found) > limit
    return WorkItemPage(found[:limit], found[limit - 1].id if more else None)


def work_items_by_due_day(session: Session, *, by: Officer, mine: bool, limit: int = 50) -> list[WorkItem]:
    """List open tasks by due working day, those without one last: the start page's order."""
    if not by.sees_people:
        return []
    wanted = (
        select(WorkItem)
        .where(
            WorkItem.state == "open",
            WorkItem.assignee == (by.name if mine else None),
            col(WorkItem.area).startswith(by.area, autoescape=True),
        )
        .order_by(col(WorkItem.due_on).is_(None), col(WorkItem.due_on), col(WorkItem.id))
        .limit(limit)
    )
    return list(session.exec(wanted).all())
