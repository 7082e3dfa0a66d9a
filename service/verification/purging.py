"""What is no longer needed of cases goes (rule 9); that there was a case, and its receipts, stay."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, or_, select, update

from service.agreements.queries import list_agreements
from service.context import Node
from service.verification.cases import wipe
from service.verification.rules import ASK_AGAIN_AFTER
from service.verification.tables import GivenAnswer, ReceivedDeparture, Reconciliation, VerificationRequest

RETENTION_DAYS = 90
RECONCILIATIONS_FOR = timedelta(days=400)
BETWEEN_ROUNDS = timedelta(hours=24)
BATCH = 500


def purge_cases(session: Session, node: Node) -> int:
    """Erase the contents of cases closed so long ago as their agreement says, and what peers told of departures that
    matched nobody in that time; 90 days at most. Give how many cases.
    """
    now = node.now()
    total = 0
    for days, agreements in _terms(session):
        gone = now - timedelta(days=days)
        old = delete(ReceivedDeparture).where(col(ReceivedDeparture.received_at) < gone)
        session.exec(old if agreements is None else old.where(col(ReceivedDeparture.agreement).in_(agreements)))
        total += _purge_closed(session, gone, agreements)
    old_indexes = select(VerificationRequest).where(
        col(VerificationRequest.subject_index).is_not(None),
        col(VerificationRequest.created_at) < now - ASK_AGAIN_AFTER,
    )
    for row in session.exec(old_indexes.limit(BATCH)).all():
        row.subject_index = None
        session.add(row)
    session.exec(delete(Reconciliation).where(col(Reconciliation.started_at) < now - RECONCILIATIONS_FOR))
    unfinished = col(Reconciliation.sealed).is_not(None), col(Reconciliation.started_at) < now - BETWEEN_ROUNDS
    session.exec(update(Reconciliation).where(*unfinished).values(sealed=None))
    session.flush()
    return total


def _terms(session: Session) -> list[tuple[int, list[str] | None]]:
    """How long contents are kept: by agreement where that is shorter than the longest term, which is for all."""
    shorter: dict[int, list[str]] = {}
    for agreement in list_agreements(session):
        if agreement.retention_days < RETENTION_DAYS:
            shorter.setdefault(agreement.retention_days, []).append(agreement.id)
    return [*sorted(shorter.items()), (RETENTION_DAYS, None)]


def _purge_closed(session: Session, gone: datetime, agreements: list[str] | None) -> int:
    """Erase the contents of cases that were closed before ``gone``."""
    wanted = select(VerificationRequest).where(
        col(VerificationRequest.closed_at) <= gone,
        or_(
            col(VerificationRequest.subject).is_not(None),
            col(VerificationRequest.answers).is_not(None),
            col(VerificationRequest.person_id).is_not(None),
        ),
    )
    if agreements is not None:
        wanted = wanted.where(col(VerificationRequest.agreement).in_(agreements))
    rows = session.exec(wanted.order_by(col(VerificationRequest.closed_at)).limit(BATCH)).all()
    for row in rows:
        wipe(row)
        row.person_id = row.record_id = None
        session.add(row)
        session.exec(delete(GivenAnswer).where(col(GivenAnswer.request_id) == row.id))
    session.flush()
    return len(rows)
