"""New keys and a new address: of this node, made by an operator, and of a peer, told over the line."""

from datetime import datetime

from sqlmodel import Session

from federation.rotation import announce, announce_move, take_moved, take_rotated
from federation.tables import Peer
from schemas.envelope import Incoming, Outgoing
from schemas.problems import InvalidInput
from service.access_log import Actor, record
from service.context import Node


def rotate_keys(session: Session, node: Node, compromised_from: datetime | None = None) -> int:
    """Replace this node's four keys and queue the news for each peer; returns to how many.

    The file is replaced before the commit: if the process dies between the two, the news is queued by the next look of
    the delivery. Writers take turns, so two rotations at once make two sets, one after the other. Raises
    ``InvalidInput`` for a moment that lies ahead.
    """
    now = node.now()
    if compromised_from is not None and compromised_from > now:
        raise InvalidInput(errors=[{"field": "compromised_from", "message": "This lies in the future."}])
    keys = node.fed.keys
    keys.refresh()
    rotated = keys.rotated(node.entropy, now, compromised_from)
    (rotated.without_old_seals(now) or rotated).save(node.settings.keys_path)
    keys.refresh()
    told = announce(session, node.fed)
    record(session, node, Actor.node(node.region), "keys.rotated")
    return told


def tell_move(session: Session, node: Node) -> int:
    """Tell each peer that this node answers at its configured base URL; returns how many are told."""
    told = announce_move(session, node.fed)
    record(session, node, Actor.node(node.region), "node.moved")
    return told


def destroy_old_seals(session: Session, node: Node) -> int:
    """Forget the private halves of seal keys that were retired 400 days ago; returns how many."""
    keys = node.fed.keys
    keys.refresh()
    kept = keys.without_old_seals(node.now())
    if kept is None:
        return 0
    gone = len(keys.all()) - len(kept.all())
    kept.save(node.settings.keys_path)
    keys.refresh()
    record(session, node, Actor.node(node.region), "keys.destroyed")
    return gone


def take_keys_rotated(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Pin a peer's new keys, on the word of one that is pinned."""
    take_rotated(session, node.fed, incoming, peer, now)
    record(session, node, Actor.peer(peer.region), "peer.keys_rotated")
    return []


def take_node_moved(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Note where a peer answers from now on, on the word of a pinned key."""
    take_moved(session, node.fed, incoming, peer, now)
    record(session, node, Actor.peer(peer.region), "peer.moved")
    return []
