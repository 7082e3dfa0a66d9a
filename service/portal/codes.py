"""Access codes: what an office hands a person, so that their own page is theirs.

A code is twelve characters of Crockford's base 32 (60 random bits) in three groups. Read aloud or copied by hand it
forgives small letters, missing hyphens, O for 0 and I or L for 1. The database holds a keyed index of it and nothing
else. A new code ends the ones before it, and with them their PIN and every open visit.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from schemas.problems import DateOfBirthMissing
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.portal.tables import AccessCode, PortalSession
from service.registry.people import find_person, unseal_person
from service.vault import KeyHolder

CODE_LIFE = timedelta(days=90)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARACTERS = 12
_GROUP = 4
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None, "－": None, "—": None})
_PAD_BYTES = 256


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A fresh code, to be told once."""

    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenCode:
    """A code that is good: whose page it opens, and the hash of the PIN once one was chosen."""

    code_index: bytes
    person_id: str
    pin_hash: str | None = field(repr=False)


def issue_access_code(session: Session, node: Node, person_id: str, *, by: Officer) -> IssuedCode:
    """Give a person a code for their own page.

    Raises :class:`NotFound`, or :class:`DateOfBirthMissing`: the page asks for it, too.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = unseal_person(
        session,
        node,
        find_person(session, node, person_id, by),
        actor=by.as_actor,
        action="access_code.issued",
        purpose="persons_request",
        fields=("identity",),
    )
    if person.identity.date_of_birth is None:
        raise DateOfBirthMissing
    drop_codes(session, node, person.key)
    letters = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in node.entropy.token_bytes(_CHARACTERS))
    row = AccessCode(
        code_index=_index(node, letters),
        link=portal_link(node, person.key),
        expires_at=node.now() + CODE_LIFE,
        sealed=b"",
    )
    row.sealed = _sealed(node, row.code_index, person.id, None)
    session.add(row)
    session.flush()
    return IssuedCode("-".join(letters[at : at + _GROUP] for at in range(0, _CHARACTERS, _GROUP)), row.expires_at)


def find_code(session: Session, node: Node, typed: str) -> OpenCode | None:
    """Find the code that was typed; None for one that there is not, or not any more."""
    row = session.get(AccessCode, _index(node, plain_code(typed)))
    if row is None or row.expires_at <= node.now():
        return None
    content = json.loads(node.vault.open_secret(_context(row.code_index), row.sealed))
    return OpenCode(row.code_index, content["person"], content["pin"])


def keep_pin(session: Session, node: Node, code: OpenCode, pin_hash: str) -> bool:
    """Keep the PIN that was chosen on the first visit; False when another was chosen in the meantime."""
    row = session.get(AccessCode, code.code_index)
    if row is None:
        return False
    content = json.loads(node.vault.open_secret(_context(row.code_index), row.sealed))
    if content["pin"] is not None:
        return False
    row.sealed = _sealed(node, row.code_index, code.person_id, pin_hash)
    session.add(row)
    return True


def is_code_of(session: Session, node: Node, person: KeyHolder, typed: str) -> bool:
    """Tell whether this is the person's own code: what a consent given at the office's computer rests on."""
    row = session.get(AccessCode, _index(node, plain_code(typed)))
    if row is None or row.expires_at <= node.now() or person.wrapped_key is None:
        return False
    return row.link == portal_link(node, node.vault.open_key(person.wrapped_key))


def drop_codes(session: Session, node: Node, key: bytes) -> None:
    """End every code and visit of the person whose key this is."""
    link = portal_link(node, key)
    session.execute(delete(AccessCode).where(col(AccessCode.link) == link))
    session.execute(delete(PortalSession).where(col(PortalSession.link) == link))


def purge(session: Session, node: Node) -> None:
    """Delete codes and visits that are over."""
    now = node.now()
    session.execute(delete(AccessCode).where(col(AccessCode.expires_at) <= now))
    session.execute(delete(PortalSession).where(col(PortalSession.expires_at) <= now))


def plain_code(typed: str) -> str:
    """A typed code as it was made; full-width letters and digits are taken."""
    half_width = "".join(chr(ord(one) - 0xFEE0) if "！" <= one <= "～" else one for one in typed.strip())
    return half_width.upper().translate(_ALIKE)


def portal_link(node: Node, key: bytes) -> bytes:
    """The one-way link of a person to their codes and visits."""
    return node.vault.link(key, AccessCode.__tablename__)


def _index(node: Node, plain: str) -> bytes:
    return node.vault.blind("access_code", plain)


def _sealed(node: Node, code_index: bytes, person_id: str, pin_hash: str | None) -> bytes:
    content = json.dumps({"person": person_id, "pin": pin_hash}).encode()
    return node.vault.seal_secret(_context(code_index), content, pad_to=_PAD_BYTES)


def _context(code_index: bytes) -> str:
    return f"access_code.sealed:{code_index.hex()}"
