"""How much an officer may look up in a day (rule 11), and then not without a supervisor's release.

Sixty records opened without a task; searches of the own area, which show twenty people each; and exact finds in the
whole node, which answer one guess each. A search counts whether it found somebody or not: the limit tells nothing.
"""

from datetime import date
from typing import Literal

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, func, or_, select

from schemas.clock import local_date
from schemas.problems import DailyLimit, Forbidden, NotFound
from service.access_log import record
from service.context import Node
from service.officers.actions import account_of
from service.officers.rules import Officer, Role, require
from service.registry.life.voiding import moves_of
from service.registry.tables import DailyOpening, DailyRelease, DailySearch, DuplicatePair, Person
from service.work_items.actions import open_item

MOST_A_DAY = 60
MOST_SEARCHES_A_DAY = {"area": 2000, "node": 30}
"""Four a minute through a whole day with a full hall: more than hands type, and less than a script would want."""


def count_opening(session: Session, node: Node, person: Person, by: Officer) -> None:
    """Count a record that an officer opens; the same one counts once a day. Raises `DailyLimit` at the limit.

    What belongs to a task is free: people the officer registered today, people from a ledger who are still to be
    told, and possible duplicates.
    """
    if _belongs_to_task(session, node, person, by):
        return
    day = node.today().isoformat()
    opened = node.vault.blind("daily_opening", f"{day}\x00{person.id}")
    if session.get(DailyOpening, (by.id, day, opened)) is not None:
        return
    counted = session.exec(select(func.count()).where(DailyOpening.officer_id == by.id, DailyOpening.day == day)).one()
    if counted >= MOST_A_DAY and session.get(DailyRelease, (by.id, day)) is None:
        raise DailyLimit
    session.add(DailyOpening(officer_id=by.id, day=day, opened=opened))
    session.flush()
    if counted + 1 == MOST_A_DAY:
        due = node.calendar.next_working_day(node.today())
        open_item(session, node, "unusual_access", by.id, area=by.area, due=due, not_for=by.name, for_supervisor=True)


def count_search(session: Session, node: Node, kind: Literal["area", "node"], by: Officer) -> None:
    """Count a search of the own area, or an exact find in the whole node. Raises `DailyLimit` at the limit."""
    day = node.today().isoformat()
    one_more = (
        update(DailySearch)
        .where(col(DailySearch.officer_id) == by.id, col(DailySearch.day) == day, col(DailySearch.kind) == kind)
        .values(count=col(DailySearch.count) + 1)
        .returning(col(DailySearch.count))
        .execution_options(synchronize_session=False)
    )
    counted = session.execute(one_more).scalar()
    if counted is None:
        session.execute(insert(DailySearch).values(officer_id=by.id, day=day, kind=kind, count=1))
    elif counted > MOST_SEARCHES_A_DAY[kind] and session.get(DailyRelease, (by.id, day)) is None:
        raise DailyLimit


def release(session: Session, node: Node, name: str, *, by: Officer) -> None:
    """Let a colleague of the supervisor's area open more records today.

    Raises `NotFound` (nobody of that name in the area), `Forbidden` (a supervisor must, not oneself).
    """
    require(by, Role.SUPERVISOR)
    account = account_of(session, name)
    day = node.today().isoformat()
    if account.id == by.id:
        raise Forbidden
    if not by.sees(account.area):
        raise NotFound("There is no such officer.")
    session.merge(DailyRelease(officer_id=account.id, day=day, released_by=by.name))
    session.flush()
    record(session, node, by.as_actor, "officer.released")


def purge_openings(session: Session, today: date) -> None:
    """Delete the rows of earlier days (job)."""
    session.execute(delete(DailyOpening).where(col(DailyOpening.day) < today.isoformat()))
    session.execute(delete(DailySearch).where(col(DailySearch.day) < today.isoformat()))
    session.execute(delete(DailyRelease).where(col(DailyRelease.day) < today.isoformat()))


def _belongs_to_task(session: Session, node: Node, person: Person, by: Officer) -> bool:
    for move in moves_of(session, person.id):
        entered_today = local_date(move.entered_at, node.zone) == node.today()
        if move.state == "to_be_told" or (move.registered_by == by.name and entered_today):
            return True
    pair = select(DuplicatePair.id).where(
        or_(DuplicatePair.kept_id == person.id, DuplicatePair.other_id == person.id), DuplicatePair.state == "open"
    )
    return session.exec(pair.limit(1)).first() is not None
