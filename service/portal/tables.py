"""The tables of the person's own page. From no row can anyone tell whose page it is, or who visited."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class AccessCode(SQLModel, table=True):
    """A code that opens one person's own page, found by its keyed digest.

    ``sealed`` (under the node's key, context ``access_code:<code_index>``) is the JSON
    ``{"person", "pin"}``: the person's id and the Argon2 hash of the PIN, empty until it is chosen;
    whether a page was visited is therefore not told by the row.
    """

    __tablename__ = "access_code"

    code_index: bytes = Field(primary_key=True)
    link: bytes = Field(index=True)
    expires_at: datetime
    failures: int = 0
    locked_until: datetime | None = None
    sealed: bytes


class PortalSession(SQLModel, table=True):
    """An open visit, found by the digest of its token; ``sealed`` holds the person's id."""

    __tablename__ = "portal_session"

    token_digest: bytes = Field(primary_key=True)
    link: bytes = Field(index=True)
    expires_at: datetime
    sealed: bytes
