"""The tables of certificates. No row holds a person's id, a kind, a name or a quarter in clear."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel


class Certificate(SQLModel, table=True):
    """A certificate that this node issued.

    ``sealed`` (under the person's key, context ``certificate:<id>``) is the JSON
    ``{"token", "disclosures": {claim: disclosure}, "shown": [claim], "quarter", "attended_on",
    "home_region", "message_id"}``; ``token`` is the signed part without disclosures.
    ``held`` is the state an officer set: ``issued``, ``suspended`` or ``revoked``; ``delivered`` and
    ``expired`` follow from the receipt and from the date.
    """

    __tablename__ = "certificate"

    id: str = Field(primary_key=True)
    link: bytes = Field(index=True)
    held: str
    valid_until: date = Field(index=True)
    status_list: int
    status_index: int
    sealed: bytes


class ReceivedCertificate(SQLModel, table=True):
    """A certificate that another region delivered for a person registered here.

    Between the receipt and the matching run ``link`` is empty and ``sealed`` is closed under the node's
    own key; then the row is filed under the one person it belongs to, or dropped. ``id`` is the
    certificate's id at its issuer.
    """

    __tablename__ = "received_certificate"

    id: str = Field(primary_key=True)
    issuer: str = Field(primary_key=True)
    link: bytes | None = Field(default=None, index=True)
    held: str
    valid_until: date = Field(index=True)
    message_id: str
    received_at: datetime
    sealed: bytes


class StatusList(SQLModel, table=True):
    """One of this region's own status lists: ``entries`` packed two bits each, ``taken`` one bit each.

    ``decoys`` that never belonged to a certificate change by themselves; which ones they are follows from
    the node's keys and stands nowhere.
    """

    __tablename__ = "status_list"

    number: int = Field(primary_key=True)
    created_on: date
    entries: bytes
    taken: bytes


class PeerStatusList(SQLModel, table=True):
    """The last good status list of another region, fetched ahead and kept to check offline."""

    __tablename__ = "peer_status_list"

    uri: str = Field(primary_key=True)
    region: str = Field(index=True)
    token: str
    issued_at: datetime
    fetched_at: datetime
    next_fetch_at: datetime = Field(index=True)
    failures: int = 0
