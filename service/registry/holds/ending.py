"""What becomes of holds by themselves (job): they end on their day, and what was promised then is done."""

from datetime import timedelta
from typing import Final

from sqlmodel import Session, col, select

from service.access_log import Actor, record
from service.context import Node
from service.registry.changes import erase
from service.registry.holds.standing import held_until
from service.registry.rules import UNDO
from service.registry.tables import LegalHold, Person
from service.work_items.actions import close_items

KEPT: Final = timedelta(days=365)
"""So long a hold that is over is still known, so that its document does not hold the record once more."""

BATCH: Final = 200
OVER: Final = ("refused", "withdrawn", "lifted", "replaced", "ended")


def run_holds(session: Session, node: Node) -> int:
    """End holds and proposals whose day has passed, erase whoever asked for that meanwhile, forget what is long over.

    Someone whose hold was lifted early is erased when lifting cannot be undone any more. Gives how much was done.
    """
    return _end(session, node) + _erase(session, node) + _forget(session, node)


def _end(session: Session, node: Node) -> int:
    today = node.today()
    past = select(LegalHold).where(col(LegalHold.state).in_(("standing", "proposed")), col(LegalHold.until) < today)
    found = session.exec(past.order_by(col(LegalHold.until)).limit(BATCH)).all()
    for hold in found:
        person = session.get_one(Person, hold.person_id)
        if hold.state == "standing":
            person.hold_code = person.hold_until = None
            session.add(person)
            record(session, node, Actor.node(node.region), "person.hold_ended", person=person, automatic=True)
        else:
            close_items(session, node, person.id, "legal_hold")
        hold.state = "ended" if hold.state == "standing" else "withdrawn"
        hold.ended_at = node.now()
        session.add(hold)
    session.flush()
    return len(found)


def _erase(session: Session, node: Node) -> int:
    asked = (
        select(LegalHold.person_id, LegalHold.state, LegalHold.ended_at)
        .where(col(LegalHold.state).in_(("lifted", "ended")), col(LegalHold.erase_asked_at).is_not(None))
        .order_by(col(LegalHold.id))
    )
    gone: set[str] = set()
    for person_id, state, ended_at in session.exec(asked.limit(BATCH)).all():
        undoable = state == "lifted" and ended_at is not None and node.now() - ended_at <= UNDO
        person = session.get(Person, person_id)
        if person_id in gone or undoable or person is None or held_until(person, node.today()) is not None:
            continue
        erase(session, node, person, Actor.node(node.region))
        gone.add(person_id)
    return len(gone)


def _forget(session: Session, node: Node) -> int:
    old = select(LegalHold).where(
        col(LegalHold.state).in_(OVER),
        col(LegalHold.ended_at) < node.now() - KEPT,
        col(LegalHold.erase_asked_at).is_(None),
    )
    found = session.exec(old.limit(BATCH)).all()
    for hold in found:
        session.delete(hold)
    session.flush()
    return len(found)
