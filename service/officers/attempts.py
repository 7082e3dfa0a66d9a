"""Counting wrong passwords and codes, so that nobody tries them all (OWASP ASVS 5.0, 6.1.1 and 6.3.1).

Counted are a name at one address, a name, and an address; names nobody has are counted like those that somebody has.
An attempt is counted before it is checked, so that many at once do not get past the count, and in the database, so
that a restart forgets nothing. A right password whose second factor is missing takes back its own attempt and no
more: else a guesser of codes could start anew with each password. Only a whole sign-in clears the count.

A wait grows from half a minute to a quarter of an hour and never becomes a lock-out; an administrator releases a name
at once. Yet who goes on guessing from many places could keep a name waiting for as long as they like. So an address
from which a name has signed in within the last 60 days waits for what was tried with that name *there*, and not for
what others tried elsewhere (OWASP's device cookies, with the address in the cookie's place: programs have none).

Ways in that begin without a name (a passkey, the sign-in service) are counted by address alone, and apart: wrong
passwords that somebody types there do not stop a colleague's passkey.
"""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final

from sqlmodel import Session, col, delete, or_, select

from schemas.problems import TooManyAttempts
from service.context import Node
from service.officers.rules import FORGET_FAILURES_AFTER, FREE_AT_KNOWN_PLACES, FREE_FAILURES, wait_after
from service.officers.tables import SignInFailures, SignInPlace

KNOWN_FOR: Final = timedelta(days=60)
"""So long after the last sign-in a place counts as known: longer than any holiday."""
_NETWORK_BITS: Final = 64
"""An IPv6 connection has a whole /64 of addresses to itself: they count as one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Under which keys an attempt is counted: a name's, an address's, and both together; without a name, by address."""

    address: bytes
    name: bytes | None = None
    name_address: bytes | None = None

    @classmethod
    def of(cls, node: Node, name: str | None, address: str) -> "Attempt":
        """The keys of a name (somebody's or nobody's) that is tried from an address, or of the address alone."""
        place = _network(address)
        return cls(
            address=node.vault.blind("sign_in.address" if name is not None else "sign_in.nameless", place),
            name=node.vault.blind("sign_in.name", name) if name is not None else None,
            name_address=node.vault.blind("sign_in.name_address", f"{name}\x00{place}") if name is not None else None,
        )

    @property
    def by_kind(self) -> dict[str, bytes]:
        """The keys by what they count."""
        kinds = {"name_address": self.name_address, "name": self.name, "address": self.address}
        return {kind: key for kind, key in kinds.items() if key is not None}


def count(session: Session, node: Node, attempt: Attempt) -> None:
    """Count an attempt as failed until it turns out right. Raises :class:`TooManyAttempts` while sign-in rests."""
    now = node.now()
    free = FREE_AT_KNOWN_PLACES if _is_known(session, node, attempt) else FREE_FAILURES
    for kind, key in attempt.by_kind.items():
        row = session.get(SignInFailures, key, with_for_update=True)
        if row is None:
            row = SignInFailures(key=key, failures=0, last_at=now)
        if now - row.last_at >= FORGET_FAILURES_AFTER:
            row.failures = 0
        until = wait_after(free[kind], row.failures, row.last_at)
        if until is not None and now < until:
            raise TooManyAttempts(retry_after_seconds=int((until - now).total_seconds()) + 1)
        row.failures += 1
        row.last_at = now
        if kind == "name_address":
            row.of_name, row.of_address = attempt.name, attempt.address
        session.add(row)


def clear(session: Session, node: Node, attempt: Attempt) -> None:
    """Forget the failures of a name that signed in, and the one attempt of its address; the place is known now."""
    _less_by_one(session, attempt.address)
    for key in (attempt.name, attempt.name_address):
        row = session.get(SignInFailures, key, with_for_update=True) if key is not None else None
        if row is not None:
            session.delete(row)
    if attempt.name_address is not None:
        session.merge(SignInPlace(key=attempt.name_address, last_at=node.now()))


def take_back(session: Session, attempt: Attempt) -> None:
    """Take back one attempt that was neither wrong nor a whole sign-in."""
    for key in attempt.by_kind.values():
        _less_by_one(session, key)


def release(session: Session, node: Node, name: str) -> None:
    """Let a name sign in at once, from the addresses at which it was tried, too."""
    key = node.vault.blind("sign_in.name", name)
    places = session.exec(select(SignInFailures.of_address).where(SignInFailures.of_name == key)).all()
    wanted = or_(
        SignInFailures.key == key,
        SignInFailures.of_name == key,
        col(SignInFailures.key).in_([place for place in places if place is not None]),
    )
    session.exec(delete(SignInFailures).where(wanted))


def rests(session: Session, node: Node, name: str) -> bool:
    """Tell whether sign-in with this name rests now, everywhere or from one of the addresses that tried it."""
    key = node.vault.blind("sign_in.name", name)
    rows = session.exec(select(SignInFailures).where(or_(SignInFailures.key == key, SignInFailures.of_name == key)))
    now = node.now()
    for row in rows:
        free = FREE_FAILURES["name" if row.key == key else "name_address"]
        until = wait_after(free, row.failures, row.last_at)
        if until is not None and now < until and now - row.last_at < FORGET_FAILURES_AFTER:
            return True
    return False


def purge_failures(session: Session, node: Node) -> None:
    """Delete failures that are forgotten, and places from which nobody has signed in for long."""
    session.exec(delete(SignInFailures).where(col(SignInFailures.last_at) <= node.now() - FORGET_FAILURES_AFTER))
    session.exec(delete(SignInPlace).where(col(SignInPlace.last_at) <= node.now() - KNOWN_FOR))


def _is_known(session: Session, node: Node, attempt: Attempt) -> bool:
    row = session.get(SignInPlace, attempt.name_address) if attempt.name_address is not None else None
    return row is not None and node.now() - row.last_at < KNOWN_FOR


def _network(address: str) -> str:
    """What of an address is counted: all of an IPv4 one, the network of an IPv6 one, and of what is none, nothing."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS))
    return str(found)


def _less_by_one(session: Session, key: bytes) -> None:
    row = session.get(SignInFailures, key, with_for_update=True)
    if row is None:
        return
    if row.failures > 1:
        row.failures -= 1
        session.add(row)
    else:
        session.delete(row)
