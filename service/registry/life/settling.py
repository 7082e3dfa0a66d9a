"""What follows from a move that ended or was voided, once that can no longer be undone.

Ending a stay tells the origin, takes open questions back and lets reminders go; voiding asks peers to erase. None of
that can be taken back, so it waits for the ten minutes in which the officer can. A job does it then, whatever the
record looks like by that time; a withdrawal, a protection or an erasure in between acts at once, as ever.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlmodel import Session, select

from federation.sets import Failed, in_sets
from schemas.calendar import PartialDate
from service.context import Node
from service.registry.rules import UNDO
from service.registry.searching.matching import open_arrivals, open_departures
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import stop_messages, tell_arrival_ended

BATCH: Final = 50
"""Of each kind in one transaction, so that nobody who saves meanwhile waits long."""


def settle_later(node: Node, move: Arrival | Departure) -> None:
    """Let what follows from this move's end wait until it cannot be undone any more.

    A node that lets answers leave at all times (demo and tests) does not wait with this either: it follows with the
    next run of the job, and can be undone until then.
    """
    at_once = node.settings.release_times == "always"
    move.settle_at = node.now() + (timedelta(0) if at_once else UNDO + timedelta(seconds=1))


async def run_settling(node: Node) -> int:
    """Do what follows from moves whose end stands for good (job); give how many there were.

    A fault in one of them leaves it waiting, does not hold up the others, and is raised at the end.
    """
    done, faults = await node.database.write(partial(_settle_due, node=node))
    if faults:
        raise faults[0]
    return done


def _settle_due(session: Session, node: Node) -> tuple[int, list[Exception]]:
    moves: list[Any] = []
    for table in (Arrival, Departure):
        row: Any = table
        due = select(table).where(row.settle_at.is_not(None), row.settle_at <= node.now())
        moves += session.exec(due.order_by(row.settle_at, row.id).limit(BATCH)).all()
    done, faults = 0, []
    for part in in_sets(session, moves, partial(_settle_all, session, node)):
        if isinstance(part, Failed):
            faults.append(part.error)
        else:
            done += len(part.items)
    return done, faults


def _settle_all(session: Session, node: Node, moves: Sequence[Arrival | Departure]) -> None:
    for move in moves:
        settle(session, node, move)


def settle(session: Session, node: Node, move: Arrival | Departure) -> None:
    """Do what follows from the end of one move now."""
    move.settle_at = None
    session.add(move)
    session.flush()
    person = session.get(Person, move.person_id)
    if person is None:
        return
    if move.state == "voided":
        stop_messages(session, node, person.id, about=move.id)
    elif move.state == "ended" and isinstance(move, Arrival):
        tell_arrival_ended(session, node, person, move, PartialDate(move.ended_on or ""))
    if not open_arrivals(session, person.id) and not open_departures(session, person.id):
        node.callbacks.ended(session, person)
