"""What peers tell of their own node: that it is back, that it will be away for a while."""

from datetime import datetime

from sqlmodel import Session

from federation import returning
from federation.tables import Peer
from schemas.envelope import Incoming, Outgoing
from service.access_log import Actor, record
from service.context import Node


def take_returned(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """A peer is back: what it lost goes again."""
    if returning.take_returned(session, node.fed, incoming, peer, now):
        node.wake("delivery")
    record(session, node, Actor.peer(peer.region), "peer.returned")
    return []


def take_maintenance(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """A peer will be away: nothing goes there meanwhile."""
    returning.take_maintenance(session, incoming, peer, now)
    record(session, node, Actor.peer(peer.region), "peer.away_announced")
    return []
