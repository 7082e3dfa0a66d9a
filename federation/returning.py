"""Coming back: telling peers what is held here, sending them again what they lost, and staying away by appointment.

A node that was restored from a backup has forgotten what it took since. ``node.returned`` tells each peer up to which
number its streams are here, and a peer that takes one queues again whatever it has a receipt for beyond it: the same
bytes under the same numbers, so that what did arrive is a duplicate. What was erased or has expired since is not sent
again; a ``message.voided`` takes its number, so that nobody waits for it.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from federation.node import FederationNode
from federation.outbox import RESTORED, VOIDED, enqueue, enqueue_all, void
from federation.peers import OPEN_STATES
from federation.streams import held_streams, pull_all
from federation.tables import Destination, MessageState, OutboxMessage, Peer, PeerState
from schemas.envelope import Incoming, Outgoing
from schemas.messages import NodeMaintenance, NodeReturned
from schemas.problems import InvalidInput, InvalidMessage, NoActivePeer, UnknownPeer

RETURNED = "tonglu.node.returned.v1"
MAINTENANCE = "tonglu.node.maintenance.v1"
LONGEST_AWAY = timedelta(days=31)
FARTHEST_AHEAD = timedelta(days=366)


# --- Back from a backup --------------------------------------------------------------------------------------------


def come_back(session: Session, fed: FederationNode, *, restored: bool, peer: str | None = None) -> list[str]:
    """Tell every active peer (or one) that this node is back and what it holds; returns the messages' ids.

    After a restore every peer is also asked for what it has. Raises ``UnknownPeer`` or ``NoActivePeer`` for one peer
    that cannot be told.
    """
    told = select(Peer).where(col(Peer.state) == PeerState.ACTIVE).order_by(col(Peer.region))
    regions = [one.region for one in session.exec(told).all()] if peer is None else [_active(session, peer).region]
    if restored:
        # Of what had no number yet, nobody here knows any more whether it was sent.
        unnumbered = col(OutboxMessage.state).in_(OPEN_STATES), col(OutboxMessage.streamseq).is_(None)
        session.exec(update(OutboxMessage).where(*unnumbered).values(problem_code=RESTORED))
        pull_all(session, fed.clock.now())
    ids = []
    for region in regions:
        data = NodeReturned(restored=restored, held=held_streams(session, region)).to_wire()
        ids.append(enqueue(session, fed, Outgoing(recipient=region, type=RETURNED, subject="node", data=data)))
    return ids


def take_returned(session: Session, fed: FederationNode, incoming: Incoming, peer: Peer, now: datetime) -> int:
    """A peer is back: it is no longer away, and what it lost goes again; returns how many messages that are.

    Of a stream that a restored peer does not name it holds nothing.
    """
    data = incoming.data
    if not isinstance(data, NodeReturned):
        raise InvalidMessage
    end_absence(session, peer)
    ours = col(OutboxMessage.region) == peer.region, col(OutboxMessage.streamseq).is_not(None)
    streams = session.exec(select(OutboxMessage.stream).where(*ours).distinct()).all()
    again = 0
    for stream in sorted(one for one in streams if one is not None):
        held = data.held.get(stream, 0 if data.restored else None)
        if held is not None:
            lost = _beyond(session, peer.region, stream, held)
            again += _send_again(session, fed, lost, now)
    return again


def _beyond(session: Session, region: str, stream: str, held: int) -> list[OutboxMessage]:
    """What was sent to a peer on a stream beyond a number, in order."""
    wanted = select(OutboxMessage).where(
        col(OutboxMessage.region) == region, col(OutboxMessage.stream) == stream, col(OutboxMessage.streamseq) > held
    )
    in_order = wanted.order_by(col(OutboxMessage.streamseq), col(OutboxMessage.number))
    return list(session.exec(in_order).all())


def _send_again(session: Session, fed: FederationNode, rows: list[OutboxMessage], now: datetime) -> int:
    replaced = {row.streamseq for row in rows if row.type == VOIDED}
    again = 0
    for row in rows:
        is_over = row.expires_at is not None and row.expires_at <= now
        if row.state == MessageState.RECEIPTED and row.body and not is_over:
            row.state, row.finished_at, row.next_attempt_at = MessageState.QUEUED, None, None
            session.add(row)
        elif row.state == MessageState.RECEIPTED and row.streamseq not in replaced:
            void(session, fed, row, MessageState.EXPIRED)
        else:
            continue
        again += 1
    session.flush()
    return again


# --- Away by appointment -------------------------------------------------------------------------------------------


def announce_absence(
    session: Session, fed: FederationNode, region: str, starts_at: datetime, ends_at: datetime
) -> Peer:
    """Tell a peer when this node will be away.

    Raises ``UnknownPeer``, ``NoActivePeer``, or ``InvalidInput`` for an end that lies before the beginning, in the
    past, or too far away.
    """
    peer = _active(session, region)
    _check_absence(fed.clock.now(), starts_at, ends_at)
    data = NodeMaintenance(starts_at=starts_at, ends_at=ends_at).to_wire()
    enqueue(session, fed, Outgoing(recipient=peer.region, type=MAINTENANCE, subject="node", data=data))
    return peer


def announce_absence_to_all(session: Session, fed: FederationNode, starts_at: datetime, ends_at: datetime) -> int:
    """Tell every active peer when this node will be away; returns how many. Raises ``InvalidInput`` as for one."""
    _check_absence(fed.clock.now(), starts_at, ends_at)
    told = select(Peer.region).where(col(Peer.state) == PeerState.ACTIVE).order_by(col(Peer.region))
    data = NodeMaintenance(starts_at=starts_at, ends_at=ends_at).to_wire()
    regions = session.exec(told).all()
    enqueue_all(session, fed, [Outgoing(region, MAINTENANCE, "node", data) for region in regions])
    return len(regions)


def take_maintenance(session: Session, incoming: Incoming, peer: Peer, now: datetime) -> None:
    """A peer will be away: nothing goes there meanwhile, and no failure is counted; a later word replaces it.

    What comes when it is over already changes nothing.
    """
    data = incoming.data
    if not isinstance(data, NodeMaintenance):
        raise InvalidMessage
    if data.ends_at <= data.starts_at or data.ends_at - data.starts_at > LONGEST_AWAY:
        raise InvalidMessage(errors=[{"field": "data.to", "message": "after the beginning, by at most 31 days"}])
    if data.starts_at - now > FARTHEST_AHEAD:
        raise InvalidMessage(errors=[{"field": "data.from", "message": "within a year"}])
    if data.ends_at > now:
        peer.away_from, peer.away_until = data.starts_at, data.ends_at
        session.add(peer)
        session.flush()


def end_absence(session: Session, peer: Peer) -> None:
    """A peer is back before its time."""
    peer.away_from = peer.away_until = None
    session.add(peer)
    session.flush()


def _check_absence(now: datetime, starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at or ends_at <= now:
        raise InvalidInput(errors=[{"field": "to", "message": "The end lies before the beginning, or in the past."}])
    if ends_at - starts_at > LONGEST_AWAY or starts_at - now > FARTHEST_AHEAD:
        raise InvalidInput(errors=[{"field": "to", "message": "At most 31 days, within the next year."}])


def _active(session: Session, region: str) -> Peer:
    peer = session.get(Peer, region)
    if peer is None or peer.state == PeerState.PAPER:
        raise UnknownPeer
    if peer.state != PeerState.ACTIVE or session.get(Destination, region) is None:
        raise NoActivePeer
    return peer
