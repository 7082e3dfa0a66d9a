"""Sending: per destination one request in flight, batches of what is due, persisted retry."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session

from federation.client import PeerClient
from federation.node import FederationNode, Transactions


@dataclass(frozen=True)
class Outcome:
    """How one message ended: taken (``accepted``), refused for good (``parked``), or not taken in time."""

    message_id: str
    peer: str
    type: str
    subject: str
    result: Literal["accepted", "parked", "expired"]
    problem_code: str | None


OnOutcome = Callable[[Session, Outcome, datetime], None]
"""Called in the transaction that records the outcome."""


class Delivery:
    """Sends what is due, to all peers at once; several processes may run one each on one database."""

    def __init__(
        self,
        fed: FederationNode,
        transactions: Transactions,
        client_factory: Callable[[], PeerClient],
        *,
        on_outcome: OnOutcome | None = None,
    ) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """Send until cancelled: at once when woken, else when something becomes due."""
        raise NotImplementedError

    def wake(self, region: str | None = None) -> None:
        """Something may be due (call it after the commit, from any thread)."""
        raise NotImplementedError

    async def tick(self, now: datetime | None = None) -> int:
        """Send what is due at ``now`` once, to every destination, and return the number of messages receipted."""
        raise NotImplementedError

    async def probe(self, region: str) -> bool:
        """Ask a peer whether it knows us (``peer test``); a good answer makes an invited one active."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the client."""
        raise NotImplementedError
