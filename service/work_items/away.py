"""Officers who are away or shut out: what they had taken goes back to their township's pool."""

from datetime import date, timedelta

from sqlmodel import Session, col, select

from schemas.problems import InvalidInput
from service.context import Node
from service.officers.rules import Officer
from service.work_items.tables import OfficerAway, WorkItem

LONGEST = timedelta(days=366)


def return_to_pool(session: Session, name: str) -> int:
    """Put every open task of an officer back into the pool; give how many there were."""
    items = session.exec(select(WorkItem).where(WorkItem.assignee == name, WorkItem.state == "open")).all()
    for item in items:
        item.assignee = None
        session.add(item)
    session.flush()
    return len(items)


def on_disabled(session: Session, _officer_id: str, name: str) -> None:
    """An officer is shut out (`service.callbacks`): their tasks go back to the pool."""
    return_to_pool(session, name)


def go_away(session: Session, node: Node, until: date, *, by: Officer) -> int:
    """Note that an officer is away until a day, included; their tasks go to the pool; give how many those were.

    Raises `InvalidInput` for a day that has passed, or that lies more than a year ahead.
    """
    today = node.today()
    if not today <= until <= today + LONGEST:
        raise InvalidInput(errors=[{"field": "until", "message": "Choose a day from today on, within a year."}])
    session.merge(OfficerAway(name=by.name, until=until))
    return return_to_pool(session, by.name)


def come_back(session: Session, *, by: Officer) -> None:
    """Note that an officer is at work again."""
    row = session.get(OfficerAway, by.name)
    if row is not None:
        session.delete(row)
        session.flush()


def away_until(session: Session, node: Node, name: str) -> date | None:
    """Until when an officer is away; None for one who is at work."""
    row = session.get(OfficerAway, name)
    return row.until if row is not None and row.until >= node.today() else None


def is_away(session: Session, node: Node, name: str) -> bool:
    """Tell whether an officer is away today."""
    return away_until(session, node, name) is not None


def who_is_away(session: Session, node: Node) -> frozenset[str]:
    """The names of all officers who are away today."""
    return frozenset(session.exec(select(OfficerAway.name).where(col(OfficerAway.until) >= node.today())))
