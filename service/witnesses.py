"""Witnesses for each other's access logs: once a day each peer gets our newest tree head, and cosigns it.

Whoever rewrote a node's log and all its checkpoints would still not have its peers' signatures under the old heads. A
peer signs what it saw and when (C2SP tlog-cosignature, version 1), and only heads that do not contradict the last one
it saw: of one size there is one root, and a log does not shrink. It cannot see that a longer log continues a shorter
one (that takes a proof which the message does not carry); ``tonglu log verify`` on the log's own node can, for there
every cosigned head must be one that the entries lead to.

A head names how many entries there are and nothing else. One a day tells a peer no more than how busy an office is.
"""

import struct
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlmodel import Session, col, select

from federation.keys import Jwk, NodeKeys, public_bytes, verifies
from federation.outbox import enqueue
from federation.tables import Peer, PeerKey, PeerState, insert_new
from schemas.clock import local_date
from schemas.envelope import Incoming, Outgoing
from schemas.messages import LogCheckpoint as LogCheckpointData
from schemas.messages import LogCosigned as LogCosignedData
from schemas.problems import InvalidMessage
from service.access_log import Actor, LogCheckpoint, LogCosignature, PeerLog, record
from service.context import Node
from service.log_tree import latest_checkpoint, log_origin
from service.log_verify import Checkpoint, is_signed, read_checkpoints

CHECKPOINT: Final = "tonglu.log.checkpoint.v1"
COSIGNED: Final = "tonglu.log.cosigned.v1"
CLOCKS_DIFFER: Final = timedelta(minutes=5)
PEERS_AT_ONCE: Final = 200
_COSIGNATURE = b"\x04"
"""The signature type of a timestamped Ed25519 cosignature in a key id (C2SP tlog-cosignature)."""


# --- Sending ours --------------------------------------------------------------------------------------------------


def show_checkpoints(session: Session, node: Node) -> int:
    """Send the newest head to each active peer that had none today; returns to how many.

    A peer gets its first one on the day after it became active.
    """
    newest, today = latest_checkpoint(session), node.today()
    if newest is None:
        return 0
    due = (
        select(Peer, PeerLog)
        .join(PeerLog, col(PeerLog.peer) == col(Peer.region), isouter=True)
        .where(col(Peer.state) == PeerState.ACTIVE)
        .where((col(PeerLog.sent_on).is_(None)) | (col(PeerLog.sent_on) < today))
        .order_by(col(Peer.region))
        .limit(PEERS_AT_ONCE)
    )
    sent = 0
    found: list[tuple[Peer, PeerLog | None]] = list(session.exec(due).all())
    for peer, known in found:
        row = PeerLog(peer=peer.region) if known is None else known
        is_new = peer.activated_at is None or local_date(peer.activated_at, node.zone) >= today
        row.sent_on = today
        session.add(row)
        if not is_new:
            data = LogCheckpointData(checkpoint=newest.text).to_wire()
            enqueue(session, node.fed, Outgoing(recipient=peer.region, type=CHECKPOINT, subject="node", data=data))
            sent += 1
    session.flush()
    if sent:
        node.wake("delivery")
    return sent


# --- Taking theirs -------------------------------------------------------------------------------------------------


def take_checkpoint(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Cosign a peer's head, unless it contradicts the last one that was seen; then that stands in our log."""
    if not isinstance(incoming.data, LogCheckpointData):
        raise InvalidMessage
    text = incoming.data.checkpoint
    head = _one(text)
    if head.origin != log_origin(peer.region):
        raise _refused("the log of the node that sent it")
    if not any(is_signed(head, jwk) for jwk in checkpoint_keys(session, peer.region)):
        raise _refused("signed by the sender's checkpoint key")
    row = session.get(PeerLog, peer.region) or PeerLog(peer=peer.region)
    last = _one(row.checkpoint) if row.checkpoint else None
    if last is not None and (head.size < last.size or (head.size == last.size and head.root != last.root)):
        row.conflict = text
        session.add(row)
        record(session, node, Actor.peer(peer.region), "log.contradicted")
        return []
    row.size, row.checkpoint, row.seen_at = head.size, text, now
    session.add(row)
    session.flush()
    data = LogCosignedData(checkpoint=text + cosignature(node.fed.keys, node.region, head.signed, now))
    return [Outgoing(recipient=peer.region, type=COSIGNED, subject="node", data=data.to_wire())]


def take_cosigned(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Keep a peer's signature under one of our heads."""
    if not isinstance(incoming.data, LogCosignedData):
        raise InvalidMessage
    text = incoming.data.checkpoint
    head = _one(text)
    ours = session.get(LogCheckpoint, head.size)
    if ours is None or not text.startswith(ours.text):
        raise _refused("one of the recipient's own tree heads")
    lines = [line for line in text[len(ours.text) :].splitlines() if line]
    for line in lines:
        seen = read_cosignature(line, peer.region)
        keys = checkpoint_keys(session, peer.region)
        if seen is None or seen.at > now + CLOCKS_DIFFER or not any(seen.is_by(jwk, head.signed) for jwk in keys):
            raise _refused("cosigned by the sender's checkpoint key")
    if len(lines) != 1:
        raise _refused("one cosignature, the sender's")
    insert_new(session, LogCosignature, [{"size": head.size, "peer": peer.region, "line": lines[0]}])
    return []


def check_cosignatures(session: Session) -> tuple[int, list[str]]:
    """Hold every cosignature against the head that the database has: how many fit, and what is wrong with others."""
    fit, wrong = 0, []
    keys: dict[str, list[Jwk]] = {}
    rows = session.exec(select(LogCosignature).order_by(col(LogCosignature.size), col(LogCosignature.peer))).all()
    for row in rows:
        held = session.get(LogCheckpoint, row.size)
        found = read_checkpoints(held.text) if held is not None else []
        seen = read_cosignature(row.line, row.peer)
        known = keys.setdefault(row.peer, checkpoint_keys(session, row.peer))
        if len(found) == 1 and seen is not None and any(seen.is_by(jwk, found[0].signed) for jwk in known):
            fit += 1
        else:
            wrong.append(f"the head of size {row.size} is not the one that {row.peer} cosigned")
    return fit, wrong


# --- Cosignatures --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature line as it was read: who is named, which key, when, and the 64 bytes."""

    witness: str
    key_id: bytes
    at: datetime
    signature: bytes

    def is_by(self, jwk: Jwk, signed: bytes) -> bool:
        """Whether this key made it over the ``signed`` part of a head."""
        expected = cosignature_key_id(self.witness, public_bytes(jwk))
        return self.key_id == expected and verifies(jwk, self.signature, _message(self.at, signed))


def witness_name(region: str) -> str:
    """A node's name as a witness."""
    return f"tonglu/{region}"


def cosignature_key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that name a cosigning key (C2SP signed-note, tlog-cosignature)."""
    return sha256(name.encode() + b"\n" + _COSIGNATURE + public_key).digest()[:4]


def cosignature(keys: NodeKeys, region: str, signed: bytes, now: datetime) -> str:
    """The line by which this node says that it saw a head at ``now``."""
    name, key = witness_name(region), keys.current("checkpoint")
    at = datetime.fromtimestamp(int(now.timestamp()), UTC)
    blob = cosignature_key_id(name, public_bytes(key.jwk)) + struct.pack(">Q", int(at.timestamp()))
    return f"— {name} {b64encode(blob + key.sign(_message(at, signed))).decode()}\n"


def read_cosignature(line: str, region: str) -> Cosignature | None:
    """A node's cosignature line; ``None`` for any other."""
    mark, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        blob = b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        return None
    if mark != "—" or name != witness_name(region) or len(blob) != 4 + 8 + 64:
        return None
    (seconds,) = struct.unpack(">Q", blob[4:12])
    if seconds >= 2**36:
        return None
    return Cosignature(name, blob[:4], datetime.fromtimestamp(seconds, UTC), blob[12:])


def _message(at: datetime, signed: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % int(at.timestamp()) + signed


def _one(text: str) -> Checkpoint:
    found = read_checkpoints(text)
    if len(found) != 1 or not text.startswith(found[0].signed.decode()) or not text.endswith("\n"):
        raise _refused("one signed tree head")
    return found[0]


def checkpoint_keys(session: Session, region: str) -> list[Jwk]:
    """A peer's keys for tree heads and cosignatures, replaced ones included and compromised ones not."""
    wanted = select(PeerKey).where(
        col(PeerKey.region) == region,
        col(PeerKey.tonglu_use) == "checkpoint",
        col(PeerKey.compromised_from).is_(None),
    )
    return [key.jwk for key in session.exec(wanted.order_by(col(PeerKey.kid))).all()]


def _refused(what: str) -> InvalidMessage:
    return InvalidMessage(errors=[{"field": "data.checkpoint", "message": what}])
