"""Pairing: two files carried by hand, and six words that two offices read to each other.

Each side writes an invitation (its signed descriptor, valid 14 days) and takes the other's once. What a descriptor says
of itself is signed by a key that the descriptor itself brings, which proves only that it is whole; that it is the
*right* region's is for the two officers to hear: the six words are a fingerprint over region, base URL and keys.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, select, update

from federation import fingerprint
from federation.jws import JwsRefused, read_jws, sign_jws
from federation.keys import Jwk, KeyUnusable, public_bytes
from federation.node import FederationNode
from federation.outbox import ROTATED, cancel
from federation.peers import OPEN_STATES, open_destination
from federation.tables import Invitation, MessageState, OutboxMessage, Peer, PeerKey, PeerState
from schemas.clock import rfc3339
from schemas.descriptor import DESCRIPTOR_TYP, Descriptor
from schemas.descriptor import Invitation as InvitationDocument
from schemas.entropy import uuid7
from schemas.problems import InvitationRefused

INVITATION_DAYS = 14
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Introduction:
    """What an invitation says once its signature, its keys and its time are checked."""

    descriptor: Descriptor
    jws: str
    keys: list[Jwk]
    invitation_id: str
    expires_at: datetime
    fingerprint: bytes

    @property
    def region(self) -> str:
        """The region that introduces itself."""
        return self.descriptor.region

    def words(self, language: str = "zh-CN") -> list[str]:
        """The six words to compare (``zh-CN`` or ``en``)."""
        return fingerprint.words(self.fingerprint, language)


def descriptor_jws(fed: FederationNode) -> str:
    """This node's descriptor as compact JWS, signed now by its transport key."""
    descriptor = Descriptor.model_validate(
        {
            "region": fed.region,
            "name": fed.name,
            "base_url": fed.base_url,
            "versions": (1,),
            "limits": fed.limits,
            "keys": fed.keys.public_jwks(),
            "issued_at": fed.clock.now(),
        }
    )
    return sign_jws(fed.keys, "transport", DESCRIPTOR_TYP, descriptor.to_wire())


def own_fingerprint(fed: FederationNode) -> bytes:
    """The fingerprint that the other office should see for this node."""
    return fingerprint.fingerprint(fed.region, fed.base_url, [key["kid"] for key in fed.keys.public_jwks()["keys"]])


def invite(session: Session, fed: FederationNode) -> dict[str, Any]:
    """A new invitation, valid 14 days, as the JSON document that is carried to the peer."""
    now = fed.clock.now()
    expires_at = now + timedelta(days=INVITATION_DAYS)
    invitation_id = uuid7(now, fed.entropy)
    session.add(Invitation(id=invitation_id, direction="issued", expires_at=expires_at))
    session.flush()
    document = {"jws": descriptor_jws(fed)}
    return {
        "tonglu_invitation": 1,
        "descriptor": document,
        "invitation_id": invitation_id,
        "expires_at": rfc3339(expires_at),
    }


def read_descriptor(jws: str) -> tuple[Descriptor, list[Jwk]]:
    """A descriptor that is signed by the transport key it brings, and its keys; raises ``InvitationRefused``."""
    try:
        parsed = read_jws(jws, DESCRIPTOR_TYP)
        descriptor = Descriptor.from_wire(parsed.payload)
        keys = [key.to_wire() for key in descriptor.keys.keys]
        for key in keys:
            public_bytes(key)
        if not descriptor.name.isprintable():
            raise JwsRefused("a name that cannot be shown")
    except (JwsRefused, KeyUnusable, ValidationError):
        raise InvitationRefused("The descriptor cannot be read.") from None
    transport = [key for key in keys if key["tonglu_use"] == "transport"]
    if not any(parsed.is_by(key) for key in transport):
        raise InvitationRefused("The descriptor is not signed by its own key.")
    return descriptor, keys


def read_invitation(fed: FederationNode, document: Any) -> Introduction:
    """Check an invitation without taking it; raises ``InvitationRefused`` with the reason."""
    try:
        invitation = InvitationDocument.from_wire(document)
    except ValidationError:
        raise InvitationRefused("The file is not an invitation.") from None
    descriptor, keys = read_descriptor(invitation.descriptor.jws)
    now = fed.clock.now()
    # The file's own date is not signed, the descriptor's is: neither may be older than an invitation lasts.
    latest = min(invitation.expires_at, descriptor.issued_at + timedelta(days=INVITATION_DAYS))
    if now > latest or descriptor.issued_at > now + _CLOCKS_DIFFER:
        raise InvitationRefused("The invitation has expired, or the clocks differ.")
    if descriptor.region == fed.region:
        raise InvitationRefused("The invitation is this node's own.")
    if not fed.allow_private_peers and not descriptor.base_url.startswith("https://"):
        raise InvitationRefused("The peer's address is not https.")
    if 1 not in descriptor.versions:
        raise InvitationRefused("The peer does not speak version 1 of the protocol.")
    mark = fingerprint.fingerprint(descriptor.region, descriptor.base_url, [key["kid"] for key in keys])
    return Introduction(
        descriptor, invitation.descriptor.jws, keys, invitation.invitation_id, invitation.expires_at, mark
    )


def accept(session: Session, fed: FederationNode, introduction: Introduction) -> Peer:
    """Take an invitation: pin the peer's keys and start trying to reach it (state ``invited``).

    A region that is a peer already is paired anew: its former keys are accepted no longer. Raises
    ``InvitationRefused`` when the file was taken before or brings a key that is pinned for another region.
    """
    now = fed.clock.now()
    peer = session.get(Peer, introduction.region)
    if session.get(Invitation, introduction.invitation_id) or (peer and peer.descriptor == introduction.jws):
        raise InvitationRefused("The invitation was taken before.")
    _pin(session, introduction, now)
    descriptor = introduction.descriptor
    if peer is None:
        peer = Peer(region=descriptor.region, name="", state="", accepted_at=now, changed_at=now)
    peer.name, peer.base_url, peer.descriptor = descriptor.name, descriptor.base_url, introduction.jws
    peer.max_messages, peer.max_bytes = descriptor.limits.max_messages, descriptor.limits.max_bytes
    peer.state, peer.accepted_at, peer.changed_at, peer.activated_at = PeerState.INVITED, now, now, None
    session.add(peer)
    session.add(
        Invitation(
            id=introduction.invitation_id,
            direction="accepted",
            region=descriptor.region,
            expires_at=introduction.expires_at,
            used_at=now,
        )
    )
    open_destination(session, fed, descriptor.region)
    _drop_news_of_keys(session, fed, descriptor.region)
    session.flush()
    return peer


def _drop_news_of_keys(session: Session, fed: FederationNode, region: str) -> None:
    """Withdraw what was to tell a peer of new keys: it has them from our invitation, and its proof is by a key that the
    peer, paired anew, does not know.
    """
    stale = select(OutboxMessage).where(
        col(OutboxMessage.region) == region,
        col(OutboxMessage.type) == ROTATED,
        col(OutboxMessage.state).in_((*OPEN_STATES, MessageState.PARKED)),
    )
    for row in session.exec(stale.order_by(col(OutboxMessage.number))).all():
        cancel(session, fed, row.id)


def _pin(session: Session, introduction: Introduction, now: datetime) -> None:
    region = introduction.region
    kids = [key["kid"] for key in introduction.keys]
    pinned = session.exec(select(PeerKey).where(col(PeerKey.kid).in_(kids))).all()
    if any(key.region != region or key.compromised_from is not None for key in pinned):
        raise InvitationRefused("The invitation brings a key that is not the peer's to use.")
    former = col(PeerKey.region) == region, col(PeerKey.accepted_until).is_(None), col(PeerKey.kid).not_in(kids)
    session.exec(update(PeerKey).where(*former).values(accepted_until=now))
    known = {key.kid: key for key in pinned}
    for jwk in introduction.keys:
        row = known.get(jwk["kid"]) or PeerKey(
            kid=jwk["kid"], region=region, tonglu_use=jwk["tonglu_use"], jwk=jwk, in_force_from=now
        )
        row.accepted_until = None
        session.add(row)
    session.flush()
