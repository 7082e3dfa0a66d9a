"""The second factor: codes of an authenticator (TOTP, RFC 6238), and recovery codes for when it is lost.

A code is good for its own 30 seconds and the step before and after (clocks differ), and once only: the newest step
that was used is kept, and no step up to it counts again. Recovery codes have 119 bits, so a keyed hash will do for
them (OWASP ASVS 5.0, 6.5.2); each is deleted as it is used.
"""

import hmac
import re
from base64 import b32encode
from typing import Final

import pyotp
from sqlmodel import Session, col, delete, func, select

from schemas.problems import SignInFailed, WrongState
from service.context import Node
from service.officers.passwords import readable_code
from service.officers.tables import OfficerPasskey, OfficerRecoveryCode, OfficerTotp

STEP_SECONDS: Final = 30
SECRET_BYTES: Final = 20
RECOVERY_CODES: Final = 8
_RECOVERY_GROUPS: Final = 6
_DIGITS: Final = re.compile(r"[0-9]{6}")


def has_factor(session: Session, officer_id: str) -> bool:
    """Tell whether the officer has a second factor: an authenticator or a passkey."""
    row = session.get(OfficerTotp, officer_id)
    return (row is not None and row.confirmed) or count_passkeys(session, officer_id) > 0


def has_totp(session: Session, officer_id: str) -> bool:
    """Tell whether the officer has an authenticator whose code was confirmed."""
    row = session.get(OfficerTotp, officer_id)
    return row is not None and row.confirmed


def count_passkeys(session: Session, officer_id: str) -> int:
    """How many passkeys the officer has."""
    return session.exec(select(func.count()).where(OfficerPasskey.officer_id == officer_id)).one()


def count_recovery_codes(session: Session, officer_id: str) -> int:
    """How many recovery codes are left."""
    return session.exec(select(func.count()).where(OfficerRecoveryCode.officer_id == officer_id)).one()


def begin_totp(session: Session, node: Node, officer_id: str) -> str:
    """Make a secret for an authenticator, which counts once a code of it was typed; returns it in base32.

    Asked again before that, the same secret is shown again: the page may have been lost. Raises :class:`WrongState`
    when an authenticator is there already.
    """
    row = session.get(OfficerTotp, officer_id)
    if row is not None:
        if row.confirmed:
            raise WrongState("An authenticator is set up already; take it off first.")
        return _secret(node, row)
    secret = b32encode(node.entropy.token_bytes(SECRET_BYTES)).decode()
    sealed = node.vault.seal_secret(_context(officer_id), secret.encode())
    session.add(OfficerTotp(officer_id=officer_id, sealed=sealed))
    return secret


def unconfirmed_totp(session: Session, node: Node, officer_id: str) -> str:
    """The secret, in base32, of an authenticator that does not count yet. Raises :class:`WrongState` without one."""
    row = session.get(OfficerTotp, officer_id)
    if row is None or row.confirmed:
        raise WrongState
    return _secret(node, row)


def confirm_totp(session: Session, node: Node, officer_id: str, code: str) -> None:
    """Let the authenticator count from now on. Raises :class:`SignInFailed` for a wrong code."""
    row = session.get(OfficerTotp, officer_id, with_for_update=True)
    if row is None or row.confirmed:
        raise WrongState
    if not _use_totp(session, node, row, code):
        raise SignInFailed("The code is not right.")
    row.confirmed = True
    session.add(row)


def totp_address(node: Node, name: str, secret: str) -> str:
    """What the QR code says to an authenticator (``otpauth://``)."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"同路 {node.name}")


def new_recovery_codes(session: Session, node: Node, officer_id: str) -> list[str]:
    """Make new recovery codes in place of the old ones; they are told this once."""
    session.exec(delete(OfficerRecoveryCode).where(col(OfficerRecoveryCode.officer_id) == officer_id))
    codes = [readable_code(node.entropy, _RECOVERY_GROUPS) for _ in range(RECOVERY_CODES)]
    for code in codes:
        session.add(OfficerRecoveryCode(code_hash=_recovery_hash(node, code), officer_id=officer_id))
    return codes


def use_code(session: Session, node: Node, officer_id: str, code: str) -> bool:
    """Check a code of the authenticator or a recovery code, and use it up. False for a wrong or used one."""
    row = session.get(OfficerTotp, officer_id, with_for_update=True)
    if row is not None and row.confirmed and _use_totp(session, node, row, code):
        return True
    used = session.exec(
        delete(OfficerRecoveryCode).where(
            col(OfficerRecoveryCode.code_hash) == _recovery_hash(node, code),
            col(OfficerRecoveryCode.officer_id) == officer_id,
        )
    )
    return used.rowcount == 1


def remove_totp(session: Session, officer_id: str) -> None:
    """Take the authenticator off; without any factor left the recovery codes go, too."""
    session.exec(delete(OfficerTotp).where(col(OfficerTotp.officer_id) == officer_id))
    drop_recovery_codes_of_nothing(session, officer_id)


def drop_recovery_codes_of_nothing(session: Session, officer_id: str) -> None:
    """Delete recovery codes that no factor is left for."""
    session.flush()
    if not has_factor(session, officer_id):
        session.exec(delete(OfficerRecoveryCode).where(col(OfficerRecoveryCode.officer_id) == officer_id))


def remove_all_factors(session: Session, officer_id: str) -> None:
    """Take every factor but the password off: somebody lost them, or leaves."""
    for table in (OfficerTotp, OfficerPasskey, OfficerRecoveryCode):
        session.exec(delete(table).where(col(table.officer_id) == officer_id))


def _use_totp(session: Session, node: Node, row: OfficerTotp, code: str) -> bool:
    typed = code.replace(" ", "")
    if not _DIGITS.fullmatch(typed):
        return False
    totp = pyotp.TOTP(_secret(node, row))
    now = int(node.now().timestamp()) // STEP_SECONDS
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(totp.generate_otp(step), typed) and step > row.last_step:
            row.last_step = step
            session.add(row)
            return True
    return False


def _secret(node: Node, row: OfficerTotp) -> str:
    return node.vault.open_secret(_context(row.officer_id), row.sealed).decode()


def _recovery_hash(node: Node, code: str) -> bytes:
    plain = re.sub(r"[\s-]", "", code).lower()
    return node.vault.blind("officer.recovery_code", plain)


def _context(officer_id: str) -> str:
    return f"officer_totp.sealed:{officer_id}"
