"""The access log's Merkle tree: how entries become leaves, numbers, roots and signed checkpoints.

**Hashing** is RFC 9162, 2.1: a leaf is ``SHA-256(0x00 || entry)``, a node ``SHA-256(0x01 || left || right)``. The
entry's bytes are a JSON array of all its columns, in the order of :data:`COVERED`, after the text
``tonglu-log-entry-1``; a byte column is ``{"b64": …}``. Strings are the very ones the database holds: nothing is
parsed on the way to the hash, so no change of spelling goes unnoticed.

**Numbering** (:func:`sequence`) takes unnumbered entries by time, one batch a transaction. It needs only the tree's
*frontier*, the roots of the perfect subtrees that the size's binary digits stand for (at most 64 hashes), so a run
costs the same whether the log has a thousand entries or a hundred million. Writers take turns in ``database``, and a
number is the key of its leaf: two workers never give one number twice.

**Checkpoints** are C2SP tlog-checkpoints, a signed note of origin, size and root, by the node's ``checkpoint`` key.
Each is kept in the database and appended to ``checkpoints.txt`` outside of it. A crash between the two leaves the file
one behind; the next run catches up.
"""

import fcntl
import json
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlmodel import Session, SQLModel, col

from federation.keys import NodeKeys, public_bytes
from schemas.points import Point
from service.access_log import AccessLogEntry, LogCheckpoint, LogLeaf, LogState, stamp

COVERED = (
    "index",
    "id",
    "at",
    "actor",
    "office",
    "officer",
    "action",
    "purpose",
    "automatic",
    "subject",
    "sealed",
)
"""Every column of an entry, in the order in which its leaf covers them."""

EMPTY_ROOT = sha256(b"").digest()
HASH_BYTES = 32
BATCH_ENTRIES = 500
_TAIL_BYTES = 4096
_BLOCK = re.compile(rb"[^\n]+\n[0-9]+\n[A-Za-z0-9+/=]+\n\n(?:\xe2\x80\x94 [^\n]+\n)+\n")
_ED25519_NOTE = b"\x01"
"""The signature type of Ed25519 in a signed note's key id (C2SP signed-note)."""
_ENTRIES = SQLModel.metadata.tables[AccessLogEntry.__tablename__]
_NUMBER = _ENTRIES.update().where(_ENTRIES.c.id == bindparam("entry_id")).values(index=bindparam("number"))


def leaf_bytes(columns: Mapping[str, Any]) -> bytes:
    """Write an entry's columns, as the database holds them, as the bytes that its leaf hashes.

    Raises ``TypeError`` for a value of a kind that no column has (a number with a fraction, say).
    """
    values = ["tonglu-log-entry-1", *(_plain(columns[name]) for name in COVERED)]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def leaf_hash(columns: Mapping[str, Any]) -> bytes:
    """Hash one entry as a leaf of the tree (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + leaf_bytes(columns)).digest()


class Frontier:
    """A Merkle tree of which only the right edge is kept: grows leaf by leaf, knows its root at each size."""

    def __init__(self, size: int = 0, packed: bytes = b"") -> None:
        """Go on from what :meth:`pack` gave at ``size`` leaves. Raises ``ValueError`` if the two do not fit."""
        if len(packed) != size.bit_count() * HASH_BYTES:
            raise ValueError("the frontier does not fit the tree's size")
        self.size = size
        self._roots = [packed[i : i + HASH_BYTES] for i in range(0, len(packed), HASH_BYTES)]

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right."""
        merged, size = leaf, self.size
        while size & 1:
            merged = _node_hash(self._roots.pop(), merged)
            size >>= 1
        self._roots.append(merged)
        self.size += 1

    def root(self) -> bytes:
        """The tree's root (RFC 9162, 2.1.1); of no leaves, the hash of nothing."""
        if not self._roots:
            return EMPTY_ROOT
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = _node_hash(left, root)
        return root

    def pack(self) -> bytes:
        """Write the frontier as bytes, the largest subtree first."""
        return b"".join(self._roots)


def log_origin(region: str) -> str:
    """The log's name in its checkpoints (C2SP tlog-checkpoint: the origin line)."""
    return f"tonglu/{region}/access-log"


def note_key_id(origin: str, public_key: bytes) -> bytes:
    """The four bytes that name a key in a signed note (C2SP signed-note)."""
    return sha256(origin.encode() + b"\n" + _ED25519_NOTE + public_key).digest()[:4]


def sign_checkpoint(keys: NodeKeys, region: str, size: int, root: bytes) -> str:
    """Write and sign a checkpoint (C2SP tlog-checkpoint) with the ``checkpoint`` key in force."""
    origin = log_origin(region)
    text = f"{origin}\n{size}\n{b64encode(root).decode()}\n"
    key = keys.current("checkpoint")
    key_id = note_key_id(origin, public_bytes(key.jwk))
    signature = b64encode(key_id + key.sign(text.encode())).decode()
    return f"{text}\n— {origin} {signature}\n"


def sequence(
    session: Session, *, keys: NodeKeys, region: str, now: datetime, point: Point, limit: int = BATCH_ENTRIES
) -> int:
    """Number up to ``limit`` unnumbered entries, extend the tree and sign its head; returns how many there were.

    Passes the point ``log.sequencing`` when all is written and nothing committed.
    """
    wanted = select(_ENTRIES).where(_ENTRIES.c.index.is_(None)).order_by(_ENTRIES.c.at, _ENTRIES.c.id).limit(limit)
    entries = session.execute(wanted).mappings().all()
    if not entries:
        return 0
    state = session.get(LogState, 1, with_for_update=True)
    if state is None:
        state = LogState()
        session.add(state)
        session.flush()
    frontier = Frontier(state.size, state.frontier)
    numbers: list[dict[str, Any]] = []
    leaves: list[dict[str, Any]] = []
    for entry in entries:
        numbers.append({"entry_id": entry["id"], "number": frontier.size})
        leaves.append({"index": frontier.size, "hash": leaf_hash({**entry, "index": frontier.size})})
        frontier.append(leaves[-1]["hash"])
    session.connection().execute(_NUMBER, numbers)
    session.execute(insert(LogLeaf), leaves)
    state.size, state.frontier = frontier.size, frontier.pack()
    text = sign_checkpoint(keys, region, frontier.size, frontier.root())
    session.add(LogCheckpoint(size=frontier.size, at=stamp(now), text=text))
    session.flush()
    point("log.sequencing")
    return len(entries)


def latest_checkpoint(session: Session) -> LogCheckpoint | None:
    """The newest signed tree head, or None before the first."""
    return session.scalars(select(LogCheckpoint).order_by(col(LogCheckpoint.size).desc()).limit(1)).first()


def append_to_file(path: Path, checkpoint: str) -> None:
    """Append a checkpoint to the file outside the database, unless it stands there last already; flushed to disk.

    Each checkpoint ends with an empty line. What a crash left of one that was being written is cut off first.
    """
    block = f"{checkpoint}\n".encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, end - _TAIL_BYTES))
        tail = file.read()
        whole = [match.end() for match in _BLOCK.finditer(tail)]
        if whole and tail[: whole[-1]].endswith(block) and whole[-1] == len(tail):
            return
        file.truncate(start + (whole[-1] if whole else len(tail) if start else 0))
        file.seek(0, os.SEEK_END)
        file.write(block)
        os.fsync(file.fileno())


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, bytes | memoryview | bytearray):
        return {"b64": b64encode(bytes(value)).decode()}
    raise TypeError(f"no column holds a {type(value).__name__}")
