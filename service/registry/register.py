"""Registering a move: the person with it, the notice that was given, what they allow and refuse."""

from dataclasses import dataclass, field

from sqlmodel import Session

from schemas.claims import EndReason
from schemas.entropy import uuid4, uuid7
from schemas.problems import InvalidInput, NotFound, WrongState
from service.access_log import record_under
from service.consents.consents import check_consents, give_consents, record_notice
from service.consents.refusals import check_may_ask, record_refusals
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry import rules
from service.registry.doubles.alike import find_at_entry
from service.registry.doubles.pairs import note_possible_duplicates
from service.registry.drafts import ArrivalDraft, DepartureDraft, MoveDraft, PersonDraft
from service.registry.life.moves import end_move, find_arrival
from service.registry.people import (
    Contact,
    NewPerson,
    OpenPerson,
    find_person,
    opened_as,
    seal_columns,
    unseal_person,
)
from service.registry.rows import insert_rows, new_rows
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import tell_departures
from service.registry.undoing.history import before_save, note_change


@dataclass(frozen=True, slots=True)
class Registered:
    """A move as it stands after saving. `possible_duplicates` are records that may be of the same person."""

    move: Arrival | Departure
    possible_duplicates: list[str] = field(default_factory=list)
    warnings: tuple[str, ...] = ()


def register_arrival(session: Session, node: Node, draft: ArrivalDraft, *, by: Officer) -> Registered:
    """Register that someone came here (来此登记).

    Raises `Forbidden`, `InvalidInput` (all field errors), `DateInFuture`, `UnderAge`, `WitnessRequired`,
    `DoNotAskBefore`, `NotFound` (a `person_id` that is not of this office).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    rules.check_moved(draft.arrived_on, "arrived_on", node.today())
    rules.check_declared(draft.declared_on, node.today())
    rules.check_other_region(node.region, draft.origin_region, "origin_region")
    who = _person(session, node, draft, by)
    arrival = Arrival(
        id=uuid7(node.now(), node.entropy),
        person_id=who.row.id,
        area=who.row.area,
        state="declared",
        origin_region=draft.origin_region,
        arrived_on=str(draft.arrived_on),
        journey=uuid4(node.entropy),
        registered_by=by.name,
        entered_at=node.now(),
        declared_on=draft.declared_on.isoformat() if draft.declared_on else None,
    )
    return _finish(session, node, draft, who, arrival, by=by)


def register_departure(session: Session, node: Node, draft: DepartureDraft, *, by: Officer) -> Registered:
    """Register that someone left (外出登记), and notify the destination where the person allows it.

    Raises as `register_arrival`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    rules.check_moved(draft.departed_on, "departed_on", node.today())
    rules.check_declared(draft.declared_on, node.today())
    rules.check_expected_return(draft.departed_on, draft.expected_return_on)
    rules.check_other_region(node.region, draft.destination_region, "destination_region")
    who = _person(session, node, draft, by)
    departure = Departure(
        id=uuid7(node.now(), node.entropy),
        person_id=who.row.id,
        area=who.row.area,
        state="declared",
        destination_region=draft.destination_region,
        departed_on=str(draft.departed_on),
        expected_return_on=str(draft.expected_return_on) if draft.expected_return_on else None,
        journey=uuid4(node.entropy),
        registered_by=by.name,
        entered_at=node.now(),
        declared_on=draft.declared_on.isoformat() if draft.declared_on else None,
    )
    done = _finish(session, node, draft, who, departure, by=by)
    if draft.onward_from is not None:
        _end_stay(session, node, draft, who, departure, by=by)
    tell_departures(session, node, who.row, who.opened)
    return done


def _end_stay(
    session: Session, node: Node, draft: DepartureDraft, who: "_Who", departure: Departure, *, by: Officer
) -> None:
    """The stay here ends with the journey onward, in the same save: undoing the one undoes the other."""
    arrival, person = find_arrival(session, node, draft.onward_from or "", by)
    if person.id != who.row.id:
        raise NotFound
    if arrival.state not in (*rules.OPEN_ARRIVAL, "to_be_told"):
        raise WrongState
    rules.check_ended(draft.departed_on, arrival.arrived_on, "departed_on", node.today())
    before = before_save(person, who.opened, [arrival])
    end_move(session, node, arrival, str(draft.departed_on), EndReason.MOVED_ON)
    person.version += 1
    session.add(person)
    note_change(
        session,
        node,
        "moved_on",
        before,
        person=person,
        now_open=who.opened,
        moves=[arrival],
        by=by,
        with_move=departure.id,
    )


@dataclass(frozen=True, slots=True)
class _Who:
    row: Person
    opened: OpenPerson
    duplicates: list[Person]
    warnings: tuple[str, ...]


def _person(session: Session, node: Node, draft: MoveDraft, by: Officer) -> _Who:
    if (draft.person is None) == (draft.person_id is None):
        raise InvalidInput(errors=[{"field": "person", "message": "Give the person, or the record they have."}])
    address = rules.check_address(draft.address)
    if draft.person is not None:
        return _new_person(session, node, draft.person, address, by)
    row = find_person(session, node, draft.person_id or "", by)
    opened = unseal_person(session, node, row, actor=by.as_actor, action="person.move_added", purpose="counter")
    if address is not None and address != opened.address:
        before = before_save(row, opened)
        new = NewPerson(opened.identity, opened.contact, address, opened.language)
        row.address = seal_columns(node, row.id, opened.key, new)["address"]
        row.version += 1
        session.add(row)
        opened = opened_as(row, opened.key, new)
        note_change(session, node, "moved_house", before, person=row, now_open=opened, by=by)
    return _Who(row, opened, [], ())


def _new_person(session: Session, node: Node, typed: PersonDraft, address: str | None, by: Officer) -> _Who:
    checked = rules.check_person(
        name=typed.name,
        document_type=typed.document_type,
        document_number=typed.document_number,
        date_of_birth=typed.date_of_birth,
        phone=typed.phone,
        email=typed.email,
        today=node.today(),
    )
    contact = Contact(checked.phone, checked.email)
    new = NewPerson(checked.identity, contact, address, typed.language.value)
    same = find_at_entry(session, node, checked.identity, checked.phone, by.area)
    made = new_rows(node, by.area, new)
    insert_rows(session, [made])
    row = session.get_one(Person, made.id)
    opened = opened_as(row, made.key, new)
    return _Who(row, opened, same, checked.warnings)


def _finish(
    session: Session, node: Node, draft: MoveDraft, who: _Who, move: Arrival | Departure, *, by: Officer
) -> Registered:
    key = who.opened.key
    asked = [consent.purpose for consent in draft.consents]
    if set(asked) & set(draft.refused):
        raise InvalidInput(errors=[{"field": "refused", "message": "A consent is given or refused, not both."}])
    session.add(move)
    session.flush()
    noun = "arrival" if isinstance(move, Arrival) else "departure"
    record_under(
        session,
        node,
        by.as_actor,
        f"{noun}.registered",
        key=key,
        purpose="counter",
        fields=("identity", "contact", "address", "notice", "consents"),
    )
    record_notice(session, node, key, draft.notice)
    check_may_ask(session, node, key, asked)
    check_consents(
        session, draft.consents, by=by, code_is_right=lambda code: node.callbacks.check_code(session, who.row, code)
    )
    give_consents(session, node, key, draft.consents)
    record_refusals(session, node, key, draft.refused)
    note_possible_duplicates(session, node, who.row, who.duplicates)
    if isinstance(move, Arrival):
        node.callbacks.shareable(session, who.row)
    return Registered(move, [one.id for one in who.duplicates], who.warnings)
