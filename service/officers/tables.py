"""What the node keeps about its officers."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class OfficerAccount(SQLModel, table=True):
    """An officer's account. Accounts are disabled, never deleted: the access log names them."""

    __tablename__ = "officer_account"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(unique=True, max_length=100)
    password_hash: str
    roles: str = Field(max_length=60)
    area: str = Field(max_length=12)
    language: str = Field(default="zh-CN", max_length=5)
    must_change_password: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OfficerSession(SQLModel, table=True):
    """A sign-in that is still good. The token itself is nowhere: only its SHA-256."""

    __tablename__ = "officer_session"

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    officer_id: str = Field(foreign_key="officer_account.id", index=True, max_length=36)
    door: str = Field(max_length=4)
    created_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime = Field(sa_type=UtcDateTime)
    locked: bool = False


class SignInFailures(SQLModel, table=True):
    """Wrong passwords in a row, by a blind index of the name and by one of the address they came from."""

    __tablename__ = "sign_in_failures"

    key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    failures: int
    last_at: datetime = Field(sa_type=UtcDateTime)
