"""The tables of the person's own page. From no row can anyone tell whose page it is, or who visited."""

from datetime import date, datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class AccessCode(SQLModel, table=True):
    """A code that opens one person's own page, found by its keyed index; the code itself is nowhere.

    ``sealed`` (under the node's key, context ``access_code.sealed:<code_index>``, padded) is the JSON
    ``{"person", "pin"}``: the person's id, and the Argon2id hash of the PIN once it is chosen. So the row does not
    tell whether the page was ever visited.
    """

    __tablename__ = "access_code"

    code_index: bytes = Field(primary_key=True, sa_type=LargeBinary)
    link: bytes = Field(sa_type=LargeBinary, index=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    sealed: bytes = Field(sa_type=LargeBinary)


class PortalSession(SQLModel, table=True):
    """An open visit, found by the SHA-256 of its token; ``sealed`` holds the person's id."""

    __tablename__ = "portal_session"

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    link: bytes = Field(sa_type=LargeBinary, index=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    sealed: bytes = Field(sa_type=LargeBinary)


class OwnRequest(SQLModel, table=True):
    """What a person asked of the office on their own page; the office's task is the work item ``item_id``."""

    __tablename__ = "own_request"

    id: str = Field(primary_key=True, max_length=36)
    link: bytes = Field(sa_type=LargeBinary, index=True)
    kind: str = Field(max_length=8)
    item_id: str = Field(max_length=36)
    made_at: datetime = Field(sa_type=UtcDateTime)
    due_on: date
