"""Questions on paper move to the line once their region has a node, and both have agreed anew (job)."""

from sqlmodel import Session, col, select

from federation.tables import Peer, PeerState
from schemas.claims import Purpose
from service.access_log import Actor
from service.agreements.queries import agreement_in_force, claims_of
from service.consents.consents import live_share_consent
from service.context import Node
from service.registry.people import is_protected, unseal_person
from service.registry.tables import Person
from service.verification.cases import OPEN_SENT, claims_asked
from service.verification.questions import send_question
from service.verification.tables import VerificationRequest

BATCH = 100


def move_to_line(session: Session, node: Node) -> int:
    """Send each open question that was a letter as a message, under the agreement that the two nodes signed.

    Its case, its due day and its history stay. One that the agreement does not cover, or for which there is no live
    consent, stays a letter. Give how many moved.
    """
    rows = session.exec(
        select(VerificationRequest)
        .join(Peer, col(Peer.region) == col(VerificationRequest.peer))
        .where(
            VerificationRequest.direction == "sent",
            col(VerificationRequest.state).in_(OPEN_SENT),
            col(VerificationRequest.message_id).is_(None),
            Peer.state == PeerState.ACTIVE,
        )
        .order_by(col(VerificationRequest.id))
        .limit(BATCH)
    ).all()
    return sum(_move(session, node, row) for row in rows)


def _move(session: Session, node: Node, row: VerificationRequest) -> bool:
    person = session.get(Person, row.person_id) if row.person_id else None
    agreement = agreement_in_force(session, row.peer, node.today(), Purpose(row.purpose))
    if person is None or agreement is None or is_protected(person, node.today()):
        return False
    consent = live_share_consent(session, node, node.vault.open_key(person.wrapped_key), row.peer)
    if consent is None or not set(claims_asked(row)) <= set(claims_of(agreement)):
        return False
    opened = unseal_person(
        session,
        node,
        person,
        actor=Actor.node(node.region),
        action="verification.asked",
        purpose=row.purpose,
        fields=("identity",),
    )
    row.agreement, row.state = agreement.id, "queued"
    row.queued_at, row.delivered_at = node.now(), None
    send_question(session, node, row, opened, consent)
    session.flush()
    return True
