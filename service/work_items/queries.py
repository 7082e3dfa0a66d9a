"""What is read about officers' tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, false, func, select

from service.context import Node
from service.officers.queries import all_accounts, officer_from
from service.officers.rules import Officer, Role
from service.work_items.away import who_is_away
from service.work_items.rules import KINDS, Kind
from service.work_items.tables import WorkItem


@dataclass(frozen=True, slots=True)
class WorkItemPage:
    """Tasks, and the id to go on after."""

    items: list[WorkItem]
    next: str | None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many open tasks of a kind are the officer's own, and how many are in the pool."""

    kind: Kind
    mine: int
    pool: int


def work_items_page(
    session: Session,
    *,
    by: Officer,
    state: str = "open",
    mine: bool | None = None,
    assignee: str | None = None,
    kinds: Sequence[str] = (),
    after: str | None = None,
    limit: int = 50,
) -> WorkItemPage:
    """List the tasks of the officer's area, newest first.

    ``mine`` True: theirs, False: the pool's; ``assignee``: those that an officer of this name has.
    """
    wanted = select(WorkItem).where(WorkItem.state == state, seen_by(by))
    if mine is not None:
        wanted = wanted.where(WorkItem.assignee == (by.name if mine else None))
    if assignee is not None:
        wanted = wanted.where(WorkItem.assignee == assignee)
    if kinds:
        wanted = wanted.where(col(WorkItem.kind).in_(kinds))
    if after is not None:
        wanted = wanted.where(WorkItem.id < after)
    found = list(session.exec(wanted.order_by(col(WorkItem.id).desc()).limit(limit + 1)).all())
    more = len(found) > limit
    return WorkItemPage(found[:limit], found[limit - 1].id if more else None)


def work_items_by_due_day(
    session: Session, *, by: Officer, mine: bool, kind: Kind | None = None, limit: int = 50
) -> list[WorkItem]:
    """List open tasks by due working day, those without one last: the start page's order."""
    wanted = select(WorkItem).where(
        WorkItem.state == "open", WorkItem.assignee == (by.name if mine else None), seen_by(by)
    )
    if kind is not None:
        wanted = wanted.where(WorkItem.kind == kind)
    ordered = wanted.order_by(col(WorkItem.due_on).is_(None), col(WorkItem.due_on), col(WorkItem.id))
    return list(session.exec(ordered.limit(limit)).all())


def counts_by_kind(session: Session, *, by: Officer) -> list[Counted]:
    """Count the officer's own and the pool's open tasks of each kind that there is one of."""
    grouped = (
        select(WorkItem.kind, WorkItem.assignee, func.count())
        .where(
            WorkItem.state == "open", seen_by(by), (col(WorkItem.assignee).is_(None)) | (WorkItem.assignee == by.name)
        )
        .group_by(col(WorkItem.kind), col(WorkItem.assignee))
    )
    found = {(kind, assignee is not None): count for kind, assignee, count in session.exec(grouped)}
    counted = [Counted(kind, found.get((kind, True), 0), found.get((kind, False), 0)) for kind in KINDS]
    return [one for one in counted if one.mine or one.pool]


def colleagues(session: Session, node: Node, *, by: Officer) -> list[str]:
    """The names of those to whom the officer can hand a task: at work, and working with people in a common area."""
    away = who_is_away(session, node)
    found = [officer_from(account) for account in all_accounts(session) if account.disabled_at is None]
    return [
        one.name
        for one in found
        if one.sees_people and one.name != by.name and one.name not in away and (one.sees(by.area) or by.sees(one.area))
    ]


def seen_by(by: Officer) -> ColumnElement[bool]:
    """The condition that an officer sees a task (`rules.may_see`)."""
    if not by.sees_people:
        return false()
    inside = col(WorkItem.area).startswith(by.area, autoescape=True)
    return inside if by.has(Role.SUPERVISOR) else and_(inside, col(WorkItem.for_supervisor).is_(False))
