"""How the line to each peer stands: what waits, since when, how clocks and keys are. Counts and times, never people.

Everything is read for all peers at once, in a handful of grouped queries, so that a list of three thousand peers costs
what a list of one does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, func, select

from federation.keys import NodeKey, NodeKeys
from federation.peers import OPEN_STATES, list_peers
from federation.tables import Destination, InboxStream, Invitation, MessageState, OutboxMessage, Peer, PeerKey
from service.access_log import AccessLogEntry
from service.callbacks import Unanswered
from service.context import Node

_NOBODY: Final = Unanswered(0, None)


@dataclass(frozen=True, slots=True)
class Queue:
    """What has no receipt yet: how many wait and go by themselves since when, how many a peer refused for good."""

    waiting: int = 0
    oldest_at: datetime | None = None
    parked: int = 0


@dataclass(frozen=True, slots=True)
class TheirKeys:
    """A peer's transport key in force, since when it is pinned here, and until when the one before still counts."""

    kid: str | None = None
    since: datetime | None = None
    former_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OurKey:
    """Our transport key that a peer is known to know; ``since`` is when it came into force."""

    kid: str
    since: datetime | None
    is_newest: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One peer, and how sending to it and hearing from it stand."""

    peer: Peer
    destination: Destination | None
    queue: Queue = field(default_factory=Queue)
    heard_at: datetime | None = None
    unanswered: Unanswered = _NOBODY
    theirs: TheirKeys = field(default_factory=TheirKeys)
    ours: OurKey | None = None

    def away_at(self, now: datetime) -> bool:
        """Whether the peer is away at ``now`` by its own announcement."""
        begins, ends = self.peer.away_from, self.peer.away_until
        return begins is not None and ends is not None and begins <= now < ends


def read_lines(session: Session, node: Node, regions: Sequence[str] | None = None) -> list[Line]:
    """Give the lines to all peers, or to those of ``regions``, by region code."""
    peers = [peer for peer in list_peers(session) if regions is None or peer.region in regions]
    destinations = _destinations(session, regions)
    queues, heard, theirs = queues_by_peer(session), _heard(session), _their_keys(session, node.now())
    unanswered = node.callbacks.unanswered(session)
    in_force = _in_force_since(session, node.fed.keys)
    lines = []
    for peer in peers:
        destination = destinations.get(peer.region)
        lines.append(
            Line(
                peer=peer,
                destination=destination,
                queue=queues.get(peer.region, Queue()),
                heard_at=heard.get(peer.region),
                unanswered=unanswered.get(peer.region, _NOBODY),
                theirs=theirs.get(peer.region, TheirKeys()),
                ours=_our_key(node.fed.keys, destination, in_force),
            )
        )
    return lines


def queues_by_peer(session: Session) -> dict[str, Queue]:
    """Count, in one query, what waits for each peer and what it refused; peers for which nothing waits are left out."""
    grouped = (
        select(OutboxMessage.region, OutboxMessage.state, func.count(), func.min(OutboxMessage.created_at))
        .where(col(OutboxMessage.state).in_((*OPEN_STATES, MessageState.PARKED)))
        .group_by(col(OutboxMessage.region), col(OutboxMessage.state))
    )
    found: dict[str, Queue] = {}
    for region, state, count, oldest in session.exec(grouped):
        known = found.get(region, Queue())
        if state == MessageState.PARKED:
            found[region] = Queue(known.waiting, known.oldest_at, count)
        else:
            moments = [at for at in (known.oldest_at, oldest) if at is not None]
            found[region] = Queue(known.waiting + count, min(moments), known.parked)
    return found


def newest_invitation(session: Session) -> datetime | None:
    """Until when the invitation that this node wrote last can be taken; ``None`` if it never wrote one."""
    issued = select(func.max(Invitation.expires_at)).where(col(Invitation.direction) == "issued")
    return session.exec(issued).one()


def _destinations(session: Session, regions: Sequence[str] | None) -> dict[str, Destination]:
    wanted = select(Destination)
    if regions is not None:
        wanted = wanted.where(col(Destination.region).in_(regions))
    return {one.region: one for one in session.exec(wanted)}


def _heard(session: Session) -> dict[str, datetime]:
    grouped = select(InboxStream.peer, func.max(InboxStream.heard_at)).group_by(col(InboxStream.peer))
    return dict(session.exec(grouped).all())


def _their_keys(session: Session, now: datetime) -> dict[str, TheirKeys]:
    transport = col(PeerKey.tonglu_use) == "transport", col(PeerKey.compromised_from).is_(None)
    columns = select(PeerKey.region, PeerKey.kid, PeerKey.in_force_from, PeerKey.accepted_until)
    found: dict[str, TheirKeys] = {}
    for region, kid, since, until in session.exec(columns.where(*transport).order_by(col(PeerKey.in_force_from))):
        known = found.get(region, TheirKeys())
        if until is None:
            found[region] = TheirKeys(kid, since, known.former_until)
        elif until > now:
            found[region] = TheirKeys(known.kid, known.since, until)
    return found


def _in_force_since(session: Session, keys: NodeKeys) -> dict[str, datetime | None]:
    """Since when each of our transport keys was in force: the first since the node's first day, as its log has it."""
    first = session.exec(select(AccessLogEntry.at).order_by(col(AccessLogEntry.id)).limit(1)).first()
    since = None if first is None else datetime.fromisoformat(first)
    found: dict[str, datetime | None] = {}
    for key in _transport(keys):
        found[key.kid] = since
        since = None if key.retired_at is None else datetime.fromisoformat(key.retired_at)
    return found


def _our_key(keys: NodeKeys, destination: Destination | None, in_force: dict[str, datetime | None]) -> OurKey | None:
    if destination is None:
        return None
    newest = keys.kid("transport")
    kid = destination.signs_with or newest
    return OurKey(kid, in_force.get(kid), kid == newest)


def _transport(keys: NodeKeys) -> list[NodeKey]:
    return [key for key in keys.all() if key.use == "transport"]
