"""What one person was told, allows, refuses and takes back, in an opened record or on their own page."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from schemas.claims import ConsentPurpose
from schemas.problems import InvalidInput, WrongState
from service.access_log import Actor
from service.consents.consents import (
    ConsentDraft,
    GivenConsent,
    NoticeDraft,
    check_consents,
    give_consents,
    live_consent,
    record_notice,
    withdraw_consent,
)
from service.consents.messages import set_request_messages
from service.consents.refusals import check_may_ask, forget_refusals, record_refusals
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.drafts import ConsentsDraft
from service.registry.life.voiding import moves_of
from service.registry.people import OpenPerson, find_person, unseal_person
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import stop_messages, tell_departures
from service.registry.undoing.history import Before, before_save, note_change, sheets_of


def give_notice(
    session: Session, node: Node, person_id: str, draft: NoticeDraft, *, by: Officer, alone: bool = True
) -> list[Arrival | Departure]:
    """Record the notice given to one person; their moves from a ledger are `declared` from now on.

    It is a save by itself unless it is not `alone`: then the caller notes what differs.

    Raises `NotFound`, `Forbidden`, `InvalidInput`, `DateInFuture`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    opened = _open(session, node, person, by.as_actor, action="person.told", field="notice")
    told = [move for move in moves_of(session, person.id) if move.state == "to_be_told"]
    save = _saving(session, node, person, opened, by=by, moves=told)
    record_notice(session, node, opened.key, draft)
    record_refusals(session, node, opened.key, ())
    for move in told:
        move.state = "declared"
        session.add(move)
    if alone:
        save.note(session, node, "told", told)
    tell_departures(session, node, person, opened)
    node.callbacks.shareable(session, person)
    return told


def record_consents(
    session: Session, node: Node, person_id: str, draft: ConsentsDraft, *, by: Officer
) -> list[GivenConsent]:
    """Record what a person allows and refuses at the counter.

    Refusing something that was allowed withdraws it. Raises `NotFound`, `Forbidden`, `InvalidInput`,
    `WitnessRequired`, `DoNotAskBefore` (refused within 12 months and not given with the person's own code),
    `WrongState` (no notice yet).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    opened = _open(session, node, person, by.as_actor, action="person.consents_recorded", field="consents")
    check_consents(
        session, draft.consents, by=by, code_is_right=lambda code: node.callbacks.check_code(session, person, code)
    )
    own_wish = [one.purpose for one in draft.consents if one.code is not None]
    asked = [one.purpose for one in draft.consents if one.code is None]
    check_may_ask(session, node, opened.key, asked)
    save = _saving(session, node, person, opened, by=by)
    given = _record(session, node, person, opened, consents=draft.consents, refused=draft.refused, own_wish=own_wish)
    save.note(session, node, "answers")
    return given


def record_own_consents(session: Session, node: Node, person: Person, draft: ConsentsDraft) -> list[GivenConsent]:
    """Record what a person allows and refuses on their own page; an earlier refusal of theirs does not bind them.

    Raises `InvalidInput`, `WrongState` (no notice yet).
    """
    opened = _open(
        session, node, person, Actor.person(person.area), action="person.consents_recorded", field="consents"
    )
    check_consents(session, draft.consents, by=None, code_is_right=lambda _: True)
    own_wish = [one.purpose for one in draft.consents]
    return _record(session, node, person, opened, consents=draft.consents, refused=draft.refused, own_wish=own_wish)


def switch_request_messages(session: Session, node: Node, person_id: str, *, on: bool, by: Officer) -> None:
    """At the counter: tell the person of each request about them, or not. Raises `NotFound`, `Forbidden`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    _switch(session, node, find_person(session, node, person_id, by), by.as_actor, on=on)


def switch_own_request_messages(session: Session, node: Node, person: Person, *, on: bool) -> None:
    """The same on the person's own page."""
    _switch(session, node, person, Actor.person(person.area), on=on)


def withdraw(session: Session, node: Node, person_id: str, purpose: ConsentPurpose, *, by: Officer) -> None:
    """Take a consent back at the counter, at once, also for what is queued (PIPL art. 15).

    Raises `NotFound`, `Forbidden`, `WrongState` when no such consent stands.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    opened = _open(session, node, person, by.as_actor, action="person.consent_withdrawn", field="consents")
    save = _saving(session, node, person, opened, by=by)
    _withdraw(session, node, person, opened, purpose)
    save.note(session, node, "answers")


def withdraw_own(session: Session, node: Node, person: Person, purpose: ConsentPurpose) -> None:
    """Take a consent back on the person's own page. Raises `WrongState` when no such consent stands."""
    opened = _open(
        session, node, person, Actor.person(person.area), action="person.consent_withdrawn", field="consents"
    )
    _withdraw(session, node, person, opened, purpose)


def _record(
    session: Session,
    node: Node,
    person: Person,
    opened: OpenPerson,
    *,
    consents: Sequence[ConsentDraft],
    refused: Sequence[ConsentPurpose],
    own_wish: Sequence[ConsentPurpose],
) -> list[GivenConsent]:
    if {one.purpose for one in consents} & set(refused):
        raise InvalidInput(errors=[{"field": "refused", "message": "A consent is given or refused, not both."}])
    if own_wish:
        forget_refusals(session, node, opened.key, own_wish)
    given = give_consents(session, node, opened.key, consents)
    record_refusals(session, node, opened.key, refused)
    for purpose in refused:
        if live_consent(session, node, opened.key, purpose):
            _withdraw(session, node, person, opened, purpose)
    if any(one.purpose.action == "share_with_peer" for one in given):
        tell_departures(session, node, person, opened)
    if given:
        node.callbacks.shareable(session, person)
    return given


def _withdraw(session: Session, node: Node, person: Person, opened: OpenPerson, purpose: ConsentPurpose) -> None:
    if not withdraw_consent(session, node, opened.key, purpose):
        raise WrongState
    node.callbacks.withdrawn(session, person, str(purpose))
    if purpose.action == "share_with_peer" and purpose.region is not None:
        stop_messages(session, node, person.id, purpose.region)


@dataclass(frozen=True, slots=True)
class _Save:
    """A save at the counter: in whose record, and how it stood before."""

    person: Person
    opened: OpenPerson
    before: Before
    by: Officer

    def note(self, session: Session, node: Node, kind: str, moves: Sequence[Arrival | Departure] = ()) -> None:
        """Keep what the save changed."""
        self.person.version += 1
        session.add(self.person)
        session.flush()
        note_change(session, node, kind, self.before, person=self.person, now_open=self.opened, moves=moves, by=self.by)


def _saving(
    session: Session,
    node: Node,
    person: Person,
    opened: OpenPerson,
    *,
    by: Officer,
    moves: Sequence[Arrival | Departure] = (),
) -> _Save:
    before = before_save(person, opened, moves)
    before.sheets = sheets_of(session, node, opened.key)
    return _Save(person, opened, before, by)


def _switch(session: Session, node: Node, person: Person, actor: Actor, *, on: bool) -> None:
    opened = _open(session, node, person, actor, action="person.request_messages_switched", field="request_messages")
    set_request_messages(session, node, opened.key, on=on)


def _open(session: Session, node: Node, person: Person, actor: Actor, *, action: str, field: str) -> OpenPerson:
    return unseal_person(session, node, person, actor=actor, action=action, purpose="persons_request", fields=(field,))
