"""Correcting, protecting and erasing one person's record."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import delete
from sqlmodel import Session, col, select

from schemas.identity import DocumentType
from schemas.problems import Forbidden, InvalidInput, WrongState
from service.access_log import Actor, record_under
from service.consents.folder import drop_sheets
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry import rules
from service.registry.doubles.alike import find_at_entry
from service.registry.doubles.pairs import follow_record, note_possible_duplicates
from service.registry.drafts import PersonChanges
from service.registry.holds.standing import drop_holds, held_until
from service.registry.people import (
    Contact,
    NewPerson,
    OpenPerson,
    find_person,
    is_protected,
    opened_as,
    seal_columns,
    unseal_person,
)
from service.registry.rows import add_tokens, drop_tokens
from service.registry.tables import Arrival, Departure, DuplicatePair, PeerMessage, Person
from service.registry.telling import notify_again, stop_messages, tell_departures
from service.registry.undoing.history import Facts, before_save, drop_changes, facts_of, note_change
from service.registry.undoing.meanwhile import Meanwhile, meanwhile_since
from service.work_items.actions import close_items

ProtectionReason = Literal["threat", "court_order", "own_wish"]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A record as it stands after a correction. `change` is what undoing takes; None where nothing was changed."""

    opened: OpenPerson
    warnings: tuple[str, ...]
    change: str | None


def correct_person(
    session: Session, node: Node, person_id: str, changes: PersonChanges, *, by: Officer, whole_form: bool = False
) -> Corrected:
    """Correct a record.

    What a colleague changed since `changes.version` in other fields stays; `whole_form` says that a page sent all
    fields, touched or not. Raises `NotFound`, `Forbidden`, `Conflict` (both changed the same fields to different
    values: `conflicts` says which), `InvalidInput`, `DateInFuture`, `UnderAge`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    changed = tuple(sorted(changes.model_fields_set - {"version"}))
    before = unseal_person(
        session, node, person, actor=by.as_actor, action="person.corrected", purpose="correction", fields=changed
    )
    met, changes = _beside_colleagues(session, node, person, before, changes, whole_form=whole_form)
    met.require_agreement()
    new, warnings = _corrected(before, changes, node.today())
    if opened_as(person, before.key, new) == before:
        return Corrected(before, warnings, None)
    earlier = before_save(person, before)
    drop_tokens(session, node, person)
    for column, value in seal_columns(node, person.id, before.key, new).items():
        setattr(person, column, value)
    person.version += 1
    session.add(person)
    session.flush()
    add_tokens(session, node, person, new)
    opened = opened_as(person, before.key, new)
    change = note_change(session, node, "corrected", earlier, person=person, now_open=opened, by=by)
    let_go_on(session, node, person, opened, other_identity=before.identity != opened.identity)
    return Corrected(opened, warnings, change)


def let_go_on(session: Session, node: Node, person: Person, opened: OpenPerson, *, other_identity: bool) -> None:
    """Let what waited for a date of birth, or for the right spelling, go on; what was told wrongly is told anew."""
    if other_identity:
        notify_again(session, node, person, opened)
        found = find_at_entry(session, node, opened.identity, opened.contact.phone, person.area, but=person.id)
        same = [one for one in found if one.area == person.area]
        if not is_protected(person, node.today()):
            note_possible_duplicates(session, node, person, same)
    else:
        tell_departures(session, node, person, opened)
    node.callbacks.shareable(session, person)
    node.callbacks.corrected(session, person, opened.contact.email, opened.language)


def meanwhile_of(session: Session, node: Node, person_id: str, changes: PersonChanges, *, by: Officer) -> Meanwhile:
    """What a page's whole form meets in the record as it stands now, for the officer to choose field by field.

    Logged as a look for correcting. Raises `NotFound`, `InvalidInput`.
    """
    person = find_person(session, node, person_id, by)
    opened = unseal_person(session, node, person, actor=by.as_actor, action="person.shown", purpose="correction")
    return _beside_colleagues(session, node, person, opened, changes, whole_form=True)[0]


def _beside_colleagues(
    session: Session, node: Node, person: Person, opened: OpenPerson, changes: PersonChanges, *, whole_form: bool
) -> tuple[Meanwhile, PersonChanges]:
    """Compare with what changed since the version that the officer saw; fields that they left alone fall away."""
    given = changes.model_fields_set - {"version"}
    wished: Facts = {}
    if changes.version not in (None, person.version):
        wished = facts_of(person, opened_as(person, opened.key, _corrected(opened, changes, node.today())[0]))
    met = meanwhile_since(
        session,
        node,
        person,
        seen=changes.version,
        standing=facts_of(person, opened),
        wanted={name: wished[name] for name in sorted(given & wished.keys())},
        whole_form=whole_form,
    )
    if not met.untouched:
        return met, changes
    left = {name: getattr(changes, name) for name in given - met.untouched}
    return met, PersonChanges.model_construct(_fields_set=set(left), **left)


def protect_person(
    session: Session, node: Node, person_id: str, reason: ProtectionReason, until: date, *, by: Officer
) -> Person:
    """Hide a person (限制可见) until a day, included: absent from lists, searches, counts and answers to peers.

    What is queued for peers is stopped. A day in the past lifts the protection, which only a supervisor may do.
    Raises `NotFound`, `Forbidden`, `InvalidInput` (more than ten years ahead).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    today = node.today()
    if until.year > today.year + 10:
        raise InvalidInput(errors=[{"field": "until", "message": "At most ten years ahead; it can be renewed."}])
    lifted = until < today
    if lifted and not by.has(Role.SUPERVISOR):
        raise Forbidden
    opened = unseal_person(
        session,
        node,
        person,
        actor=by.as_actor,
        action="person.protected",
        purpose="persons_request",
        fields=("protection",),
    )
    before = before_save(person, opened)
    person.protection_reason, person.protection_until = (None, None) if lifted else (reason, until)
    person.version += 1
    session.add(person)
    session.flush()
    note_change(session, node, "protected", before, person=person, now_open=opened, by=by)
    if lifted:
        follow_record(session, node, person)
        node.callbacks.shareable(session, person)
    else:
        node.callbacks.protected(session, person)
        stop_messages(session, node, person.id)
    return person


def erase_person(session: Session, node: Node, person_id: str, *, by: Officer) -> None:
    """Erase a person at their request: rows, key, what is queued; peers are asked to erase what they hold.

    Raises `NotFound`, `Forbidden`, `WrongState` under a legal hold.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    erase(session, node, find_person(session, node, person_id, by), by.as_actor)


def erase(session: Session, node: Node, person: Person, actor: Actor) -> None:
    """Erase a person. The log keeps that something was erased, not what. Raises `WrongState` under a legal hold."""
    held = held_until(person, node.today())
    if held is not None:
        raise WrongState("A legal hold keeps this record until %(until)s.", until=held.isoformat())
    key = node.vault.open_key(person.wrapped_key)
    record_under(session, node, actor, "person.erased", key=key, purpose="persons_request", fields=("all",))
    node.callbacks.erased(session, person)
    stop_messages(session, node, person.id)
    drop_sheets(session, node, key)
    drop_holds(session, person.id)
    drop_changes(session, node, key)
    pairs = session.exec(
        select(DuplicatePair).where(
            (col(DuplicatePair.kept_id) == person.id) | (col(DuplicatePair.other_id) == person.id)
        )
    ).all()
    merged = [pair.other_id for pair in pairs if pair.state == "merged" and pair.kept_id == person.id]
    for pair in pairs:
        close_items(session, node, pair.id)
        session.delete(pair)
    session.flush()
    for other in session.exec(select(Person).where(col(Person.id).in_(merged))).all():
        erase(session, node, other, actor)
    if person.state != "merged":
        # A merged record has none, and after 30 days nothing to make them from.
        drop_tokens(session, node, person)
    for table, column in (
        (Arrival, Arrival.person_id),
        (Departure, Departure.person_id),
        (PeerMessage, PeerMessage.person_id),
        (Person, Person.id),
    ):
        session.execute(delete(table).where(col(column) == person.id))
    session.expunge(person)


def _corrected(before: OpenPerson, changes: PersonChanges, today: date) -> tuple[NewPerson, tuple[str, ...]]:
    given = changes.model_fields_set
    identity = before.identity
    document_type = changes.document_type if changes.document_type is not None else identity.document_type
    number = changes.document_number if "document_number" in given else identity.document_number
    if document_type is DocumentType.NONE and "document_number" not in given:
        number = None
    checked = rules.check_person(
        name=changes.name if changes.name is not None else identity.name,
        document_type=document_type,
        document_number=number,
        date_of_birth=changes.date_of_birth if "date_of_birth" in given else identity.date_of_birth,
        phone=changes.phone if "phone" in given else before.contact.phone,
        email=changes.email if "email" in given else before.contact.email,
        today=today,
        prefix="",
    )
    address = rules.check_address(changes.address) if "address" in given else before.address
    language = changes.language.value if changes.language is not None else before.language
    new = NewPerson(checked.identity, Contact(checked.phone, checked.email), address, language)
    return new, checked.warnings
