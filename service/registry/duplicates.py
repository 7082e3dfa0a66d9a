"""The duplicate check within this node (查重): two records of perhaps one person, merged or told apart by officers."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, select

from schemas.entropy import uuid7
from schemas.problems import InvalidInput, NotFound, WrongState
from service.access_log import record
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.matching import find_same
from service.registry.people import find_person, unseal_person
from service.registry.rules import may_undo
from service.registry.tables import DuplicatePair, Person
from service.registry.voiding import moves_of
from service.work_items.actions import close_items, open_item


def note_possible_duplicates(session: Session, node: Node, person: Person, others: Sequence[Person]) -> None:
    """Open a pair, and a task, for each record that may be of the same person; known pairs stay as they are."""
    for other in others:
        if _pair(session, person.id, other.id) is not None:
            continue
        pair = DuplicatePair(id=uuid7(node.now(), node.entropy), kept_id=other.id, other_id=person.id)
        session.add(pair)
        session.flush()
        open_item(session, node, "duplicate", pair.id, area=person.area)


def first_id_of(moment: datetime) -> str:
    """Give what stands before every id made from a moment on (UUIDv7: RFC 9562, 5.7)."""
    milliseconds = f"{int(moment.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}"


def find_duplicates(session: Session, node: Node, *, after: str, limit: int = 500) -> str | None:
    """Check people entered after an id against the register; give where to go on, None at the end (job)."""
    wanted = select(Person).where(Person.state == "active", Person.id > after).order_by(col(Person.id)).limit(limit)
    people = session.exec(wanted).all()
    for person in people:
        keys = [key for key in (person.document_index, person.name_birth_index) if key is not None]
        if not keys:
            continue
        same = session.exec(
            select(Person).where(
                or_(col(Person.document_index).in_(keys), col(Person.name_birth_index).in_(keys)),
                Person.id < person.id,
                Person.area == person.area,
                Person.state == "active",
                col(Person.protection_until).is_(None),
            )
        ).all()
        if person.protection_until is None:
            note_possible_duplicates(session, node, person, same)
    return people[-1].id if len(people) == limit else None


def possible_duplicates(session: Session, node: Node, person_id: str, *, by: Officer) -> list[str]:
    """Give the ids of records of this office that may be of the same person, apart from those told apart.

    The reading is logged. Raises `NotFound`.
    """
    person = find_person(session, node, person_id, by)
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action="person.compared", purpose="correction", fields=("identity",)
    )
    found = []
    for other in find_same(session, node, opened.identity, but=person.id):
        pair = _pair(session, person.id, other.id)
        if by.sees(other.area) and (pair is None or pair.state == "open"):
            found.append(other.id)
    return found


def merge_people(session: Session, node: Node, kept_id: str, other_id: str, *, by: Officer) -> DuplicatePair:
    """Put two records of one person together: the moves of `other_id` go to `kept_id`; can be undone.

    Consents are not carried over: they were given on another record. Raises `NotFound`, `Forbidden`, `InvalidInput`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    if kept_id == other_id:
        raise InvalidInput(errors=[{"field": "other_id", "message": "Choose another record."}])
    kept, other = find_person(session, node, kept_id, by), find_person(session, node, other_id, by)
    pair = _pair(session, kept_id, other_id) or DuplicatePair(
        id=uuid7(node.now(), node.entropy), kept_id=kept_id, other_id=other_id
    )
    moves = moves_of(session, other.id)
    for move in moves:
        move.person_id = kept.id
        session.add(move)
    other.state, other.state_changed_at = "merged", node.now()
    other.version += 1
    kept.version += 1
    pair.kept_id, pair.other_id, pair.state = kept.id, other.id, "merged"
    pair.moved = json.dumps([move.id for move in moves])
    pair.decided_by, pair.decided_at = by.name, node.now()
    session.add_all([other, kept, pair])
    session.flush()
    for person in (kept, other):
        record(session, node, by.as_actor, "person.merged", person=person, purpose="correction", fields=("moves",))
    close_items(session, node, pair.id)
    return pair


def tell_apart(session: Session, node: Node, pair_id: str, *, by: Officer) -> DuplicatePair:
    """Say that two records are not of the same person. Raises `NotFound`, `Forbidden`, `WrongState`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    pair = find_pair(session, node, pair_id, by=by)
    if pair.state != "open":
        raise WrongState
    pair.state, pair.decided_by, pair.decided_at = "not_same", by.name, node.now()
    session.add(pair)
    session.flush()
    close_items(session, node, pair.id)
    return pair


def undo_merge(session: Session, node: Node, pair_id: str, *, by: Officer) -> DuplicatePair:
    """Take a decision about a pair back: within ten minutes by whoever made it, later by a supervisor.

    Raises `NotFound`, `WrongState`.
    """
    pair = session.get(DuplicatePair, pair_id)
    if pair is None or pair.decided_at is None:
        raise NotFound
    kept = find_person(session, node, pair.kept_id, by)
    own = pair.decided_by == by.name and may_undo(pair.decided_at, node.now())
    if pair.state == "open" or not (own or by.has(Role.SUPERVISOR)):
        raise WrongState
    other = session.get(Person, pair.other_id)
    if pair.state == "merged" and other is not None:
        moved = set(json.loads(pair.moved))
        for move in moves_of(session, kept.id):
            if move.id in moved:
                move.person_id = other.id
                session.add(move)
        other.state, other.state_changed_at = "active", node.now()
        session.add(other)
        for person in (kept, other):
            record(
                session, node, by.as_actor, "person.unmerged", person=person, purpose="correction", fields=("moves",)
            )
    pair.state, pair.moved, pair.decided_by, pair.decided_at = "open", "[]", None, None
    session.add(pair)
    session.flush()
    open_item(session, node, "duplicate", pair.id, area=kept.area)
    return pair


def find_pair(session: Session, node: Node, pair_id: str, *, by: Officer) -> DuplicatePair:
    """Give a pair whose two records the officer may open. Raises `NotFound`."""
    pair = session.get(DuplicatePair, pair_id)
    if pair is None:
        raise NotFound
    find_person(session, node, pair.kept_id, by)
    if pair.state != "merged":
        find_person(session, node, pair.other_id, by)
    return pair


def _pair(session: Session, one: str, other: str) -> DuplicatePair | None:
    return session.exec(
        select(DuplicatePair).where(
            or_(
                (col(DuplicatePair.kept_id) == one) & (col(DuplicatePair.other_id) == other),
                (col(DuplicatePair.kept_id) == other) & (col(DuplicatePair.other_id) == one),
            )
        )
    ).first()
