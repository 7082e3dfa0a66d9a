"""What holds a record now, and what was asked meanwhile: erasure that happens by itself once the hold is over."""

import json
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, delete, select

from schemas.problems import NotFound, WrongState
from service.access_log import Actor, record, record_under
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.people import find_person
from service.registry.tables import LegalHold, Person

_PAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A hold of an opened record, with its document's number."""

    id: str
    code: str
    reference: str
    until: date
    state: str
    office: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    erase_asked_at: datetime | None


def held_until(person: Person, today: date) -> date | None:
    """The last day on which the record must be kept; None where nothing holds it today."""
    return person.hold_until if person.hold_until is not None and person.hold_until >= today else None


def standing_hold(session: Session, person: Person, today: date) -> LegalHold | None:
    """The hold that is in force today."""
    wanted = select(LegalHold).where(
        LegalHold.person_id == person.id, LegalHold.state == "standing", LegalHold.until >= today
    )
    return session.exec(wanted).first()


def holds_of(session: Session, person_id: str) -> list[LegalHold]:
    """All holds of a record that are still known, the newest first."""
    wanted = select(LegalHold).where(LegalHold.person_id == person_id).order_by(col(LegalHold.id).desc())
    return list(session.exec(wanted).all())


def opened_hold(node: Node, key: bytes, hold: LegalHold) -> OpenHold:
    """A hold with its document's number, for whoever has opened the record: `key` is the person's."""
    sealed = node.vault.unseal_bytes(key, hold.sealed, _context(hold.id))
    return OpenHold(
        id=hold.id,
        code=hold.code,
        reference=json.loads(sealed)["reference"],
        until=hold.until,
        state=hold.state,
        office=hold.office,
        proposed_by=hold.proposed_by,
        proposed_at=hold.proposed_at,
        confirmed_by=hold.confirmed_by,
        confirmed_at=hold.confirmed_at,
        ended_by=hold.ended_by,
        ended_at=hold.ended_at,
        erase_asked_at=hold.erase_asked_at,
    )


def own_hold(session: Session, node: Node, person_id: str, key: bytes) -> OpenHold | None:
    """The hold in force, for the person it is about: reading it writes nothing (rule 6)."""
    found = standing_hold(session, session.get_one(Person, person_id), node.today())
    return opened_hold(node, key, found) if found is not None else None


def sealed_reference(node: Node, key: bytes, hold_id: str, reference: str) -> bytes:
    """A document's number as a hold's row keeps it."""
    text = json.dumps({"reference": reference}, ensure_ascii=False).encode()
    return node.vault.seal(key, text, _context(hold_id), pad_to=_PAD_BYTES)


def ask_erasure(session: Session, node: Node, person: Person, actor: Actor) -> date:
    """Note that a held record is to be erased once nothing holds it; give until when it is held.

    Raises `WrongState` where nothing holds it: then it is erased at once.
    """
    hold = standing_hold(session, person, node.today())
    if hold is None:
        raise WrongState("Nothing holds this record any more.")
    if hold.erase_asked_at is None:
        hold.erase_asked_at = node.now()
        session.add(hold)
        session.flush()
        key = node.vault.open_key(person.wrapped_key)
        record_under(session, node, actor, "person.erasure_noted", key=key, purpose="persons_request", fields=())
    return hold.until


def keep_after_all(session: Session, node: Node, person: Person, actor: Actor) -> None:
    """The person no longer wants to be erased when the hold is over. Raises `WrongState` where that was not asked."""
    asked = [one for one in holds_of(session, person.id) if one.erase_asked_at is not None]
    if not asked:
        raise WrongState
    for hold in asked:
        hold.erase_asked_at = None
        session.add(hold)
    session.flush()
    record(session, node, actor, "person.erasure_taken_back", person=person, purpose="persons_request")


def ask_erasure_for(session: Session, node: Node, person_id: str, *, by: Officer) -> date:
    """At the person's request, note that their held record is erased when the hold is over; give its last day.

    Raises `NotFound`, `Forbidden`, `WrongState`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    return ask_erasure(session, node, find_person(session, node, person_id, by), by.as_actor)


def keep_after_all_for(session: Session, node: Node, person_id: str, *, by: Officer) -> None:
    """At the person's request, forget that erasure was asked. Raises `NotFound`, `Forbidden`, `WrongState`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    keep_after_all(session, node, find_person(session, node, person_id, by), by.as_actor)


def is_held(session: Session, node: Node, person_id: str) -> bool:
    """Whether a record is held today; False of one that is not there."""
    person = session.get(Person, person_id)
    return person is not None and held_until(person, node.today()) is not None


def require_nothing_held(session: Session, person: Person) -> None:
    """Let a record go into another one only where no hold stands, is proposed or left a promise. Raises `WrongState`.

    The hold would leave with the record that it names; the held one is kept instead.
    """
    open_hold = col(LegalHold.state).in_(("proposed", "standing")) | col(LegalHold.erase_asked_at).is_not(None)
    wanted = select(LegalHold.id).where(LegalHold.person_id == person.id, open_hold)
    if session.exec(wanted).first() is not None:
        raise WrongState("A legal hold stands in that record, or is proposed: keep that one.")


def drop_holds(session: Session, person_id: str) -> None:
    """Delete the holds of a person who is being erased."""
    session.execute(delete(LegalHold).where(col(LegalHold.person_id) == person_id))


def find_hold(session: Session, person: Person, hold_id: str) -> LegalHold:
    """One hold of a record. Raises `NotFound`."""
    hold = session.get(LegalHold, hold_id)
    if hold is None or hold.person_id != person.id:
        raise NotFound
    return hold


def _context(hold_id: str) -> str:
    return f"legal_hold.sealed:{hold_id}"
