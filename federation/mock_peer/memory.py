"""What a mock peer knows and saw, in memory alone: its peers, what it took, what it has to send, every request."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from federation.keys import Jwk
from federation.mock_peer.faults import Delivery
from federation.mock_peer.heads import Head
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
    descriptor_at: datetime | None = None
    """When the newest descriptor that is known was issued."""
    ended: dict[str, datetime] = field(default_factory=dict)
    """Transport keys that were replaced, and until when each still counts."""
    away: tuple[datetime, datetime] | None = None
    """When it said that it will be away."""
    head: Head | None = None
    """The last tree head of its access log that was seen."""

    def is_away(self, now: datetime) -> bool:
        """Whether it announced that it is away now."""
        return self.away is not None and self.away[0] <= now < self.away[1]

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
class Comparison:
    """A comparison of journeys: the offer and its answer, the asker's points under both secrets, how many matched."""

    offer: dict[str, Any]
    agreement: str
    answer: dict[str, Any]
    theirs: set[str]
    matched: int | None = None


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

    journeys: list[bytes] = field(default_factory=list)
    """What is compared with a peer: the elements of the journeys that are registered here."""
    comparisons: dict[str, Comparison] = field(default_factory=dict)

    def of_key(self, kid: str, now: datetime) -> tuple[KnownPeer, Jwk] | None:
        """The peer whose transport key this is, unless it was revoked or the key counts no longer."""
        for peer in self.peers.values():
            for key in peer.of_use("transport"):
                until = peer.ended.get(kid)
                if key["kid"] == kid and peer.state != "revoked" and (until is None or now < until):
                    return peer, key
        return None
