"""Placing a legal hold, and lifting it: one supervisor proposes, a second one agrees, one lifts.

What a hold does is little on purpose: the record is not erased and its moves are not cleared away while it stands. It
changes nothing in lists, searches, counts, tasks about the person or answers to peers, and gives nobody a new look into
the record. The person reads it on their own page, with the document, the office and the day.

There is no extending. Who needs longer proposes again, under another document; it takes the earlier one's place when a
second officer agrees.
"""

from datetime import datetime

from pydantic import Field
from sqlmodel import Session

from schemas.entropy import uuid7
from schemas.problems import Forbidden, WrongState
from schemas.wire import WireDate
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.drafts import Body, Text
from service.registry.holds import rules
from service.registry.holds.rules import HoldCode
from service.registry.holds.standing import (
    OpenHold,
    ask_erasure,
    find_hold,
    holds_of,
    opened_hold,
    sealed_reference,
    standing_hold,
)
from service.registry.people import OpenPerson, find_person, unseal_person
from service.registry.rules import FieldError, may_undo, refuse
from service.registry.tables import LegalHold, Person
from service.work_items.actions import close_items, open_item

STOOD = ("standing", "lifted", "replaced", "ended")
"""States of a hold that was agreed to."""


SECOND_OFFICER_WORKING_DAYS = 3
"""So soon a proposal is to be looked at: until then nothing is held."""


class HoldDraft(Body):
    """Why a record must be kept, under which document, and until when."""

    code: HoldCode
    reference: Text = Field(min_length=1, description="The document's number, as it is printed.")
    until: WireDate = Field(description="The last day, six months ahead at the latest.")


def propose_hold(session: Session, node: Node, person_id: str, draft: HoldDraft, *, by: Officer) -> OpenHold:
    """Propose that a record be kept; nothing is held until a second supervisor agrees.

    Raises `NotFound`, `Forbidden`, `InvalidInput` (the day, the document's number, a document that held the record
    before), `WrongState` while another proposal waits.
    """
    person, opened = _opened(session, node, person_id, by, "person.hold_proposed")
    known = holds_of(session, person.id)
    if any(one.state == "proposed" for one in known):
        raise WrongState("A proposal waits for a second officer already.")
    reference, errors = rules.reference_of(draft.reference, opened.identity.name)
    if any(one.state in STOOD and opened_hold(node, opened.key, one).reference == reference for one in known):
        errors = [FieldError("reference", "This document held the record before; a new hold needs a new one.")]
    refuse([*errors, *rules.end_errors(draft.until, node.today())])
    hold_id = uuid7(node.now(), node.entropy)
    hold = LegalHold(
        id=hold_id,
        person_id=person.id,
        code=draft.code,
        until=draft.until,
        office=by.area,
        sealed=sealed_reference(node, opened.key, hold_id, reference),
        proposed_by=by.name,
        proposed_at=node.now(),
    )
    session.add(hold)
    session.flush()
    _ask_second_officer(session, node, person, hold)
    return opened_hold(node, opened.key, hold)


def confirm_hold(session: Session, node: Node, person_id: str, hold_id: str, *, by: Officer) -> OpenHold:
    """Agree to a proposal, as a second supervisor: from now on the record is kept.

    Raises `NotFound`, `Forbidden` (also for who proposed it), `WrongState` (decided already, or its day has passed).
    """
    person, opened = _opened(session, node, person_id, by, "person.hold_confirmed")
    hold = _in_state(session, person, hold_id, "proposed")
    if hold.proposed_by == by.name:
        raise Forbidden
    if hold.until < node.today():
        raise WrongState
    earlier = standing_hold(session, person, node.today())
    hold.state, hold.confirmed_by, hold.confirmed_at = "standing", by.name, node.now()
    if earlier is not None:
        earlier.state, earlier.ended_by, earlier.ended_at = "replaced", by.name, node.now()
        hold.erase_asked_at, earlier.erase_asked_at = earlier.erase_asked_at, None
        session.add(earlier)
    _set(session, person, hold)
    close_items(session, node, person.id, "legal_hold")
    if hold.erase_asked_at is None and node.callbacks.erasure_asked(session, person):
        ask_erasure(session, node, person, by.as_actor)
    return opened_hold(node, opened.key, hold)


def refuse_hold(session: Session, node: Node, person_id: str, hold_id: str, *, by: Officer) -> OpenHold:
    """Decline a proposal; whoever made it withdraws it so. Raises `NotFound`, `Forbidden`, `WrongState`."""
    person, opened = _opened(session, node, person_id, by, "person.hold_refused")
    hold = _in_state(session, person, hold_id, "proposed")
    hold.state = "withdrawn" if hold.proposed_by == by.name else "refused"
    hold.ended_by, hold.ended_at = by.name, node.now()
    session.add(hold)
    session.flush()
    close_items(session, node, person.id, "legal_hold")
    return opened_hold(node, opened.key, hold)


def lift_hold(session: Session, node: Node, person_id: str, hold_id: str, *, by: Officer) -> OpenHold:
    """End a hold before its day; one supervisor is enough. Raises `NotFound`, `Forbidden`, `WrongState`."""
    person, opened = _opened(session, node, person_id, by, "person.hold_lifted")
    hold = _in_state(session, person, hold_id, "standing")
    if hold.until < node.today():
        raise WrongState
    hold.state, hold.ended_by, hold.ended_at = "lifted", by.name, node.now()
    session.add(hold)
    _set(session, person, None)
    return opened_hold(node, opened.key, hold)


def undo_hold(session: Session, node: Node, person_id: str, hold_id: str, *, by: Officer) -> OpenHold:
    """Take one's own last step of the last ten minutes back: agreeing, refusing, withdrawing or lifting.

    Raises `NotFound`, `Forbidden`, `WrongState` (somebody else's, too late, or another proposal waits meanwhile).
    """
    person, opened = _opened(session, node, person_id, by, "person.hold_undone")
    hold = find_hold(session, person, hold_id)
    if not undoable(hold, by, node.now()) or hold.until < node.today():
        raise WrongState
    others = [one for one in holds_of(session, person.id) if one.id != hold.id]
    if hold.state == "lifted":
        if any(one.state == "standing" for one in others):
            raise WrongState
        hold.state, hold.ended_by, hold.ended_at = "standing", None, None
        _set(session, person, hold)
        return opened_hold(node, opened.key, hold)
    if any(one.state == "proposed" for one in others):
        raise WrongState("A proposal waits for a second officer already.")
    replaced = [one for one in others if one.state == "replaced" and one.ended_at == hold.confirmed_at]
    hold.state, hold.confirmed_by, hold.confirmed_at, hold.ended_by, hold.ended_at = "proposed", None, None, None, None
    hold.erase_asked_at, asked = None, hold.erase_asked_at
    session.add(hold)
    standing = next((one for one in replaced if one.until >= node.today()), None)
    if standing is not None:
        standing.state, standing.ended_by, standing.ended_at = "standing", None, None
        standing.erase_asked_at = asked
    _set(session, person, standing)
    _ask_second_officer(session, node, person, hold)
    return opened_hold(node, opened.key, hold)


def undoable(hold: LegalHold | OpenHold, by: Officer, now: datetime) -> bool:
    """Tell whether the last step of a hold is this officer's to take back."""
    if hold.state == "standing":
        name, at = hold.confirmed_by, hold.confirmed_at
    elif hold.state in ("lifted", "refused", "withdrawn"):
        name, at = hold.ended_by, hold.ended_at
    else:
        return False
    return name == by.name and at is not None and may_undo(at, now)


def shown_holds(session: Session, node: Node, person_id: str, *, by: Officer) -> list[OpenHold]:
    """List the holds of a record, newest first, for a supervisor; logged. Raises `NotFound`, `Forbidden`."""
    person, opened = _opened(session, node, person_id, by, "person.hold_shown")
    return [opened_hold(node, opened.key, one) for one in holds_of(session, person.id)]


def hold_parted(session: Session, node: Node, kept: Person, other: Person, merged_at: datetime | None) -> None:
    """Two records are two again: a hold placed while they were one holds both."""
    hold = standing_hold(session, kept, node.today())
    if hold is None or merged_at is None or (hold.confirmed_at or hold.proposed_at) < merged_at:
        return
    keys = node.vault.open_key(kept.wrapped_key), node.vault.open_key(other.wrapped_key)
    copy_id = uuid7(node.now(), node.entropy)
    facts = hold.model_dump(exclude={"id", "person_id", "sealed"})
    sealed = sealed_reference(node, keys[1], copy_id, opened_hold(node, keys[0], hold).reference)
    copy = LegalHold(id=copy_id, person_id=other.id, sealed=sealed, **facts)
    _set(session, other, copy)


def _opened(session: Session, node: Node, person_id: str, by: Officer, action: str) -> tuple[Person, OpenPerson]:
    require(by, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    return person, unseal_person(session, node, person, actor=by.as_actor, action=action, purpose="task", fields=())


def _in_state(session: Session, person: Person, hold_id: str, state: str) -> LegalHold:
    hold = find_hold(session, person, hold_id)
    if hold.state != state:
        raise WrongState
    return hold


def _set(session: Session, person: Person, hold: LegalHold | None) -> None:
    code, until = (hold.code, hold.until) if hold is not None else (None, None)
    person.hold_code, person.hold_until = code, until
    session.add_all([person, *([hold] if hold is not None else [])])
    session.flush()


def _ask_second_officer(session: Session, node: Node, person: Person, hold: LegalHold) -> None:
    due = node.calendar.add_working_days(node.today(), SECOND_OFFICER_WORKING_DAYS)
    item = open_item(
        session, node, "legal_hold", person.id, area=person.area, due=due, not_for=hold.proposed_by, for_supervisor=True
    )
    item.not_for = hold.proposed_by
    session.add(item)
    session.flush()
