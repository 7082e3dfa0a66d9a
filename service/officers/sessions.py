"""Sign-in, and what stays good after it.

A session is a random token of 256 bits: the officer's browser or program holds it, the database its SHA-256. Each
request reads the session and the account anew, so that disabling an officer works at once in every process.

Wrong passwords are counted in the database, before the password is checked, so that many tries at once do not get
past the count and a restart does not forget it. The password itself is checked outside every transaction.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Literal

from sqlmodel import Session, col, delete, select

from federation.keys import b64url
from schemas.problems import PasswordChangeRequired, SignInFailed, TooManyAttempts
from service.access_log import Actor, record
from service.context import Node
from service.officers.actions import end_sessions
from service.officers.passwords import PasswordChecks
from service.officers.queries import officer_from
from service.officers.rules import (
    API_IDLE,
    FORGET_FAILURES_AFTER,
    FREE_FAILURES,
    SESSION_LIFE,
    Officer,
    check_new_password,
    wait_after,
)
from service.officers.tables import OfficerAccount, OfficerSession, SignInFailures

Door = Literal["api", "page"]
TOKEN_BYTES = 32
_TOUCH_AFTER = timedelta(minutes=1)
"""A session's last use is noted once a minute: a read stays a read."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that was found by its token. ``locked``: the page asks for the password before it goes on."""

    officer: Officer
    locked: bool
    stale: bool


async def sign_in(node: Node, checks: PasswordChecks, name: str, password: str, *, address: str, door: Door) -> str:
    """Check name and password and open a session; returns its token.

    ``address`` is where the request came from. Raises :class:`SignInFailed` (wrong, unknown and disabled alike),
    :class:`TooManyAttempts`, or :class:`PasswordChangeRequired` when a right one-time password must be changed first.
    """
    account = await _checked(node, checks, name, password, address)
    if account.must_change_password:
        raise PasswordChangeRequired
    return await node.database.write(lambda session: open_session(session, node, account.id, door))


async def change_password(
    node: Node, checks: PasswordChecks, name: str, password: str, new_password: str, *, address: str, door: Door
) -> str:
    """Put a new password in the place of the old or the one-time one, sign out everywhere, open a new session.

    Raises as :func:`sign_in`, and :class:`~schemas.problems.InvalidInput` for a new password that will not do.
    """
    account = await _checked(node, checks, name, password, address)
    check_new_password(name, password, new_password)
    new_hash = await checks.hash(new_password)

    def change(session: Session) -> str:
        row = _live_account(session, account.id)
        if row.password_hash != account.password_hash:
            raise SignInFailed
        row.password_hash = new_hash
        row.must_change_password = False
        session.add(row)
        end_sessions(session, row)
        record(session, node, officer_from(row).as_actor, "officer.password_changed")
        return open_session(session, node, row.id, door)

    return await node.database.write(change)


async def unlock(node: Node, checks: PasswordChecks, token: str, password: str, *, address: str) -> None:
    """Go on with a locked session after its officer typed the password again. Raises as :func:`sign_in`."""
    found = await node.database.read(lambda session: find_session(session, node, token, "page"))
    if found is None:
        raise SignInFailed
    account = await _checked(node, checks, found.officer.name, password, address)

    def go_on(session: Session) -> None:
        row = session.get(OfficerSession, token_hash(token))
        if row is None or row.officer_id != account.id:
            raise SignInFailed
        row.locked = False
        row.used_at = node.now()
        session.add(row)

    await node.database.write(go_on)


def find_session(session: Session, node: Node, token: str, door: Door) -> OpenSession | None:
    """Find a session by its token, or None when there is none, it is over, or its officer is disabled."""
    row = session.get(OfficerSession, token_hash(token))
    if row is None or row.door != door:
        return None
    now = node.now()
    idle = now - row.used_at
    if now - row.created_at >= SESSION_LIFE or (door == "api" and idle >= API_IDLE):
        return None
    account = session.get(OfficerAccount, row.officer_id)
    if account is None or account.disabled_at is not None:
        return None
    rested = door == "page" and idle >= timedelta(minutes=node.settings.idle_minutes)
    return OpenSession(officer_from(account), locked=row.locked or rested, stale=idle >= _TOUCH_AFTER)


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


def close_session(session: Session, node: Node, token: str) -> None:
    """Sign out. A token that is good for nothing is no error."""
    row = session.get(OfficerSession, token_hash(token))
    if row is None:
        return
    account = session.get_one(OfficerAccount, row.officer_id)
    session.delete(row)
    record(session, node, officer_from(account).as_actor, "officer.signed_out")


def purge_sessions(session: Session, node: Node) -> None:
    """Delete sessions that are over and failures that are forgotten."""
    now = node.now()
    session.exec(delete(OfficerSession).where(col(OfficerSession.created_at) <= now - SESSION_LIFE))
    session.exec(delete(SignInFailures).where(col(SignInFailures.last_at) <= now - FORGET_FAILURES_AFTER))


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. A plain hash will do: nobody guesses 256 random bits."""
    return sha256(token.encode()).digest()


def open_session(session: Session, node: Node, officer_id: str, door: Door) -> str:
    """Open a session for an officer whose password was checked, and return its token. Raises SignInFailed."""
    account = _live_account(session, officer_id)
    token = b64url(node.entropy.token_bytes(TOKEN_BYTES))
    now = node.now()
    session.add(
        OfficerSession(
            token_hash=token_hash(token), officer_id=officer_id, door=door, created_at=now, used_at=now, locked=False
        )
    )
    record(session, node, officer_from(account).as_actor, "officer.signed_in")
    return token


def _live_account(session: Session, officer_id: str) -> OfficerAccount:
    account = session.get(OfficerAccount, officer_id)
    if account is None or account.disabled_at is not None:
        raise SignInFailed
    return account


async def _checked(node: Node, checks: PasswordChecks, name: str, password: str, address: str) -> OfficerAccount:
    """Count the attempt, check the password, and take the count back if it was right."""
    keys = _failure_keys(node, name, address)

    def begin(session: Session) -> OfficerAccount | None:
        _count(session, node, keys)
        account = session.exec(
            select(OfficerAccount).where(OfficerAccount.name == name, col(OfficerAccount.disabled_at).is_(None))
        ).first()
        if account is not None:
            session.expunge(account)
        return account

    account = await node.database.write(begin)
    if not await checks.fits(password, account.password_hash if account else None) or account is None:
        await node.database.write(
            lambda session: record(session, node, Actor.node(node.region), "officer.sign_in_failed")
        )
        raise SignInFailed
    await node.database.write(lambda session: _uncount(session, keys))
    return account


def _failure_keys(node: Node, name: str, address: str) -> dict[str, bytes]:
    return {
        "name_address": node.vault.blind("sign_in.name_address", f"{name}\x00{address}"),
        "name": node.vault.blind("sign_in.name", name),
        "address": node.vault.blind("sign_in.address", address),
    }


def _count(session: Session, node: Node, keys: dict[str, bytes]) -> None:
    now = node.now()
    for kind, key in keys.items():
        row = session.get(SignInFailures, key, with_for_update=True)
        if row is None:
            session.add(SignInFailures(key=key, failures=1, last_at=now))
            continue
        if now - row.last_at >= FORGET_FAILURES_AFTER:
            row.failures = 0
        until = wait_after(FREE_FAILURES[kind], row.failures, row.last_at)
        if until is not None and now < until:
            raise TooManyAttempts(retry_after_seconds=int((until - now).total_seconds()) + 1)
        row.failures += 1
        row.last_at = now
        session.add(row)


def _uncount(session: Session, keys: dict[str, bytes]) -> None:
    for kind, key in keys.items():
        row = session.get(SignInFailures, key, with_for_update=True)
        if row is None:
            continue
        if kind == "address" and row.failures > 1:
            row.failures -= 1
            session.add(row)
        else:
            session.delete(row)
