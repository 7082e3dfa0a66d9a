"""What is no longer needed of cases goes (rule 9); that there was a case, and its receipts, stay."""

from datetime import timedelta

from sqlmodel import Session, col, delete, or_, select

from service.agreements.queries import find_agreement
from service.context import Node
from service.verification.cases import wipe
from service.verification.rules import ASK_AGAIN_AFTER
from service.verification.tables import GivenAnswer, ReceivedDeparture, VerificationRequest

RETENTION_DAYS = 90
BATCH = 500


def purge_cases(session: Session, node: Node) -> int:
    """Erase the contents of cases closed so long ago as the agreement says, 90 days at most; give how many."""
    now = node.now()
    session.exec(
        delete(ReceivedDeparture).where(col(ReceivedDeparture.received_at) < now - timedelta(days=RETENTION_DAYS))
    )
    old_indexes = select(VerificationRequest).where(
        col(VerificationRequest.subject_index).is_not(None),
        col(VerificationRequest.created_at) < now - ASK_AGAIN_AFTER,
    )
    for row in session.exec(old_indexes.limit(BATCH)).all():
        row.subject_index = None
        session.add(row)
    closed = session.exec(
        select(VerificationRequest)
        .where(
            col(VerificationRequest.closed_at).is_not(None),
            or_(
                col(VerificationRequest.subject).is_not(None),
                col(VerificationRequest.answers).is_not(None),
                col(VerificationRequest.person_id).is_not(None),
            ),
        )
        .order_by(col(VerificationRequest.closed_at))
        .limit(BATCH)
    ).all()
    total = 0
    for row in closed:
        agreement = find_agreement(session, row.agreement)
        days = min(RETENTION_DAYS, agreement.retention_days if agreement else RETENTION_DAYS)
        if row.closed_at is None or row.closed_at > now - timedelta(days=days):
            continue
        wipe(row)
        row.person_id = row.record_id = None
        session.add(row)
        session.exec(delete(GivenAnswer).where(col(GivenAnswer.request_id) == row.id))
        total += 1
    session.flush()
    return total
