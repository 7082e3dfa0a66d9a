"""How much one peer may ask of this node at once: requests a second, and requests at the same time.

Kept in the memory of each process: the bounds protect that process, and survive nothing that they need to survive.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from federation.node import Limits
from schemas.problems import RateLimited

MAX_PEERS = 10_000


@dataclass
class _Use:
    tokens: float
    at: float
    running: int = 0


class Bounds:
    """A bucket of tokens for each peer, filled at the allowed rate, and a count of its running requests."""

    def __init__(self, limits: Limits, seconds: Callable[[], float] = time.monotonic) -> None:
        """Bound by ``limits``; ``seconds`` tells the time that passes."""
        self._limits = limits
        self._seconds = seconds
        self._uses: dict[str, _Use] = {}

    @contextmanager
    def request_of(self, region: str) -> Iterator[None]:
        """Count one request of a peer while it runs; raises ``RateLimited`` past the bounds."""
        use = self._filled(region)
        if use.tokens < 1 or use.running >= self._limits.concurrent:
            raise RateLimited
        use.tokens -= 1
        use.running += 1
        try:
            yield
        finally:
            use.running -= 1

    def _filled(self, region: str) -> _Use:
        rate, now = float(self._limits.requests_per_second), self._seconds()
        use = self._uses.get(region)
        if use is None:
            if len(self._uses) >= MAX_PEERS:
                self._uses = {known: one for known, one in self._uses.items() if one.running}
            use = self._uses[region] = _Use(rate, now)
        use.tokens, use.at = min(rate, use.tokens + (now - use.at) * rate), now
        return use
