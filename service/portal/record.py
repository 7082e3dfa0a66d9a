"""All that the node holds about one person, in clear, as that person sees and downloads it (PIPL arts 44, 45)."""

from datetime import date, datetime

from pydantic import BaseModel
from sqlmodel import Session, col, select

from schemas.certificates import CertificateState
from schemas.claims import Cadence, ReminderKind
from schemas.identity import DocumentType
from service.certificates.actions import CertificateView
from service.certificates.queries import ReceivedView, own_certificates, received_certificates
from service.consents.consents import consents_of, notices_of
from service.consents.messages import wants_request_messages
from service.consents.refusals import do_not_ask
from service.context import Node
from service.portal.requests import OwnRequestView, own_requests
from service.registry.holds.standing import own_hold
from service.registry.people import OpenPerson
from service.registry.tables import Arrival, Departure, PeerMessage, Person
from service.reminders.queries import own_plans


class OwnPerson(BaseModel):
    """The person as registered; nothing is masked for whom it is about."""

    name: str
    document_type: DocumentType
    document_number: str | None
    date_of_birth: date | None
    phone: str | None
    email: str | None
    address: str | None
    language: str
    office: str
    office_name: str


class OwnMove(BaseModel):
    """A declared move: a `departure` to `region`, or an `arrival` from it."""

    direction: str
    region: str
    region_name: str
    moved_on: str
    expected_return_on: str | None
    state: str
    ended_on: str | None
    entered_at: datetime


class OwnNotice(BaseModel):
    """A notice that was given."""

    version: str
    way: str
    given_at: datetime


class OwnConsent(BaseModel):
    """A consent, with its end where it was withdrawn."""

    purpose: str
    way: str
    given_at: datetime
    notice_version: str
    withdrawn_at: datetime | None


class OwnRefusal(BaseModel):
    """A refusal: nobody asks again before that day."""

    purpose: str
    ask_not_before: date


class OwnCertificate(BaseModel):
    """A certificate, issued here or delivered by another region; `certificate` is its text."""

    id: str
    issuer: str
    issuer_name: str
    state: CertificateState
    quarter: str
    attended_on: date
    valid_until: date
    certificate: str


class OwnPlan(BaseModel):
    """A reminder plan; `next_on` is the day of its next message in this period."""

    id: str
    kind: ReminderKind
    cadence: Cadence
    lead_days: tuple[int, ...]
    state: str
    period: str
    next_on: date | None


class OwnMessage(BaseModel):
    """That something about the person went to another region: to which, what kind of message, when."""

    peer: str
    peer_name: str
    type: str
    at: datetime


class OwnHold(BaseModel):
    """That the record is kept by law: why, under which document, until when, and who proposed it.

    With `erase_asked_at` it is erased by itself after `until`, at the person's own request.
    """

    code: str
    reference: str
    until: date
    office: str
    office_name: str
    since: datetime
    erase_asked_at: datetime | None


class OwnRecord(BaseModel):
    """What the node holds about the person."""

    region: str
    region_name: str
    person: OwnPerson
    protected_until: date | None
    held_until: date | None
    hold: OwnHold | None
    moves: list[OwnMove]
    notices: list[OwnNotice]
    consents: list[OwnConsent]
    request_messages: bool
    refusals: list[OwnRefusal]
    certificates: list[OwnCertificate]
    reminder_plans: list[OwnPlan]
    messages: list[OwnMessage]
    requests: list[OwnRequestView]


def own_record(session: Session, node: Node, person: OpenPerson) -> OwnRecord:
    """Gather all that the node holds about a person, for that person."""
    row = session.get_one(Person, person.id)
    hold = own_hold(session, node, person.id, person.key)
    return OwnRecord(
        region=node.region,
        region_name=node.name,
        person=OwnPerson(
            name=person.identity.name,
            document_type=person.identity.document_type,
            document_number=person.identity.document_number,
            date_of_birth=person.identity.date_of_birth,
            phone=person.contact.phone,
            email=person.contact.email,
            address=person.address,
            language=person.language,
            office=person.area,
            office_name=node.divisions.full_name(person.area),
        ),
        protected_until=row.protection_until,
        held_until=hold.until if hold is not None else None,
        hold=None
        if hold is None
        else OwnHold(
            code=hold.code,
            reference=hold.reference,
            until=hold.until,
            office=hold.office,
            office_name=node.divisions.full_name(hold.office),
            since=hold.confirmed_at or hold.proposed_at,
            erase_asked_at=hold.erase_asked_at,
        ),
        moves=_moves(session, node, person.id),
        notices=[
            OwnNotice(version=one.version, way=one.way, given_at=one.given_at)
            for one in notices_of(session, node, person.key)
        ],
        consents=own_consents(session, node, person.key),
        request_messages=wants_request_messages(session, node, person.key),
        refusals=[
            OwnRefusal(purpose=purpose, ask_not_before=day)
            for purpose, day in sorted(do_not_ask(session, node, person.key).items())
        ],
        certificates=_certificates(session, node, person.key),
        reminder_plans=[
            OwnPlan(
                id=plan.id,
                kind=plan.kind,
                cadence=plan.cadence,
                lead_days=plan.lead_days,
                state=plan.state,
                period=plan.period,
                next_on=plan.next_on,
            )
            for plan in own_plans(session, node, person.key)
        ],
        messages=_messages(session, node, person.id),
        requests=own_requests(session, node, person.key),
    )


def own_consents(session: Session, node: Node, key: bytes) -> list[OwnConsent]:
    """The person's consents, the newest first, withdrawn ones included."""
    return [
        OwnConsent(
            purpose=str(one.purpose),
            way=one.way,
            given_at=one.given_at,
            notice_version=one.notice_version,
            withdrawn_at=one.withdrawn_at,
        )
        for one in reversed(consents_of(session, node, key))
    ]


def _moves(session: Session, node: Node, person_id: str) -> list[OwnMove]:
    departures = session.exec(select(Departure).where(col(Departure.person_id) == person_id)).all()
    arrivals = session.exec(select(Arrival).where(col(Arrival.person_id) == person_id)).all()
    moves = [
        OwnMove(
            direction="departure",
            region=row.destination_region,
            region_name=node.divisions.full_name(row.destination_region),
            moved_on=row.departed_on,
            expected_return_on=row.expected_return_on,
            state=row.state,
            ended_on=row.ended_on,
            entered_at=row.entered_at,
        )
        for row in departures
    ]
    moves += [
        OwnMove(
            direction="arrival",
            region=row.origin_region,
            region_name=node.divisions.full_name(row.origin_region),
            moved_on=row.arrived_on,
            expected_return_on=None,
            state=row.state,
            ended_on=row.ended_on,
            entered_at=row.entered_at,
        )
        for row in arrivals
    ]
    return sorted(moves, key=lambda move: move.moved_on, reverse=True)


def _certificates(session: Session, node: Node, key: bytes) -> list[OwnCertificate]:
    found: list[tuple[str, CertificateView | ReceivedView]] = []
    found += [(node.region, view) for view in own_certificates(session, node, key)]
    found += [(view.issuer, view) for view in received_certificates(session, node, key)]
    return [
        OwnCertificate(
            id=view.id,
            issuer=issuer,
            issuer_name=node.divisions.full_name(issuer),
            state=view.state,
            quarter=str(view.quarter),
            attended_on=view.attended_on,
            valid_until=view.valid_until,
            certificate=view.text,
        )
        for issuer, view in found
    ]


def _messages(session: Session, node: Node, person_id: str) -> list[OwnMessage]:
    rows = session.exec(
        select(PeerMessage).where(col(PeerMessage.person_id) == person_id).order_by(col(PeerMessage.sent_at).desc())
    ).all()
    return [
        OwnMessage(peer=row.peer, peer_name=node.divisions.full_name(row.peer), type=row.type, at=row.sent_at)
        for row in rows
    ]
