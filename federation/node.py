"""This node as its peers see it, and the door to the database that its host opens for the federation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sqlmodel import Session

from federation.keys import NodeKeys
from schemas.clock import Clock
from schemas.descriptor import Limits
from schemas.entropy import Entropy
from schemas.points import Point, pass_by

T = TypeVar("T")

EVENTS_PATH = "/federation/v1/events"
DESCRIPTOR_PATH = "/.well-known/tonglu"

__all__ = ["DESCRIPTOR_PATH", "EVENTS_PATH", "FederationNode", "Limits", "Transactions", "target_uri"]


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


class Transactions(Protocol):
    """The host's database: each function runs in one transaction, off the event loop, and never commits itself."""

    async def write(self, fn: Callable[[Session], T]) -> T:
        """Run ``fn`` in a writing transaction and return its value once that is committed."""
        ...

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run ``fn`` in a reading transaction."""
        ...
