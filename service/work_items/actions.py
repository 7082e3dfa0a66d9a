"""What opens, takes, hands over and closes officers' tasks."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlmodel import Session, col, select

from schemas.calendar import Deadline
from schemas.entropy import uuid7
from schemas.problems import Conflict, Forbidden, InvalidInput, NotFound, WrongState
from service.context import Node
from service.officers.queries import find_officer
from service.officers.rules import Officer
from service.work_items.away import is_away
from service.work_items.rules import (
    BY_HAND,
    PROMISED_WORKING_DAYS,
    SUPERVISORS_ALONE,
    Kind,
    has_say,
    may_see,
    may_take,
    may_undo,
)
from service.work_items.tables import WorkItem


def open_item(
    session: Session,
    node: Node,
    kind: Kind,
    about: str,
    *,
    area: str | None = None,
    due: Deadline | date | None = None,
    peer: str | None = None,
    not_for: str | None = None,
    for_supervisor: bool = False,
) -> WorkItem:
    """Open a task, or give the open one of this kind about the same thing.

    ``area`` is whose officers may take it; the whole region unless given. Where nothing else says by when, our own
    promise does (`PROMISED_WORKING_DAYS`).
    """
    found = session.exec(
        select(WorkItem).where(WorkItem.about == about, WorkItem.kind == kind, WorkItem.state == "open")
    ).first()
    if found is not None:
        return found
    if due is None and kind in PROMISED_WORKING_DAYS:
        due = node.calendar.add_working_days(node.today(), PROMISED_WORKING_DAYS[kind])
    provisional = isinstance(due, Deadline) and due.provisional
    item = WorkItem(
        id=uuid7(node.now(), node.entropy),
        kind=kind,
        about=about,
        area=area or node.region,
        due_on=due.on if isinstance(due, Deadline) else due,
        due_provisional=provisional,
        created_at=node.now(),
        peer=peer,
        not_for=not_for,
        for_supervisor=for_supervisor,
    )
    session.add(item)
    session.flush()
    return item


def close_items(session: Session, node: Node, about: str, kind: Kind | None = None) -> int:
    """Close the open tasks about something; give how many there were."""
    return close_all_items(session, node, [about], kind)


def close_all_items(session: Session, node: Node, abouts: Sequence[str], kind: Kind | None = None) -> int:
    """Close the open tasks about several things; give how many there were."""
    items = _open_about(session, abouts, kind)
    for item in items:
        item.state = "done"
        item.done_at = node.now()
        session.add(item)
    session.flush()
    return len(items)


def hide_items(session: Session, about: str) -> None:
    """Let only supervisors see the open tasks about something: the record behind them is hidden now (rule 7)."""
    for item in _open_about(session, [about], None):
        item.for_supervisor, item.assignee = True, None
        session.add(item)
    session.flush()


def place_items(session: Session, places: Mapping[str, tuple[str, bool]]) -> None:
    """Let the open tasks about some things be those of an office each, or of its supervisors alone.

    A task that somebody has goes to the office's pool where that changed. What only supervisors do anyway stays theirs.
    """
    for item in _open_about(session, list(places), None):
        area, hidden = places[item.about]
        hidden = hidden or item.kind in SUPERVISORS_ALONE
        if (item.area, item.for_supervisor) != (area, hidden):
            item.area, item.for_supervisor, item.assignee = area, hidden, None
            session.add(item)
    session.flush()


def find_item(session: Session, item_id: str, *, by: Officer) -> WorkItem:
    """Give a task to an officer of its area. Raises `NotFound`, alike for absent and for not to be seen."""
    item = session.get(WorkItem, item_id)
    if item is None or not may_see(by, item):
        raise NotFound
    return item


def require_people(officer: Officer) -> None:
    """Let only officers on who work with people. Raises `Forbidden`."""
    if not officer.sees_people:
        raise Forbidden


def take_item(session: Session, item_id: str, *, by: Officer) -> WorkItem:
    """Take a task of the pool; taking one's own again changes nothing.

    Raises `NotFound`, `WrongState` for one that is done or concerns the officer, and `Conflict` with who has it.
    """
    item = _open_item(session, item_id, by)
    if not may_take(by, item):
        raise WrongState("This task concerns yourself; a colleague does it.")
    if item.assignee not in (None, by.name):
        raise Conflict("%(assignee)s has this task already.", assignee=item.assignee)
    item.assignee = by.name
    return _saved(session, item)


def hand_over(session: Session, node: Node, item_id: str, *, to: str | None, by: Officer) -> WorkItem:
    """Hand a task to a colleague by name, or put it back into the pool (``to`` is None).

    Raises `NotFound` outside the officer's area, `WrongState` for a task that is done, `Conflict` for one that another
    officer has (a supervisor may hand that over, too), `InvalidInput` for a colleague who may not take it or is away.
    """
    item = _open_item(session, item_id, by)
    if not has_say(by, item):
        raise Conflict("%(assignee)s has this task already.", assignee=item.assignee)
    if to is not None:
        colleague = by if to == by.name else find_officer(session, to)
        if colleague is None or not may_take(colleague, item):
            raise InvalidInput(errors=[{"field": "to", "message": "This colleague cannot take the task."}])
        if colleague is not by and is_away(session, node, to):
            raise InvalidInput(errors=[{"field": "to", "message": "This colleague is away."}])
    item.assignee = to
    return _saved(session, item)


def finish_item(session: Session, node: Node, item_id: str, *, by: Officer) -> WorkItem:
    """Say that a task is done, where it does not close with the work itself; can be undone for ten minutes.

    Raises `NotFound`, `WrongState` (done already, not to be closed by hand, or it concerns the officer) and `Conflict`
    for one that another officer has.
    """
    item = _open_item(session, item_id, by)
    if item.kind not in BY_HAND:
        raise WrongState("This task closes by itself with the work that it is about.")
    if not may_take(by, item):
        raise WrongState("This task concerns yourself; a colleague does it.")
    if not has_say(by, item):
        raise Conflict("%(assignee)s has this task already.", assignee=item.assignee)
    item.state, item.done_at, item.done_by = "done", node.now(), by.name
    item.assignee = item.assignee or by.name
    return _saved(session, item)


def reopen_item(session: Session, node: Node, item_id: str, *, by: Officer) -> WorkItem:
    """Take back that a task is done: within ten minutes, by whoever said so. Raises `NotFound`, `WrongState`."""
    item = find_item(session, item_id, by=by)
    if not may_undo(item, by, node.now()):
        raise WrongState
    if _open_about(session, [item.about], item.kind):
        raise WrongState("A new task about the same is open.")
    item.state, item.done_at, item.done_by = "open", None, None
    return _saved(session, item)


def _open_item(session: Session, item_id: str, by: Officer) -> WorkItem:
    item = find_item(session, item_id, by=by)
    if item.state != "open":
        raise WrongState
    return item


def _open_about(session: Session, abouts: Sequence[str], kind: str | None) -> list[WorkItem]:
    wanted = select(WorkItem).where(col(WorkItem.about).in_(abouts), WorkItem.state == "open")
    if kind is not None:
        wanted = wanted.where(WorkItem.kind == kind)
    return list(session.exec(wanted).all())


def _saved(session: Session, item: WorkItem) -> WorkItem:
    session.add(item)
    session.flush()
    return item
