"""Randomness as an argument: ids, nonces and jitter come from an `Entropy` that is passed in.

With a seeded source two runs of one script are byte-identical, which the twin-node test relies on.
"""

import random
import secrets
from datetime import datetime
from typing import Protocol


class Entropy(Protocol):
    """Whatever gives random bytes and numbers."""

    def token_bytes(self, n: int) -> bytes:
        """`n` random bytes."""
        ...

    def uniform(self, a: float, b: float) -> float:
        """A number between `a` and `b`."""
        ...

    def below(self, n: int) -> int:
        """A whole number from 0 up to, not including, `n`."""
        ...


class SystemEntropy:
    """The operating system's randomness, fit for keys and codes."""

    def token_bytes(self, n: int) -> bytes:
        """`n` random bytes."""
        return secrets.token_bytes(n)

    def uniform(self, a: float, b: float) -> float:
        """A number between `a` and `b`."""
        return secrets.SystemRandom().uniform(a, b)

    def below(self, n: int) -> int:
        """A whole number from 0 up to, not including, `n`."""
        return secrets.randbelow(n)


class SeededEntropy:
    """Repeatable randomness for tests; never for a node that holds real people."""

    def __init__(self, seed: int | str | bytes) -> None:
        """Two sources of one seed give the same values in the same order."""
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, for tests alone

    def token_bytes(self, n: int) -> bytes:
        """`n` bytes, repeatable."""
        return self._random.randbytes(n)

    def uniform(self, a: float, b: float) -> float:
        """A number between `a` and `b`, repeatable."""
        return self._random.uniform(a, b)

    def below(self, n: int) -> int:
        """A whole number from 0 up to, not including, `n`, repeatable."""
        return self._random.randrange(n)


def uuid7(now: datetime, entropy: Entropy) -> str:
    """A UUID version 7 as text (RFC 9562, 5.7).

    The 12 bits after the milliseconds hold the fraction of the millisecond (RFC 9562, 6.2, method 3), so that ids
    made within one millisecond still sort by the time they were made.
    """
    whole = int(now.timestamp()) * 1000 + now.microsecond // 1000
    fraction = (now.microsecond % 1000) * 4096 // 1000
    tail = int.from_bytes(entropy.token_bytes(8), "big") & ((1 << 62) - 1)
    return _as_text((whole & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | tail)


def numbered_uuid7(moment: datetime, number: int, mark: bytes) -> str:
    """A UUID version 7 as text that is the same for the same arguments (RFC 9562, 6.2, method 1).

    ``number`` (under 2²⁴) counts what was made at one moment, and orders it; ``mark`` gives the last 50 bits (its first
    8 bytes are taken), so that two sets of one moment do not meet and nobody guesses an id.
    """
    whole = int(moment.timestamp()) * 1000 + moment.microsecond // 1000
    tail = (number & 0xFFF) << 50 | int.from_bytes(mark[:8], "big") & ((1 << 50) - 1)
    return _as_text((whole & ((1 << 48) - 1)) << 80 | 7 << 76 | (number >> 12 & 0xFFF) << 64 | 2 << 62 | tail)


def uuid4(entropy: Entropy) -> str:
    """A UUID version 4 as text (RFC 9562, 5.4): tells nothing about when it was made."""
    drawn = int.from_bytes(entropy.token_bytes(16), "big")
    return _as_text(drawn & ~(0xF << 76) & ~(3 << 62) | 4 << 76 | 2 << 62)


def _as_text(number: int) -> str:
    # A tenth of the time of making a UUID object first; a ledger needs four ids for each of its people.
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
