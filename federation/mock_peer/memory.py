"""What a mock peer knows and saw, in memory alone: its peers, what it took, what it has to send, every request."""

import time
from dataclasses import dataclass, field
from typing import Any

from federation.keys import Jwk
from federation.mock_peer.faults import Delivery
from federation.mock_peer.wire import Fields
from federation.results import Result
from federation.signatures import SignedRequest
from schemas.agreements import Agreement
from schemas.descriptor import Limits
from schemas.envelope import Envelope
from schemas.identity import PersonIdentity


@dataclass
class KnownPeer:
    """Another node as pairing pinned it; ``state`` is ``invited``, ``active``, ``suspended`` or ``revoked``."""

    region: str
    base_url: str
    keys: list[Jwk]
    limits: Limits
    state: str = "invited"

    def of_use(self, use: str) -> list[Jwk]:
        """Its keys for one use."""
        return [key for key in self.keys if key["tonglu_use"] == use]

    @property
    def source(self) -> str:
        """The ``source`` of what it sends."""
        return f"/regions/{self.region}"


@dataclass
class Heard:
    """One request that came, and what became of it.

    ``request`` and ``region`` stand once its signature verified; ``problem`` is the code of what was wrong with the
    whole request. ``messages`` are what its body says, as far as it is JSON.
    """

    method: str
    path: str
    query: str
    headers: Fields
    body: bytes
    begun_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    request: SignedRequest | None = None
    region: str | None = None
    problem: str | None = None
    fault: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    delivery: Delivery | None = None

    def values(self, name: str) -> list[str]:
        """Every value of a header field."""
        return [value for known, value in self.headers if known == name]

    @property
    def is_post(self) -> bool:
        """Whether it brings messages."""
        return self.method == "POST"


@dataclass(frozen=True)
class Taken:
    """A message that was accepted, once, with its person if it has one."""

    peer: str
    envelope: Envelope
    person: PersonIdentity | None = None


@dataclass
class KnownAgreement:
    """An agreement and the regions that signed it."""

    document: Agreement
    signed_by: set[str]
    asked: int = 0

    @property
    def in_force(self) -> bool:
        """Whether both signed."""
        return self.signed_by >= set(self.document.regions)


@dataclass
class Memory:
    """All that a mock peer remembers."""

    peers: dict[str, KnownPeer] = field(default_factory=dict)
    nonces: set[tuple[str, str]] = field(default_factory=set)
    results: dict[tuple[str, str], Result] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    agreements: dict[str, KnownAgreement] = field(default_factory=dict)
    known_people: set[str] = field(default_factory=set)
    """Document numbers of the people who are registered here."""
    heard: list[Heard] = field(default_factory=list)

    def of_key(self, kid: str) -> tuple[KnownPeer, Jwk] | None:
        """The peer whose transport key this is, unless it was revoked."""
        for peer in self.peers.values():
            for key in peer.of_use("transport"):
                if key["kid"] == kid and peer.state != "revoked":
                    return peer, key
        return None
