"""Agreements that come over the line: a peer's proposal, its signature, its end.

Each message may come early, late or twice; what was signed by both stays signed, whatever comes after. The JWS itself
is the proof: who sent the message does not replace a signature.
"""

from datetime import datetime

from sqlmodel import Session

from federation.tables import Peer
from schemas.agreements import Agreement as AgreementDocument
from schemas.agreements import SignedAgreement
from schemas.envelope import Incoming, Outgoing
from schemas.messages import AgreementEnded, AgreementProposed, AgreementSigned
from schemas.problems import InvalidMessage, MessageRefused, WrongRecipient
from service.access_log import Actor, record
from service.agreements.actions import keep, note_signed
from service.agreements.queries import find_agreement
from service.agreements.signing import read_agreement, signed_by_peer, signed_by_us
from service.agreements.tables import Agreement
from service.context import Node
from service.work_items.actions import close_items


def take_proposed(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Keep a peer's proposal for an officer to sign."""
    data = incoming.data
    if not isinstance(data, AgreementProposed):
        raise InvalidMessage
    document = _checked(session, node, data.agreement, peer, now)
    if find_agreement(session, document.id) is None:
        keep(session, node, document, peer.region, data.agreement, proposed_here=False)
        record(session, node, Actor.peer(peer.region), "agreement.proposed")
    return []


def take_signed(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Put an agreement in force that carries both signatures."""
    data = incoming.data
    if not isinstance(data, AgreementSigned):
        raise InvalidMessage
    document = _checked(session, node, data.agreement, peer, now)
    _require_ours(node, data.agreement)
    agreement = find_agreement(session, document.id) or keep(
        session, node, document, peer.region, data.agreement, proposed_here=True
    )
    if agreement.state == "proposed":
        agreement.state = "signed"
        agreement.jws = data.agreement.model_dump_json()
        agreement.signed_at = now
        session.add(agreement)
        session.flush()
        note_signed(session, node, agreement)
        record(session, node, Actor.peer(peer.region), "agreement.signed")
    return []


def take_ended(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """End an agreement from the peer's side; one that this node does not know was never in force here."""
    data = incoming.data
    if not isinstance(data, AgreementEnded):
        raise InvalidMessage
    document = _checked(session, node, data.agreement, peer, now)
    agreement: Agreement | None = find_agreement(session, document.id)
    if agreement is not None and agreement.state != "ended":
        agreement.state = "ended"
        agreement.ended_at = now
        session.add(agreement)
        session.flush()
        close_items(session, node, agreement.id, "agreement_ending")
        record(session, node, Actor.peer(peer.region), "agreement.ended")
    return []


def _checked(session: Session, node: Node, signed: SignedAgreement, peer: Peer, now: datetime) -> AgreementDocument:
    document = read_agreement(signed)
    if set(document.regions) != {node.region, peer.region}:
        raise WrongRecipient
    if not signed_by_peer(session, signed, peer.region, now):
        raise _unsigned("the peer's signature does not verify")
    known = find_agreement(session, document.id)
    if known is not None and (known.peer != peer.region or _differs(known, signed)):
        raise InvalidMessage(errors=[{"field": "data.agreement", "message": "another agreement has this id"}])
    return document


def _differs(known: Agreement, signed: SignedAgreement) -> bool:
    return not known.jws or SignedAgreement.model_validate_json(known.jws).payload != signed.payload


def _require_ours(node: Node, signed: SignedAgreement) -> None:
    if not signed_by_us(node.fed, signed):
        raise _unsigned("our signature does not verify")


def _unsigned(why: str) -> MessageRefused:
    return InvalidMessage(errors=[{"field": "data.agreement.signatures", "message": why}])
