"""What the federation no longer needs: nonces that expired, messages long since settled, invitations out of date.

Dedupe rows, receipts and evidence stay: they hold ids, hashes and signatures, no personal data. A settled message stays
(sealed) for 35 days, so that a peer restored from a backup can have it again.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from federation.tables import Invitation, MessageState, Nonce, OutboxMessage

SETTLED_DAYS = 35

_SETTLED = (MessageState.RECEIPTED, MessageState.CANCELLED, MessageState.VOIDED, MessageState.EXPIRED)


def purge(session: Session, now: datetime) -> int:
    """Delete what is due at ``now``; returns how many rows."""
    settled = (
        col(OutboxMessage.state).in_(_SETTLED),
        col(OutboxMessage.finished_at) < now - timedelta(days=SETTLED_DAYS),
    )
    return sum(
        session.exec(statement).rowcount
        for statement in (
            delete(Nonce).where(col(Nonce.expires_at) < now),
            delete(OutboxMessage).where(*settled),
            delete(Invitation).where(col(Invitation.expires_at) < now - timedelta(days=1)),
        )
    )
