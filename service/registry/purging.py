"""What is no longer needed of the register goes (rule 9; PIPL arts 19 and 47)."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import literal
from sqlmodel import Session, col, select

from service.access_log import Actor
from service.context import Node
from service.registry.changes import erase
from service.registry.life.voiding import moves_of
from service.registry.tables import Arrival, Departure, Person

ENDED_KEPT_MONTHS = 24
UNTOLD_KEPT = timedelta(days=365)
VOIDED_KEPT = timedelta(days=30)
BATCH = 200


def purge_register(session: Session, node: Node) -> int:
    """Delete journeys that ended 24 months ago, people who were never told for 12, and records made in error.

    A person of whom no journey is left is erased. At most `BATCH` of each a run; give how many went.
    """
    now = node.now()
    ended = _months_before(node.today(), ENDED_KEPT_MONTHS)
    held = select(Person.id).where(col(Person.hold_until).is_not(None), col(Person.hold_until) >= node.today())
    people: set[str] = set()
    gone = 0
    for table in (Arrival, Departure):
        row: Any = table
        # Each has its own index, which one question for all three would not use.
        old = (
            (row.state == literal("ended", literal_execute=True)) & (row.ended_on <= ended.isoformat()),
            (row.state == literal("to_be_told", literal_execute=True)) & (row.entered_at < now - UNTOLD_KEPT),
            (row.state == literal("voided", literal_execute=True)) & (row.ended_at < now - VOIDED_KEPT),
        )
        wanted = select(table).where(row.person_id.not_in(held)).limit(BATCH)
        found: list[Any] = [move for each in old for move in session.exec(wanted.where(each))]
        for move in found:
            people.add(move.person_id)
            session.delete(move)
            gone += 1
    session.flush()
    for person in session.exec(select(Person).where(col(Person.id).in_(sorted(people)))).all():
        if not moves_of(session, person.id):
            erase(session, node, person, Actor.node(node.region))
            gone += 1
    return gone


def _months_before(day: date, months: int) -> date:
    """The same day so many months ago; the first of the next month where that has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    try:
        return day.replace(year=year, month=month + 1)
    except ValueError:
        return date(year + (month == 11), (month + 1) % 12 + 1, 1)
