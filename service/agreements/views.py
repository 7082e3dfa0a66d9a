"""A peer as the API, the command and the pages show it: the line, its keys and clock, and what to do about it."""

from datetime import datetime
from functools import lru_cache
from typing import Final, TypeVar

from pydantic import BaseModel
from sqlmodel import Session, col, select

from federation import fingerprint
from federation.tables import Peer, PeerKey, PeerState
from schemas.problems import NotFound, fill
from service.agreements.lines import Line, newest_invitation, read_lines
from service.agreements.parked import ParkedView, parked_views
from service.agreements.queries import learn_names
from service.agreements.troubles import Trouble, trouble_of
from service.context import Node
from service.officers.rules import Officer


class TroubleView(BaseModel):
    """Why a line stands still, and what to do; `needs_someone` where it does not go on by itself."""

    problem_code: str
    what: str
    to_do: str
    needs_someone: bool

    @classmethod
    def of(cls, trouble: Trouble) -> "TroubleView":
        """Give the trouble in English."""
        facts: dict[str, object] = {
            name: value.isoformat(timespec="minutes") if isinstance(value, datetime) else value
            for name, value in trouble.facts.items()
        }
        return cls(
            problem_code=trouble.code,
            what=fill(trouble.what, facts),
            to_do=fill(trouble.to_do, facts),
            needs_someone=trouble.needs_someone,
        )


class PeerView(BaseModel):
    """A peer and how sending to it stands.

    `waiting` messages have no receipt yet and go by themselves, the oldest since `waiting_since`; `parked` ones were
    refused for good and wait for an officer. `unanswered` are our open questions. `last_answer_at` is the last success,
    `heard_at` when the peer last sent something. `clock_offset_seconds`: how far its clock is ahead of ours.
    `our_key` is the one that this peer knows, `their_key` the one pinned here.

    To officers of a part of the region a peer is a line and how it stands: what waits, was refused or is unanswered is
    counted over all offices, hence empty for them.
    """

    region: str
    name: str
    base_url: str | None
    state: str
    waiting: int | None
    waiting_since: datetime | None
    parked: int | None
    unanswered: int | None
    unanswered_since: datetime | None
    failures: int
    failing_since: datetime | None
    next_attempt_at: datetime | None
    wait: str | None
    wait_code: str | None
    trouble: TroubleView | None
    last_answer_at: datetime | None
    heard_at: datetime | None
    clock_offset_seconds: int | None
    our_key: str | None
    our_key_since: datetime | None
    our_key_is_newest: bool
    their_key: str | None
    their_key_since: datetime | None
    their_former_key_until: datetime | None
    away_from: datetime | None
    away_until: datetime | None
    accepted_at: datetime
    activated_at: datetime | None

    @classmethod
    def of(cls, line: Line, trouble: Trouble | None) -> "PeerView":
        """Give the view of a line."""
        peer, destination, ours = line.peer, line.destination, line.ours
        return cls(
            region=peer.region,
            name=peer.name,
            base_url=peer.base_url,
            state=peer.state,
            waiting=line.queue.waiting,
            waiting_since=line.queue.oldest_at,
            parked=line.queue.parked,
            unanswered=line.unanswered.count,
            unanswered_since=line.unanswered.oldest_at,
            failures=destination.failures if destination else 0,
            failing_since=destination.failing_since if destination else None,
            next_attempt_at=destination.next_attempt_at if destination else None,
            wait=destination.wait if destination else None,
            wait_code=destination.wait_code if destination else None,
            trouble=TroubleView.of(trouble) if trouble else None,
            last_answer_at=destination.last_answer_at if destination else None,
            heard_at=line.heard_at,
            clock_offset_seconds=peer.clock_offset_seconds,
            our_key=ours.kid if ours else None,
            our_key_since=ours.since if ours else None,
            our_key_is_newest=ours.is_newest if ours else True,
            their_key=line.theirs.kid,
            their_key_since=line.theirs.since,
            their_former_key_until=line.theirs.former_until,
            away_from=peer.away_from,
            away_until=peer.away_until,
            accepted_at=peer.accepted_at,
            activated_at=peer.activated_at,
        )


V = TypeVar("V", bound=PeerView)
_COUNTED: Final = ("waiting", "waiting_since", "parked", "unanswered", "unanswered_since")


def as_seen_by(view: V, node: Node, officer: Officer) -> V:
    """The peer as this officer sees it: counts over the whole region are for officers of all of it."""
    if officer.sees(node.region):
        return view
    seen = view.model_copy(update=dict.fromkeys(_COUNTED))
    if isinstance(seen, PeerDetail):
        seen.parked_messages = []
    return seen


class Fingerprint(BaseModel):
    """Six words in Chinese and in English that two offices read to each other."""

    zh: list[str]
    en: list[str]

    @classmethod
    def of(cls, mark: bytes) -> "Fingerprint":
        """Give the words of a fingerprint."""
        return cls(zh=fingerprint.words(mark, "zh-CN"), en=fingerprint.words(mark, "en"))


class PeerDetail(PeerView):
    """One peer in full: also the six words of its node and of ours, and the messages that it refused."""

    fingerprint: Fingerprint | None
    own_fingerprint: Fingerprint
    parked_messages: list[ParkedView]


def peer_views(session: Session, node: Node) -> list[PeerView]:
    """Give all peers, by region code."""
    return [view for view, _ in views_with_troubles(session, node)]


def peer_view(session: Session, node: Node, region: str) -> PeerView:
    """Give one peer. Raises `NotFound`."""
    return _one(session, node, region)[0]


def views_with_troubles(
    session: Session, node: Node, region: str | None = None
) -> list[tuple[PeerView, Trouble | None]]:
    """Give all peers (or one) by region code, each with its trouble as msgids, for pages to translate."""
    now, invitation_until = node.now(), newest_invitation(session)
    learn_names(session, node)
    found = []
    for line in read_lines(session, node, None if region is None else [region]):
        trouble = trouble_of(line, now, invitation_until)
        found.append((PeerView.of(line, trouble), trouble))
    return found


def _one(session: Session, node: Node, region: str) -> tuple[PeerView, Trouble | None]:
    found = views_with_troubles(session, node, region)
    if not found:
        raise NotFound
    return found[0]


def peer_in_full(session: Session, node: Node, region: str) -> tuple[PeerDetail, Trouble | None]:
    """Give one peer in full, with its trouble as msgids. Raises `NotFound`."""
    view, trouble = _one(session, node, region)
    mark = peer_fingerprint(session, region)
    detail = PeerDetail(
        **dict(view),
        fingerprint=Fingerprint.of(mark) if mark is not None else None,
        own_fingerprint=own_words(node),
        parked_messages=parked_views(session, region),
    )
    return detail, trouble


def peer_fingerprint(session: Session, region: str) -> bytes | None:
    """Give the fingerprint of a peer's node by what is pinned here; ``None`` on paper."""
    peer = session.get_one(Peer, region)
    in_force = col(PeerKey.region) == region, col(PeerKey.accepted_until).is_(None)
    kids = session.exec(select(PeerKey.kid).where(*in_force, col(PeerKey.compromised_from).is_(None))).all()
    if peer.state == PeerState.PAPER or peer.base_url is None or not kids:
        return None
    return _mark(region, peer.base_url, tuple(sorted(kids)))


def own_words(node: Node) -> Fingerprint:
    """Give the six words that the other office should see for this node."""
    kids = sorted(key["kid"] for key in node.fed.keys.public_jwks()["keys"])
    return Fingerprint.of(_mark(node.region, node.fed.base_url, tuple(kids)))


@lru_cache(maxsize=256)
def _mark(region: str, base_url: str, kids: tuple[str, ...]) -> bytes:
    """A fingerprint; it is slow to compute on purpose, and the page of a peer is opened more than once."""
    return fingerprint.fingerprint(region, base_url, kids)
