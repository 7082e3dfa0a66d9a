"""What officers do with their own ways of signing in. Each changing act needs the password again, on the page.

Whoever adds or takes off a factor signs every other session out (OWASP ASVS 5.0, 7.4.3 and 7.5.1).
"""

from dataclasses import dataclass

from sqlmodel import Session, select

from schemas.problems import NotFound, SignInFailed, WrongState
from service.access_log import record
from service.context import Node
from service.officers.factors import (
    begin_totp,
    confirm_totp,
    count_recovery_codes,
    drop_recovery_codes_of_nothing,
    has_factor,
    has_totp,
    new_recovery_codes,
    remove_totp,
    unconfirmed_totp,
)
from service.officers.rules import Officer
from service.officers.sessions import SessionInfo, end_one, end_sessions, sessions_of, token_hash
from service.officers.steps import begin_step, finish_step, look_at_step
from service.officers.tables import OfficerPasskey, OfficerSession


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """One's own ways of signing in, and one's sessions."""

    totp: bool
    passkeys: list[OfficerPasskey]
    recovery_codes: int
    sessions: list[SessionInfo]
    needed: bool


def own_account(session: Session, node: Node, officer: Officer, token: str) -> OwnAccount:
    """What an officer sees of their own account."""
    passkeys = select(OfficerPasskey).where(OfficerPasskey.officer_id == officer.id)
    return OwnAccount(
        totp=has_totp(session, officer.id),
        passkeys=sorted(session.exec(passkeys), key=lambda row: row.created_at),
        recovery_codes=count_recovery_codes(session, officer.id),
        sessions=sessions_of(session, node, officer.id, token=token),
        needed=node.settings.second_factor == "required" and not has_factor(session, officer.id),
    )


def begin_own_totp(session: Session, node: Node, officer: Officer) -> tuple[str, str]:
    """Begin to set an authenticator up, once the password was typed: the step to go on with, and the secret.

    Raises :class:`WrongState` when there is one already.
    """
    secret = begin_totp(session, node, officer.id)
    return begin_step(session, node, "totp", {}, officer_id=officer.id), secret


def totp_begun(session: Session, node: Node, officer: Officer, step: str) -> str:
    """The secret of the authenticator that is being set up, to be shown again after a wrong code.

    Raises :class:`WrongState` for a step that is too old or somebody else's, so that a session alone neither sees a
    secret nor sets one up.
    """
    try:
        owner, _ = look_at_step(session, node, "totp", step)
    except SignInFailed:
        owner = None
    if owner != officer.id:
        raise WrongState("Type your password once more to set up an authenticator.")
    return unconfirmed_totp(session, node, officer.id)


def set_up_totp(session: Session, node: Node, officer: Officer, code: str, *, step: str, token: str) -> list[str]:
    """Let the authenticator count, with a code of it; returns recovery codes if there were none before.

    Raises :class:`SignInFailed` for a wrong code, and as :func:`totp_begun`.
    """
    totp_begun(session, node, officer, step)
    first = not has_factor(session, officer.id)
    confirm_totp(session, node, officer.id, code)
    finish_step(session, node, "totp", step)
    record(session, node, officer.as_actor, "officer.totp_added", purpose=officer.id)
    return factor_added(session, node, officer, token, first=first)


def factor_added(session: Session, node: Node, officer: Officer, token: str, *, first: bool) -> list[str]:
    """End the other sessions, let this one count as signed in with both factors, and make the first recovery codes."""
    row = session.get(OfficerSession, token_hash(token))
    if row is not None and row.officer_id == officer.id:
        row.second = True
        session.add(row)
    end_sessions(session, officer.id, but=token)
    return new_recovery_codes(session, node, officer.id) if first else []


def take_off_totp(session: Session, node: Node, officer: Officer, token: str) -> None:
    """Take the authenticator off. Raises :class:`WrongState` where the node asks for a factor and it is the last."""
    remove_totp(session, officer.id)
    _removed(session, node, officer, token, "officer.totp_removed")


def take_off_passkey(session: Session, node: Node, officer: Officer, passkey_id: str, token: str) -> None:
    """Take a passkey off. Raises as :func:`take_off_totp`, and :class:`NotFound`."""
    row = session.get(OfficerPasskey, passkey_id)
    if row is None or row.officer_id != officer.id:
        raise NotFound
    session.delete(row)
    session.flush()
    drop_recovery_codes_of_nothing(session, officer.id)
    _removed(session, node, officer, token, "officer.passkey_removed")


def renew_recovery_codes(session: Session, node: Node, officer: Officer) -> list[str]:
    """New recovery codes in place of the old ones. Raises :class:`WrongState` without a second factor."""
    if not has_factor(session, officer.id):
        raise WrongState("Recovery codes go with a second factor.")
    record(session, node, officer.as_actor, "officer.recovery_renewed", purpose=officer.id)
    return new_recovery_codes(session, node, officer.id)


def end_own_session(session: Session, node: Node, officer: Officer, which: str, token: str) -> None:
    """End one of one's sessions, or with ``others`` all but this one. Raises :class:`NotFound`."""
    if which == "others":
        end_sessions(session, officer.id, but=token)
    else:
        end_one(session, officer.id, which)
    record(session, node, officer.as_actor, "officer.sessions_ended", purpose=officer.id)


def _removed(session: Session, node: Node, officer: Officer, token: str, action: str) -> None:
    session.flush()
    if node.settings.second_factor == "required" and not has_factor(session, officer.id):
        raise WrongState("This node asks for a second factor: set up another one first.")
    end_sessions(session, officer.id, but=token)
    record(session, node, officer.as_actor, action, purpose=officer.id)
