"""Signing in: the password, then the second factor of officers who have one (OWASP ASVS 5.0, 6.3.4: one strength
whichever way is taken).

Every way in ends in :func:`service.officers.sessions.open_session`, and every one but a passkey (which is two factors
by itself: the device, and the finger or PIN that opens it) goes through :func:`open_or_ask`. Attempts are counted
before they are checked (see :mod:`service.officers.attempts`). The password itself is checked outside every
transaction, because that takes long on purpose.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import Session, col, select

from schemas.problems import (
    InvalidInput,
    PasswordChangeRequired,
    SecondFactorRequired,
    SecondFactorSetupRequired,
    SignInFailed,
)
from service.access_log import Actor, record
from service.context import Node
from service.officers import attempts
from service.officers.attempts import Attempt
from service.officers.factors import has_factor, use_code
from service.officers.passwords import PasswordChecks
from service.officers.queries import officer_from, one_time_lapsed
from service.officers.rules import check_new_password
from service.officers.sessions import (
    Door,
    Way,
    end_sessions,
    find_session,
    live_account,
    open_session,
    token_hash,
    unlock_session,
)
from service.officers.steps import begin_step, drop_steps, finish_step, look_at_step
from service.officers.tables import OfficerAccount, OfficerSession

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The token of the session."""

    token: str


@dataclass(frozen=True, slots=True)
class CodeWanted:
    """The second factor is still to be given, with ``step``."""

    step: str


async def sign_in(
    node: Node,
    checks: PasswordChecks,
    name: str,
    password: str,
    *,
    code: str | None = None,
    address: str,
    door: Door,
) -> SignedIn | CodeWanted:
    """Check name, password and second factor, and open a session.

    ``address`` is where the request came from. Without a ``code`` where one is needed a page gets a step to go on
    with; a program is refused. Raises :class:`SignInFailed` (wrong, unknown and disabled alike; a wrong code, too),
    :class:`TooManyAttempts`, :class:`SecondFactorRequired`, :class:`SecondFactorSetupRequired`, or
    :class:`PasswordChangeRequired` when a right one-time password must be changed first.
    """
    attempt = Attempt.of(node, name, address)
    account = await checked(node, checks, name, password, attempt)
    if account.must_change_password:
        await node.database.write(lambda session: attempts.take_back(session, attempt))
        raise PasswordChangeRequired

    def go_on(session: Session) -> SignedIn | CodeWanted:
        if code is not None and has_factor(session, account.id):
            return _with_code(session, node, account.id, code, attempt, address=address, door=door)
        return open_or_ask(session, node, account.id, attempt, address=address, door=door)

    opened = await _noting_failures(node, go_on)
    if isinstance(opened, CodeWanted) and door == "api":
        raise SecondFactorRequired
    return opened


def open_or_ask(
    session: Session,
    node: Node,
    officer_id: str,
    attempt: Attempt | None,
    *,
    address: str,
    door: Door,
    way: Way = "password",
) -> SignedIn | CodeWanted:
    """Open a session for an officer whose first factor was right, or ask for the second one where there is one."""
    if not has_factor(session, officer_id):
        if door == "api" and node.settings.second_factor == "required":
            raise SecondFactorSetupRequired
        if attempt is not None:
            attempts.clear(session, node, attempt)
        return SignedIn(open_session(session, node, officer_id, door, way=way, address=address))
    live_account(session, officer_id)
    if attempt is not None:
        attempts.take_back(session, attempt)
    return CodeWanted(begin_step(session, node, "code", {"way": way}, officer_id=officer_id) if door == "page" else "")


async def give_code(node: Node, step: str, code: str, *, address: str) -> str:
    """Finish a page's sign-in with the second factor, and return the session's token.

    Raises :class:`SignInFailed` (the step is kept, so that a mistyped code can be corrected) or
    :class:`TooManyAttempts`.
    """

    def begin(session: Session) -> tuple[str, Attempt]:
        officer_id, _ = look_at_step(session, node, "code", step)
        account = live_account(session, officer_id or "")
        attempt = Attempt.of(node, account.name, address)
        attempts.count(session, node, attempt)
        return account.id, attempt

    officer_id, attempt = await node.database.write(begin)

    def finish(session: Session) -> str:
        _, facts = finish_step(session, node, "code", step)
        opened = _with_code(session, node, officer_id, code, attempt, address=address, door="page", way=facts["way"])
        return opened.token

    return await _noting_failures(node, finish)


async def change_password(
    node: Node,
    checks: PasswordChecks,
    name: str,
    password: str,
    new_password: str,
    *,
    code: str | None = None,
    token: str | None = None,
    address: str,
    door: Door,
) -> str:
    """Put a new password in the place of the old or the one-time one, sign out everywhere, open a new session.

    An officer with a second factor gives it, too, unless ``token`` is a session of theirs for which it was given.
    Raises as :func:`sign_in`, and :class:`~schemas.problems.InvalidInput` for a new password that will not do.
    """
    attempt = Attempt.of(node, name, address)
    account = await checked(node, checks, name, password, attempt)
    try:
        check_new_password(name, password, new_password, places=_places(node, account.area))
    except InvalidInput:
        await node.database.write(lambda session: attempts.take_back(session, attempt))
        raise
    new_hash = await checks.hash(new_password)

    def change(session: Session) -> str:
        row = live_account(session, account.id)
        if row.password_hash != account.password_hash:
            raise SignInFailed
        given = token is not None and _second_given(session, node, token, row.id)
        if has_factor(session, row.id) and not given:
            if code is None:
                attempts.take_back(session, attempt)
                return ""
            if not use_code(session, node, row.id, code):
                raise SignInFailed
            given = True
        attempts.clear(session, node, attempt)
        row.password_hash = new_hash
        row.must_change_password = False
        row.password_given_at = None
        session.add(row)
        end_sessions(session, row.id)
        # Nor is a sign-in finished that was begun with the old password.
        drop_steps(session, row.id)
        record(session, node, officer_from(row).as_actor, "officer.password_changed")
        return open_session(session, node, row.id, door, second=given, address=address)

    opened = await _noting_failures(node, change)
    if not opened:
        raise SecondFactorRequired
    return opened


def _places(node: Node, area: str) -> tuple[str, ...]:
    """What an officer's office is called."""
    return node.name, node.divisions.name(node.region), node.divisions.name(area)


async def unlock(node: Node, checks: PasswordChecks, token: str, password: str, *, address: str) -> str:
    """Go on with a locked session after its officer typed the password again; returns its new token.

    Raises as :func:`sign_in`.
    """
    found = await node.database.read(lambda session: find_session(session, node, token, "page"))
    if found is None:
        raise SignInFailed
    await confirm_password(node, checks, found.officer.name, password, address=address)

    return await node.database.write(lambda session: unlock_session(session, node, token, found.officer.id))


async def confirm_password(node: Node, checks: PasswordChecks, name: str, password: str, *, address: str) -> None:
    """Check the password once more, before what it protects is changed. Raises as :func:`sign_in`."""
    attempt = Attempt.of(node, name, address)
    await checked(node, checks, name, password, attempt)
    await node.database.write(lambda session: attempts.clear(session, node, attempt))


async def checked(node: Node, checks: PasswordChecks, name: str, password: str, attempt: Attempt) -> OfficerAccount:
    """Count an attempt and check the password; who goes on clears the count or takes the attempt back.

    A one-time password that lapsed is a wrong one. Raises as :func:`sign_in`.
    """

    def begin(session: Session) -> OfficerAccount | None:
        attempts.count(session, node, attempt)
        account = session.exec(
            select(OfficerAccount).where(OfficerAccount.name == name, col(OfficerAccount.disabled_at).is_(None))
        ).first()
        if account is not None:
            session.expunge(account)
        return account

    account = await node.database.write(begin)
    fits = await checks.fits(password, account.password_hash if account else None)
    if not fits or account is None or one_time_lapsed(account, node.now()):
        await note_failure(node)
        raise SignInFailed
    return account


async def note_failure(node: Node) -> None:
    """Write into the access log that a sign-in failed; whose it was to be, it does not say."""
    await node.database.write(lambda session: record(session, node, Actor.node(node.region), "officer.sign_in_failed"))


def _with_code(
    session: Session,
    node: Node,
    officer_id: str,
    code: str,
    attempt: Attempt,
    *,
    address: str,
    door: Door,
    way: Way = "password",
) -> SignedIn:
    if not use_code(session, node, officer_id, code):
        raise SignInFailed
    attempts.clear(session, node, attempt)
    return SignedIn(open_session(session, node, officer_id, door, way=way, second=True, address=address))


async def _noting_failures(node: Node, fn: Callable[[Session], T]) -> T:
    try:
        return await node.database.write(fn)
    except SignInFailed:
        await note_failure(node)
        raise


def _second_given(session: Session, node: Node, token: str, officer_id: str) -> bool:
    found = session.get(OfficerSession, token_hash(token))
    return found is not None and found.officer_id == officer_id and found.second
