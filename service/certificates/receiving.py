"""Certificates that another region delivers for someone registered here.

On receipt only what does not depend on a person is looked at (form, issuer, signature, disclosures): the receipt must
be the same whether or not the person is known here. The matching job then files the certificate under that one person,
or drops it. What becomes of a certificate may be heard before the certificate itself; it is kept until then.
"""

import json
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from federation.tables import Peer
from schemas.envelope import Incoming, Outgoing
from schemas.identity import PersonIdentity
from schemas.messages import CertificateDelivered, CertificateResumed, CertificateRevoked, CertificateSuspended
from schemas.problems import InvalidMessage
from service.access_log import Actor, record_nobody, record_under
from service.certificates import sd_jwt
from service.certificates.peer_lists import fetch_missing, fetch_soon
from service.certificates.sealed import Held, ReceivedContent, received_link, seal_received
from service.certificates.tables import Certificate, ReceivedCertificate
from service.certificates.verify import Altered, UnknownIssuer, read_certificate
from service.context import Node
from service.registry.searching.matching import find_by_journey, find_exact, open_journeys

_EARLY_STATE_KEPT = timedelta(days=35)
"""A state whose certificate never came is kept as long as peers send messages again."""

_PAD_BYTES = 4096


def take_delivered(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Take `certificate.delivered`: keep it, closed, for the matching job.

    Raises :class:`InvalidMessage` when the certificate is not that peer's, or its disclosures are not its own.
    """
    data = incoming.data
    if not isinstance(data, CertificateDelivered):
        raise TypeError("not a delivered certificate")
    text = sd_jwt.combine(data.certificate.rstrip("~"), incoming.disclosures or ())
    try:
        claims, _ = read_certificate(session, node, text)
    except (Altered, UnknownIssuer):
        raise InvalidMessage(errors=[{"field": "data.certificate", "message": "not a certificate of yours"}]) from None
    if claims.region != peer.region:
        raise InvalidMessage(errors=[{"field": "data.certificate", "message": "not a certificate of yours"}])
    row = session.get(ReceivedCertificate, (peer.region, data.certificate_id))
    if row is not None and row.message_id is not None:
        return []
    content = ReceivedContent(
        token=data.certificate.rstrip("~"),
        disclosures=incoming.disclosures or (),
        quarter=claims.quarter,
        attended_on=claims.attended_on,
        valid_until=claims.valid_until,
    )
    row = row or ReceivedCertificate(
        issuer=peer.region, id=data.certificate_id, held="issued", purge_on=claims.valid_until, sealed=b""
    )
    row.message_id = incoming.envelope.id
    row.purge_on = claims.valid_until
    row.sealed = node.vault.seal_secret(
        _waiting_context(row), _waiting(content, incoming.person, data.journey), pad_to=_PAD_BYTES
    )
    session.add(row)
    session.flush()
    node.wake("matching")
    fetch_missing(session, peer.region, now)
    node.wake("status_lists")  # whoever shows this certificate here is not to wait for the next round
    return []


def take_state(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Take `certificate.suspended`, `.resumed` or `.revoked`; a revocation is for good."""
    data = incoming.data
    held: Held
    match data:
        case CertificateSuspended():
            held = "suspended"
        case CertificateResumed():
            held = "issued"
        case CertificateRevoked():
            held = "revoked"
        case _:
            raise TypeError("not a certificate's state")
    row = session.get(ReceivedCertificate, (peer.region, data.certificate_id))
    if row is None:
        kept_until = node.today() + _EARLY_STATE_KEPT
        row = ReceivedCertificate(
            issuer=peer.region, id=data.certificate_id, held=held, purge_on=kept_until, sealed=b""
        )
    elif row.held != "revoked":
        row.held = held
    session.add(row)
    fetch_soon(session, peer.region, now)
    return []


def file_received(session: Session, node: Node, limit: int = 100) -> int:
    """File what waits under the person it belongs to, or drop it; returns how many were looked at.

    Part of the job ``matching``. Only an exact match files anything, and only for a person of this register who is
    to be seen and has an open journey with the issuer: absent and protected come to the same.
    """
    waiting = select(ReceivedCertificate).where(
        col(ReceivedCertificate.link).is_(None), col(ReceivedCertificate.message_id).is_not(None)
    )
    rows = session.exec(waiting.order_by(col(ReceivedCertificate.message_id)).limit(limit)).all()
    for row in rows:
        _file(session, node, row)
    return len(rows)


def erase_received(session: Session, issuer: str, message_ids: list[str]) -> int:
    """Delete what came by these messages of a peer (`erasure.requested`); returns how many certificates went."""
    gone = session.exec(
        delete(ReceivedCertificate).where(
            col(ReceivedCertificate.issuer) == issuer, col(ReceivedCertificate.message_id).in_(message_ids)
        )
    )
    return gone.rowcount


def purge(session: Session, node: Node) -> int:
    """Delete delivered certificates after their last day, and issued ones two years later; returns how many."""
    today = node.today()
    received = session.exec(delete(ReceivedCertificate).where(col(ReceivedCertificate.purge_on) < today))
    issued = session.exec(delete(Certificate).where(col(Certificate.purge_on) < today))
    return received.rowcount + issued.rowcount


def _file(session: Session, node: Node, row: ReceivedCertificate) -> None:
    waiting = json.loads(node.vault.open_secret(_waiting_context(row), row.sealed))
    actor = Actor.peer(row.issuer)
    if waiting["person"] is not None:
        person = find_exact(session, node, PersonIdentity.model_validate(waiting["person"]))
        if person is not None and not open_journeys(session, person.id, row.issuer):
            person = None
    else:
        person = find_by_journey(session, node, waiting["journey"], row.issuer)
    if person is None:
        record_nobody(session, node, actor)
        session.delete(row)
        return
    key = node.vault.open_key(person.wrapped_key)
    row.link = received_link(node, key)
    row.sealed = seal_received(node, key, row, ReceivedContent.model_validate(waiting["content"]))
    session.add(row)
    record_under(
        session,
        node,
        actor,
        "certificate.received",
        key=key,
        purpose="persons_request",
        fields=("certificate",),
        automatic=True,
    )


def _waiting(content: ReceivedContent, person: PersonIdentity | None, journey: str | None) -> bytes:
    waiting = {
        "content": content.model_dump(mode="json"),
        "person": None if person is None else person.model_dump(mode="json"),
        "journey": journey,
    }
    return json.dumps(waiting, ensure_ascii=False).encode()


def _waiting_context(row: ReceivedCertificate) -> str:
    return f"received_certificate.waiting:{row.issuer}:{row.id}"
