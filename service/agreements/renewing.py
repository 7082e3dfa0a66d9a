"""Agreements that run out: a task in time, and a successor that begins where the old one ends."""

from datetime import date, timedelta

from sqlmodel import Session, col, select

from federation.peers import find_peer
from federation.tables import PeerState
from schemas.problems import NotFound, WrongState
from service.agreements.actions import propose_agreement
from service.agreements.queries import claims_of, find_agreement, list_agreements, purposes_of
from service.agreements.rules import RENEW_WITHIN_DAYS, follows
from service.agreements.tables import Agreement
from service.context import Node
from service.officers.rules import Officer
from service.work_items.actions import open_item
from service.work_items.tables import WorkItem

BATCH = 200


def note_endings(session: Session, node: Node) -> int:
    """Make a task of each agreement in force that ends within 30 days and that none follows; give how many (job)."""
    today = node.today()
    told = select(WorkItem.about).where(WorkItem.kind == "agreement_ending")
    ending = session.exec(
        select(Agreement)
        .where(
            Agreement.state == "signed",
            col(Agreement.valid_until) >= today,
            col(Agreement.valid_until) <= today + timedelta(days=RENEW_WITHIN_DAYS),
            col(Agreement.id).not_in(told),
        )
        .order_by(col(Agreement.valid_until), col(Agreement.id))
        .limit(BATCH)
    ).all()
    opened = 0
    for agreement in ending:
        peer = find_peer(session, agreement.peer)
        if peer is None or peer.state == PeerState.REVOKED:
            continue
        if any(follows(other, agreement) for other in list_agreements(session, agreement.peer)):
            continue
        open_item(session, node, "agreement_ending", agreement.id, due=agreement.valid_until, peer=agreement.peer)
        opened += 1
    return opened


def renew_agreement(
    session: Session,
    node: Node,
    agreement_id: str,
    *,
    by: Officer | None,
    per_month: int | None = None,
    valid_until: date | None = None,
    document_reference: str | None = None,
) -> Agreement:
    """Propose a successor on the same terms, from the day after the old one's last day (today, if that has passed).

    Raises as `propose_agreement`; `WrongState` for an agreement that was never in force or was ended, and for one that
    has a successor already.
    """
    old = find_agreement(session, agreement_id)
    if old is None:
        raise NotFound
    if old.state != "signed":
        raise WrongState
    begins = max(old.valid_until + timedelta(days=1), node.today())
    for other in list_agreements(session, old.peer):
        waits = other.state == "proposed" and other.valid_from == begins
        if waits or follows(other, old):
            raise WrongState("This agreement has a successor.")
    return propose_agreement(
        session,
        node,
        old.peer,
        by=by,
        purposes=purposes_of(old),
        claims=claims_of(old),
        per_month=per_month or old.per_month,
        answer_working_days=old.answer_working_days,
        retention_days=old.retention_days,
        valid_from=begins,
        valid_until=valid_until,
        document_reference=document_reference,
    )
