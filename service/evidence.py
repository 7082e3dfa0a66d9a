"""What keeps a receipt good after a key was compromised: the evidence stood under a checkpoint that a peer cosigned.

Whoever gets hold of a transport key can write requests, answers and dates at will, and whoever has the database, rows.
What nobody can make afterwards is a peer's cosignature of last week. So once a day one entry of the access log holds
the root of a tree over the evidence that was recorded until then (its leaves are ``evidence_hash``, in the order of
the exchanges' ids); with it the evidence lies under every later head, and under the cosignatures of those.
"""

from datetime import datetime, time, timedelta
from typing import Final

from sqlmodel import Field, Session, SQLModel, col, select

from federation.receipts import ReceiptDocument, evidence_hash, exchange_of
from federation.tables import Exchange, UtcDateTime
from schemas.entropy import uuid7
from service.access_log import AccessLogEntry, LogCheckpoint, LogCosignature, LogLeaf, stamp
from service.context import Node
from service.log_tree import COVERED, Frontier, leaf_hash
from service.log_verify import Checkpoint, read_checkpoints
from service.witnesses import checkpoint_keys, read_cosignature

SETTLED: Final = timedelta(minutes=5)
"""A moment is written down before its transaction has its turn: nothing comes later by more than this."""
_PAGE_ROWS: Final = 500


class KeptEvidence(SQLModel, table=True):
    """Which evidence (recorded after ``after``, up to ``until``) an entry of the access log holds the root of."""

    __tablename__ = "kept_evidence"

    entry_id: str = Field(primary_key=True, max_length=36)
    after: datetime | None = Field(default=None, sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime, unique=True)


# --- Once a day ----------------------------------------------------------------------------------------------------


async def keep_evidence(node: Node) -> int:
    """Put the evidence of the days that are over under the log; returns 1 where there was any."""
    until = _until(node)
    found = await node.database.read(lambda session: _unkept(session, until))
    if found is None:
        return 0
    after, root = found

    def write(session: Session) -> int:
        # Another process may have been first.
        if _last(session) != after:
            return 0
        now = node.now()
        entry = AccessLogEntry(
            id=uuid7(now, node.entropy),
            at=stamp(now),
            actor="node",
            office=node.region,
            officer="",
            action="evidence.kept",
            sealed=root,
        )
        session.add_all([entry, KeptEvidence(entry_id=entry.id, after=after, until=until)])
        session.flush()
        return 1

    return await node.database.write(write)


def is_kept(session: Session, node: Node) -> bool:
    """Whether all evidence of the days that are over lies under a numbered entry, so that a head may be shown."""
    last, until = _newest(session), _until(node)
    if last is None or last.until < until:
        later = select(Exchange.id).where(col(Exchange.recorded_at) <= until)
        if last is not None:
            later = later.where(col(Exchange.recorded_at) > last.until)
        return session.exec(later.limit(1)).first() is None
    entry = session.get(AccessLogEntry, last.entry_id)
    return entry is not None and entry.index is not None


def _until(node: Node) -> datetime:
    """The end of yesterday, less the time that what was recorded then may take to be there."""
    midnight = datetime.combine(node.today(), time(), node.zone)
    return midnight.astimezone(node.now().tzinfo) - SETTLED


def _newest(session: Session) -> KeptEvidence | None:
    return session.exec(select(KeptEvidence).order_by(col(KeptEvidence.until).desc()).limit(1)).first()


def _last(session: Session) -> datetime | None:
    newest = _newest(session)
    return newest.until if newest is not None else None


def _unkept(session: Session, until: datetime) -> tuple[datetime | None, bytes] | None:
    after = _last(session)
    if after is not None and after >= until:
        return None
    root, count = _root(session, after, until)
    return (after, root) if count else None


def _root(session: Session, after: datetime | None, until: datetime) -> tuple[bytes, int]:
    """The root over what was recorded after a moment up to another, and how much that is."""
    wanted = select(Exchange).where(col(Exchange.recorded_at) <= until)
    if after is not None:
        wanted = wanted.where(col(Exchange.recorded_at) > after)
    hashes: dict[str, bytes] = {}
    for row in session.exec(wanted.execution_options(yield_per=_PAGE_ROWS)):
        hashes[row.id] = evidence_hash(row)
        session.expunge(row)
    tree = Frontier()
    for exchange_id in sorted(hashes):
        tree.append(hashes[exchange_id])
    return tree.root(), len(hashes)


# --- Proof ---------------------------------------------------------------------------------------------------------


def witnessed_at(session: Session, receipt: ReceiptDocument) -> datetime | None:
    """When a peer first cosigned a head under which the evidence of a receipt lies; ``None`` without such a head.

    Nothing is believed that the tree does not bear out: the exchange is among those whose root the entry holds, the
    entry is the leaf that was numbered, and the leaves lead to the head. Cosignatures by compromised keys do not count.
    """
    exchange = exchange_of(session, receipt)
    entry = _entry_over(session, exchange.recorded_at) if exchange is not None else None
    if entry is None or entry.index is None:
        return None
    heads = _cosigned_heads(session, entry.index)
    roots = _roots(session, {head.size for head, _ in heads})
    return min((at for head, at in heads if roots.get(head.size) == head.root), default=None)


def _entry_over(session: Session, recorded_at: datetime) -> AccessLogEntry | None:
    later = select(KeptEvidence).where(col(KeptEvidence.until) >= recorded_at).order_by(col(KeptEvidence.until))
    kept = session.exec(later.limit(1)).first()
    if kept is None or (kept.after is not None and kept.after >= recorded_at):
        return None
    entry = session.get(AccessLogEntry, kept.entry_id)
    if entry is None or entry.sealed != _root(session, kept.after, kept.until)[0]:
        return None
    leaf = session.get(LogLeaf, entry.index)
    columns = {name: getattr(entry, name) for name in COVERED}
    return entry if leaf is not None and leaf.hash == leaf_hash(columns) else None


def _cosigned_heads(session: Session, index: int) -> list[tuple[Checkpoint, datetime]]:
    """The heads of a log longer than ``index`` that a peer's good key cosigned, and when."""
    wanted = select(LogCosignature, LogCheckpoint.text).join(
        LogCheckpoint, col(LogCheckpoint.size) == col(LogCosignature.size)
    )
    found = []
    for cosignature, text in session.exec(wanted.where(col(LogCosignature.size) > index)).all():
        heads = read_checkpoints(text)
        seen = read_cosignature(cosignature.line, cosignature.peer)
        keys = checkpoint_keys(session, cosignature.peer)
        if len(heads) == 1 and seen is not None and any(seen.is_by(jwk, heads[0].signed) for jwk in keys):
            found.append((heads[0], seen.at))
    return found


def _roots(session: Session, sizes: set[int]) -> dict[int, bytes]:
    """The tree's root at some sizes, from the leaves."""
    roots, tree = {}, Frontier()
    leaves = select(LogLeaf.hash).where(col(LogLeaf.index) >= 0, col(LogLeaf.index) < max(sizes, default=0))
    ordered = leaves.order_by(col(LogLeaf.index)).execution_options(yield_per=_PAGE_ROWS)
    for number, leaf in enumerate(session.exec(ordered), start=1):
        tree.append(leaf)
        if number in sizes:
            roots[number] = tree.root()
    return roots
