"""This node as its peers see it, and the two doors that the federation needs from whoever hosts it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from sqlmodel import Session

from federation.keys import NodeKeys
from schemas.clock import Clock
from schemas.entropy import Entropy
from schemas.points import Point, pass_by

T = TypeVar("T")

EVENTS_PATH = "/federation/v1/events"
DESCRIPTOR_PATH = "/.well-known/tonglu"


@dataclass(frozen=True)
class Limits:
    """What this node takes from one peer; told in the descriptor."""

    max_messages: int = 200
    max_bytes: int = 1_048_576
    requests_per_second: int = 10
    concurrent: int = 2

    def document(self) -> dict[str, int]:
        """The ``limits`` member of the descriptor."""
        return {
            "max_messages": self.max_messages,
            "max_bytes": self.max_bytes,
            "requests_per_second": self.requests_per_second,
            "concurrent": self.concurrent,
        }


@dataclass(frozen=True)
class FederationNode:
    """One region's node: who it is, its keys, and where its time and randomness come from."""

    region: str
    name: str
    base_url: str
    keys: NodeKeys = field(repr=False)
    clock: Clock
    entropy: Entropy
    limits: Limits = field(default_factory=Limits)
    allow_private_peers: bool = False
    point: Point = pass_by

    @property
    def source(self) -> str:
        """The CloudEvents ``source`` of everything this node sends."""
        return f"/regions/{self.region}"

    def target_uri(self, raw_path: str, raw_query: str) -> str:
        """RFC 9421 ``@target-uri`` of a request to this node: the configured base URL, the raw path and query.

        ``Host`` and ``X-Forwarded-*`` have no part in it, so a request meant for another host never verifies here.
        """
        return target_uri(self.base_url, raw_path + (f"?{raw_query}" if raw_query else ""))


def target_uri(base_url: str, path_and_query: str) -> str:
    """The absolute URI of ``path_and_query`` at a node whose base URL is ``base_url``."""
    return base_url.rstrip("/") + path_and_query


def is_base_url(text: str, *, allow_private: bool) -> bool:
    """Whether ``text`` may be a node's base URL: ``https`` (``http`` only where private peers are allowed), a host, no
    user, query or fragment, plain ASCII."""
    try:
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return False
    schemes = ("https", "http") if allow_private else ("https",)
    clean = text.isascii() and text.isprintable() and not any(c in text for c in " \\?#@")
    return clean and port_fits and parts.scheme in schemes and bool(parts.hostname)


class Transactions(Protocol):
    """The host's database: each function runs in one transaction, off the event loop, and never commits itself."""

    async def write(self, fn: Callable[[Session], T]) -> T:
        """Run ``fn`` in a writing transaction and return its value once that is committed."""
        ...

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run ``fn`` in a reading transaction."""
        ...


class AgreementGate(Protocol):
    """What the host decides about a message that rests on an agreement, before its handler sees it."""

    def check(self, session: Session, envelope: Any, peer: Any, now: Any) -> None:
        """Return when the agreement covers the message, else raise a ``MessageRefused``."""
        ...
