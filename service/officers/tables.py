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
    provider_link: bytes | None = Field(default=None, sa_type=LargeBinary, unique=True, index=True)
    """A blind index of who the officer is at the sign-in service; an administrator links it, nobody reads it back."""
    password_given_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the one-time password was given that is still to be changed; without it, when the account was made."""


class OfficerSession(SQLModel, table=True):
    """A sign-in that is still good. The token itself is nowhere: only its SHA-256.

    ``way`` says how it was opened (``password``, ``passkey``, ``provider``), ``second`` whether a second factor was
    given, ``address`` where from: what an officer needs to know their own sessions from a stranger's.
    """

    __tablename__ = "officer_session"

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    officer_id: str = Field(foreign_key="officer_account.id", index=True, max_length=36)
    door: str = Field(max_length=4)
    created_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime = Field(sa_type=UtcDateTime)
    locked: bool = False
    address: str = Field(default="", max_length=45)
    way: str = Field(default="password", max_length=8)
    second: bool = False


class SignInFailures(SQLModel, table=True):
    """Wrong passwords in a row, by a blind index of the name and by one of the address they came from.

    The row of a name at one address says which rows belong to it, so that an administrator can release a name.
    """

    __tablename__ = "sign_in_failures"

    key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    failures: int
    last_at: datetime = Field(sa_type=UtcDateTime)
    of_name: bytes | None = Field(default=None, sa_type=LargeBinary, index=True)
    of_address: bytes | None = Field(default=None, sa_type=LargeBinary)


class SignInPlace(SQLModel, table=True):
    """A place that a name has signed in from: a blind index of both together, as in the failures, and when last."""

    __tablename__ = "sign_in_place"

    key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    last_at: datetime = Field(sa_type=UtcDateTime)


class OfficerTotp(SQLModel, table=True):
    """An officer's authenticator (RFC 6238). ``sealed`` is its secret under the node's key.

    ``confirmed`` once a code of it was typed; ``last_step`` is the newest step that was used: none counts twice.
    """

    __tablename__ = "officer_totp"

    officer_id: str = Field(foreign_key="officer_account.id", primary_key=True, max_length=36)
    sealed: bytes = Field(sa_type=LargeBinary)
    confirmed: bool = False
    last_step: int = 0


class OfficerRecoveryCode(SQLModel, table=True):
    """A code that stands in once for a lost authenticator; only its keyed hash is kept, and that until it is used."""

    __tablename__ = "officer_recovery_code"

    code_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    officer_id: str = Field(foreign_key="officer_account.id", index=True, max_length=36)


class OfficerPasskey(SQLModel, table=True):
    """A passkey (WebAuthn): the public half. ``sign_count`` never goes back (a copied authenticator's would)."""

    __tablename__ = "officer_passkey"

    id: str = Field(primary_key=True, max_length=36)
    officer_id: str = Field(foreign_key="officer_account.id", index=True, max_length=36)
    credential_id: bytes = Field(sa_type=LargeBinary, unique=True, index=True)
    public_key: bytes = Field(sa_type=LargeBinary)
    sign_count: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SignInStep(SQLModel, table=True):
    """A sign-in or an enrolment that is half done: what it must be finished with, sealed; good once, for minutes.

    What anybody may begin (a passkey, the sign-in service) has a row of the kind ``used`` once it was finished.
    """

    __tablename__ = "sign_in_step"

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    kind: str = Field(max_length=8)
    officer_id: str | None = Field(default=None, max_length=36)
    sealed: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=UtcDateTime)
