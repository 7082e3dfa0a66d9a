"""Does the access log still say what it said? The check behind ``tonglu log verify``.

Every numbered entry is read as the database holds it, hashed and held against its leaf, which names an entry of which
any byte was changed, and one that was deleted. The leaves' tree is held against every signed checkpoint, those in the
database, those in the file beside it and those that someone kept elsewhere (``--against``): whoever changed an entry
*and* its leaf, or cut the log short and computed everything anew, does not have the checkpoints that others hold.

A fault carries the entry's number where one entry can be named. What was rewritten together with its leaf is placed
between two checkpoints, seconds apart in a running node.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from sqlalchemy import TextClause, text
from sqlmodel import Session, col, func, select

from federation.keys import Jwk, NodeKeys, public_bytes, verifies
from service.access_log import AccessLogEntry, LogCheckpoint, LogState
from service.log_tree import COVERED, Frontier, leaf_hash, log_origin, note_key_id

PAGE_ROWS = 2000
_CHECKPOINT = re.compile(
    r"^(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,17})\n(?P<root>[A-Za-z0-9+/]{43}=)\n\n(?P<notes>(?:— [^\n]+\n)+)",
    re.MULTILINE,
)
_COLUMNS = ", ".join(f'"{name}"' for name in COVERED)
# The columns' names are our own; no value is put into the text.
_ENTRIES = text(
    f'SELECT {_COLUMNS} FROM access_log_entry WHERE "index" IS NOT NULL ORDER BY "index", id'  # noqa: S608 - see above
)
_LEAVES = text('SELECT "index", hash FROM log_leaf WHERE "index" >= 0 ORDER BY "index"')

Kind = Literal["changed", "deleted", "inserted", "leaf", "rewritten", "truncated", "checkpoint", "state"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. ``index`` names the entry, or is None when none can be named."""

    kind: Kind
    index: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it was read: ``signed`` are the bytes under its signatures."""

    origin: str
    size: int
    root: bytes
    signed: bytes
    signatures: tuple[bytes, ...]


@dataclass(slots=True)
class Verdict:
    """What the check found: the log is whole when there are no faults."""

    size: int = 0
    unnumbered: int = 0
    checkpoints: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.faults


def read_checkpoints(content: str) -> list[Checkpoint]:
    """Read all checkpoints that stand in a text, one after another; what is no checkpoint is passed over."""
    found = []
    for match in _CHECKPOINT.finditer(content):
        signatures = []
        for line in match["notes"].splitlines():
            try:
                signatures.append(b64decode(line.rpartition(" ")[2], validate=True))
            except NotBase64:
                continue
        found.append(
            Checkpoint(
                origin=match["origin"],
                size=int(match["size"]),
                root=b64decode(match["root"]),
                signed=match[0][: match.start("notes") - match.start() - 1].encode(),
                signatures=tuple(signatures),
            )
        )
    return found


def verify_log(
    session: Session, keys: NodeKeys, region: str, *, file: str | None = None, against: str | None = None
) -> Verdict:
    """Check the whole log in one reading transaction.

    ``file`` is the text of the node's ``checkpoints.txt``, read before the transaction began, ``against`` that of
    older checkpoints someone kept.
    """
    verdict = Verdict()
    held = session.exec(select(LogCheckpoint).order_by(col(LogCheckpoint.size))).all()
    ours: list[tuple[str, Checkpoint]] = []
    for row in held:
        read = read_checkpoints(row.text)
        if len(read) != 1 or read[0].size != row.size:
            verdict.faults.append(Fault("checkpoint", None, f"the checkpoint of size {row.size} cannot be read"))
        else:
            ours.append(("the database", read[0]))
    kept = [("checkpoints.txt", checkpoint) for checkpoint in read_checkpoints(file or "")]
    others = [("the older checkpoint", checkpoint) for checkpoint in read_checkpoints(against or "")]
    if against is not None and not others:
        verdict.faults.append(Fault("checkpoint", None, "the older file holds no checkpoint"))
    signed = _signed_by_us([*ours, *kept, *others], keys, region, verdict)
    verdict.checkpoints = len(signed)
    verdict.size = max((checkpoint.size for where, checkpoint in signed if where == "the database"), default=0)
    if ours and not any(where == "checkpoints.txt" and checkpoint.size == verdict.size for where, checkpoint in signed):
        verdict.notes.append("checkpoints.txt does not hold the newest checkpoint")
    with _exact_text(session):
        roots = _walk(session, verdict, {checkpoint.size for _, checkpoint in signed})
    _compare(signed, roots, verdict)
    verdict.unnumbered = session.exec(
        select(func.count()).select_from(AccessLogEntry).where(col(AccessLogEntry.index).is_(None))
    ).one()
    return verdict


def _signed_by_us(
    checkpoints: list[tuple[str, Checkpoint]], keys: NodeKeys, region: str, verdict: Verdict
) -> list[tuple[str, Checkpoint]]:
    """Keep the checkpoints that a checkpoint key of this node signed, a retired one included."""
    origin = log_origin(region)
    jwks = [key.jwk for key in keys.all() if key.use == "checkpoint"]
    good = []
    for where, checkpoint in checkpoints:
        if checkpoint.origin == origin and any(is_signed(checkpoint, jwk) for jwk in jwks):
            good.append((where, checkpoint))
        else:
            message = f"the checkpoint of size {checkpoint.size} in {where} is not signed by this node"
            verdict.faults.append(Fault("checkpoint", None, message))
    return good


def is_signed(checkpoint: Checkpoint, jwk: Jwk) -> bool:
    """Whether this key signed a checkpoint."""
    key_id = note_key_id(checkpoint.origin, public_bytes(jwk))
    return any(
        signature[:4] == key_id and verifies(jwk, signature[4:], checkpoint.signed)
        for signature in checkpoint.signatures
    )


def _walk(session: Session, verdict: Verdict, sizes: set[int]) -> dict[int, tuple[bytes, bytes]]:
    """Hold each entry against its leaf; give the roots by leaves and by entries at each of ``sizes``."""
    by_leaves, by_entries = Frontier(), Frontier()
    roots = {0: (by_leaves.root(), by_entries.root())}
    leaves, entries = _Ahead(_rows(session, _LEAVES)), _Ahead(_rows(session, _ENTRIES))
    state = session.get(LogState, 1) or LogState()
    frontier_fits = state.size == 0
    for number in range(verdict.size):
        for stray in entries.before(number):
            verdict.faults.append(_stray(stray))
        entry, leaf = entries.at(number), leaves.at(number)
        hashed = None if entry is None else _hash_or_none(entry)
        stored = None if leaf is None else _as_bytes(leaf["hash"])
        if entry is None:
            verdict.faults.append(Fault("deleted", number, f"entry {number} is missing"))
        elif stored is None:
            verdict.faults.append(Fault("leaf", number, f"the leaf hash of entry {number} is missing"))
        elif hashed != stored:
            verdict.faults.append(Fault("changed", number, f"entry {number} is not what was logged"))
        by_leaves.append(stored or hashed or b"")
        by_entries.append(hashed or stored or b"")
        if number + 1 in sizes:
            roots[number + 1] = by_leaves.root(), by_entries.root()
        if number + 1 == state.size:
            frontier_fits = state.frontier in {by_leaves.pack(), by_entries.pack()}
    for stray in entries.rest():
        verdict.faults.append(_stray(stray))
    for stray in leaves.rest():
        verdict.faults.append(Fault("leaf", None, f"there is a leaf hash of an entry {stray['index']!r} never logged"))
    if state.size != verdict.size or not frontier_fits:
        verdict.faults.append(Fault("state", None, "the state that numbering goes on from does not fit the log"))
    return roots


def _compare(signed: list[tuple[str, Checkpoint]], roots: Mapping[int, tuple[bytes, bytes]], verdict: Verdict) -> None:
    """Hold the tree against each checkpoint; of those that do not fit, the first one places the fault."""
    last_good = 0
    placed = False
    for where, checkpoint in sorted(signed, key=lambda item: item[1].size):
        if checkpoint.size > verdict.size:
            message = f"the log has {verdict.size} entries, {where} has signed {checkpoint.size}: it was cut short"
            verdict.faults.append(Fault("truncated", verdict.size, message))
        elif checkpoint.root in roots[checkpoint.size]:
            last_good = checkpoint.size
        elif not placed:
            placed = True
            message = f"entries {last_good} to {checkpoint.size - 1} are not those that {where} has signed"
            index = last_good if checkpoint.size == last_good + 1 else None
            verdict.faults.append(Fault("rewritten", index, message))


def _stray(row: Mapping[str, Any]) -> Fault:
    number = row["index"]
    index = number if isinstance(number, int) else None
    return Fault("inserted", index, f"there is an entry numbered {number!r} that was never logged")


def _hash_or_none(entry: Mapping[str, Any]) -> bytes | None:
    """Hash an entry; None for one with a value of a kind that no column has."""
    try:
        return leaf_hash(entry)
    except TypeError:
        return None


def _as_bytes(value: object) -> bytes:
    """Take a hash as the driver gave it; what is no bytes fits no entry."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


class _Ahead:
    """Rows in the order of their numbers, looked at one ahead."""

    def __init__(self, rows: Iterator[Mapping[str, Any]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def at(self, number: int) -> Mapping[str, Any] | None:
        """Take the row of this number, or None when there is none."""
        row = self._next
        if row is None or row["index"] != number:
            return None
        self._next = next(self._rows, None)
        return row

    def before(self, number: int) -> Iterator[Mapping[str, Any]]:
        """Take the rows whose number has passed already: doubled or negative ones."""
        while (row := self._next) is not None and isinstance(row["index"], int | float) and row["index"] < number:
            self._next = next(self._rows, None)
            yield row

    def rest(self) -> Iterator[Mapping[str, Any]]:
        """Take all rows that are left."""
        while (row := self._next) is not None:
            self._next = next(self._rows, None)
            yield row


def _rows(session: Session, statement: TextClause) -> Iterator[Mapping[str, Any]]:
    """Give rows one after another as the driver hands them out, a few at a time in memory."""
    found = session.connection().execute(statement.execution_options(stream_results=True, yield_per=PAGE_ROWS))
    return iter(cast("Iterable[Mapping[str, Any]]", found.mappings()))


@contextmanager
def _exact_text(session: Session) -> Iterator[None]:
    """Read SQLite's text byte by byte: bytes that are no UTF-8 must reach the hash, not end the check."""
    connection: Any = session.connection().connection.dbapi_connection
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    before = connection.text_factory
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        connection.text_factory = before
