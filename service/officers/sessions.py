"""Sessions: what stays good after a sign-in.

A session is a random token of 256 bits: the officer's browser or program holds it, the database its SHA-256. Each
request reads the session and the account anew, so that disabling an officer works at once in every process.

An officer may have any number of sessions (a counter's computer and the one in the back office); they see them all,
with when and from where, and end them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from sqlalchemy import Table, bindparam
from sqlmodel import Session, col, delete, select

from federation.keys import b64url
from schemas.problems import NotFound, SignInFailed
from service.access_log import record
from service.context import Node
from service.officers.attempts import purge_failures
from service.officers.queries import officer_from
from service.officers.rules import API_IDLE, SESSION_LIFE, Officer, Role
from service.officers.steps import purge_steps
from service.officers.tables import OfficerAccount, OfficerSession

Door = Literal["api", "page"]
Way = Literal["password", "passkey", "provider"]
TOKEN_BYTES = 32
FORM_BYTES = 16
"""A page's token begins with so many random bytes and a dot: its forms are bound to them (:mod:`service.web.csrf`)."""
_TOUCH_AFTER = timedelta(minutes=1)
"""A session's last use is noted once a minute: a read stays a read."""
_SESSION: Table = OfficerSession.__table__  # type: ignore[attr-defined]  # SQLModel gives it to every table
_ACCOUNT: Table = OfficerAccount.__table__  # type: ignore[attr-defined]  # as above
_LIVE = (
    select(
        *(_SESSION.c[name] for name in ("created_at", "used_at", "locked", "second")),
        *(_ACCOUNT.c[name] for name in ("id", "name", "roles", "area", "language")),
    )
    .join_from(_SESSION, _ACCOUNT, _ACCOUNT.c.id == _SESSION.c.officer_id)
    .where(
        _SESSION.c.token_hash == bindparam("token_hash"),
        _SESSION.c.door == bindparam("door"),
        _ACCOUNT.c.disabled_at.is_(None),
    )
)
"""A session and its officer's account, who is not disabled: every request asks this, so it is one plain statement."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that was found by its token.

    ``locked``: the page asks for the password before it goes on. ``enrolling``: the node asks for a second factor, and
    this officer has given none: they may set one up, and nothing else.
    """

    officer: Officer
    locked: bool
    stale: bool
    enrolling: bool


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One of an officer's sessions, as they see it; ``id`` names it and opens nothing."""

    id: str
    door: Door
    way: Way
    second: bool
    address: str
    opened_at: datetime
    used_at: datetime
    this: bool


def find_session(session: Session, node: Node, token: str, door: Door) -> OpenSession | None:
    """Find a session by its token, or None when there is none, it is over, or its officer is disabled."""
    row = session.connection().execute(_LIVE, {"token_hash": token_hash(token), "door": door}).one_or_none()
    if row is None:
        return None
    now = node.now()
    idle = now - row.used_at
    if now - row.created_at >= SESSION_LIFE or (door == "api" and idle >= API_IDLE):
        return None
    rested = door == "page" and idle >= timedelta(minutes=node.settings.idle_minutes)
    return OpenSession(
        Officer(
            id=row.id,
            name=row.name,
            roles=frozenset(Role(role) for role in row.roles.split()),
            area=row.area,
            language=row.language,
        ),
        locked=row.locked or rested,
        stale=idle >= _TOUCH_AFTER,
        enrolling=node.settings.second_factor == "required" and not row.second,
    )


def touch_session(session: Session, node: Node, token: str) -> None:
    """Note that a session was used now."""
    row = session.get(OfficerSession, token_hash(token))
    if row is not None:
        row.used_at = node.now()
        session.add(row)


def lock_session(session: Session, token: str) -> None:
    """Lock a page's session: whoever sits down next types the password or signs in anew."""
    row = session.get(OfficerSession, token_hash(token))
    if row is not None:
        row.locked = True
        session.add(row)


def unlock_session(session: Session, node: Node, token: str, officer_id: str) -> str:
    """Let a locked session go on, once its officer has shown to be there, and return its new token.

    The old token is good for nothing any more (OWASP ASVS 5.0, 7.2.4). Raises :class:`SignInFailed`.
    """
    row = session.get(OfficerSession, token_hash(token))
    if row is None or row.officer_id != officer_id:
        raise SignInFailed
    renewed = _page_token(node, token.partition(".")[0])
    fresh = OfficerSession(**row.model_dump())
    fresh.token_hash, fresh.locked, fresh.used_at = token_hash(renewed), False, node.now()
    session.delete(row)
    session.flush()
    session.add(fresh)
    return renewed


def close_session(session: Session, node: Node, token: str) -> None:
    """Sign out. A token that is good for nothing is no error."""
    row = session.get(OfficerSession, token_hash(token))
    if row is None:
        return
    account = session.get_one(OfficerAccount, row.officer_id)
    session.delete(row)
    record(session, node, officer_from(account).as_actor, "officer.signed_out")


def purge_sessions(session: Session, node: Node) -> None:
    """Delete sessions that are over, failures that are forgotten, and steps that were never finished."""
    session.exec(delete(OfficerSession).where(col(OfficerSession.created_at) <= node.now() - SESSION_LIFE))
    purge_failures(session, node)
    purge_steps(session, node)


def sessions_of(session: Session, node: Node, officer_id: str, *, token: str | None = None) -> list[SessionInfo]:
    """The sessions of an officer that are still good, the last used first; ``token`` tells which one asks."""
    found = session.exec(select(OfficerSession).where(OfficerSession.officer_id == officer_id)).all()
    now = node.now()
    own = token_hash(token) if token is not None else None
    return [
        SessionInfo(
            id=session_id(row),
            door=row.door,  # type: ignore[arg-type]  # the column holds one of the two
            way=row.way,  # type: ignore[arg-type]  # the column holds one of the three
            second=row.second,
            address=row.address,
            opened_at=row.created_at,
            used_at=row.used_at,
            this=row.token_hash == own,
        )
        for row in sorted(found, key=lambda row: (row.used_at, row.token_hash), reverse=True)
        if now - row.created_at < SESSION_LIFE and not (row.door == "api" and now - row.used_at >= API_IDLE)
    ]


def end_one(session: Session, officer_id: str, wanted: str) -> None:
    """End one of an officer's sessions. Raises :class:`NotFound`."""
    for row in session.exec(select(OfficerSession).where(OfficerSession.officer_id == officer_id)):
        if session_id(row) == wanted:
            session.delete(row)
            return
    raise NotFound("There is no such session.")


def end_sessions(session: Session, officer_id: str, *, but: str | None = None) -> None:
    """Sign an officer out everywhere, or everywhere but in the session of the token ``but``."""
    wanted = delete(OfficerSession).where(col(OfficerSession.officer_id) == officer_id)
    if but is not None:
        wanted = wanted.where(col(OfficerSession.token_hash) != token_hash(but))
    session.exec(wanted)


def session_id(row: OfficerSession) -> str:
    """A name for a session from which nobody gets its token, nor what the database keeps of it."""
    return sha256(b"session " + row.token_hash).hexdigest()[:32]


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. A plain hash will do: nobody guesses 256 random bits."""
    return sha256(token.encode()).digest()


def open_session(
    session: Session,
    node: Node,
    officer_id: str,
    door: Door,
    *,
    way: Way = "password",
    second: bool = False,
    address: str = "",
) -> str:
    """Open a session for an officer who was checked, and return its token. Raises SignInFailed for a disabled one."""
    account = live_account(session, officer_id)
    if door == "page":
        token = _page_token(node, b64url(node.entropy.token_bytes(FORM_BYTES)))
    else:
        token = b64url(node.entropy.token_bytes(TOKEN_BYTES))
    now = node.now()
    session.add(
        OfficerSession(
            token_hash=token_hash(token),
            officer_id=officer_id,
            door=door,
            created_at=now,
            used_at=now,
            locked=False,
            address=address,
            way=way,
            second=second,
        )
    )
    # With which factors: an auditor sees who signs in without a second one.
    how = f"{way}+code" if second and way != "passkey" else way
    record(session, node, officer_from(account).as_actor, "officer.signed_in", purpose=how)
    return token


def _page_token(node: Node, form_part: str) -> str:
    return f"{form_part}.{b64url(node.entropy.token_bytes(TOKEN_BYTES))}"


def live_account(session: Session, officer_id: str) -> OfficerAccount:
    """The account of an officer who may sign in. Raises :class:`SignInFailed`."""
    account = session.get(OfficerAccount, officer_id)
    if account is None or account.disabled_at is not None:
        raise SignInFailed
    return account
