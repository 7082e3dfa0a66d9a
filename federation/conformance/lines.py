"""One requirement of the protocol, how it is tried on a node, and what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from federation.conformance.stand import Stand

Try = Callable[[Stand], Awaitable[str]]
"""Tries a requirement on the node of a stand and returns what was seen; raises ``NotHeld``."""


@dataclass(frozen=True)
class Line:
    """A requirement with its stable id (``sig-nonce-missing``) and what it asks of a node."""

    id: str
    says: str
    attempt: Try


@dataclass(frozen=True)
class Outcome:
    """Whether a requirement holds, and what was seen."""

    id: str
    says: str
    held: bool
    seen: str


class Lines:
    """The requirements of one subject, in the order they are tried."""

    def __init__(self, *parts: "Lines") -> None:
        """``parts`` are the requirements of several files that make one subject."""
        self.all: list[Line] = [line for part in parts for line in part.all]

    def add(self, line_id: str, says: str) -> Callable[[Try], Try]:
        """Decorate the function that tries a requirement."""

        def keep(attempt: Try) -> Try:
            self.all.append(Line(line_id, says, attempt))
            return attempt

        return keep

    def put(self, line_id: str, says: str, attempt: Try) -> None:
        """Add a requirement whose trial is one of many of its kind."""
        self.all.append(Line(line_id, says, attempt))
