"""Taking a save back within ten minutes (撤销), exactly: what it changed goes back to what was there before.

Only what the save itself changed is touched, and only while that still stands as the save left it: a field that
somebody has changed since is never overwritten. What a save set going at once (messages that left, messages that were
stopped) follows from the facts as they are after undoing: it is told anew, or taken back.
"""

from datetime import date
from typing import Any

from sqlmodel import Session

from schemas.claims import ConsentPurpose
from schemas.identity import DocumentType, PersonIdentity
from schemas.problems import Conflict, NotFound, WrongState
from service.consents.consents import consents_of
from service.consents.folder import write_consents, write_refusals
from service.consents.refusals import twelve_months_after
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.changes import let_go_on
from service.registry.doubles.pairs import ask_again, follow_record, forget_pairs_since
from service.registry.life.voiding import undo_registration
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
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import stop_messages, tell_departures
from service.registry.undoing.history import (
    Change,
    Facts,
    as_column,
    changes_of,
    facts_of,
    facts_of_move,
    find_change,
    mark_undone,
    sheets_of,
)

_Moves = list[tuple[Arrival | Departure, Facts]]

CHANGED_SINCE = "Somebody has changed this since; it cannot be undone any more."


def saves_of(session: Session, node: Node, person_id: str, *, by: Officer) -> list[Change]:
    """List the saves of the last 30 days in a record, newest first; logged. Raises `NotFound`."""
    person = find_person(session, node, person_id, by)
    opened = unseal_person(session, node, person, actor=by.as_actor, action="person.changes_shown", fields=())
    return changes_of(session, node, opened.key)


def undo_change(session: Session, node: Node, person_id: str, change_id: str | None = None, *, by: Officer) -> Change:
    """Take back one save of the officer's own, the latest unless another is named; give which it was.

    The officer may undo what made the record leave their sight (a move to another township, a protection). Raises
    `NotFound`, `Forbidden`, `WrongState` (too late, or somebody else's), `Conflict` (changed since).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = session.get(Person, person_id)
    if person is None or person.state not in ("active", "voided"):
        raise NotFound
    key = node.vault.open_key(person.wrapped_key)
    change = _own_change(session, node, key, change_id, by)
    if change is None:
        # Whoever saved nothing here learns no more than whoever opens the record: absent and hidden are alike.
        find_person(session, node, person_id, by)
        raise WrongState if change_id is None else NotFound
    if not change.undoable_by(by, node.now()):
        raise WrongState
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action="person.undone", purpose="correction", fields=change.names
    )
    moves = _moves(session, change)
    _check_unchanged(session, node, change, (person, opened), moves)
    now_open = _restore_person(session, node, person, opened, change)
    for move, pairs in moves:
        for name, (before, _) in pairs.items():
            setattr(move, name, as_column(name, before))
        session.add(move)
    person.version += 1
    session.add(person)
    session.flush()
    mark_undone(session, node, key, change)
    if change.with_move is not None:
        undo_registration(session, node, change.with_move, by=by)
    _follow(session, node, person, (opened, now_open), change)
    return change


def undo_move(session: Session, node: Node, move_id: str, *, by: Officer) -> None:
    """Take back the officer's last save of one move: its end, a correction, its being voided; else its registration.

    Raises as :func:`undo_change`, and `NotFound` for a move that is not there.
    """
    move = session.get(Arrival, move_id) or session.get(Departure, move_id)
    person = session.get(Person, move.person_id) if move is not None else None
    if move is None or person is None:
        raise NotFound
    for change in changes_of(session, node, node.vault.open_key(person.wrapped_key)):
        touched = move_id in change.moves or change.with_move == move_id
        if touched and change.undoable_by(by, node.now()):
            undo_change(session, node, person.id, change.id, by=by)
            return
    undo_registration(session, node, move_id, by=by)


def _own_change(session: Session, node: Node, key: bytes, change_id: str | None, by: Officer) -> Change | None:
    if change_id is not None:
        found = find_change(session, node, key, change_id)
        return found if found is not None and found.officer_id == by.id else None
    for change in changes_of(session, node, key):
        if change.officer_id == by.id and not change.undone:
            return change
    return None


def _moves(session: Session, change: Change) -> _Moves:
    found: _Moves = []
    for move_id, pairs in change.moves.items():
        move = session.get(Arrival, move_id) or session.get(Departure, move_id)
        if move is None:
            raise WrongState
        found.append((move, pairs))
    return found


def _check_unchanged(
    session: Session, node: Node, change: Change, person: tuple[Person, OpenPerson], moves: _Moves
) -> None:
    row, opened = person
    standing = facts_of(row, opened)
    untouched = all(standing[name] == after for name, (_, after) in change.fields.items())
    for move, pairs in moves:
        now = facts_of_move(move)
        untouched = untouched and all(now[name] == after for name, (_, after) in pairs.items())
    if change.sheets:
        sheets = sheets_of(session, node, opened.key)
        untouched = untouched and all(sheets[name] == after for name, (_, after) in change.sheets.items())
    if not untouched:
        raise Conflict(CHANGED_SINCE)


def _restore_person(session: Session, node: Node, person: Person, opened: OpenPerson, change: Change) -> OpenPerson:
    if not change.fields:
        return opened
    facts = facts_of(person, opened) | {name: before for name, (before, _) in change.fields.items()}
    new = person_of(facts)
    was_voided = person.state == "voided"
    drop_tokens(session, node, person)
    for column, value in seal_columns(node, person.id, opened.key, new).items():
        setattr(person, column, value)
    for name in ("area", "state", "protection_reason", "protection_until"):
        setattr(person, name, as_column(name, facts[name]))
    if was_voided:
        person.state_changed_at = None
    session.add(person)
    session.flush()
    add_tokens(session, node, person, new)
    if was_voided:
        ask_again(session, node, person)
    follow_record(session, node, person)
    return opened_as(person, opened.key, new)


def person_of(facts: Facts) -> NewPerson:
    """A person as plain facts say."""
    born: Any = facts["date_of_birth"]
    identity = PersonIdentity(
        name=facts["name"],
        document_type=DocumentType(facts["document_type"]),
        document_number=facts["document_number"],
        date_of_birth=date.fromisoformat(born) if born else None,
    )
    return NewPerson(identity, Contact(facts["phone"], facts["email"]), facts["address"], facts["language"])


def _follow(
    session: Session, node: Node, person: Person, opened: tuple[OpenPerson, OpenPerson], change: Change
) -> None:
    before, after = opened
    if change.sheets:
        _put_answers_back(session, node, person, after, change)
    if before.identity != after.identity:
        forget_pairs_since(session, node, person, after.identity, change.at)
    let_go_on(session, node, person, after, other_identity=before.identity != after.identity)


def _put_answers_back(session: Session, node: Node, person: Person, opened: OpenPerson, change: Change) -> None:
    """Notices, consents and refusals as they were; what rested on a consent that is gone stops at once."""
    live = {one.purpose for one in consents_of(session, node, opened.key) if one.is_live}
    if "consents" in change.sheets:
        write_consents(session, node, opened.key, change.sheets["consents"][0])
    if "refusals" in change.sheets:
        write_refusals(session, node, opened.key, change.sheets["refusals"][0], twelve_months_after(node.today()))
    left = {one.purpose for one in consents_of(session, node, opened.key) if one.is_live}
    for gone in sorted(live - left, key=str):
        purpose = ConsentPurpose(str(gone))
        node.callbacks.withdrawn(session, person, str(purpose))
        if purpose.action == "share_with_peer" and purpose.region is not None:
            stop_messages(session, node, person.id, purpose.region)
    tell_departures(session, node, person, opened)
