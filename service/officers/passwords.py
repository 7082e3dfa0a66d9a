"""Passwords: hashed with Argon2id (RFC 9106), checked outside every transaction; one-time ones can be read aloud."""

import asyncio
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Self

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from schemas.entropy import Entropy

_HASHER: Final = PasswordHash((Argon2Hasher(),))
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the letters and digits that look alike on a slip of paper."""
_GROUPS: Final = 4
_GROUP_CHARACTERS: Final = 4
_AT_ONCE: Final = 2
"""One check takes 64 MiB: a flood of sign-ins waits instead of filling the memory."""
_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$gHAFJyueYPx5cyMkFvuy+w$L6zvPL38Etz0UZEvgrkBrS5/0UjLoIvr3pn+3i1WwoA"
"""The hash that is checked for a name that nobody has, so that the time tells nothing."""


@cache
def common_passwords() -> frozenset[str]:
    """The 8,354 passwords of 8 characters and more that people use most (OWASP ASVS 5.0, 6.2.4), in small letters.

    From Royce Williams's list of leaked passwords as Django ships it (django/contrib/auth, BSD licence).
    """
    text = Path(__file__).with_name("common_passwords.txt").read_text("utf-8")
    return frozenset(text.split())


def hash_password(password: str) -> str:
    """Hash a password with a salt of its own. Takes some 50 ms: never on the event loop."""
    return _HASHER.hash(password)


def password_fits(password: str, password_hash: str | None) -> bool:
    """Check a password against its hash, in the same time when there is none. Never on the event loop."""
    fits = _HASHER.verify(password, password_hash or _NOBODY)
    return fits and password_hash is not None


def one_time_password(entropy: Entropy) -> str:
    """Make a password of 16 characters in groups of four (79 bits), good until it is changed."""
    return readable_code(entropy, _GROUPS)


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """A one-time password that is made for an officer: what is told, and the hash that is kept.

    Hashed before the transaction that keeps it, which would otherwise hold the write lock for those 50 ms.
    """

    told: str = field(repr=False)
    hashed: str = field(repr=False)

    @classmethod
    def one_time(cls, entropy: Entropy) -> Self:
        """Make a one-time password. Never on the event loop, nor in a transaction."""
        told = one_time_password(entropy)
        return cls(told, hash_password(told))


def readable_code(entropy: Entropy, groups: int) -> str:
    """Make a secret that can be read aloud and typed: so many groups of four characters, 19.8 bits each."""
    return "-".join(
        "".join(_ALPHABET[entropy.below(len(_ALPHABET))] for _ in range(_GROUP_CHARACTERS)) for _ in range(groups)
    )


class PasswordChecks:
    """Checks and hashes passwords in threads, a few at a time; one for each event loop."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """Do as :func:`password_fits`, off the event loop."""
        async with self._slots:
            return await asyncio.to_thread(password_fits, password, password_hash)

    async def one_time(self, entropy: Entropy) -> FirstPassword:
        """Make a one-time password and hash it, off the event loop."""
        told = one_time_password(entropy)
        return FirstPassword(told, await self.hash(told))

    async def hash(self, password: str) -> str:
        """Do as :func:`hash_password`, off the event loop."""
        async with self._slots:
            return await asyncio.to_thread(hash_password, password)
