"""What the federation keeps: peers and their keys, what waits to be sent, what was taken, and the proof of both.

No column holds personal data in clear: message bodies carry the person only as a JWE that their recipient alone can
open, and evidence rows hold signatures, digests and ids.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Index, LargeBinary
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, Session, SQLModel

from schemas.problems import Unavailable

DATABASE_FAULTS = (OperationalError, InterfaceError, Unavailable)
"""The database itself failed: no message's fault, so the whole transaction is given up."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; SQLite forgets the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive moment and turn an aware one to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give every moment back aware and in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PeerState(StrEnum):
    """The life of a peer: ``invited → active ⇄ suspended → revoked``; ``paper`` is a region without a node."""

    INVITED = "invited"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    PAPER = "paper"


class MessageState(StrEnum):
    """The life of an outgoing message.

    ``queued`` waits for its turn; ``waiting`` was refused for now and waits alone; ``receipted`` is proven taken;
    ``parked`` was refused for good and needs an officer; ``cancelled`` never left; ``voided`` was withdrawn after it
    had entered a batch; ``expired`` was not taken in time.
    """

    QUEUED = "queued"
    WAITING = "waiting"
    RECEIPTED = "receipted"
    PARKED = "parked"
    CANCELLED = "cancelled"
    VOIDED = "voided"
    EXPIRED = "expired"


class Wait(StrEnum):
    """Why nothing goes to a destination just now: a passing fault, a fault someone must mend, or stopped."""

    OUTAGE = "outage"
    FIXING = "fixing"
    STOPPED = "stopped"


class Peer(SQLModel, table=True):
    """Another region, pinned by an invitation carried by hand (or known on paper only)."""

    __tablename__ = "peer"

    region: str = Field(primary_key=True, max_length=12)
    name: str = Field(max_length=100)
    base_url: str | None = Field(default=None, max_length=500)
    state: str = Field(max_length=10)
    descriptor: str | None = Field(default=None)
    max_messages: int = Field(default=200)
    max_bytes: int = Field(default=1_048_576)
    accepted_at: datetime = Field(sa_type=UtcDateTime)
    activated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    away_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    away_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    clock_offset_seconds: int | None = Field(default=None)


class PeerKey(SQLModel, table=True):
    """One public key of a peer; retired keys stay, for what they signed while in force."""

    __tablename__ = "peer_key"

    kid: str = Field(primary_key=True, max_length=43)
    region: str = Field(index=True, max_length=12)
    tonglu_use: str = Field(max_length=12)
    jwk: dict[str, Any] = Field(sa_type=JSON)
    in_force_from: datetime = Field(sa_type=UtcDateTime)
    accepted_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    compromised_from: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Invitation(SQLModel, table=True):
    """An invitation that this node issued or accepted; each file can be taken once."""

    __tablename__ = "invitation"

    id: str = Field(primary_key=True, max_length=36)
    direction: str = Field(max_length=8)
    region: str | None = Field(default=None, max_length=12)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Destination(SQLModel, table=True):
    """How sending to one peer stands: its stream, who is sending now, and the record of failures.

    ``signs_with`` is the id of our transport key that this peer knows; ``announced`` that of the newest one for which a
    ``keys.rotated`` was queued (``rotation``).
    """

    __tablename__ = "destination"

    region: str = Field(primary_key=True, max_length=12)
    stream: str = Field(max_length=36)
    next_streamseq: int = Field(default=1)
    lease_holder: str | None = Field(default=None, max_length=36)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failures: int = Field(default=0)
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    wait: str | None = Field(default=None, max_length=8)
    wait_code: str | None = Field(default=None, max_length=40)
    batch_limit: int | None = Field(default=None)
    last_answer_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    signs_with: str | None = Field(default=None, max_length=43)
    announced: str | None = Field(default=None, max_length=43)


class OutboxMessage(SQLModel, table=True):
    """One message to one peer, committed with the change that caused it.

    ``body`` is the message as JSON; once ``streamseq`` is given it is the frozen RFC 8785 bytes that every retry
    repeats, and ``digest`` is their SHA-256. ``next_attempt_at`` is when the message may go at the earliest,
    ``refused_at`` when the peer first refused it; ``number`` is the order in which messages were queued.
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index("ix_outbox_message_due", "region", "state", "streamseq", "number"),
        Index("ix_outbox_message_subject", "region", "subject"),
        Index("ix_outbox_message_stream", "stream", "streamseq"),
        Index("ix_outbox_message_expiry", "state", "expires_at"),
    )

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True, max_length=36)
    region: str = Field(max_length=12)
    type: str = Field(max_length=64)
    subject: str = Field(max_length=64)
    body: bytes = Field(sa_type=LargeBinary)
    state: str = Field(max_length=10)
    stream: str | None = Field(default=None, max_length=36)
    streamseq: int | None = Field(default=None)
    digest: str | None = Field(default=None, max_length=64)
    attempts: int = Field(default=0)
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    problem_code: str | None = Field(default=None, max_length=40)
    created_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class InboxMessage(SQLModel, table=True):
    """That a message was taken, and with what result: the row that makes every effect happen once.

    ``result`` is ``accepted``, ``refused`` or ``voided``: withdrawn by its sender before it came, so that it never
    takes effect when it does; such a row has no type and no digest.
    """

    __tablename__ = "inbox_message"

    peer: str = Field(primary_key=True, max_length=12)
    id: str = Field(primary_key=True, max_length=36)
    type: str = Field(max_length=64)
    digest: str = Field(max_length=64)
    stream: str | None = Field(default=None, max_length=36)
    streamseq: int | None = Field(default=None)
    result: str = Field(max_length=10)
    problem_code: str | None = Field(default=None, max_length=40)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class InboxStream(SQLModel, table=True):
    """Which numbers of one stream of a peer are here: all up to ``whole``, and those of ``ahead`` beyond it.

    ``ahead`` are ranges ``[first, last]`` in ascending order. ``pull_at`` is when the peer is asked for what is
    missing or, once it was silent for long, whether there is anything at all; ``pulls`` counts how often in vain.
    """

    __tablename__ = "inbox_stream"

    peer: str = Field(primary_key=True, max_length=12)
    stream: str = Field(primary_key=True, max_length=36)
    whole: int = Field(default=0)
    ahead: list[list[int]] = Field(default_factory=list, sa_type=JSON)
    gap_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    heard_at: datetime = Field(sa_type=UtcDateTime)
    pull_at: datetime | None = Field(default=None, index=True, sa_type=UtcDateTime)
    pulls: int = Field(default=0)


class Exchange(SQLModel, table=True):
    """The evidence of one request and its answer: every covered value, both signatures, the keys then in force."""

    __tablename__ = "exchange"

    id: str = Field(primary_key=True, max_length=36)
    direction: str = Field(max_length=8)
    peer: str = Field(index=True, max_length=12)
    method: str = Field(max_length=8)
    target_uri: str = Field(max_length=1000)
    content_type: str = Field(max_length=100)
    content_digest: str = Field(max_length=100)
    signature_input: str = Field(max_length=600)
    signature: str = Field(max_length=120)
    answer_status: int
    answer_content_type: str = Field(max_length=100)
    answer_content_digest: str = Field(max_length=100)
    answer_signature_input: str = Field(max_length=600)
    answer_signature: str = Field(max_length=120)
    answer_body: bytes = Field(sa_type=LargeBinary)
    keys: list[dict[str, Any]] = Field(sa_type=JSON)
    recorded_at: datetime = Field(sa_type=UtcDateTime, index=True)


class Receipt(SQLModel, table=True):
    """Proof that one message was taken (``sent``: by the peer; ``received``: by us), pointing at its exchange."""

    __tablename__ = "receipt"

    message_id: str = Field(primary_key=True, max_length=36)
    direction: str = Field(primary_key=True, max_length=8)
    peer: str = Field(primary_key=True, max_length=12)
    exchange_id: str = Field(max_length=36)
    type: str = Field(max_length=64)
    subject: str = Field(index=True, max_length=64)
    digest: str = Field(max_length=64)
    result: str = Field(max_length=10)
    problem_code: str | None = Field(default=None, max_length=40)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class FollowedDirectory(SQLModel, table=True):
    """A list of regions that this node follows by choice: the key that signs it, and its last good version."""

    __tablename__ = "followed_directory"

    name: str = Field(primary_key=True, max_length=100)
    url: str = Field(max_length=500)
    jwk: dict[str, Any] = Field(sa_type=JSON)
    version: int = Field(default=0)
    list_jws: str | None = Field(default=None)
    taken_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_fetch_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failures: int = Field(default=0)
    fetch_fault: str | None = Field(default=None, max_length=40)


class Nonce(SQLModel, table=True):
    """A nonce that a key has used; kept until the request that carried it has expired anyway."""

    __tablename__ = "nonce"

    keyid: str = Field(primary_key=True, max_length=43)
    nonce: str = Field(primary_key=True, max_length=32)
    expires_at: datetime = Field(index=True, sa_type=UtcDateTime)


def insert_new(session: Session, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    """Insert those of ``rows`` whose primary or unique key is not there yet, on either database."""
    if rows:
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        session.exec(dialect.insert(table).on_conflict_do_nothing(), params=rows)
