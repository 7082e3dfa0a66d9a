"""The tables of certificates. No row holds a person's id, a kind, a name or a quarter in clear."""

from datetime import date, datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class Certificate(SQLModel, table=True):
    """A certificate that this node issued.

    ``sealed`` (under the person's key, context ``certificate.sealed:<id>``, padded) is the JSON of
    :class:`service.certificates.sealed.IssuedContent`: the signed part, its disclosures, which of them are shown,
    the entry of the status list, the state an officer set, and where it was delivered.
    """

    __tablename__ = "certificate"

    id: str = Field(primary_key=True, max_length=36)
    link: bytes = Field(sa_type=LargeBinary, index=True)
    purge_on: date = Field(index=True)
    sealed: bytes = Field(sa_type=LargeBinary)


class ReceivedCertificate(SQLModel, table=True):
    """A certificate that another region delivered for a person registered here.

    Until the matching job has run, ``link`` is empty and ``sealed`` is closed under the node's own key; then the row
    is filed under the one person it belongs to, sealed under that person's key, or dropped. ``id`` is the
    certificate's id at its issuer, ``message_id`` what brought it (its erasure names it). ``held`` is ``issued``,
    ``suspended`` or ``revoked``; a row whose state came before the certificate has an empty ``sealed``.
    """

    __tablename__ = "received_certificate"
    __table_args__ = (Index("ix_received_certificate_message", "message_id"),)

    issuer: str = Field(primary_key=True, max_length=12)
    id: str = Field(primary_key=True, max_length=36)
    link: bytes | None = Field(default=None, sa_type=LargeBinary, index=True)
    held: str = Field(max_length=9)
    purge_on: date = Field(index=True)
    message_id: str | None = Field(default=None, max_length=36)
    sealed: bytes = Field(sa_type=LargeBinary)


class StatusList(SQLModel, table=True):
    """One of this region's own status lists: ``entries`` packed two bits each, ``taken`` one bit each.

    Decoys are not in the row: which entries they are follows from the node's keys (see ``status_bits``).
    """

    __tablename__ = "status_list"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    created_on: date
    entries: bytes = Field(sa_type=LargeBinary)
    taken: bytes = Field(sa_type=LargeBinary)


class PeerStatusList(SQLModel, table=True):
    """The last good status list of another region, fetched whole and ahead, so that checks work offline.

    ``token`` is empty while none was fetched yet; ``issued_at`` is what the token says of itself.
    """

    __tablename__ = "peer_status_list"

    region: str = Field(primary_key=True, max_length=12)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    token: str = ""
    issued_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_fetch_at: datetime = Field(sa_type=UtcDateTime, index=True)
    failures: int = 0
