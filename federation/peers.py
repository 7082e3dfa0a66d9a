"""Peers: who they are, how they become one, and how an officer stops them.

Trust is pinned, never on first use. Pairing is two files carried by hand: each side writes an invitation (its signed
descriptor, valid 14 days) and accepts the other's once, after both offices have read the six words to each other.
States: ``invited → active ⇄ suspended → revoked``; a region without a node is ``paper``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from federation.keys import Jwk
from federation.node import FederationNode
from federation.tables import Peer

INVITATION_DAYS = 14


@dataclass(frozen=True)
class Introduction:
    """What an invitation says once its signature, its keys and its time are checked."""

    region: str
    name: str
    base_url: str
    keys: list[Jwk]
    limits: dict[str, int]
    descriptor: str
    invitation_id: str
    expires_at: datetime
    fingerprint: bytes


def descriptor_jws(fed: FederationNode) -> str:
    """This node's descriptor as compact JWS, signed now by its transport key."""
    raise NotImplementedError


def own_fingerprint(fed: FederationNode) -> bytes:
    """The fingerprint that the other office should see for this node."""
    raise NotImplementedError


def invite(session: Session, fed: FederationNode) -> dict[str, Any]:
    """A new invitation, valid 14 days, as the JSON document that is carried to the peer."""
    raise NotImplementedError


def read_invitation(fed: FederationNode, document: Any) -> Introduction:
    """Check an invitation without taking it; raises ``InvitationRefused``."""
    raise NotImplementedError


def accept(session: Session, fed: FederationNode, introduction: Introduction) -> Peer:
    """Take an invitation: pin the peer's keys and start trying to reach it (state ``invited``).

    Raises ``InvitationRefused`` when it was taken before, is our own, or names keys pinned for another region.
    """
    raise NotImplementedError


def add_paper_peer(session: Session, fed: FederationNode, region: str, name: str) -> Peer:
    """Note a region without a node; requests to it are printed letters."""
    raise NotImplementedError


def find_peer(session: Session, region: str) -> Peer | None:
    """The peer with exactly this code."""
    return session.get(Peer, region)


def peer_for(session: Session, region: str) -> Peer | None:
    """The peer that is addressed for ``region``: of overlapping codes the longest prefix; revoked ones never."""
    raise NotImplementedError


def list_peers(session: Session) -> list[Peer]:
    """All peers, by region code."""
    raise NotImplementedError


def peer_key(session: Session, region: str, use: str) -> Jwk | None:
    """The peer's key in force for ``use``."""
    raise NotImplementedError


def suspend(session: Session, fed: FederationNode, region: str) -> Peer:
    """Send nothing and answer ``peer_suspended`` until resumed; raises ``UnknownPeer`` or ``WrongState``."""
    raise NotImplementedError


def resume(session: Session, fed: FederationNode, region: str) -> Peer:
    """End a suspension; what waited goes at once."""
    raise NotImplementedError


def revoke(session: Session, fed: FederationNode, region: str) -> Peer:
    """End trust for good: its requests are unknown from now on, and what is queued for it is cancelled."""
    raise NotImplementedError


def retry_now(session: Session, fed: FederationNode, region: str) -> Peer:
    """Forget the wait towards a peer, so that what is due goes at once (the failure record stays)."""
    raise NotImplementedError
