"""The rows of the register.

What a person row may hold is an allow-list (rule 1 of the domain): its identity, contact and address sealed under the
person's own key, the language of service, two blind indexes for equality, protection and legal hold as code and end.
Nothing else is ever added here.
"""

from datetime import date, datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime, few_rows_index


class Person(SQLModel, table=True):
    """Someone registered here (登记人).

    ``area`` is the division of the office that registered them. ``state`` is ``active``, ``voided`` (a record made in
    error) or ``merged`` (into another record of the same person, see :class:`DuplicatePair`). ``version`` counts
    changes, so that two officers who correct the same record notice each other. ``number_check`` says that the number
    is worth a second look (``checksum``, ``fake_number``), so that the register's quality can be counted without
    opening anybody.
    """

    __tablename__ = "person"
    __table_args__ = (
        Index("ix_person_document", "document_index"),
        Index("ix_person_name_birth", "name_birth_index"),
        Index("ix_person_sound_birth", "sound_birth_index"),
        few_rows_index("ix_person_hold_until", "hold_until", "hold_until IS NOT NULL"),
    )

    id: str = Field(primary_key=True, max_length=36)
    area: str = Field(max_length=12, index=True)
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    identity: bytes = Field(sa_type=LargeBinary)
    contact: bytes = Field(sa_type=LargeBinary)
    address: bytes = Field(sa_type=LargeBinary)
    language: str = Field(default="zh-CN", max_length=5)
    document_index: bytes | None = Field(default=None, sa_type=LargeBinary)
    name_birth_index: bytes | None = Field(default=None, sa_type=LargeBinary)
    state: str = Field(default="active", max_length=8)
    state_changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    protection_reason: str | None = Field(default=None, max_length=12)
    protection_until: date | None = None
    hold_code: str | None = Field(default=None, max_length=24)
    hold_until: date | None = None
    version: int = 1
    sound_birth_index: bytes | None = Field(default=None, sa_type=LargeBinary)
    number_check: str | None = Field(default=None, max_length=12)


class LegalHold(SQLModel, table=True):
    """That a record must be kept (保全) until a day: proposed by one supervisor, and in force once a second one agrees.

    ``state``: ``proposed``, ``standing``, ``refused``, ``withdrawn`` (by who proposed it), ``lifted`` (before its end),
    ``replaced`` (by a later one) or ``ended`` (by itself). ``sealed`` (under the person's key) is the number of the
    document that asks for it. ``office`` is whose supervisor proposed it. ``erase_asked_at``: the person asked to be
    erased meanwhile, which happens by itself once nothing holds the record any more.
    """

    __tablename__ = "legal_hold"
    __table_args__ = (Index("ix_legal_hold_person", "person_id"), Index("ix_legal_hold_state", "state", "until"))

    id: str = Field(primary_key=True, max_length=36)
    person_id: str = Field(max_length=36)
    code: str = Field(max_length=24)
    until: date
    state: str = Field(default="proposed", max_length=9)
    office: str = Field(max_length=12)
    sealed: bytes = Field(sa_type=LargeBinary)
    proposed_by: str = Field(max_length=100)
    proposed_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_by: str | None = Field(default=None, max_length=100)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, max_length=100)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    erase_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RegisterMark(SQLModel, table=True):
    """How far a pass over the whole register has come, so that the next run goes on from there."""

    __tablename__ = "register_mark"

    name: str = Field(primary_key=True, max_length=20)
    value: str = Field(max_length=36)


class SearchToken(SQLModel, table=True):
    """A keyed hash of a piece of a name, of an ID's or a phone's tail; see :mod:`service.registry.searching.tokens`.

    The key order makes *newest first* a walk along the index: person ids are UUIDv7. There is no second index by
    person, which would double the largest table: whoever takes tokens away makes them anew (`rows.drop_tokens`).
    """

    __tablename__ = "search_token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    token: bytes = Field(primary_key=True, sa_type=LargeBinary)
    person_id: str = Field(primary_key=True, max_length=36)


class Departure(SQLModel, table=True):
    """Someone left this region for another (流出). Dates may be known by month only (``2026-08``).

    ``declared_on`` is the day on which they said so, where it is not the day of entry (a paper form, say).
    ``settle_at``: ended or voided, and what follows from that (peers, plans, questions) waits until it cannot be
    undone any more.
    """

    __tablename__ = "departure"
    __table_args__ = (
        Index("ix_departure_person", "person_id"),
        Index("ix_departure_journey", "journey"),
        Index("ix_departure_source", "source_ledger", "id"),
        Index("ix_departure_other_journey", "other_journey"),
        Index("ix_departure_moved", "departed_on", "id"),
        # For what is no longer needed: few rows, found among many without looking at the others.
        few_rows_index("ix_departure_ended_on", "ended_on", "state = 'ended'"),
        few_rows_index("ix_departure_untold", "entered_at", "state = 'to_be_told'"),
        few_rows_index("ix_departure_voided", "ended_at", "state = 'voided'"),
        few_rows_index("ix_departure_unsettled", "settle_at", "settle_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True, max_length=36)
    person_id: str = Field(max_length=36)
    area: str = Field(max_length=12)
    state: str = Field(max_length=12)
    destination_region: str = Field(max_length=12)
    departed_on: str = Field(max_length=10)
    expected_return_on: str | None = Field(default=None, max_length=10)
    journey: str = Field(max_length=36)
    other_journey: str | None = Field(default=None, max_length=36)
    registered_by: str = Field(max_length=100)
    source_ledger: str | None = Field(default=None, max_length=36)
    entered_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_on: str | None = Field(default=None, max_length=10)
    ended_reason: str | None = Field(default=None, max_length=12)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    declared_on: str | None = Field(default=None, max_length=10)
    settle_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Arrival(SQLModel, table=True):
    """Someone came to this region from another (流入). Its columns mean what those of :class:`Departure` mean."""

    __tablename__ = "arrival"
    __table_args__ = (
        Index("ix_arrival_person", "person_id"),
        Index("ix_arrival_journey", "journey"),
        Index("ix_arrival_source", "source_ledger", "id"),
        Index("ix_arrival_other_journey", "other_journey"),
        Index("ix_arrival_moved", "arrived_on", "id"),
        # For what is no longer needed: few rows, found among many without looking at the others.
        few_rows_index("ix_arrival_ended_on", "ended_on", "state = 'ended'"),
        few_rows_index("ix_arrival_untold", "entered_at", "state = 'to_be_told'"),
        few_rows_index("ix_arrival_voided", "ended_at", "state = 'voided'"),
        few_rows_index("ix_arrival_unsettled", "settle_at", "settle_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True, max_length=36)
    person_id: str = Field(max_length=36)
    area: str = Field(max_length=12)
    state: str = Field(max_length=12)
    origin_region: str = Field(max_length=12)
    arrived_on: str = Field(max_length=10)
    journey: str = Field(max_length=36)
    other_journey: str | None = Field(default=None, max_length=36)
    registered_by: str = Field(max_length=100)
    source_ledger: str | None = Field(default=None, max_length=36)
    entered_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_on: str | None = Field(default=None, max_length=10)
    ended_reason: str | None = Field(default=None, max_length=12)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    declared_on: str | None = Field(default=None, max_length=10)
    settle_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DuplicatePair(SQLModel, table=True):
    """Two records that may be of one person: the only table that links two people (rule 1).

    ``state``: ``open``, ``merged`` (``other_id`` into ``kept_id``; ``moved`` names the journeys that went along) or
    ``not_same``. ``sealed`` (under the kept person's key, for 30 days) holds what else undoing puts back.
    """

    __tablename__ = "duplicate_pair"
    __table_args__ = (Index("ix_duplicate_pair_people", "kept_id", "other_id", unique=True),)

    id: str = Field(primary_key=True, max_length=36)
    kept_id: str = Field(max_length=36)
    other_id: str = Field(max_length=36, index=True)
    state: str = Field(default="open", max_length=8)
    moved: str = Field(default="[]")
    decided_by: str | None = Field(default=None, max_length=100)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)


class RecordChange(SQLModel, table=True):
    """One save in one record: who changed what from which value to which, for undoing and for a colleague who had the
    same record open; kept 30 days (rule 9).

    Found by a one-way link from the opened person, and sealed and padded, so that no list tells what was changed.
    """

    __tablename__ = "record_change"
    __table_args__ = (Index("ix_record_change_link", "link", "id"), Index("ix_record_change_at", "at"))

    id: str = Field(primary_key=True, max_length=36)
    link: bytes = Field(sa_type=LargeBinary)
    at: datetime = Field(sa_type=UtcDateTime)
    sealed: bytes = Field(sa_type=LargeBinary)


class ParkedForm(SQLModel, table=True):
    """A form that an officer has started and put aside (F8), sealed under the node's key; gone after 24 hours."""

    __tablename__ = "parked_form"
    __table_args__ = (Index("ix_parked_form_officer", "officer_id", "id"), Index("ix_parked_form_at", "parked_at"))

    id: str = Field(primary_key=True, max_length=36)
    officer_id: str = Field(max_length=36)
    kind: str = Field(max_length=10)
    parked_at: datetime = Field(sa_type=UtcDateTime)
    sealed: bytes = Field(sa_type=LargeBinary)


class PeerMessage(SQLModel, table=True):
    """A message that we sent to a peer about someone in our register: what withdrawing stops and erasing reaches.

    ``about`` is the arrival or departure that it was sent for, else the verification request. What a peer asked us
    never has a row here: a received question must not show whether it matched anyone (rule 7). ``stopped`` says
    that the person's withdrawal has dealt with it.
    """

    __tablename__ = "peer_message"
    __table_args__ = (Index("ix_peer_message_person", "person_id"), Index("ix_peer_message_about", "about"))

    message_id: str = Field(primary_key=True, max_length=36)
    person_id: str = Field(max_length=36)
    about: str = Field(max_length=36)
    peer: str = Field(max_length=12)
    type: str = Field(max_length=48)
    sent_at: datetime = Field(sa_type=UtcDateTime)
    stopped: bool = False


class DailyOpening(SQLModel, table=True):
    """That an officer opened a record today: the person is blinded, and the row goes the day after."""

    __tablename__ = "daily_opening"

    officer_id: str = Field(primary_key=True, max_length=36)
    day: str = Field(primary_key=True, max_length=10)
    opened: bytes = Field(primary_key=True, sa_type=LargeBinary)


class DailySearch(SQLModel, table=True):
    """How often an officer searched today (``kind``: ``area``, or ``node`` for exact finds); goes the day after."""

    __tablename__ = "daily_search"

    officer_id: str = Field(primary_key=True, max_length=36)
    day: str = Field(primary_key=True, max_length=10)
    kind: str = Field(primary_key=True, max_length=4)
    count: int = 0


class DailyRelease(SQLModel, table=True):
    """That a supervisor let an officer open more records on one day; the row goes the day after."""

    __tablename__ = "daily_release"

    officer_id: str = Field(primary_key=True, max_length=36)
    day: str = Field(primary_key=True, max_length=10)
    released_by: str = Field(max_length=100)
