"""The rows of agreements between two regions."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class Agreement(SQLModel, table=True):
    """What this region and a peer allow each other (协作协议).

    ``jws`` is the JWS in general JSON serialisation over the agreement (RFC 7515, 7.2.1), with one signature when
    proposed and two when signed. For a paper peer it is empty, and ``paper_reference`` names the paper that two
    officers (``proposed_by``, ``signed_by``) recorded. ``state``: ``proposed``, ``signed``, ``ended``.
    ``proposed_here`` tells whose proposal it was. ``purposes`` and ``claims`` are comma-separated codes.
    """

    __tablename__ = "agreement"

    id: str = Field(primary_key=True, max_length=36)
    peer: str = Field(max_length=12, index=True)
    state: str = Field(max_length=8)
    proposed_here: bool
    purposes: str = Field(max_length=200)
    claims: str = Field(max_length=200)
    per_month: int
    answer_working_days: int
    retention_days: int
    valid_from: date
    valid_until: date
    jws: str
    paper_reference: str | None = Field(default=None, max_length=40)
    proposed_by: str | None = Field(default=None, max_length=100)
    signed_by: str | None = Field(default=None, max_length=100)
    proposed_at: datetime = Field(sa_type=UtcDateTime)
    signed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
