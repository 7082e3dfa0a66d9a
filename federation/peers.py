"""Peers: who they are, which keys are theirs, and how an officer stops and starts them.

Trust is pinned, never on first use (``pairing`` pins it). States: ``invited → active ⇄ suspended → revoked``; a region
without a node is ``paper``.
"""

from datetime import datetime

from sqlmodel import Session, col, select, update

from federation.keys import Jwk
from federation.node import FederationNode
from federation.tables import Destination, MessageState, OutboxMessage, Peer, PeerKey, PeerState, Wait
from schemas.entropy import uuid4
from schemas.problems import Conflict, InvalidInput, UnknownPeer, WrongState
from schemas.regions import ancestors, is_region_code

OPEN_STATES = (MessageState.QUEUED, MessageState.WAITING)

UNKNOWN_TO_PEER = "http_401"
"""How a peer that does not know our key answers: unsigned."""

_KEYS_TO_TRY = 3
_CLOCK_STEP_SECONDS = 2


def find_peer(session: Session, region: str) -> Peer | None:
    """The peer with exactly this code."""
    return session.get(Peer, region)


def peer_for(session: Session, region: str) -> Peer | None:
    """The peer that is addressed for ``region``: of overlapping codes the longest prefix; revoked ones never."""
    found = session.exec(
        select(Peer).where(col(Peer.region).in_(ancestors(region)), col(Peer.state) != PeerState.REVOKED)
    ).all()
    return max(found, key=lambda peer: len(peer.region), default=None)


def list_peers(session: Session) -> list[Peer]:
    """All peers, by region code."""
    return list(session.exec(select(Peer).order_by(col(Peer.region))).all())


def add_paper_peer(session: Session, fed: FederationNode, region: str, name: str) -> Peer:
    """Note a region without a node; requests to it are printed letters.

    Raises ``InvalidInput`` for a code or name that cannot be, ``Conflict`` when the region is a peer already.
    """
    name = name.strip()
    if not is_region_code(region) or region == fed.region or not 0 < len(name) <= 100:
        raise InvalidInput(errors=[{"field": "region", "message": "another region's code and its name"}])
    if find_peer(session, region) is not None:
        raise Conflict
    now = fed.clock.now()
    peer = Peer(region=region, name=name, state=PeerState.PAPER, accepted_at=now, changed_at=now)
    session.add(peer)
    session.flush()
    return peer


# --- Keys ----------------------------------------------------------------------------------------------------------


def peer_key(session: Session, region: str, use: str) -> Jwk | None:
    """The peer's key in force for ``use``."""
    found = session.exec(
        select(PeerKey)
        .where(
            col(PeerKey.region) == region,
            col(PeerKey.tonglu_use) == use,
            col(PeerKey.accepted_until).is_(None),
            col(PeerKey.compromised_from).is_(None),
        )
        .order_by(col(PeerKey.in_force_from).desc())
    ).first()
    return found.jwk if found else None


def transport_keys(session: Session, region: str, now: datetime) -> list[Jwk]:
    """The peer's transport keys whose signatures count at ``now``: the one in force, and one just rotated away."""
    found = session.exec(
        select(PeerKey).where(
            col(PeerKey.region) == region,
            col(PeerKey.tonglu_use) == "transport",
            col(PeerKey.compromised_from).is_(None),
        )
    ).all()
    return [key.jwk for key in found if key.accepted_until is None or now < key.accepted_until]


def peer_of_key(session: Session, kid: str, now: datetime) -> tuple[Peer, Jwk] | None:
    """The peer whose transport key ``kid`` is, and that key; ``None`` for a key or a peer that is not trusted."""
    key = session.get(PeerKey, kid)
    if key is None or key.tonglu_use != "transport" or key.compromised_from is not None:
        return None
    if key.accepted_until is not None and now >= key.accepted_until:
        return None
    peer = session.get(Peer, key.region)
    if peer is None or peer.state in (PeerState.REVOKED, PeerState.PAPER):
        return None
    return peer, key.jwk


# --- Clock ---------------------------------------------------------------------------------------------------------


def note_clock(session: Session, region: str, offset_seconds: int) -> None:
    """Keep how far a peer's clock is ahead of ours (behind, if negative), as its last signed answer showed it."""
    peer = session.get(Peer, region)
    if peer is None:
        return
    known = peer.clock_offset_seconds
    if known is None or abs(known - offset_seconds) >= _CLOCK_STEP_SECONDS:
        peer.clock_offset_seconds = offset_seconds
        session.add(peer)
        session.flush()


# --- Our key towards a peer ----------------------------------------------------------------------------------------


def signing_kid(fed: FederationNode, destination: Destination | None) -> str | None:
    """Which of our transport keys signs what goes to a peer: the one that it is known to know (``rotation``).

    A peer to which that one is unknown answers 401, unsigned; then the others are tried in turn, the newest first.
    """
    if destination is None or destination.signs_with is None:
        return None
    if destination.wait_code != UNKNOWN_TO_PEER:
        return destination.signs_with
    newest = [key.kid for key in reversed(fed.keys.all()) if key.use == "transport"][:_KEYS_TO_TRY]
    candidates = list(dict.fromkeys([destination.signs_with, *newest]))
    return candidates[destination.failures % len(candidates)]


# --- States --------------------------------------------------------------------------------------------------------


def activate(session: Session, peer: Peer, now: datetime) -> bool:
    """A good signature of an accepted peer was seen: an invited one is active from now on."""
    if peer.state != PeerState.INVITED:
        return False
    peer.state, peer.changed_at = PeerState.ACTIVE, now
    peer.activated_at = peer.activated_at or now
    session.add(peer)
    session.flush()
    return True


def suspend(session: Session, fed: FederationNode, region: str) -> Peer:
    """Send nothing and answer ``peer_suspended`` until resumed; raises ``UnknownPeer`` or ``WrongState``."""
    return _change(session, fed, region, (PeerState.INVITED, PeerState.ACTIVE), PeerState.SUSPENDED)


def resume(session: Session, fed: FederationNode, region: str) -> Peer:
    """End a suspension; what waited goes at once."""
    peer = _known(session, region)
    back = PeerState.ACTIVE if peer.activated_at else PeerState.INVITED
    _change(session, fed, region, (PeerState.SUSPENDED,), back)
    clear_wait(session, region, stopped_too=True)
    return peer


def revoke(session: Session, fed: FederationNode, region: str) -> Peer:
    """End trust for good: its requests are unknown from now on, and what is queued for it is cancelled."""
    now = fed.clock.now()
    alive = (PeerState.INVITED, PeerState.ACTIVE, PeerState.SUSPENDED)
    peer = _change(session, fed, region, alive, PeerState.REVOKED)
    unsent = col(OutboxMessage.region) == region, col(OutboxMessage.state).in_((*OPEN_STATES, MessageState.PARKED))
    session.exec(update(OutboxMessage).where(*unsent).values(state=MessageState.CANCELLED, finished_at=now))
    return peer


def retry_now(session: Session, region: str) -> Peer:
    """Forget the wait towards a peer and of each message to it, so that what is due goes at once.

    An officer who knows better also ends an absence that the peer announced. The record of failures stays.
    Raises ``UnknownPeer``, or ``WrongState`` for a peer nothing is sent to.
    """
    peer = _known(session, region)
    if peer.state not in (PeerState.INVITED, PeerState.ACTIVE):
        raise WrongState
    clear_wait(session, region, stopped_too=True)
    peer.away_from = peer.away_until = None
    session.add(peer)
    waiting = col(OutboxMessage.region) == region, col(OutboxMessage.state) == MessageState.WAITING
    session.exec(update(OutboxMessage).where(*waiting).values(next_attempt_at=None))
    return peer


def clear_wait(session: Session, region: str, *, stopped_too: bool = False) -> None:
    """End the wait towards a peer that shows signs of life, not its record of failures; what was stopped for good
    goes on only at an officer's word (``stopped_too``).
    """
    waiting = [col(Destination.region) == region, col(Destination.wait).is_not(None)]
    if not stopped_too:
        waiting.append(col(Destination.wait) != Wait.STOPPED)
    session.exec(update(Destination).where(*waiting).values(next_attempt_at=None, wait=None, wait_code=None))


def open_destination(session: Session, fed: FederationNode, region: str) -> None:
    """Make sure that there is a stream towards a peer, due at once."""
    destination = session.get(Destination, region)
    if destination is None:
        destination = Destination(region=region, stream=uuid4(fed.entropy))
    else:
        clear_wait(session, region, stopped_too=True)
    destination.signs_with = destination.announced = fed.keys.kid("transport")
    session.add(destination)
    session.flush()


def destination_of(session: Session, region: str) -> Destination | None:
    """How sending to a peer stands: failures, why it waits and until when."""
    return session.get(Destination, region)


def _known(session: Session, region: str) -> Peer:
    peer = session.get(Peer, region)
    if peer is None or peer.state == PeerState.PAPER:
        raise UnknownPeer
    return peer


def _change(
    session: Session, fed: FederationNode, region: str, expected: tuple[PeerState, ...], state: PeerState
) -> Peer:
    peer = _known(session, region)
    if peer.state not in expected:
        raise WrongState
    peer.state, peer.changed_at = state, fed.clock.now()
    session.add(peer)
    session.flush()
    return peer
