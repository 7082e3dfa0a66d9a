"""Coming in to one's own page: the code, the date of birth, and a PIN that the person chooses on the first visit.

Whatever is wrong gets one and the same answer after the same work, so that nobody learns which of the three it was.
Attempts are counted in the database before anything is checked, by code and by address, and wait longer each time;
the PIN is hashed with Argon2id outside every transaction.
"""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256

from sqlmodel import Session

from federation.keys import b64url
from schemas.problems import InvalidInput, NotFound, SignInFailed, SignInRequired, TooManyAttempts
from service.context import Node
from service.officers.passwords import PasswordChecks
from service.officers.rules import FORGET_FAILURES_AFTER, wait_after
from service.officers.tables import SignInFailures
from service.portal.codes import find_code, keep_pin, plain_code, portal_link
from service.portal.tables import PortalSession
from service.registry.people import OpenPerson, open_own_record

VISIT_LIFE = timedelta(minutes=30)
PIN_MIN_CHARACTERS = 4
PIN_MAX_CHARACTERS = 64
TOKEN_BYTES = 32

_FREE = {"code": 5, "address": 30}
"""So many wrong attempts cost nothing: with one code, from one address."""


@dataclass(frozen=True, slots=True)
class Visit:
    """An open visit; the token is told once."""

    token: str = field(repr=False)
    expires_at: datetime


async def enter(node: Node, checks: PasswordChecks, code: str, date_of_birth: date, pin: str, *, address: str) -> Visit:
    """Open a visit. On the first one with a code the PIN is what the person chose; later it must be the same.

    Raises :class:`SignInFailed`, :class:`TooManyAttempts`, or :class:`InvalidInput` for a PIN that will not do.
    """
    keys = _failure_keys(node, code, address)
    await node.database.write(lambda session: _count(session, node, keys))
    found = await node.database.read(lambda session: find_code(session, node, code))
    born = await node.database.read(lambda session: None if found is None else _born(session, node, found.person_id))
    right = found is not None and born == date_of_birth
    if found is not None and found.pin_hash is None:
        if right:
            check_new_pin(pin, date_of_birth)
        pin_hash = await checks.hash(pin)
        fits = True
    else:
        pin_hash = None
        fits = await checks.fits(pin, None if found is None else found.pin_hash)
    if found is None or not right or not fits:
        raise SignInFailed("Code, date of birth or PIN is wrong.")

    def begin(session: Session) -> Visit:
        person = open_own_record(session, node, found.person_id)
        if find_code(session, node, code) is None:
            raise SignInFailed("Code, date of birth or PIN is wrong.")
        if pin_hash is not None and not keep_pin(session, node, found, pin_hash):
            raise SignInFailed("Code, date of birth or PIN is wrong.")
        _uncount(session, keys)
        return _begin(session, node, person)

    return await node.database.write(begin)


def visitor(session: Session, node: Node, token: str) -> OpenPerson:
    """Open the record of whoever holds this token. Raises :class:`SignInRequired` once the visit is over."""
    row = session.get(PortalSession, token_hash(token))
    if row is None or row.expires_at <= node.now():
        raise SignInRequired
    content = json.loads(node.vault.open_secret(_context(row.token_hash), row.sealed))
    try:
        return open_own_record(session, node, content["person"])
    except NotFound:
        raise SignInRequired from None


def leave(session: Session, token: str) -> None:
    """End a visit. A token that is good for nothing is no error."""
    row = session.get(PortalSession, token_hash(token))
    if row is not None:
        session.delete(row)


def check_new_pin(pin: str, date_of_birth: date) -> None:
    """Refuse a PIN that is short, or the date of birth, which stands on every card. Raises :class:`InvalidInput`."""
    message = None
    if not PIN_MIN_CHARACTERS <= len(pin) <= PIN_MAX_CHARACTERS:
        message = "A PIN has 4 to 64 characters."
    elif pin in {date_of_birth.strftime(form) for form in ("%Y%m%d", "%y%m%d", "%Y-%m-%d", "%Y", "%m%d", "%d%m%Y")}:
        message = "Do not take your date of birth as the PIN."
    elif len(set(pin)) == 1:
        message = "Take a PIN that is not one sign repeated."
    if message:
        raise InvalidInput(errors=[{"field": "pin", "message": message}])


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. A plain hash will do: nobody guesses 256 random bits."""
    return sha256(b"tonglu visit\x00" + token.encode()).digest()


def _begin(session: Session, node: Node, person: OpenPerson) -> Visit:
    token = b64url(node.entropy.token_bytes(TOKEN_BYTES))
    digest = token_hash(token)
    row = PortalSession(
        token_hash=digest,
        link=portal_link(node, person.key),
        expires_at=node.now() + VISIT_LIFE,
        sealed=node.vault.seal_secret(_context(digest), json.dumps({"person": person.id}).encode()),
    )
    session.add(row)
    session.flush()
    return Visit(token, row.expires_at)


def _born(session: Session, node: Node, person_id: str) -> date | None:
    try:
        return open_own_record(session, node, person_id).identity.date_of_birth
    except NotFound:
        return None


def _context(digest: bytes) -> str:
    return f"portal_session.sealed:{digest.hex()}"


def _failure_keys(node: Node, code: str, address: str) -> dict[str, bytes]:
    return {
        "code": node.vault.blind("own_page.code", plain_code(code)),
        "address": node.vault.blind("own_page.address", address),
    }


def _count(session: Session, node: Node, keys: dict[str, bytes]) -> None:
    now = node.now()
    for kind, key in keys.items():
        row = session.get(SignInFailures, key)
        if row is None:
            session.add(SignInFailures(key=key, failures=1, last_at=now))
            continue
        if now - row.last_at >= FORGET_FAILURES_AFTER:
            row.failures = 0
        until = wait_after(_FREE[kind], row.failures, row.last_at)
        if until is not None and now < until:
            raise TooManyAttempts(retry_after_seconds=int((until - now).total_seconds()) + 1)
        row.failures += 1
        row.last_at = now
        session.add(row)


def _uncount(session: Session, keys: dict[str, bytes]) -> None:
    for kind, key in keys.items():
        row = session.get(SignInFailures, key)
        if row is None:
            continue
        if kind == "address" and row.failures > 1:
            row.failures -= 1
            session.add(row)
        else:
            session.delete(row)
