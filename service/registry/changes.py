"""Correcting, protecting and erasing one person's record."""

from datetime import date
from typing import Literal

from sqlalchemy import delete
from sqlmodel import Session, col, select

from schemas.identity import DocumentType
from schemas.problems import Conflict, Forbidden, InvalidInput, WrongState
from service.access_log import Actor, record, record_under
from service.consents.folder import drop_sheets
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry import rules
from service.registry.drafts import PersonChanges
from service.registry.people import Contact, NewPerson, OpenPerson, find_person, seal_columns, unseal_person
from service.registry.rows import add_tokens, drop_tokens
from service.registry.tables import Arrival, Departure, DuplicatePair, PeerMessage, Person
from service.registry.telling import stop_messages, tell_departures
from service.work_items.actions import close_items

ProtectionReason = Literal["threat", "court_order", "own_wish"]


def correct_person(
    session: Session, node: Node, person_id: str, changes: PersonChanges, *, by: Officer
) -> tuple[OpenPerson, tuple[str, ...]]:
    """Correct a record; give it opened, with warnings about the document number.

    Raises `NotFound`, `Forbidden`, `Conflict` (someone changed it since `version`), `InvalidInput`, `DateInFuture`,
    `UnderAge`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    if changes.version is not None and changes.version != person.version:
        raise Conflict(version=person.version)
    changed = tuple(sorted(changes.model_fields_set - {"version"}))
    before = unseal_person(
        session, node, person, actor=by.as_actor, action="person.corrected", purpose="correction", fields=changed
    )
    new, warnings = _corrected(before, changes, node.today())
    drop_tokens(session, node, person)
    for column, value in seal_columns(node, person.id, before.key, new).items():
        setattr(person, column, value)
    person.version += 1
    session.add(person)
    session.flush()
    add_tokens(session, node, person, new)
    opened = OpenPerson(
        id=person.id,
        area=person.area,
        version=person.version,
        language=person.language,
        identity=new.identity,
        contact=new.contact,
        address=new.address,
        wrapped_key=person.wrapped_key,
        key=before.key,
    )
    # What waited for a date of birth, or for the right spelling, may go on now.
    tell_departures(session, node, person, opened)
    node.callbacks.shareable(session, person)
    node.callbacks.corrected(session, person, opened.contact.email, opened.language)
    return opened, warnings


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
    person.protection_reason, person.protection_until = (None, None) if lifted else (reason, until)
    session.add(person)
    session.flush()
    record(
        session, node, by.as_actor, "person.protected", person=person, purpose="persons_request", fields=("protection",)
    )
    if lifted:
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
    if person.hold_until is not None and person.hold_until >= node.today():
        raise WrongState("A legal hold keeps this record until %(until)s.", until=person.hold_until.isoformat())
    key = node.vault.open_key(person.wrapped_key)
    record_under(session, node, actor, "person.erased", key=key, purpose="persons_request", fields=("all",))
    node.callbacks.erased(session, person)
    stop_messages(session, node, person.id)
    drop_sheets(session, node, key)
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
