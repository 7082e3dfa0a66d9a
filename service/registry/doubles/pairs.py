"""The duplicate check within this node (查重): pairs of records of perhaps one person, found by the node, decided by
officers. Putting two together is :mod:`service.registry.doubles.merging`.

What was told apart is never offered again. A pair whose records lie in two townships is a task of the office above
both; neither township sees the other's record in it.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlmodel import Session, col, or_, select

from schemas.clock import parse_rfc3339, rfc3339
from schemas.entropy import uuid4, uuid7
from schemas.identity import PersonIdentity
from schemas.problems import InvalidInput, NotFound, WrongState
from schemas.regions import ancestors
from service.access_log import record
from service.context import Node
from service.database import find_all
from service.leases import take_lease
from service.officers.rules import Officer, Role, require
from service.registry.doubles.alike import BLOCKING, IdPair, find_alike, pairs_of, pairs_sharing, shared_keys
from service.registry.marks import mark_of, set_mark
from service.registry.people import find_person, is_protected, unseal_person
from service.registry.tables import DuplicatePair, Person
from service.work_items.actions import close_all_items, close_items, open_item, place_items

PART: Final = 200
"""People whose doubles are looked for in one transaction."""
OVERLAP: Final = timedelta(minutes=30)
"""So long a record may lie between the making of its id and its commit: a ledger's rows are sealed ahead."""
_PAD_BYTES: Final = 4096
MARK: Final = "doubles"
"""The name of the pass, among the marks of how far each came."""
WHOLE_PASS_EVERY: Final = timedelta(hours=20)


def note_possible_duplicates(session: Session, node: Node, person: Person, others: Sequence[Person]) -> None:
    """Open a pair, and a task, for each record that may be of the same person; known pairs stay as they are."""
    for other in others:
        if pair_of(session, person.id, other.id) is None:
            _open(session, node, *sorted((person, other), key=lambda one: one.id))


def note_pairs(session: Session, node: Node, pairs: Sequence[IdPair]) -> int:
    """Open the pairs that are not known yet; give how many."""
    unknown = _unknown(session, pairs)
    people = find_all(session, Person, (person_id for pair in unknown for person_id in pair))
    new = [pair for pair in unknown if pair[0] in people and pair[1] in people]
    for older, newer in new:
        _open(session, node, people[older], people[newer])
    return len(new)


def forget_pairs_since(session: Session, node: Node, person: Person, identity: PersonIdentity, at: datetime) -> None:
    """A save was taken back: drop the questions that it raised, and that nothing speaks for any more."""
    alike = {one.id for one in find_alike(session, node, identity, but=person.id)}
    for pair in _open_pairs(session, [person.id]):
        other = pair.other_id if pair.kept_id == person.id else pair.kept_id
        if pair.id >= first_id_of(at) and other not in alike:
            close_items(session, node, pair.id)
            session.delete(pair)
    session.flush()


def rest_pairs(session: Session, node: Node, *people: Person) -> None:
    """Close the tasks about pairs of people whose records are voided: there is nothing left to compare."""
    pairs = _open_pairs(session, [person.id for person in people])
    close_all_items(session, node, [pair.id for pair in pairs], "duplicate")


def ask_again(session: Session, node: Node, *people: Person) -> None:
    """Open the tasks about the open pairs of people whose records are to be compared again."""
    pairs = _open_pairs(session, [person.id for person in people])
    known = find_all(session, Person, (one for pair in pairs for one in (pair.kept_id, pair.other_id)))
    for pair in pairs:
        both = known[pair.kept_id], known[pair.other_id]
        if all(one.state == "active" for one in both):
            open_pair_item(session, node, pair, *both)


def follow_record(session: Session, node: Node, *people: Person) -> None:
    """Let the open tasks about people, and about pairs that they are in, be those of the office that keeps them now.

    Whoever had the record before no longer sees them; what somebody had taken goes to the new office's pool. Tasks
    about somebody who is hidden are for supervisors, and for everyone again once they are not.
    """
    pairs = _open_pairs(session, [person.id for person in people])
    known = find_all(session, Person, (one for pair in pairs for one in (pair.kept_id, pair.other_id)))
    places = {person.id: (person.area, is_protected(person, node.today())) for person in people}
    for pair in pairs:
        places[pair.id] = _place_of(node, known[pair.kept_id], known[pair.other_id])
    place_items(session, places)


def first_id_of(moment: datetime) -> str:
    """Give what stands before every id made from a moment on (UUIDv7: RFC 9562, 5.7)."""
    milliseconds = f"{int(moment.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}"


async def find_duplicates(node: Node) -> int:
    """Check those who were entered since the last look, and once a night everyone (job); give how many pairs are new.

    Candidates are read outside the writer; only new pairs are written, and up to when was looked.
    """
    found, now = 0, node.now()
    looked = await node.database.read(lambda session: mark_of(session, MARK))
    since = min(parse_rfc3339(looked), now) - OVERLAP if looked is not None else now - timedelta(days=1)
    after: str | None = first_id_of(since)
    while after is not None:
        pairs, after = await node.database.read(partial(_entered_after, node=node, after=after))
        if pairs:
            found += await node.database.write(partial(note_pairs, node=node, pairs=pairs))
    await node.database.write(lambda session: set_mark(session, MARK, rfc3339(now)))
    seconds = int(WHOLE_PASS_EVERY.total_seconds())
    holder = uuid4(node.entropy)
    if await node.database.write(lambda session: take_lease(session, "duplicates", holder, node.now(), seconds)):
        for place in range(len(BLOCKING)):
            found += await _walk(node, place)
    return found


def possible_duplicates(session: Session, node: Node, person_id: str, *, by: Officer) -> list[str]:
    """Give the ids of records of this office that may be of the same person, apart from those told apart.

    The reading is logged. Raises `NotFound`.
    """
    person = find_person(session, node, person_id, by)
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action="person.compared", purpose="correction", fields=("identity",)
    )
    found = []
    for other in find_alike(session, node, opened.identity, but=person.id):
        pair = pair_of(session, person.id, other.id)
        if by.sees(other.area) and (pair is None or pair.state == "open"):
            found.append(other.id)
    return found


def tell_apart(session: Session, node: Node, pair_id: str, *, by: Officer) -> DuplicatePair:
    """Say that two records are not of the same person, for good. Raises `NotFound`, `Forbidden`, `WrongState`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    return _told_apart(session, node, find_pair(session, node, pair_id, by=by), by)


def tell_people_apart(session: Session, node: Node, person_id: str, other_id: str, *, by: Officer) -> DuplicatePair:
    """The same of two records by their ids, whether they were noted as a pair already or not.

    Raises `NotFound`, `Forbidden`, `InvalidInput`, `WrongState`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    if person_id == other_id:
        raise InvalidInput(errors=[{"field": "other_id", "message": "Choose another record."}])
    older, newer = sorted((find_person(session, node, one, by) for one in (person_id, other_id)), key=_id)
    pair = pair_of(session, older.id, newer.id)
    if pair is None:
        pair = DuplicatePair(id=uuid7(node.now(), node.entropy), kept_id=older.id, other_id=newer.id, state="open")
        pair.sealed = seal_put_back(node, node.vault.open_key(older.wrapped_key), pair.id, {"noted": False})
    return _told_apart(session, node, pair, by)


def _told_apart(session: Session, node: Node, pair: DuplicatePair, by: Officer) -> DuplicatePair:
    if pair.state != "open":
        raise WrongState
    pair.state, pair.decided_by, pair.decided_at = "not_same", by.name, node.now()
    session.add(pair)
    session.flush()
    for person_id in (pair.kept_id, pair.other_id):
        person = session.get_one(Person, person_id)
        record(session, node, by.as_actor, "person.told_apart", person=person, purpose="correction")
    close_items(session, node, pair.id)
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


def pair_of(session: Session, one: str, other: str) -> DuplicatePair | None:
    """The pair of two people, whichever of them stands first in it; None while they are none."""
    return session.exec(
        select(DuplicatePair).where(
            or_(
                (col(DuplicatePair.kept_id) == one) & (col(DuplicatePair.other_id) == other),
                (col(DuplicatePair.kept_id) == other) & (col(DuplicatePair.other_id) == one),
            )
        )
    ).first()


def seal_put_back(node: Node, key: bytes, pair_id: str, put_back: dict[str, Any]) -> bytes:
    """What a pair's row keeps for undoing, under the kept person's key. ``noted``: it was there before the decision."""
    text = json.dumps(put_back, ensure_ascii=False, separators=(",", ":")).encode()
    return node.vault.seal(key, text, _context(pair_id), pad_to=_PAD_BYTES)


def put_back_of(node: Node, kept: Person, pair: DuplicatePair) -> dict[str, Any] | None:
    """What undoing a decision puts back; None where nothing is kept for it."""
    if pair.sealed is None:
        return None
    text = node.vault.unseal_bytes(node.vault.open_key(kept.wrapped_key), pair.sealed, _context(pair.id))
    kept_for_undoing: dict[str, Any] = json.loads(text)
    return {"noted": True} | kept_for_undoing


def office_of(node: Node, one: Person, other: Person) -> str:
    """The narrowest office that sees both records: their own, or the one above both."""
    shared = [code for code in ancestors(one.area) if other.area.startswith(code) and len(code) >= len(node.region)]
    return shared[-1] if shared else node.region


def _open_pairs(session: Session, people: Sequence[str]) -> Sequence[DuplicatePair]:
    either = or_(col(DuplicatePair.kept_id).in_(people), col(DuplicatePair.other_id).in_(people))
    return session.exec(select(DuplicatePair).where(either, DuplicatePair.state == "open")).all()


def _context(pair_id: str) -> str:
    return f"duplicate_pair.sealed:{pair_id}"


def _id(person: Person) -> str:
    return person.id


def open_pair_item(session: Session, node: Node, pair: DuplicatePair, one: Person, other: Person) -> None:
    """Open the task about a pair, for the office that sees both."""
    area, hidden = _place_of(node, one, other)
    open_item(session, node, "duplicate", pair.id, area=area, for_supervisor=hidden)


def _place_of(node: Node, one: Person, other: Person) -> tuple[str, bool]:
    today = node.today()
    return office_of(node, one, other), is_protected(one, today) or is_protected(other, today)


def _open(session: Session, node: Node, older: Person, newer: Person) -> None:
    pair = DuplicatePair(id=uuid7(node.now(), node.entropy), kept_id=older.id, other_id=newer.id)
    session.add(pair)
    session.flush()
    open_pair_item(session, node, pair, older, newer)


def _entered_after(session: Session, node: Node, after: str) -> tuple[list[IdPair], str | None]:
    wanted = select(Person).where(Person.state == "active", Person.id > after).order_by(col(Person.id)).limit(PART)
    people = session.exec(wanted).all()
    pairs = _unknown(session, pairs_of(session, node, people))
    return pairs, people[-1].id if len(people) == PART else None


async def _walk(node: Node, place: int) -> int:
    """Look at everyone who shares a key of one index, a part of the index at a time."""
    found, after = 0, b""
    while True:
        keys = await node.database.read(partial(shared_keys, place=place, after=after))
        if not keys:
            return found
        pairs = await node.database.read(
            lambda session, keys=keys: _unknown(session, pairs_sharing(session, node, place, keys))  # type: ignore[misc]  # bound in this turn
        )
        if pairs:
            found += await node.database.write(partial(note_pairs, node=node, pairs=pairs))
        after = keys[-1]


def _unknown(session: Session, pairs: Sequence[IdPair]) -> list[IdPair]:
    """Those of the pairs that were never noted, in one look-up."""
    ids = {person_id for pair in pairs for person_id in pair}
    wanted = select(DuplicatePair.kept_id, DuplicatePair.other_id).where(
        col(DuplicatePair.kept_id).in_(ids), col(DuplicatePair.other_id).in_(ids)
    )
    known = {frozenset(pair) for pair in session.exec(wanted).all()}
    return [pair for pair in pairs if frozenset(pair) not in known]
