"""Registering a move: the person with it, the notice that was given, what they allow and refuse."""

from dataclasses import dataclass, field

from sqlmodel import Session

from schemas.entropy import uuid4, uuid7
from schemas.problems import InvalidInput
from service.access_log import record_under
from service.consents.consents import check_consents, give_consents, record_notice
from service.consents.refusals import check_may_ask, record_refusals
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry import rules
from service.registry.drafts import ArrivalDraft, DepartureDraft, MoveDraft, PersonDraft
from service.registry.duplicates import note_possible_duplicates
from service.registry.matching import find_same
from service.registry.people import Contact, NewPerson, OpenPerson, find_person, seal_columns, unseal_person
from service.registry.rows import insert_rows, new_rows
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import tell_departures


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
    )
    return _finish(session, node, draft, who, arrival, by=by)


def register_departure(session: Session, node: Node, draft: DepartureDraft, *, by: Officer) -> Registered:
    """Register that someone left (外出登记), and notify the destination where the person allows it.

    Raises as `register_arrival`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    rules.check_moved(draft.departed_on, "departed_on", node.today())
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
    )
    done = _finish(session, node, draft, who, departure, by=by)
    tell_departures(session, node, who.row, who.opened)
    return done


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
        new = NewPerson(opened.identity, opened.contact, address, opened.language)
        row.address = seal_columns(node, row.id, opened.key, new)["address"]
        row.version += 1
        session.add(row)
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
    same = [one for one in find_same(session, node, checked.identity) if by.sees(one.area)]
    made = new_rows(node, by.area, new)
    insert_rows(session, [made])
    row = session.get_one(Person, made.id)
    opened = OpenPerson(
        id=row.id,
        area=row.area,
        version=row.version,
        language=row.language,
        identity=checked.identity,
        contact=contact,
        address=address,
        wrapped_key=row.wrapped_key,
        key=made.key,
    )
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
