"""What opens, takes and closes officers' tasks."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from sqlmodel import Session, col, select

from schemas.calendar import Deadline
from schemas.entropy import uuid7
from schemas.problems import Forbidden, InvalidInput, NotFound, WrongState
from service.context import Node
from service.officers.queries import find_officer
from service.officers.rules import Officer
from service.work_items.tables import WorkItem

Kind = Literal[
    "answer_request",
    "request_unanswered",
    "duplicate",
    "import_rows",
    "message_parked",
    "persons_request",
    "agreement_ending",
    "unusual_access",
]


def open_item(
    session: Session,
    node: Node,
    kind: Kind,
    about: str,
    *,
    area: str | None = None,
    due: Deadline | date | None = None,
) -> WorkItem:
    """Open a task, or give the open one of this kind about the same thing.

    ``area`` is whose officers may take it; the whole region unless given.
    """
    found = session.exec(
        select(WorkItem).where(WorkItem.about == about, WorkItem.kind == kind, WorkItem.state == "open")
    ).first()
    if found is not None:
        return found
    provisional = isinstance(due, Deadline) and due.provisional
    item = WorkItem(
        id=uuid7(node.now(), node.entropy),
        kind=kind,
        about=about,
        area=area or node.region,
        due_on=due.on if isinstance(due, Deadline) else due,
        due_provisional=provisional,
        created_at=node.now(),
    )
    session.add(item)
    session.flush()
    return item


def close_items(session: Session, node: Node, about: str, kind: Kind | None = None) -> int:
    """Close the open tasks about something; give how many there were."""
    return close_all_items(session, node, [about], kind)


def close_all_items(session: Session, node: Node, abouts: Sequence[str], kind: Kind | None = None) -> int:
    """Close the open tasks about several things; give how many there were."""
    wanted = select(WorkItem).where(col(WorkItem.about).in_(abouts), WorkItem.state == "open")
    if kind is not None:
        wanted = wanted.where(WorkItem.kind == kind)
    items = session.exec(wanted).all()
    for item in items:
        item.state = "done"
        item.done_at = node.now()
        session.add(item)
    session.flush()
    return len(items)


def assign_item(session: Session, item_id: str, *, to: str | None, by: Officer) -> WorkItem:
    """Take a task, hand it to a colleague by name, or put it back into the pool (``to`` is None).

    Raises `NotFound` outside the officer's area, `WrongState` for a task that is done, `InvalidInput` for a
    colleague who may not take it.
    """
    item = session.exec(select(WorkItem).where(col(WorkItem.id) == item_id)).first()
    if item is None or not may_take(by, item):
        raise NotFound
    if item.state != "open":
        raise WrongState
    if to is not None and to != by.name:
        colleague = find_officer(session, to)
        if colleague is None or not may_take(colleague, item):
            raise InvalidInput(errors=[{"field": "assignee", "message": "This colleague cannot take the task."}])
    item.assignee = to
    session.add(item)
    session.flush()
    return item


def may_take(officer: Officer, item: WorkItem) -> bool:
    """Tell whether a task is one of this officer's area and kind of work."""
    return officer.sees_people and officer.sees(item.area)


def require_people(officer: Officer) -> None:
    """Let only officers on who work with people. Raises `Forbidden`."""
    if not officer.sees_people:
        raise Forbidden
