"""What is to be sent is a row, committed with the change that caused it.

A message waits as canonical JSON without stream and number. When it first enters a batch (``batches``) it is given its
destination's next ``streamseq`` and its bytes are frozen: every retry repeats exactly these.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlmodel import Session, col, func, insert, select

from federation.keys import Jwk
from federation.node import FederationNode
from federation.peers import OPEN_STATES, peer_for, peer_key
from federation.sealing import Binding, seal_disclosures, seal_subject
from federation.tables import MessageState, OutboxMessage, Peer, PeerState, Receipt
from schemas.clock import rfc3339
from schemas.entropy import uuid7
from schemas.envelope import MAX_MESSAGE_BYTES, Outgoing, canonical, parse_data
from schemas.messages import needs_agreement, subject_of
from schemas.problems import InvalidInput, InvalidMessage, NoActivePeer, NotFound, UnknownPeer, UnknownType, WrongState

VOIDED = "tonglu.message.voided.v1"
ROTATED = "tonglu.keys.rotated.v1"
RESTORED = "restored"
"""The ``problem_code`` of a message that a restored node does not know whether it sent: its peer may answer that the
id was used before, which then is as good as a receipt."""
NUMBER_BYTES = 80
"""What stream and number add to a message's bytes, at most."""

_BEFORE_STREAM = b'"specversion":"1.0",'


@dataclass(frozen=True)
class _Address:
    """Where messages to one peer go, and the key that seals for it."""

    peer: Peer
    seal_jwk: Jwk


def enqueue(session: Session, fed: FederationNode, outgoing: Outgoing) -> str:
    """Queue one message and return its id.

    ``outgoing.recipient`` may be a smaller area of the peer. Its ``person`` is sealed for the peer's key into
    ``data["subject_identity"]``, its ``disclosures`` into ``data["disclosures"]``; ``data`` must fit its type's model.
    Raises ``UnknownPeer`` (none, or one on paper), ``NoActivePeer`` (without keys in force), ``DateOfBirthMissing``,
    or ``InvalidInput`` when the data do not fit the type.
    """
    return enqueue_all(session, fed, [outgoing])[0]


def enqueue_all(session: Session, fed: FederationNode, outgoing: list[Outgoing]) -> list[str]:
    """Queue several messages at once, in order; as ``enqueue``."""
    now = fed.clock.now()
    addresses: dict[str, _Address] = {}
    rows = []
    for one in outgoing:
        address = addresses.get(one.recipient) or _address(session, one.recipient)
        addresses[one.recipient] = address
        rows.append(_row(fed, one, address, now))
    if rows:
        session.exec(insert(OutboxMessage), params=rows)
    return [row["id"] for row in rows]


def find_message(session: Session, message_id: str) -> OutboxMessage | None:
    """The outbox row of one message."""
    return session.exec(select(OutboxMessage).where(col(OutboxMessage.id) == message_id)).first()


def cancel(session: Session, fed: FederationNode, message_id: str) -> bool:
    """Withdraw a message: ``True`` when it never left; ``False`` when it had, or may have.

    In the second case it is voided by a ``message.voided`` with its stream and number, unless the peer's receipt for
    it is already here; then what it said is forgotten, so that it is never sent again. Raises ``NotFound``.
    """
    row = find_message(session, message_id)
    if row is None:
        raise NotFound
    if row.state == MessageState.RECEIPTED:
        row.body = b""
        session.add(row)
        session.flush()
    if row.state not in (*OPEN_STATES, MessageState.PARKED):
        return row.state == MessageState.CANCELLED
    if row.streamseq is None:
        row.state, row.finished_at = MessageState.CANCELLED, fed.clock.now()
        session.add(row)
        session.flush()
        return True
    void(session, fed, row)
    return False


def void(
    session: Session, fed: FederationNode, row: OutboxMessage, state: MessageState = MessageState.VOIDED
) -> str | None:
    """Withdraw a message that was given a number: ``message.voided`` takes its stream and number under a new id.

    Returns that id, or ``None`` where nothing can be sent to the peer any more.
    """
    now = fed.clock.now()
    row.state, row.finished_at = state, now
    session.add(row)
    session.flush()
    peer = session.get(Peer, row.region)
    if peer is None or peer.state == PeerState.REVOKED or row.type == VOIDED:
        return None
    notice = Outgoing(recipient=row.region, type=VOIDED, subject=row.subject, data={"voided": row.id})
    voided = _row(fed, notice, _Address(peer, {}), now)
    last = frozen(voided["body"], str(row.stream), row.streamseq or 0)
    voided |= {"body": last.body, "digest": last.digest, "stream": row.stream, "streamseq": row.streamseq}
    session.exec(insert(OutboxMessage), params=[voided])
    return str(voided["id"])


def retry_parked(session: Session, message_id: str) -> None:
    """Try a parked message again at once, with the bytes it had; raises ``NotFound`` or ``WrongState``."""
    row = _parked(session, message_id)
    row.state, row.next_attempt_at, row.finished_at, row.refused_at = MessageState.QUEUED, None, None, None
    session.add(row)
    session.flush()


def give_up(session: Session, fed: FederationNode, message_id: str) -> None:
    """Void a parked message, so that later ones about its subject go on; raises ``NotFound`` or ``WrongState``."""
    void(session, fed, _parked(session, message_id))


def parked_messages(session: Session, limit: int = 200) -> list[OutboxMessage]:
    """The messages that wait for an officer, oldest first."""
    parked = select(OutboxMessage).where(col(OutboxMessage.state) == MessageState.PARKED)
    return list(session.exec(parked.order_by(col(OutboxMessage.number)).limit(limit)).all())


def waiting_counts(session: Session) -> dict[str, int]:
    """How many messages wait for their receipt, by peer."""
    waiting = (
        select(OutboxMessage.region, func.count())
        .where(col(OutboxMessage.state).in_(OPEN_STATES))
        .group_by(col(OutboxMessage.region))
    )
    return dict(session.exec(waiting).all())


def delivered_at(session: Session, message_id: str) -> datetime | None:
    """When the peer's receipt for a message was stored here; ``None`` without one."""
    receipt = select(Receipt.recorded_at).where(
        col(Receipt.message_id) == message_id, col(Receipt.direction) == "sent", col(Receipt.result) == "accepted"
    )
    return session.exec(receipt).first()


@dataclass(frozen=True)
class Frozen:
    """The final bytes of a message and their SHA-256 (hexadecimal)."""

    body: bytes
    digest: str


def frozen(body: bytes, stream: str, streamseq: int) -> Frozen:
    """A waiting message with its stream and number: its final bytes, which are its RFC 8785 form.

    In canonical order ``stream`` and ``streamseq`` stand right behind ``specversion``, and nothing after that place is
    an object, so its last occurrence is the envelope's own.
    """
    head, mark, tail = body.rpartition(_BEFORE_STREAM)
    whole = b'%s%s"stream":"%s","streamseq":%d,%s' % (head, mark, stream.encode("ascii"), streamseq, tail)
    return Frozen(whole, sha256(whole).hexdigest())


def _address(session: Session, region: str) -> _Address:
    peer = peer_for(session, region)
    if peer is None or peer.state == PeerState.PAPER:
        raise UnknownPeer
    seal_jwk = peer_key(session, peer.region, "seal")
    if seal_jwk is None:
        raise NoActivePeer
    return _Address(peer, seal_jwk)


def _row(fed: FederationNode, outgoing: Outgoing, address: _Address, now: datetime) -> dict[str, Any]:
    message_id = uuid7(now, fed.entropy)
    binding = Binding(message_id, fed.source, f"/regions/{address.peer.region}")
    data = dict(outgoing.data)
    if outgoing.person is not None:
        data["subject_identity"] = seal_subject(outgoing.person, binding, address.seal_jwk, fed.entropy)
    if outgoing.disclosures is not None:
        data["disclosures"] = seal_disclosures(outgoing.disclosures, binding, address.seal_jwk, fed.entropy)
    try:
        checked = parse_data(outgoing.type, data)
    except (InvalidMessage, UnknownType) as error:
        raise InvalidInput(**error.facts) from None
    if outgoing.type != VOIDED and outgoing.subject != subject_of(checked):
        raise InvalidInput(errors=[{"field": "subject", "message": "not what the data are about"}])
    message: dict[str, Any] = {
        "specversion": "1.0",
        "id": binding.id,
        "source": binding.source,
        "recipient": binding.recipient,
        "type": outgoing.type,
        "subject": outgoing.subject,
        "time": rfc3339(now),
        "datacontenttype": "application/json",
        "data": checked.to_wire(),
    }
    if needs_agreement(outgoing.type):
        if outgoing.agreement is None or outgoing.purpose is None:
            raise InvalidInput(errors=[{"field": "agreement", "message": "this type rests on an agreement"}])
        message |= {"agreement": outgoing.agreement, "purpose": outgoing.purpose.value}
    body = canonical(message)
    if len(body) + NUMBER_BYTES > MAX_MESSAGE_BYTES:
        raise InvalidInput(errors=[{"field": "data", "message": "the message is too long"}])
    return {
        "id": message_id,
        "region": address.peer.region,
        "type": outgoing.type,
        "subject": outgoing.subject,
        "body": body,
        "state": MessageState.QUEUED.value,
        "stream": None,
        "streamseq": None,
        "digest": None,
        "attempts": 0,
        "next_attempt_at": outgoing.not_before,
        "expires_at": outgoing.expires_at,
        "created_at": now,
    }


def _parked(session: Session, message_id: str) -> OutboxMessage:
    row = find_message(session, message_id)
    if row is None:
        raise NotFound
    if row.state != MessageState.PARKED:
        raise WrongState
    return row
