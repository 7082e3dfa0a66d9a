"""Delivering certificates home, and telling the home region what became of them.

A certificate goes to the region that the person named in a live consent (``certificate_home:<region>``), under an
agreement that covers ``persons_request``. The person in it is sealed for that region alone, and so are the
disclosures. The message always names the person by the sealed identity, never by a shared journey: a journey's id
stands beside the person in both registers, and would tie the certificate to the person in clear.

That it is delivered is never written down: a certificate is delivered when the receipt of its message is here.
"""

from sqlmodel import Session, col, select

from federation import outbox
from federation.peers import peer_for
from federation.tables import Receipt
from schemas.claims import Purpose
from schemas.envelope import Outgoing
from schemas.problems import NoActivePeer, NoAgreementInForce, NoConsent, UnknownPeer, WrongState
from service.agreements.queries import agreement_in_force
from service.certificates.sealed import Held, IssuedContent, all_issued, seal_issued
from service.certificates.tables import Certificate
from service.consents.consents import consents_of
from service.context import Node
from service.copies import enqueue_with_copy, newest_of, withdraw
from service.registry.people import OpenPerson

_SENT = "sent"
_TAKEN = frozenset({"accepted", "duplicate"})
_TOLD: dict[Held, str] = {
    "suspended": "tonglu.certificate.suspended.v1",
    "issued": "tonglu.certificate.resumed.v1",
    "revoked": "tonglu.certificate.revoked.v1",
}


def deliver_home(
    session: Session, node: Node, person: OpenPerson, certificate_id: str, content: IssuedContent
) -> IssuedContent:
    """Deliver a certificate home where the person wants it and the line allows it; else leave it as it is."""
    try:
        return deliver_now(session, node, person, certificate_id, content)
    except (NoConsent, NoAgreementInForce, UnknownPeer, NoActivePeer):
        return content


def deliver_now(
    session: Session, node: Node, person: OpenPerson, certificate_id: str, content: IssuedContent
) -> IssuedContent:
    """Queue a certificate for the person's home region and return its content with the message's id.

    Raises :class:`NoConsent`, :class:`UnknownPeer`, :class:`NoAgreementInForce`, :class:`WrongState`.
    """
    if content.message_id is not None or content.held != "issued" or content.valid_until < node.today():
        raise WrongState
    region = home_region(session, node, person.key)
    if region is None:
        raise NoConsent
    peer = peer_for(session, region)
    if peer is None:
        raise UnknownPeer
    agreement = agreement_in_force(session, peer.region, node.today(), Purpose.PERSONS_REQUEST)
    if agreement is None:
        raise NoAgreementInForce
    message_id = enqueue_with_copy(
        session,
        node,
        Outgoing(
            recipient=peer.region,
            type="tonglu.certificate.delivered.v1",
            subject=certificate_id,
            data={"certificate_id": certificate_id, "certificate": f"{content.token}~"},
            agreement=agreement.id,
            purpose=Purpose.PERSONS_REQUEST,
            person=person.identity,
            disclosures=tuple(content.disclosures.values()),
        ),
    )
    return content.model_copy(update={"home_region": peer.region, "message_id": message_id})


def home_region(session: Session, node: Node, key: bytes) -> str | None:
    """The region to which the person wants certificates delivered: the newest live consent's."""
    regions = [
        consent.purpose.region
        for consent in consents_of(session, node, key)
        if consent.is_live and consent.purpose.action == "certificate_home"
    ]
    return regions[-1] if regions else None


def tell_home(session: Session, node: Node, certificate_id: str, content: IssuedContent) -> None:
    """Tell the region to which a certificate was delivered what became of it.

    A certificate that is revoked before it ever left is not delivered at all.
    """
    if content.home_region is None or content.message_id is None:
        return
    if content.held == "revoked" and withdraw(session, node, content.message_id):
        return
    data = {"certificate_id": certificate_id}
    _send(session, node, Outgoing(content.home_region, _TOLD[content.held], certificate_id, data))


def is_delivered(session: Session, content: IssuedContent) -> bool:
    """Whether the home region's receipt is here."""
    if content.message_id is None:
        return False
    results = session.exec(
        select(Receipt.result).where(
            col(Receipt.message_id) == newest_of(session, content.message_id), col(Receipt.direction) == _SENT
        )
    ).all()
    return not _TAKEN.isdisjoint(results)


def call_back(session: Session, node: Node, key: bytes, region: str | None) -> None:
    """End the deliveries of this person's certificates to ``region`` (every region for None).

    What has not left is cancelled; what has is to be erased there (``erasure.requested``). The certificates stay
    valid: the person still holds them.
    """
    for row, content in all_issued(session, node, key):
        if content.message_id is None or content.home_region is None:
            continue
        if region is not None and content.home_region != _peer_region(session, region):
            continue
        if not withdraw(session, node, content.message_id):
            data = {"message_ids": [newest_of(session, content.message_id)]}
            _send(session, node, Outgoing(content.home_region, "tonglu.erasure.requested.v1", "node", data))
        _forget_delivery(session, node, key, row, content)


def _forget_delivery(session: Session, node: Node, key: bytes, row: Certificate, content: IssuedContent) -> None:
    changed = content.model_copy(update={"home_region": None, "message_id": None})
    row.sealed = seal_issued(node, key, row.id, changed)
    session.add(row)
    session.flush()


def _peer_region(session: Session, region: str) -> str:
    peer = peer_for(session, region)
    return region if peer is None else peer.region


def _send(session: Session, node: Node, outgoing: Outgoing) -> None:
    """Queue a message, unless trust in that region was ended since: then there is nobody left to tell."""
    try:
        outbox.enqueue(session, node.fed, outgoing)
    except (UnknownPeer, NoActivePeer):
        return
