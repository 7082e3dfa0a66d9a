"""The register's JSON: masked unless a full record was asked for with a purpose."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from schemas.calendar import PartialDate
from schemas.identity import DocumentType
from service.consents.consents import GivenConsent, GivenNotice
from service.registry.people import OpenPerson
from service.registry.queries import Listed, MovePage, Record
from service.registry.register import Registered
from service.registry.searching.search import Hits
from service.registry.tables import Arrival, Departure

MASKED_DATE = "****-**-**"


def mask_phone(phone: str | None) -> str | None:
    """Show the first three and the last four digits of a phone number."""
    if phone is None:
        return None
    return f"{phone[:3]}{'*' * max(2, len(phone) - 7)}{phone[-4:]}" if len(phone) > 8 else "*" * len(phone)


def mask_email(email: str | None) -> str | None:
    """Show the first character of the box, and where it is."""
    if email is None:
        return None
    box, _, host = email.partition("@")
    return f"{box[:1]}***@{host}"


class MoveView(BaseModel):
    """A move in itself; `ended_reason` is never told to a peer."""

    id: str
    state: str
    area: str
    journey: str
    registered_by: str
    source_ledger: str | None
    entered_at: datetime
    declared_on: date | None = Field(description="When they said so; unset: on the day of entry.")
    confirmed_at: datetime | None
    ended_on: str | None
    ended_reason: str | None


class ArrivalView(MoveView):
    """Someone came here."""

    person_id: str
    origin_region: str
    arrived_on: PartialDate

    @classmethod
    def of(cls, arrival: Arrival) -> "ArrivalView":
        """The view of a row."""
        return cls.model_validate(arrival, from_attributes=True)


class DepartureView(MoveView):
    """Someone left."""

    person_id: str
    destination_region: str
    departed_on: PartialDate
    expected_return_on: PartialDate | None

    @classmethod
    def of(cls, departure: Departure) -> "DepartureView":
        """The view of a row."""
        return cls.model_validate(departure, from_attributes=True)


class MaskedPerson(BaseModel):
    """Who a line of a list is about."""

    name: str
    document_type: DocumentType
    document_number: str

    @classmethod
    def of(cls, person: OpenPerson) -> "MaskedPerson":
        """The masked view of an unsealed person."""
        return cls(
            name=person.identity.name,
            document_type=person.identity.document_type,
            document_number=person.masked_number,
        )


class ListedArrival(ArrivalView):
    """An arrival with who it is of."""

    person: MaskedPerson

    @classmethod
    def line(cls, listed: Listed) -> "ListedArrival":
        """The view of a line."""
        move = ArrivalView.model_validate(listed.move, from_attributes=True)
        return cls(**dict(move), person=MaskedPerson.of(listed.person))


class ListedDeparture(DepartureView):
    """A departure with who it is of."""

    person: MaskedPerson

    @classmethod
    def line(cls, listed: Listed) -> "ListedDeparture":
        """The view of a line."""
        move = DepartureView.model_validate(listed.move, from_attributes=True)
        return cls(**dict(move), person=MaskedPerson.of(listed.person))


class ArrivalPage(BaseModel):
    """A page of arrivals."""

    items: list[ListedArrival]
    next: str | None

    @classmethod
    def of(cls, page: MovePage) -> "ArrivalPage":
        """The view of a page."""
        return cls(items=[ListedArrival.line(one) for one in page.items], next=page.next)


class DeparturePage(BaseModel):
    """A page of departures."""

    items: list[ListedDeparture]
    next: str | None

    @classmethod
    def of(cls, page: MovePage) -> "DeparturePage":
        """The view of a page."""
        return cls(items=[ListedDeparture.line(one) for one in page.items], next=page.next)


class RegisteredArrival(ArrivalView):
    """An arrival as saved."""

    possible_duplicates: list[str]
    warnings: list[str]

    @classmethod
    def saved(cls, done: Registered) -> "RegisteredArrival":
        """The view of what was saved."""
        move = ArrivalView.model_validate(done.move, from_attributes=True)
        return cls(**dict(move), possible_duplicates=done.possible_duplicates, warnings=list(done.warnings))


class RegisteredDeparture(DepartureView):
    """A departure as saved."""

    possible_duplicates: list[str]
    warnings: list[str]

    @classmethod
    def saved(cls, done: Registered) -> "RegisteredDeparture":
        """The view of what was saved."""
        move = DepartureView.model_validate(done.move, from_attributes=True)
        return cls(**dict(move), possible_duplicates=done.possible_duplicates, warnings=list(done.warnings))


class NoticeView(BaseModel):
    """A notice that was given."""

    version: str
    way: str
    given_at: datetime

    @classmethod
    def of(cls, notice: GivenNotice) -> "NoticeView":
        """The view of a notice."""
        return cls(version=notice.version, way=notice.way.value, given_at=notice.given_at)


class ConsentView(BaseModel):
    """A consent; `withdrawn_at` is set once it no longer stands."""

    id: str
    purpose: str
    way: str
    given_at: datetime
    notice_version: str
    witness: str | None
    withdrawn_at: datetime | None

    @classmethod
    def of(cls, consent: GivenConsent) -> "ConsentView":
        """The view of a consent."""
        return cls(
            id=consent.id,
            purpose=str(consent.purpose),
            way=consent.way.value,
            given_at=consent.given_at,
            notice_version=consent.notice_version,
            witness=consent.witness,
            withdrawn_at=consent.withdrawn_at,
        )


class Protection(BaseModel):
    """That the person is hidden, why and until when."""

    reason: str | None
    until: date


class LegalHold(BaseModel):
    """That the record must be kept until a day."""

    code: str
    until: date


class PersonView(BaseModel):
    """An opened record. Masked: no date of birth, no address, the tails of number and phone hidden."""

    id: str
    area: str
    version: int
    language: str
    name: str
    document_type: DocumentType
    document_number: str | None
    date_of_birth: str | None
    phone: str | None
    email: str | None
    address: str | None = Field(description="Only in the full record.")
    arrivals: list[ArrivalView]
    departures: list[DepartureView]
    notices: list[NoticeView]
    consents: list[ConsentView]
    do_not_ask: dict[str, date] = Field(description="Refused purposes, and the day before which nobody asks again.")
    protection: Protection | None
    legal_hold: LegalHold | None

    @classmethod
    def of(cls, record: Record, *, full: bool = False) -> "PersonView":
        """The view of an opened record."""
        person, identity = record.person, record.person.identity
        born = identity.date_of_birth
        masked_born = MASKED_DATE if born else None
        until, hold = record.protection_until, record.hold_until
        return cls(
            id=person.id,
            area=person.area,
            version=person.version,
            language=person.language,
            name=identity.name,
            document_type=identity.document_type,
            document_number=identity.document_number if full else person.masked_number or None,
            date_of_birth=(born.isoformat() if born else None) if full else masked_born,
            phone=person.contact.phone if full else mask_phone(person.contact.phone),
            email=person.contact.email if full else mask_email(person.contact.email),
            address=person.address if full else None,
            arrivals=[ArrivalView.of(move) for move in record.moves if isinstance(move, Arrival)],
            departures=[DepartureView.of(move) for move in record.moves if isinstance(move, Departure)],
            notices=[NoticeView.of(one) for one in record.notices],
            consents=[ConsentView.of(one) for one in record.consents],
            do_not_ask=record.do_not_ask,
            protection=Protection(reason=record.protection_reason, until=until) if until else None,
            legal_hold=LegalHold(code=record.hold_code or "", until=hold) if hold else None,
        )


class Hit(MaskedPerson):
    """Someone found."""

    person_id: str
    area: str
    phone: str | None


class HitList(BaseModel):
    """Who was found, 20 at most, without a total; `narrow`: there are more, type more."""

    items: list[Hit]
    narrow: bool

    @classmethod
    def of(cls, hits: Hits) -> "HitList":
        """The view of what was found."""
        return cls(
            items=[
                Hit(
                    person_id=one.id,
                    area=one.area,
                    phone=mask_phone(one.contact.phone),
                    **dict(MaskedPerson.of(one)),
                )
                for one in hits.people
            ],
            narrow=hits.more,
        )
