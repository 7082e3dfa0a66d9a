"""Which messages go next: claiming a destination, giving numbers, freezing bytes.

One process at a time sends to a destination: it holds a lease on the destination's row, short enough that another one
takes over soon after a crash, and extended while a request is under way. Claiming is one transaction: take the lease,
choose what is due (numbered messages first, in order, then new ones, at most 200 and 1 MiB), give the new ones their
numbers and freeze their bytes.

News of this node's keys goes before all else, one at a time, for what follows is to be understood by it.

A message about a subject waits while an earlier one about the same subject is refused or parked, for 24 hours or until
that one is voided; messages about other subjects pass it. So do, among those about the node itself, all of another
type, and every erasure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Exists, Row, Select, and_, bindparam, exists, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select, update

from federation.keys import Jwk
from federation.node import FederationNode
from federation.outbox import NUMBER_BYTES, ROTATED, frozen
from federation.peers import OPEN_STATES, destination_of, signing_kid, transport_keys
from federation.tables import Destination, MessageState, OutboxMessage, Peer, PeerState, Wait
from schemas.entropy import uuid4

LEASE = timedelta(seconds=15)
HELD_BACK = timedelta(hours=24)
FIRST_BYTES = 65_536
"""What a peer that failed is tried with: of many that are dead, each may be holding a request in memory."""
NODE = "node"
ERASURE = "tonglu.erasure.requested.v1"


@dataclass(frozen=True)
class Due:
    """A destination with something to do; an ailing one failed the last time and was not heard of since."""

    region: str
    is_ailing: bool


@dataclass(frozen=True)
class Sent:
    """One message of a batch; ``body`` are its frozen bytes."""

    number: int
    id: str
    type: str
    subject: str
    digest: str
    body: bytes
    attempts: int
    refused_at: datetime | None


@dataclass(frozen=True)
class Claim:
    """A destination that this process may send to now: a batch, or a probe of an invited peer (``messages`` empty).

    ``kid`` names our transport key that signs.
    """

    region: str
    base_url: str
    keys: list[Jwk]
    holder: str
    probe_stream: str | None
    messages: list[Sent]
    kid: str | None = None

    @property
    def body(self) -> bytes:
        """The batch as JSON, made of the frozen bytes."""
        return b"[" + b",".join(message.body for message in self.messages) + b"]"


def due_destinations(session: Session, now: datetime, regions: list[str] | None = None) -> list[Due]:
    """The destinations (of ``regions``, if given) that are free and have something due: a message, or a probe of an
    invited peer. The sound ones come first, then the ailing ones that have waited longest.
    """
    wanted = (
        select(Destination.region, Destination.wait)
        .join(Peer, col(Peer.region) == col(Destination.region))
        .where(
            _is_free(now),
            _is_there(now),
            or_(
                col(Peer.state) == PeerState.INVITED,
                and_(
                    col(Peer.state) == PeerState.ACTIVE,
                    exists().where(
                        col(OutboxMessage.region) == col(Destination.region),
                        col(OutboxMessage.state).in_(OPEN_STATES),
                        _is_due(now),
                    ),
                ),
            ),
        )
        .order_by(col(Destination.wait).is_not(None), col(Destination.next_attempt_at), col(Destination.region))
    )
    if regions is not None:
        wanted = wanted.where(col(Destination.region).in_(regions))
    return [Due(region, wait is not None) for region, wait in session.exec(wanted).all()]


def claim(session: Session, fed: FederationNode, region: str, holder: str, now: datetime) -> Claim | None:
    """Take the lease on ``region`` for ``holder`` and what goes there next; ``None`` when there is nothing to do."""
    lease = {"lease_holder": holder, "lease_until": now + LEASE}
    taken = session.exec(update(Destination).where(col(Destination.region) == region, _is_free(now)).values(**lease))
    if taken.rowcount != 1:
        return None
    found = _claimed(session, fed, region, holder, now)
    if found is None:
        release(session, region, holder)
    return found


def probe_claim(session: Session, fed: FederationNode, region: str, now: datetime) -> Claim | None:
    """A probe of a peer outside its turn (``peer test``): it takes no lease, for it changes no message."""
    peer = session.get(Peer, region)
    if peer is None or peer.base_url is None or peer.state not in (PeerState.INVITED, PeerState.ACTIVE):
        return None
    kid = signing_kid(fed, destination_of(session, region))
    return Claim(region, peer.base_url, transport_keys(session, region, now), "", uuid4(fed.entropy), [], kid)


def extend(session: Session, region: str, holder: str, now: datetime) -> None:
    """Hold a lease for longer, while a request is under way."""
    held = col(Destination.region) == region, col(Destination.lease_holder) == holder
    session.exec(update(Destination).where(*held).values(lease_until=now + LEASE))


def release(session: Session, region: str, holder: str) -> None:
    """Let a lease go."""
    held = col(Destination.region) == region, col(Destination.lease_holder) == holder
    session.exec(update(Destination).where(*held).values(lease_holder=None, lease_until=None))


def _claimed(session: Session, fed: FederationNode, region: str, holder: str, now: datetime) -> Claim | None:
    peer, destination = session.get(Peer, region), session.get(Destination, region, populate_existing=True)
    if peer is None or destination is None or peer.base_url is None:
        return None
    if peer.away_from is not None and peer.away_until is not None and peer.away_from <= now < peer.away_until:
        return None
    keys = transport_keys(session, region, now)
    if peer.state == PeerState.INVITED:
        return Claim(region, peer.base_url, keys, holder, uuid4(fed.entropy), [], signing_kid(fed, destination))
    rows = _choose(session, peer, destination, now) if peer.state == PeerState.ACTIVE else []
    if not rows:
        return None
    kid = signing_kid(fed, destination)
    return Claim(region, peer.base_url, keys, holder, None, _number(session, destination, rows), kid)


def _is_free(now: datetime) -> ColumnElement[bool]:
    return and_(
        or_(col(Destination.lease_until).is_(None), col(Destination.lease_until) < now),
        or_(col(Destination.next_attempt_at).is_(None), col(Destination.next_attempt_at) <= now),
        or_(col(Destination.wait).is_(None), col(Destination.wait) != Wait.STOPPED),
    )


def _is_there(now: datetime) -> ColumnElement[bool]:
    """Whether a peer is not away by its own announcement (``node.maintenance``)."""
    return or_(col(Peer.away_until).is_(None), col(Peer.away_from) > now, col(Peer.away_until) <= now)


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(col(OutboxMessage.next_attempt_at).is_(None), col(OutboxMessage.next_attempt_at) <= now)


def _chosen() -> Select[*tuple[Any, ...]]:
    """What is read of a message that may go: bare columns, for there may be hundreds."""
    one = OutboxMessage
    keys = (one.number, one.id, one.type, one.subject)
    return sqlalchemy.select(*map(col, (*keys, one.body, one.digest, one.streamseq, one.attempts, one.refused_at)))


def _choose(session: Session, peer: Peer, destination: Destination, now: datetime) -> list[Row[Any]]:
    most = min(peer.max_messages, destination.batch_limit or peer.max_messages)
    earlier = aliased(OutboxMessage)
    held_back = exists().where(
        col(earlier.region) == col(OutboxMessage.region),
        col(earlier.subject) == col(OutboxMessage.subject),
        col(earlier.number) < col(OutboxMessage.number),
        col(earlier.state).in_((MessageState.WAITING, MessageState.PARKED)),
        col(earlier.refused_at) > now - HELD_BACK,
        or_(col(earlier.state) == MessageState.PARKED, col(earlier.next_attempt_at) > now),
    )
    # `node` is no one thing: there only news of one kind is in order, and an erasure waits for nothing.
    in_order = and_(col(earlier.type) == col(OutboxMessage.type), col(OutboxMessage.type) != ERASURE)
    held_back = held_back.where(or_(col(OutboxMessage.subject) != NODE, in_order))
    rows = _rotation(session, peer, now, held_back)
    for numbered in (True, False):
        seq = col(OutboxMessage.streamseq)
        wanted = (
            _chosen()
            .where(
                col(OutboxMessage.region) == peer.region,
                col(OutboxMessage.state).in_(OPEN_STATES),
                seq.is_not(None) if numbered else seq.is_(None),
                _is_due(now),
                col(OutboxMessage.type) != ROTATED,
                ~held_back,
            )
            .order_by(seq if numbered else col(OutboxMessage.number))
            .limit(most - len(rows))
            .with_for_update()
        )
        rows += session.execute(wanted).all() if len(rows) < most else []
    return _fitting(rows, min(peer.max_bytes, FIRST_BYTES) if destination.failures else peer.max_bytes)


def _rotation(session: Session, peer: Peer, now: datetime, held_back: Exists) -> list[Row[Any]]:
    """The oldest news of our keys that is due: the next is proven by the keys that this one brings."""
    wanted = (
        _chosen()
        .where(
            col(OutboxMessage.region) == peer.region,
            col(OutboxMessage.type) == ROTATED,
            col(OutboxMessage.state).in_(OPEN_STATES),
            _is_due(now),
            ~held_back,
        )
        .order_by(col(OutboxMessage.number))
        .limit(1)
        .with_for_update()
    )
    return list(session.execute(wanted).all())


def _fitting(rows: list[Row[Any]], max_bytes: int) -> list[Row[Any]]:
    size = 2
    fitting: list[Row[Any]] = []
    for row in rows:
        size += len(row.body) + (NUMBER_BYTES if row.streamseq is None else 0) + 1
        if size > max_bytes and fitting:
            break
        fitting.append(row)
    return fitting


def _number(session: Session, destination: Destination, rows: list[Row[Any]]) -> list[Sent]:
    """Give new messages their numbers and freeze them; count the attempt of all."""
    streamseq = destination.next_streamseq
    sent, numbered = [], []
    for row in rows:
        body, digest = row.body, row.digest
        if row.streamseq is None:
            last = frozen(row.body, destination.stream, streamseq)
            body, digest = last.body, last.digest
            numbered.append({"of": row.number, "as_body": body, "as_digest": digest, "as_streamseq": streamseq})
            streamseq += 1
        sent.append(
            Sent(row.number, row.id, row.type, row.subject, digest or "", body, row.attempts + 1, row.refused_at)
        )
    if numbered:
        final: dict[str, Any] = {name: bindparam(f"as_{name}") for name in ("body", "digest", "streamseq")}
        # On the connection: the session would look for each row among its objects.
        session.connection().execute(
            update(OutboxMessage)
            .where(col(OutboxMessage.number) == bindparam("of"))
            .values(stream=destination.stream, **final),
            numbered,
        )
    tried = col(OutboxMessage.number).in_([one.number for one in sent])
    session.exec(update(OutboxMessage).where(tried).values(attempts=OutboxMessage.attempts + 1))
    destination.next_streamseq = streamseq
    session.add(destination)
    session.flush()
    return sent
