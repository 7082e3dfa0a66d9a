"""Randomness as an argument: ids, nonces and jitter come from an `Entropy` that is passed in.

With a seeded source two runs of one script are byte-identical, which the twin-node test relies on.
"""

import random
import secrets
from datetime import datetime
from typing import Protocol
from uuid import UUID


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
    return str(UUID(int=(whole & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | tail))


def uuid4(entropy: Entropy) -> str:
    """A UUID version 4 as text (RFC 9562, 5.4): tells nothing about when it was made."""
    return str(UUID(bytes=entropy.token_bytes(16), version=4))
