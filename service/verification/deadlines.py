"""Deadlines between offices: one reminder, late answers as a task, and the end of what was never answered (job).

Each stage of a question of ours has its own term: it is delivered (or its letter printed) within two working days, and
answered by its due day. A stage that takes longer becomes one task; the next stage begins without one.
"""

from datetime import date, timedelta

from sqlmodel import Session, col, or_, select

from schemas.clock import local_date
from service.access_log import Actor, record
from service.context import Node
from service.registry.tables import Person
from service.verification.asking import release_arrival
from service.verification.cases import OPEN_SENT, wipe
from service.verification.rules import deliver_by, remind_when_due_by
from service.verification.sending import send_reminder
from service.verification.tables import VerificationRequest
from service.work_items.actions import close_items, open_item
from service.work_items.tables import WorkItem

BATCH = 200

_HAS_TASK = select(WorkItem.about).where(
    WorkItem.kind == "request_unanswered", or_(WorkItem.state == "open", col(WorkItem.done_by).is_not(None))
)
"""Those whose task is open, and those of which an officer said that all was done that could be."""


def run_deadlines(session: Session, node: Node) -> int:
    """Do what is due today on open cases, at most `BATCH` of each kind; give how much it was."""
    today = node.today()
    expired = session.exec(
        select(VerificationRequest)
        .where(
            col(VerificationRequest.state).in_((*OPEN_SENT, "received")),
            col(VerificationRequest.expires_on) < today,
        )
        .limit(BATCH)
    ).all()
    for row in expired:
        _expire(session, node, row)
    late = session.exec(
        select(VerificationRequest)
        .where(
            VerificationRequest.direction == "sent",
            col(VerificationRequest.state).in_(OPEN_SENT),
            col(VerificationRequest.due_on) < today,
            col(VerificationRequest.id).not_in(_HAS_TASK),
        )
        .limit(BATCH)
    ).all()
    stuck = _undelivered(session, node, today)
    for row in (*late, *stuck):
        due = node.calendar.next_working_day(today)
        open_item(session, node, "request_unanswered", row.id, area=_office_of(session, row), due=due, peer=row.peer)
    _follow_people(session)
    soon = session.exec(
        select(VerificationRequest)
        .where(
            VerificationRequest.direction == "sent",
            VerificationRequest.state == "delivered",
            col(VerificationRequest.message_id).is_not(None),
            col(VerificationRequest.reminded_at).is_(None),
            col(VerificationRequest.due_on) >= today,
            col(VerificationRequest.due_on) <= remind_when_due_by(node.calendar, today),
        )
        .limit(BATCH)
    ).all()
    for row in soon:
        send_reminder(session, node, row)
        row.reminded_at = node.now()
        session.add(row)
    session.flush()
    return len(expired) + len(late) + len(stuck) + len(soon)


def _office_of(session: Session, row: VerificationRequest) -> str | None:
    """The office whose question it is: that of the person's record. Who sees the case sees the task, and no more."""
    person = session.get(Person, row.person_id) if row.person_id else None
    return person.area if person is not None else None


def _follow_people(session: Session) -> None:
    """Give tasks about questions to the office that keeps the person's record by now."""
    moved = (
        select(WorkItem, Person.area)
        .join(VerificationRequest, col(VerificationRequest.id) == WorkItem.about)
        .join(Person, col(Person.id) == VerificationRequest.person_id)
        .where(WorkItem.kind == "request_unanswered", WorkItem.state == "open", col(WorkItem.area) != Person.area)
        .limit(BATCH)
    )
    for item, area in session.exec(moved).all():
        item.area, item.assignee = area, None
        session.add(item)


def _undelivered(session: Session, node: Node, today: date) -> list[VerificationRequest]:
    """Questions that nobody has receipted, and letters that nobody has printed, in the time that they may take."""
    queued = session.exec(
        select(VerificationRequest)
        .where(
            VerificationRequest.direction == "sent",
            VerificationRequest.state == "queued",
            col(VerificationRequest.queued_at) < node.now() - timedelta(days=1),
            col(VerificationRequest.due_on) >= today,
            col(VerificationRequest.id).not_in(_HAS_TASK),
        )
        .order_by(col(VerificationRequest.queued_at), col(VerificationRequest.id))
        .limit(BATCH)
    ).all()
    return [row for row in queued if deliver_by(node.calendar, local_date(row.created_at, node.zone)) < today]


def _expire(session: Session, node: Node, row: VerificationRequest) -> None:
    row.state, row.closed_at = "expired", node.now()
    if row.direction == "received":
        row.leaves_at = row.subject_index = None
        wipe(row)
    session.add(row)
    session.flush()
    close_items(session, node, row.id)
    if row.direction == "sent":
        release_arrival(session, row, "unconfirmed")
        person = session.get(Person, row.person_id) if row.person_id else None
        if person is not None:
            actor = Actor.node(node.region)
            record(session, node, actor, "verification.expired", person=person, purpose=row.purpose, fields=("state",))
