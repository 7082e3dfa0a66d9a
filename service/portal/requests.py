"""What a person asks of the office on their own page, and by when the office owes an answer.

The fifteen working days are a promise of ours, said as such; the law asks for a timely answer (PIPL art. 50).
"""

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel
from sqlmodel import Session, col, select

from schemas.entropy import uuid4
from service.access_log import Actor, record_under
from service.context import Node
from service.officers.rules import Officer
from service.portal.tables import OwnRequest
from service.registry.holds.standing import ask_erasure, held_until
from service.registry.life.voiding import moves_of
from service.registry.people import OpenPerson, find_person, is_protected, unseal_person
from service.registry.tables import Person
from service.work_items.actions import open_item
from service.work_items.rules import may_see
from service.work_items.tables import WorkItem

ANSWER_WORKING_DAYS = 15


class RequestKind(StrEnum):
    """What can be asked (PIPL arts 44 to 47, 15)."""

    COPY = "copy"
    CORRECT = "correct"
    OBJECT = "object"
    LIMIT = "limit"
    MOVE = "move"
    ERASE = "erase"


class OwnRequestView(BaseModel):
    """A request as the person and the office see it; `open` until the office has closed its task."""

    id: str
    kind: RequestKind
    made_at: datetime
    due_on: date
    open: bool


def make_request(session: Session, node: Node, person: OpenPerson, kind: RequestKind) -> OwnRequestView:
    """Put a request before the office as a task; asking for the same again gives the open one."""
    for view in own_requests(session, node, person.key):
        if view.kind is kind and view.open:
            return view
    due = node.calendar.add_working_days(node.today(), ANSWER_WORKING_DAYS)
    row = session.get_one(Person, person.id)
    item = open_item(
        session,
        node,
        "persons_request",
        person.id,
        area=person.area,
        due=due,
        not_for=_concerned(session, person.id),
        for_supervisor=is_protected(row, node.today()),
    )
    asked = OwnRequest(
        id=uuid4(node.entropy),
        link=_link(node, person.key),
        kind=kind.value,
        item_id=item.id,
        made_at=node.now(),
        due_on=due.on,
    )
    session.add(asked)
    session.flush()
    record_under(session, node, Actor.person(person.area), f"own_request.{kind.value}", key=person.key)
    if kind is RequestKind.ERASE and held_until(row, node.today()) is not None:
        # The answer is known: not before that day, and by itself after it.
        ask_erasure(session, node, row, Actor.person(person.area))
    return _view(session, asked)


def own_requests(session: Session, node: Node, key: bytes) -> list[OwnRequestView]:
    """The requests of the person whose key this is, newest first."""
    wanted = select(OwnRequest).where(col(OwnRequest.link) == _link(node, key))
    rows = session.exec(wanted.order_by(col(OwnRequest.made_at).desc(), col(OwnRequest.id))).all()
    return [_view(session, row) for row in rows]


def requests_of_person(session: Session, node: Node, person_id: str, *, by: Officer) -> list[OwnRequestView]:
    """What one person asked of the office, for the officer whose task it is; logged. Raises :class:`NotFound`."""
    person = unseal_person(
        session,
        node,
        find_person(session, node, person_id, by),
        actor=by.as_actor,
        action="own_request.shown",
        purpose="task",
        fields=(),
    )
    return own_requests(session, node, person.key)


def open_task_of(session: Session, person_id: str, *, by: Officer) -> WorkItem | None:
    """The officers' open task about what a person asked, if this officer sees it."""
    wanted = select(WorkItem).where(
        WorkItem.about == person_id, WorkItem.kind == "persons_request", WorkItem.state == "open"
    )
    item = session.exec(wanted).first()
    return item if item is not None and may_see(by, item) else None


def erasure_asked(session: Session, node: Node, key: bytes) -> bool:
    """Whether the person whose key this is asked to be erased, and the office has not answered yet."""
    return any(one.kind is RequestKind.ERASE and one.open for one in own_requests(session, node, key))


def drop_requests(session: Session, node: Node, key: bytes) -> None:
    """Forget the requests of a person who is being erased."""
    for row in session.exec(select(OwnRequest).where(col(OwnRequest.link) == _link(node, key))).all():
        session.delete(row)


def hand_over_requests(
    session: Session, node: Node, source: bytes, target: bytes, *, target_id: str, only: Collection[str] | None = None
) -> list[str]:
    """Let requests (all, or these) of one key be those of another, their tasks too; give which: two records are one."""
    moved = []
    for row in session.exec(select(OwnRequest).where(col(OwnRequest.link) == _link(node, source))).all():
        if only is not None and row.id not in only:
            continue
        row.link = _link(node, target)
        session.add(row)
        item = session.get(WorkItem, row.item_id)
        if item is not None:
            item.about = target_id
            session.add(item)
        moved.append(row.id)
    session.flush()
    return moved


def _concerned(session: Session, person_id: str) -> str | None:
    """The officer whom a request concerns: whoever registered the person last. Another one does it."""
    newest = max(moves_of(session, person_id), key=lambda move: move.entered_at, default=None)
    return newest.registered_by if newest is not None else None


def _view(session: Session, row: OwnRequest) -> OwnRequestView:
    item = session.get(WorkItem, row.item_id)
    return OwnRequestView(
        id=row.id,
        kind=RequestKind(row.kind),
        made_at=row.made_at,
        due_on=row.due_on,
        open=item is not None and item.state == "open",
    )


def _link(node: Node, key: bytes) -> bytes:
    return node.vault.link(key, OwnRequest.__tablename__)
