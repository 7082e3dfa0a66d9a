"""Which numbers of each stream are here, so that what is missing can be asked for and a peer can be told what we hold.

A number is *here* once its message was settled: taken, refused for good, known before, or replaced by a
``message.voided``. All numbers up to ``whole`` are here; beyond it stand ranges. Whatever lies between is a gap: it may
be on its way (a message that was refused for now), so it is given ten minutes before the peer is asked; after that the
peer is asked again at growing distances, and no longer once it keeps nothing so old. A stream without a gap is looked
at once a day while nothing comes on it, for a peer that cannot reach us may have much to say.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from federation.tables import InboxStream, Peer, PeerState

PATIENCE = timedelta(minutes=10)
AGAIN = timedelta(hours=1)
SILENCE = timedelta(hours=24)
KEPT = timedelta(days=35)
"""How long a peer keeps what it has a receipt for."""

MOST_RANGES = 200
MOST_STREAMS = 200
"""How many streams of a peer a message about them may name."""


def note_numbers(session: Session, peer: str, numbers: Iterable[tuple[str, int]], now: datetime) -> None:
    """Note numbers (stream and number) of a peer as here."""
    by_stream: dict[str, set[int]] = defaultdict(set)
    for stream, number in numbers:
        by_stream[stream].add(number)
    for stream, new in sorted(by_stream.items()):
        row = session.get(InboxStream, (peer, stream))
        if row is None:
            _rest_others(session, peer)
            row = InboxStream(peer=peer, stream=stream, heard_at=now)
        row.whole, row.ahead = merged(row.whole, row.ahead, new)
        row.heard_at = now
        if not row.ahead:
            row.gap_since, row.pulls, row.pull_at = None, 0, now + SILENCE
        elif row.gap_since is None:
            row.gap_since, row.pulls, row.pull_at = now, 0, now + PATIENCE
        session.add(row)
    session.flush()


def merged(whole: int, ahead: list[list[int]], new: Iterable[int]) -> tuple[int, list[list[int]]]:
    """``whole`` and the ranges beyond it with the ``new`` numbers; far too many ranges lose the last ones.

    A number that is forgotten so is asked for again, and its message has no effect a second time.
    """
    ranges = sorted([*map(list, ahead), *([number, number] for number in new if number > whole)])
    joined: list[list[int]] = []
    for first, last in ranges:
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    while joined and joined[0][0] <= whole + 1:
        whole = max(whole, joined.pop(0)[1])
    return whole, joined[:MOST_RANGES]


def held_streams(session: Session, peer: str) -> dict[str, int]:
    """Up to which number each stream of a peer is here without a gap, the ones last heard first."""
    found = (
        select(InboxStream.stream, InboxStream.whole)
        .where(col(InboxStream.peer) == peer)
        .order_by(col(InboxStream.heard_at).desc(), col(InboxStream.stream))
    )
    return dict(session.exec(found.limit(MOST_STREAMS)).all())


# --- Asking for what is missing ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """A stream that is to be pulled: what lies beyond ``after``."""

    peer: str
    stream: str
    after: int


def claim_pulls(session: Session, now: datetime, limit: int = 100) -> list[Wanted]:
    """The streams whose peers are to be asked now; each is put off, so that no other process asks as well."""
    rows = session.exec(
        select(InboxStream)
        .join(Peer, col(Peer.region) == col(InboxStream.peer))
        .where(col(InboxStream.pull_at) <= now, col(Peer.state) == PeerState.ACTIVE)
        .order_by(col(InboxStream.pull_at), col(InboxStream.peer), col(InboxStream.stream))
        .limit(limit)
        .with_for_update(of=InboxStream, skip_locked=True)
    ).all()
    for row in rows:
        row.pulls += 1
        given_up = row.gap_since is not None and now - row.gap_since > KEPT
        row.pull_at = None if given_up else now + min(AGAIN * 2 ** min(row.pulls - 1, 5), SILENCE)
        session.add(row)
    session.flush()
    return [Wanted(row.peer, row.stream, row.whole) for row in rows]


def was_pulled(session: Session, wanted: Wanted, now: datetime) -> None:
    """Everything that a peer has of a stream was asked for: without a gap, it is left alone for a day."""
    row = session.get(InboxStream, (wanted.peer, wanted.stream))
    if row is not None and not row.ahead:
        row.gap_since, row.pulls = None, 0
        row.pull_at = now + SILENCE if row.pull_at is not None else None
        session.add(row)
        session.flush()


def pull_all(session: Session, now: datetime) -> None:
    """Ask every peer at once what it has beyond what is here: this node forgot some of it (it was restored)."""
    session.exec(update(InboxStream).values(pull_at=now, pulls=0))


def _rest_others(session: Session, peer: str) -> None:
    """A peer speaks on a new stream: its earlier ones, when they are whole, need no looking after any more."""
    whole = col(InboxStream.peer) == peer, col(InboxStream.gap_since).is_(None)
    session.exec(update(InboxStream).where(*whole).values(pull_at=None))
