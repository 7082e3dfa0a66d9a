"""The one place that speaks HTTP to peers: addresses are checked when connecting, limits and time are bounded."""

from dataclasses import dataclass
from typing import Any

from federation.keys import Jwk
from federation.node import FederationNode


@dataclass(frozen=True)
class PeerAnswer:
    """What came back: ``status`` is ``None`` when nothing did; ``signed`` only when the pinned key's signature over
    this very exchange verified.
    """

    status: int | None
    signed: bool
    body: bytes
    problem: dict[str, Any]
    fault: str | None


class PeerClient:
    """Signed requests to peers over one shared connection pool; close it with ``aclose``."""

    def __init__(self, fed: FederationNode, transport: Any = None) -> None:
        raise NotImplementedError

    async def post_events(self, base_url: str, body: bytes, keys: list[Jwk]) -> PeerAnswer:
        """Send one batch; ``keys`` are the peer's transport keys that may sign the answer. Never raises for the
        wire's faults: they are in the answer.
        """
        raise NotImplementedError

    async def get_events(self, base_url: str, stream: str, after: int, keys: list[Jwk]) -> PeerAnswer:
        """Ask for what the peer holds of ``stream`` beyond ``after``."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the pool."""
        raise NotImplementedError
