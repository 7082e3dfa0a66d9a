"""Two records of one person become one, and two again: an officer's decision, never the node's.

The record that is kept takes over everything of the other: journeys, what was said to peers, notices and consents, and
through the callbacks certificates, reminder plans, questions and what the person asked for. Where the two say
different things about a consent, the later word counts, and a refusal wins over a consent of the same moment. Facts
that the kept record lacks (a telephone number, say) come along, protection too; nothing that it has is overwritten.

All that is needed to put both back as they were stands sealed beside the pair for 30 days. Then the other record's
name, contact and address go; its key stays, because who looked at it is still the person's to read.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from sqlmodel import Session, col, or_, select

from schemas.entropy import uuid7
from schemas.identity import DocumentType, PersonIdentity
from schemas.problems import InvalidInput, NotFound, WrongState
from service.consents.folder import write_consents, write_refusals
from service.consents.refusals import twelve_months_after
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.doubles.pairs import (
    ask_again,
    find_pair,
    follow_record,
    open_pair_item,
    pair_of,
    put_back_of,
    seal_put_back,
)
from service.registry.doubles.sheets import Sheets, join_sheets, sheets_as_of
from service.registry.holds.deciding import hold_parted
from service.registry.holds.standing import require_nothing_held
from service.registry.life.voiding import moves_of
from service.registry.people import (
    Contact,
    NewPerson,
    OpenPerson,
    find_person,
    opened_as,
    seal_columns,
    unseal_person,
)
from service.registry.rows import add_tokens, drop_tokens
from service.registry.rules import may_undo
from service.registry.tables import DuplicatePair, PeerMessage, Person
from service.registry.undoing.history import KEPT, facts_of
from service.work_items.actions import close_items

Decided = Literal["merged", "not_same"]
"""What an officer may have said of a pair."""


def merge_people(session: Session, node: Node, kept_id: str, other_id: str, *, by: Officer) -> DuplicatePair:
    """Put two records of one person together: what `other_id` has goes to `kept_id`; can be undone.

    Raises `NotFound`, `Forbidden`, `InvalidInput`, `WrongState` (these two were told apart).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    if kept_id == other_id:
        raise InvalidInput(errors=[{"field": "other_id", "message": "Choose another record."}])
    kept, other = find_person(session, node, kept_id, by), find_person(session, node, other_id, by)
    require_nothing_held(session, other)
    noted = pair_of(session, kept_id, other_id)
    pair = noted or DuplicatePair(id=uuid7(node.now(), node.entropy), kept_id=kept_id, other_id=other_id)
    if pair.state == "not_same":
        raise WrongState("These two records were found to be of two people.")
    opened = [
        unseal_person(
            session, node, one, actor=by.as_actor, action="person.merged", purpose="correction", fields=("all",)
        )
        for one in (kept, other)
    ]
    put_back: dict[str, Any] = {"facts": facts_of(kept, opened[0]), "noted": noted is not None}
    moves = moves_of(session, other.id)
    for move in moves:
        move.person_id, move.area = kept.id, kept.area
        session.add(move)
    put_back["messages"] = _hand_over_messages(session, other.id, kept.id)
    put_back["sheets"] = join_sheets(session, node, opened[0].key, opened[1].key)
    put_back["rooms"] = node.callbacks.merged(session, kept, other)
    put_back["pairs"] = _hand_over_pairs(session, node, pair.id, kept, other)
    _fill_gaps(session, node, kept, opened[0], opened[1])
    if other.protection_until is not None and (kept.protection_until or date.min) < other.protection_until:
        kept.protection_reason, kept.protection_until = other.protection_reason, other.protection_until
    drop_tokens(session, node, other)
    other.state, other.state_changed_at = "merged", node.now()
    other.version += 1
    kept.version += 1
    pair.kept_id, pair.other_id, pair.state = kept.id, other.id, "merged"
    pair.moved = json.dumps([move.id for move in moves])
    pair.sealed = seal_put_back(node, opened[0].key, pair.id, put_back)
    pair.decided_by, pair.decided_at = by.name, node.now()
    session.add_all([other, kept, pair])
    session.flush()
    close_items(session, node, pair.id)
    follow_record(session, node, kept)
    node.callbacks.shareable(session, kept)
    return pair


def undo_merge(session: Session, node: Node, pair_id: str, *, by: Officer) -> DuplicatePair:
    """Take a decision about a pair back: within ten minutes by whoever made it, within 30 days by a supervisor.

    Raises `NotFound`, `WrongState`.
    """
    pair = find_pair(session, node, pair_id, by=by)
    kept = session.get_one(Person, pair.kept_id)
    if pair.decided_at is None:
        raise NotFound
    own = pair.decided_by == by.name and may_undo(pair.decided_at, node.now())
    if pair.state == "open" or not (own or by.has(Role.SUPERVISOR)):
        raise WrongState
    other = session.get(Person, pair.other_id)
    if other is None:
        raise NotFound
    put_back = put_back_of(node, kept, pair)
    if pair.state == "merged":
        if put_back is None:
            raise WrongState("This was too long ago: the other record is gone.")
        _part(session, node, pair, kept, other, put_back=put_back, by=by)
    pair.state, pair.moved, pair.sealed, pair.decided_by, pair.decided_at = "open", "[]", None, None, None
    if put_back is not None and not put_back["noted"]:
        # Nobody had asked whether they are the same before the decision.
        session.delete(pair)
        session.flush()
        return pair
    session.add(pair)
    session.flush()
    open_pair_item(session, node, pair, kept, other)
    return pair


def undo_decision(
    session: Session, node: Node, person_id: str, pair_id: str, decided: Decided, *, by: Officer
) -> DuplicatePair:
    """The same of a decision that was about this record: it was kept, or told apart from another.

    Raises as `undo_merge`, `NotFound` for a pair of other records, and `WrongState` for the other decision.
    """
    find_person(session, node, person_id, by)
    pair = find_pair(session, node, pair_id, by=by)
    if person_id not in (pair.kept_id, pair.other_id) or pair.decided_at is None:
        raise NotFound
    if pair.state != decided:
        raise WrongState
    return undo_merge(session, node, pair_id, by=by)


def merged_keys(session: Session, node: Node, person_id: str) -> list[bytes]:
    """The keys of the records that were merged into one, and into those before: who looked at them is the person's to
    read, too.
    """
    keys: list[bytes] = []
    into = [person_id]
    while into:
        others = session.exec(
            select(Person)
            .join(DuplicatePair, col(DuplicatePair.other_id) == col(Person.id))
            .where(col(DuplicatePair.kept_id).in_(into), DuplicatePair.state == "merged", Person.state == "merged")
        ).all()
        keys += [node.vault.open_key(one.wrapped_key) for one in others]
        into = [one.id for one in others]
    return keys


def purge_merged(session: Session, node: Node, limit: int = 200) -> int:
    """Let go of what undoing a merge would need, 30 days after it: the other record's facts among it (job)."""
    gone = 0
    old = select(DuplicatePair).where(
        DuplicatePair.state == "merged",
        col(DuplicatePair.sealed).is_not(None),
        col(DuplicatePair.decided_at) < node.now() - KEPT,
    )
    for pair in session.exec(old.limit(limit)).all():
        other = session.get(Person, pair.other_id)
        if other is not None:
            other.identity = other.contact = other.address = b""
            other.document_index = other.name_birth_index = other.sound_birth_index = None
            session.add(other)
        pair.sealed = None
        session.add(pair)
        gone += 1
    session.flush()
    return gone


def _part(
    session: Session,
    node: Node,
    pair: DuplicatePair,
    kept: Person,
    other: Person,
    *,
    put_back: dict[str, Any],
    by: Officer,
) -> None:
    key = node.vault.open_key(kept.wrapped_key)
    opened = [
        unseal_person(
            session, node, one, actor=by.as_actor, action="person.unmerged", purpose="correction", fields=("all",)
        )
        for one in (kept, other)
    ]
    moved = set(json.loads(pair.moved))
    for move in moves_of(session, kept.id):
        if move.id in moved:
            move.person_id, move.area = other.id, other.area
            session.add(move)
    for message_id in put_back["messages"]:
        message = session.get(PeerMessage, message_id)
        if message is not None:
            message.person_id = other.id
            session.add(message)
    before, joined = put_back["sheets"]["before"], put_back["sheets"]["joined"]
    if sheets_as_of(session, node, key) == Sheets(**joined):
        # Whatever was given or withdrawn since the merge was said for the one record that there was.
        write_consents(session, node, key, before["consents"])
        write_refusals(session, node, key, before["refusals"], twelve_months_after(node.today()))
    node.callbacks.unmerged(session, kept, other, put_back["rooms"])
    if kept.protection_until is not None and put_back["facts"]["protection_until"] is None:
        if other.protection_until == kept.protection_until:
            kept.protection_reason = kept.protection_until = None
        else:
            # Hidden since they were one: both are.
            other.protection_reason, other.protection_until = kept.protection_reason, kept.protection_until
    hold_parted(session, node, kept, other, pair.decided_at)
    _restore_facts(session, node, kept, opened[0], put_back["facts"])
    theirs = opened[1]
    add_tokens(session, node, other, NewPerson(theirs.identity, theirs.contact, theirs.address, theirs.language))
    node.callbacks.corrected(session, other, theirs.contact.email, theirs.language)
    other.state, other.state_changed_at = "active", node.now()
    other.version += 1
    kept.version += 1
    session.add_all([kept, other])
    session.flush()
    _take_pairs_back(session, put_back["pairs"], other.id)
    ask_again(session, node, kept, other)
    follow_record(session, node, kept, other)


def _hand_over_messages(session: Session, from_id: str, to_id: str) -> list[str]:
    rows = session.exec(select(PeerMessage).where(PeerMessage.person_id == from_id)).all()
    for row in rows:
        row.person_id = to_id
        session.add(row)
    session.flush()
    return [row.message_id for row in rows]


def _hand_over_pairs(session: Session, node: Node, own_pair: str, kept: Person, other: Person) -> list[dict[str, str]]:
    """What was found or decided about the other record and third ones holds for the kept one now."""
    handed = []
    rows = session.exec(
        select(DuplicatePair).where(
            or_(DuplicatePair.kept_id == other.id, DuplicatePair.other_id == other.id),
            DuplicatePair.id != own_pair,
            col(DuplicatePair.state).in_(("open", "not_same")),
        )
    ).all()
    for row in rows:
        third = row.other_id if row.kept_id == other.id else row.kept_id
        known = pair_of(session, kept.id, third)
        answers = known is not None and row.state == "not_same" and known.state == "open"
        handed.append({"id": row.id, "third": third, "answered": known.id if known is not None and answers else ""})
        if known is not None:
            close_items(session, node, row.id)
            if answers:
                known.state, known.decided_by, known.decided_at = "not_same", row.decided_by, row.decided_at
                session.add(known)
                close_items(session, node, known.id)
            continue
        row.kept_id, row.other_id, row.sealed = min(kept.id, third), max(kept.id, third), None
        session.add(row)
    session.flush()
    return handed


def _take_pairs_back(session: Session, handed: Sequence[dict[str, str]], other_id: str) -> None:
    for one in handed:
        row = session.get(DuplicatePair, one["id"])
        if row is None or row.state not in ("open", "not_same"):
            continue
        row.kept_id, row.other_id = min(other_id, one["third"]), max(other_id, one["third"])
        session.add(row)
        known = session.get(DuplicatePair, one.get("answered", ""))
        if known is not None and known.state == "not_same" and known.decided_at == row.decided_at:
            # What was found about the other record answered this question, too; now they are two again.
            known.state, known.decided_by, known.decided_at = "open", None, None
            session.add(known)
    session.flush()


def _fill_gaps(session: Session, node: Node, kept: Person, mine: OpenPerson, theirs: OpenPerson) -> None:
    ours, other = mine.identity, theirs.identity
    take_document = ours.document_number is None and other.document_number is not None
    identity = PersonIdentity(
        name=ours.name,
        document_type=other.document_type if take_document else ours.document_type,
        document_number=other.document_number if take_document else ours.document_number,
        date_of_birth=ours.date_of_birth or other.date_of_birth,
    )
    contact = Contact(mine.contact.phone or theirs.contact.phone, mine.contact.email or theirs.contact.email)
    new = NewPerson(identity, contact, mine.address or theirs.address, mine.language)
    _write(session, node, kept, mine.key, new)


def _restore_facts(session: Session, node: Node, kept: Person, opened: OpenPerson, facts: dict[str, Any]) -> None:
    """Take back what had filled a gap; what was corrected since stays."""
    standing = facts_of(kept, opened)
    wanted = {name: facts[name] if facts[name] is None else standing[name] for name in facts}
    if facts["document_number"] is None:
        wanted["document_type"] = facts["document_type"]
    born = wanted["date_of_birth"]
    identity = PersonIdentity(
        name=wanted["name"],
        document_type=DocumentType(wanted["document_type"]),
        document_number=wanted["document_number"],
        date_of_birth=date.fromisoformat(born) if born else None,
    )
    _write(
        session,
        node,
        kept,
        opened.key,
        NewPerson(identity, Contact(wanted["phone"], wanted["email"]), wanted["address"], wanted["language"]),
    )


def _write(session: Session, node: Node, person: Person, key: bytes, new: NewPerson) -> None:
    drop_tokens(session, node, person)
    for column, value in seal_columns(node, person.id, key, new).items():
        setattr(person, column, value)
    session.add(person)
    session.flush()
    add_tokens(session, node, person, new)
    node.callbacks.corrected(session, person, opened_as(person, key, new).contact.email, new.language)
