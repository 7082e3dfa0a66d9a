"""Which of our questions peers have not answered: numbers and times by office, never about whom."""

from sqlmodel import Session, col, func, select

from service.callbacks import Unanswered
from service.verification.tables import VerificationRequest

_OPEN = ("queued", "delivered")


def unanswered_by_peer(session: Session) -> dict[str, Unanswered]:
    """Count, in one query, our open questions to each peer, and tell when the oldest was asked."""
    grouped = (
        select(VerificationRequest.peer, func.count(), func.min(VerificationRequest.created_at))
        .where(col(VerificationRequest.direction) == "sent", col(VerificationRequest.state).in_(_OPEN))
        .group_by(col(VerificationRequest.peer))
    )
    return {peer: Unanswered(count, oldest) for peer, count, oldest in session.exec(grouped)}
