"""The rows of verification requests (核实请求), asked and received."""

from datetime import date, datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime, few_rows_index

CONTENTS_LEFT = "closed_at IS NOT NULL AND (subject IS NOT NULL OR answers IS NOT NULL OR person_id IS NOT NULL)"
"""A closed case that still holds what it was about."""


class VerificationRequest(SQLModel, table=True):
    """One question about one person between this region and a peer.

    ``direction`` is ``sent`` or ``received``. A sent one names our ``person_id`` and the ``record_id`` (arrival or
    departure) it is about. A received one never does: whom it matched, if anyone, is looked up when an officer with
    a purpose opens it, and stands in no column (rule 7). Its ``subject`` is sealed under the case's own
    ``wrapped_key``, so that the contents can be erased while the fact of the case stays. ``subject_index`` is a blind
    index of peer, purpose and person, kept as long as the same question may not be repeated.

    ``answer_link`` leads from an opened person to the answer that was given about them (HMAC under the person's key,
    random where it was about nobody), so that a withdrawal reaches one that has not left yet.

    Times of the stages: ``queued_at``, ``delivered_at`` (of a received one: when it came), ``opened_at``,
    ``answered_at``. ``matched_at`` says that the matching job has seen it. ``leaves_at`` is when what an officer
    prepared leaves; until then it can be undone. ``prepared`` holds that, sealed under the case's key and padded:
    whether it rests on somebody found here shows in no column.
    """

    __tablename__ = "verification_request"
    __table_args__ = (
        Index("ix_verification_request_case", "case", "peer", "direction", unique=True),
        Index("ix_verification_request_person", "person_id"),
        Index("ix_verification_request_state", "state", "direction", "id"),
        Index("ix_verification_request_leaves", "leaves_at"),
        Index("ix_verification_request_subject", "subject_index"),
        Index("ix_verification_request_month", "agreement", "direction", "created_at"),
        # For what is no longer needed: few rows, found among many without looking at the others.
        few_rows_index("ix_verification_request_asked", "created_at", "subject_index IS NOT NULL"),
        few_rows_index("ix_verification_request_closed", "closed_at", CONTENTS_LEFT),
    )

    id: str = Field(primary_key=True, max_length=36)
    case: str = Field(max_length=36)
    direction: str = Field(max_length=8)
    peer: str = Field(max_length=12)
    agreement: str = Field(max_length=36)
    purpose: str = Field(max_length=20)
    claims: str = Field(max_length=120)
    urgency: str = Field(max_length=8)
    state: str = Field(max_length=10)
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_on: date
    due_provisional: bool = False
    expires_on: date
    journey: str | None = Field(default=None, max_length=36)
    person_id: str | None = Field(default=None, max_length=36)
    record_id: str | None = Field(default=None, max_length=36)
    wrapped_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    subject: bytes | None = Field(default=None, sa_type=LargeBinary)
    subject_index: bytes | None = Field(default=None, sa_type=LargeBinary)
    message_id: str | None = Field(default=None, max_length=36, index=True)
    answer_message_id: str | None = Field(default=None, max_length=36)
    answer_link: bytes | None = Field(default=None, sa_type=LargeBinary, index=True)
    prepared: bytes | None = Field(default=None, sa_type=LargeBinary)
    answers: str | None = Field(default=None, max_length=200)
    automatic: bool = False
    reason: str | None = Field(default=None, max_length=20)
    answered_by: str | None = Field(default=None, max_length=100)
    leaves_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    matched_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    queued_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reminded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Reconciliation(SQLModel, table=True):
    """One comparison of journeys with a peer: how many each side brought, and how many both hold; never which.

    ``direction`` is ``sent`` (we asked) or ``received``; ``state`` ``answered`` until round two, then ``done``.
    ``sealed`` holds what the answerer needs between the rounds, ``digest`` names the offer that it answers.
    """

    __tablename__ = "reconciliation"
    __table_args__ = (Index("ix_reconciliation_agreement", "agreement", "started_at"),)

    id: str = Field(primary_key=True, max_length=36)
    direction: str = Field(max_length=8)
    peer: str = Field(max_length=12)
    agreement: str = Field(max_length=36)
    state: str = Field(max_length=8)
    ours: int
    theirs: int
    matched: int | None = None
    digest: str | None = Field(default=None, max_length=64)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    started_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GivenAnswer(SQLModel, table=True):
    """One answer of a case, in order: a correction adds a row, the history stays (until the contents go)."""

    __tablename__ = "given_answer"
    __table_args__ = (Index("ix_given_answer_request", "request_id"),)

    id: str = Field(primary_key=True, max_length=36)
    request_id: str = Field(max_length=36)
    answers: str = Field(max_length=200)
    answered_at: datetime = Field(sa_type=UtcDateTime)
    automatic: bool = False
    answered_by: str | None = Field(default=None, max_length=100)


class ReceivedDeparture(SQLModel, table=True):
    """A peer told us that someone left for here (``departure.notified``); kept until matched, or for as long as the
    agreement that it came under says.
    """

    __tablename__ = "received_departure"
    __table_args__ = (
        Index("ix_received_departure_document", "document_index"),
        Index("ix_received_departure_journey", "journey"),
        Index("ix_received_departure_received", "received_at"),
        few_rows_index("ix_received_departure_waiting", "id", "looked_at IS NULL"),
    )

    id: str = Field(primary_key=True, max_length=36)
    peer: str = Field(max_length=12)
    journey: str = Field(max_length=36)
    message_id: str = Field(max_length=36, index=True)
    agreement: str = Field(default="", max_length=36)
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    subject: bytes = Field(sa_type=LargeBinary)
    document_index: bytes | None = Field(default=None, sa_type=LargeBinary)
    received_at: datetime = Field(sa_type=UtcDateTime)
    looked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
