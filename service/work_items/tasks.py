"""A task as pages and the printed list show it: where its work is done, and how many days are left."""

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from service.context import Node
from service.officers.rules import Officer
from service.work_items.queries import work_items_by_due_day
from service.work_items.rules import BY_HAND, Kind, may_take
from service.work_items.tables import WorkItem

PLACES: Final = {
    "answer_request": "/verifications/{about}",
    "request_unanswered": "/verifications/{about}",
    "duplicate": "/duplicates/{about}",
    "import_rows": "/ledgers/{about}",
    "message_parked": "/messages/{about}",
    "persons_request": "/people/{about}/requests",
    "agreement_ending": "/agreements/{about}",
    "unusual_access": "/unusual-access/{about}",
    "legal_hold": "/people/{about}/hold",
}
"""Where the work of each kind of task is done."""


@dataclass(frozen=True, slots=True)
class Task:
    """One line of a task list; ``days_left`` is None where there is no day."""

    item: WorkItem
    path: str
    days_left: int | None
    by_hand: bool
    takeable: bool


def tasks_of(
    session: Session, node: Node, officer: Officer, *, mine: bool, kind: Kind | None = None, limit: int = 50
) -> list[Task]:
    """The officer's own tasks, or those of the pool, by due working day."""
    found = work_items_by_due_day(session, by=officer, mine=mine, kind=kind, limit=limit)
    return [task_of(node, item, officer) for item in found]


def task_of(node: Node, item: WorkItem, officer: Officer) -> Task:
    """One task as an officer sees it."""
    return Task(
        item=item,
        path=PLACES[item.kind].format(about=item.about),
        days_left=(item.due_on - node.today()).days if item.due_on is not None else None,
        by_hand=item.kind in BY_HAND,
        takeable=may_take(officer, item),
    )
