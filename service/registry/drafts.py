"""What officers and ledgers hand in: the bodies of the API, as lenient as a form, checked in `rules`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.calendar import PartialDate
from schemas.claims import ConsentPurpose
from schemas.identity import DocumentType, Language
from schemas.regions import RegionCode
from schemas.wire import WireDate
from service.consents.consents import ConsentDraft, NoticeDraft

Text = Annotated[str, Field(max_length=300)]
"""Typed text; what it may hold is decided in `service.registry.rules`."""

RefusedPurposes = Annotated[tuple[ConsentPurpose, ...], Field(max_length=20)]


class Body(BaseModel):
    """A body of the JSON API: unknown fields are refused, and errors show no input."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PersonDraft(Body):
    """A person as typed in."""

    name: Text
    document_type: DocumentType
    document_number: Text | None = None
    date_of_birth: WireDate | None = None
    phone: Text | None = None
    email: Text | None = None
    language: Language = Language.CHINESE


class MoveDraft(Body):
    """What an arrival and a departure have in common: who, where they live now, and what they were told and allowed.

    Either `person`, or the `person_id` of a record of this office to which the move belongs. `declared_on` is the day
    on which they said so, where it is not today (a paper form); the day of entry is always kept beside it.
    """

    person: PersonDraft | None = None
    person_id: Annotated[str, Field(max_length=36)] | None = None
    address: Text | None = None
    declared_on: WireDate | None = None
    notice: NoticeDraft
    consents: Annotated[tuple[ConsentDraft, ...], Field(max_length=20)] = ()
    refused: RefusedPurposes = ()


class ArrivalDraft(MoveDraft):
    """Someone came here from another region."""

    origin_region: RegionCode
    arrived_on: PartialDate


class DepartureDraft(MoveDraft):
    """Someone left for another region; `onward_from` is the arrival here that ends with it (moved on)."""

    destination_region: RegionCode
    departed_on: PartialDate
    expected_return_on: PartialDate | None = None
    onward_from: Annotated[str, Field(max_length=36)] | None = None


class PersonChanges(Body):
    """Corrections of a record; fields left out stay as they are, an empty text clears phone, email and address.

    `version` is the record's version that the officer saw; without it the last one wins.
    """

    version: int | None = None
    name: Text | None = None
    document_type: DocumentType | None = None
    document_number: Text | None = None
    date_of_birth: WireDate | None = None
    phone: Text | None = None
    email: Text | None = None
    language: Language | None = None
    address: Text | None = None


class AddressDraft(Body):
    """Someone moved within this region. `area` is the township that keeps the record from now on, if it is another.

    `version` is the record's version that the officer saw; without it the last one wins.
    """

    address: Text
    area: RegionCode | None = None
    version: int | None = None


class ArrivalChanges(Body):
    """Corrections of an arrival; what is left out stays.

    `version` is the version of the person's record that the officer saw; without it the last one wins.
    """

    version: int | None = None
    origin_region: RegionCode | None = None
    arrived_on: PartialDate | None = None
    declared_on: WireDate | None = None


class DepartureChanges(Body):
    """Corrections of a departure; what is left out stays, an expected return of null is cleared. `version` as above."""

    version: int | None = None
    destination_region: RegionCode | None = None
    departed_on: PartialDate | None = None
    expected_return_on: PartialDate | None = None
    declared_on: WireDate | None = None


class ConsentsDraft(Body):
    """Consents and refusals of one person, given together."""

    consents: Annotated[tuple[ConsentDraft, ...], Field(max_length=20)] = ()
    refused: RefusedPurposes = ()
