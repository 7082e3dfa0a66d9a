"""The table of notices about requests. No row tells whom it is about, or whether it is about anybody."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime, few_rows_index


class RequestNotice(SQLModel, table=True):
    """One request about which its person is to be told, once.

    ``id`` is the request's. ``sealed`` (under the node's key, padded) says who that is, if it is anybody, and which
    peer; it is emptied once that is done. A question that matched nobody has the same row.
    """

    __tablename__ = "request_notice"
    __table_args__ = (few_rows_index("ix_request_notice_waiting", "next_attempt_at", "sealed IS NOT NULL"),)

    id: str = Field(primary_key=True, max_length=36)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 0
