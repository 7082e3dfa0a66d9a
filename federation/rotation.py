"""New keys, and a new address: how each peer comes to know them, and how we take a peer's.

*Ours.* A rotation replaces all four keys at once in ``keys.json``; the old ones stay there, retired. Nothing else need
happen together with it: ``announce`` compares, for each peer, the newest key that it was told of with the one in force,
and queues ``keys.rotated`` where they differ. So a crash between the two is healed by the next look.

What goes to a peer, requests and answers alike, is signed by the key that *this peer* is known to know
(``signs_with``): the old one, until the receipt for ``keys.rotated`` is here. So a peer that was away for a month
understands what it gets first. If that receipt was lost and the old key is accepted no longer, an unsigned 401 comes
back; then the keys are tried in turn, and the one that is answered is the one that the peer knows.

*A peer's.* ``keys.rotated`` brings the new descriptor and, as proof, the same descriptor signed by a transport key that
is pinned and still accepted. The new keys are pinned; the old transport key counts for seven days more, unless it is
said to be compromised; the others verify what they signed. Nothing but the keys is taken from it: an address changes by
``node.moved`` alone, a name only by pairing anew.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, or_, select

from federation.batches import Sent
from federation.jws import JwsRefused, read_jws, sign_jws_with
from federation.keys import Jwk
from federation.node import FederationNode
from federation.outbox import ROTATED, enqueue_all
from federation.pairing import descriptor_jws, read_descriptor
from federation.peers import UNKNOWN_TO_PEER, clear_wait, transport_keys
from federation.tables import Destination, Peer, PeerKey, PeerState
from schemas.clock import parse_rfc3339
from schemas.descriptor import DESCRIPTOR_TYP, Descriptor, DescriptorDocument
from schemas.envelope import Incoming, Outgoing
from schemas.messages import KeysRotated, NodeMoved
from schemas.problems import InvalidMessage, InvitationRefused
from schemas.strict_json import UnreadableJsonError, read_document

MOVED = "tonglu.node.moved.v1"
OLD_ACCEPTED = timedelta(days=7)

_TOLD = (PeerState.INVITED, PeerState.ACTIVE, PeerState.SUSPENDED)
_CLOCKS_DIFFER = timedelta(minutes=5)


# --- Our own keys ----------------------------------------------------------------------------------------------------


def announce(session: Session, fed: FederationNode) -> int:
    """Queue ``keys.rotated`` for each peer that was not yet told of the keys in force; returns to how many."""
    current = fed.keys.current("transport")
    untold = session.exec(
        select(Destination)
        .join(Peer, col(Peer.region) == col(Destination.region))
        .where(
            col(Peer.state).in_(_TOLD),
            or_(col(Destination.announced).is_(None), col(Destination.announced) != current.kid),
        )
        .order_by(col(Destination.region))
    ).all()
    if not untold:
        return 0
    jws = descriptor_jws(fed)
    payload = read_jws(jws, DESCRIPTOR_TYP).payload
    first = next(key for key in fed.keys.all() if key.use == "transport")
    outgoing = []
    for destination in untold:
        known = fed.keys.of_kid(destination.announced or first.kid)
        destination.announced = current.kid
        destination.signs_with = destination.signs_with or (known or current).kid
        session.add(destination)
        # Without the old key (a restored node whose keys are others) there is no proof: the peer is to be paired anew.
        if known is not None and known.kid != current.kid:
            data: dict[str, Any] = {"descriptor": {"jws": jws}, "proof": sign_jws_with(known, DESCRIPTOR_TYP, payload)}
            if known.compromised_from is not None:
                data["compromised_from"] = known.compromised_from
            outgoing.append(Outgoing(destination.region, ROTATED, "node", data))
    session.flush()
    enqueue_all(session, fed, outgoing)
    return len(outgoing)


def announce_move(session: Session, fed: FederationNode) -> int:
    """Tell each peer the configured base URL, once this node answers there; returns how many are told."""
    regions = session.exec(
        select(Peer.region)
        .join(Destination, col(Destination.region) == col(Peer.region))
        .where(col(Peer.state).in_(_TOLD))
        .order_by(col(Peer.region))
    ).all()
    data = {"descriptor": {"jws": descriptor_jws(fed)}}
    enqueue_all(session, fed, [Outgoing(region, MOVED, "node", data) for region in regions])
    return len(regions)


def note_receipted(session: Session, region: str, taken: Sequence[Sent]) -> None:
    """A peer took these messages: where ``keys.rotated`` is among them, the key that it brought signs from now on."""
    destination = session.get(Destination, region)
    for one in taken:
        if one.type == ROTATED and destination is not None:
            data = read_document(one.body)["data"]
            destination.signs_with = read_jws(data["descriptor"]["jws"], DESCRIPTOR_TYP).kid
            session.add(destination)
    session.flush()


def note_understood(session: Session, fed: FederationNode, region: str, kid: str) -> None:
    """A peer answered a request that ``kid`` signed: that key it knows, whatever was thought before.

    If it is older than what the peer was believed to know (it took an invitation from before a rotation), it is told of
    the newer ones.
    """
    destination = session.get(Destination, region)
    if destination is None or destination.wait_code != UNKNOWN_TO_PEER or destination.signs_with in (None, kid):
        return
    kids = [key.kid for key in fed.keys.all() if key.use == "transport"]
    believed = destination.signs_with
    if kid in kids and believed in kids and kids.index(kid) < kids.index(believed):
        destination.announced = kid
    destination.signs_with = kid
    session.add(destination)
    session.flush()


# --- A peer's keys and address ---------------------------------------------------------------------------------------


def take_rotated(session: Session, fed: FederationNode, incoming: Incoming, peer: Peer, now: datetime) -> None:
    """Pin a peer's new keys; raises ``InvalidMessage`` unless a transport key that counts now vouches for them."""
    data = incoming.data
    if not isinstance(data, KeysRotated):
        raise InvalidMessage
    descriptor, keys = _described(data.descriptor.jws, peer)
    try:
        proof = read_jws(data.proof, DESCRIPTOR_TYP)
        same = proof.payload == read_jws(data.descriptor.jws, DESCRIPTOR_TYP).payload
    except JwsRefused:
        raise _refused("proof", "cannot be read") from None
    trusted = [jwk for jwk in transport_keys(session, peer.region, now) if proof.is_by(jwk)]
    if not same or not trusted:
        raise _refused("proof", "not signed by a transport key that is known here")
    compromised_from = data.compromised_from
    if compromised_from is not None and compromised_from > now + _CLOCKS_DIFFER:
        raise _refused("compromised_from", "lies in the future")
    if descriptor.issued_at > now + _CLOCKS_DIFFER:
        raise _refused("descriptor", "issued in the future")
    if any(fed.keys.of_kid(jwk["kid"]) for jwk in keys):
        raise _refused("descriptor", "brings a key of this node")
    _pin(session, peer, keys, now, compromised_from=compromised_from)
    _keep(session, peer, descriptor, data.descriptor.jws)


def take_moved(session: Session, fed: FederationNode, incoming: Incoming, peer: Peer, now: datetime) -> None:
    """Note a peer's new address; raises ``InvalidMessage`` unless a key that is pinned and in force says so."""
    data = incoming.data
    if not isinstance(data, NodeMoved):
        raise InvalidMessage
    jws = data.descriptor.jws
    descriptor, _ = _described(jws, peer)
    if not _is_by_pinned(session, jws, peer, now) or _is_older(peer, descriptor):
        raise _refused("descriptor", "not the newest that a key known here has signed")
    if not fed.allow_private_peers and not descriptor.base_url.startswith("https://"):
        raise _refused("descriptor", "the address is not https")
    peer.base_url = descriptor.base_url
    _keep(session, peer, descriptor, jws)
    clear_wait(session, peer.region)


def take_descriptor(session: Session, region: str, document: bytes, now: datetime) -> bool:
    """Take keys from a descriptor that was fetched from a peer; ``False`` for one that proves nothing.

    It counts only if a pinned transport key that is in force signed it and it is not older than the one known; its
    address is not taken.
    """
    peer = session.get(Peer, region)
    if peer is None or peer.state != PeerState.ACTIVE:
        return False
    try:
        jws = DescriptorDocument.from_wire(read_document(document)).jws
        descriptor, keys = _described(jws, peer)
    except (UnreadableJsonError, ValidationError, InvalidMessage):
        return False
    if not _is_by_pinned(session, jws, peer, now) or _is_older(peer, descriptor):
        return False
    if descriptor.issued_at > now + _CLOCKS_DIFFER:
        return False
    try:
        _pin(session, peer, keys, now, compromised_from=None)
    except InvalidMessage:
        return False
    _keep(session, peer, descriptor, jws)
    return True


def _described(jws: str, peer: Peer) -> tuple[Descriptor, list[Jwk]]:
    try:
        descriptor, keys = read_descriptor(jws)
    except InvitationRefused:
        raise _refused("descriptor", "cannot be read, or is not signed by its own key") from None
    if descriptor.region != peer.region or 1 not in descriptor.versions:
        raise _refused("descriptor", "another region's, or of another version")
    return descriptor, keys


def _is_by_pinned(session: Session, jws: str, peer: Peer, now: datetime) -> bool:
    parsed = read_jws(jws, DESCRIPTOR_TYP)
    return any(parsed.is_by(jwk) for jwk in transport_keys(session, peer.region, now))


def _is_older(peer: Peer, descriptor: Descriptor) -> bool:
    """Whether a descriptor is older than the one kept: whoever replays it would bring back what it says."""
    if peer.descriptor is None:
        return False
    issued_at = read_jws(peer.descriptor, DESCRIPTOR_TYP).payload.get("issued_at")
    return isinstance(issued_at, str) and descriptor.issued_at < parse_rfc3339(issued_at)


def _pin(session: Session, peer: Peer, keys: list[Jwk], now: datetime, *, compromised_from: datetime | None) -> None:
    known = {row.kid: row for row in session.exec(select(PeerKey).where(col(PeerKey.region) == peer.region)).all()}
    elsewhere = col(PeerKey.kid).in_([jwk["kid"] for jwk in keys]), col(PeerKey.region) != peer.region
    if session.exec(select(PeerKey.kid).where(*elsewhere)).first() is not None:
        raise _refused("descriptor", "brings a key that is another region's")
    kids = {jwk["kid"] for jwk in keys}
    if any(row.kid in kids and (row.accepted_until or row.compromised_from) for row in known.values()):
        raise _refused("descriptor", "brings back a key that was replaced")
    for row in known.values():
        if row.kid in kids or row.accepted_until is not None:
            continue
        row.accepted_until = now + OLD_ACCEPTED if row.tonglu_use == "transport" else now
        row.compromised_from = compromised_from
        session.add(row)
    for jwk in keys:
        if jwk["kid"] not in known:
            session.add(
                PeerKey(kid=jwk["kid"], region=peer.region, tonglu_use=jwk["tonglu_use"], jwk=jwk, in_force_from=now)
            )
    session.flush()


def _keep(session: Session, peer: Peer, descriptor: Descriptor, jws: str) -> None:
    peer.descriptor = jws
    peer.max_messages, peer.max_bytes = descriptor.limits.max_messages, descriptor.limits.max_bytes
    session.add(peer)
    session.flush()


def _refused(field: str, why: str) -> InvalidMessage:
    return InvalidMessage(errors=[{"field": f"data.{field}", "message": why}])
