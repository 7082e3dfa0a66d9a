"""How much of an agreement's monthly quota is used: questions of one side in one calendar month.

Each journey that a side brought into a reconciliation counts as a question: it could have been made up to be one.
"""

from datetime import datetime

from sqlmodel import Session, col, func, select

from service.context import Node
from service.verification.tables import Reconciliation, VerificationRequest


def month_begins(node: Node) -> datetime:
    """The first moment of this month in the node's zone."""
    return node.now().astimezone(node.zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def asked_this_month(session: Session, node: Node, agreement_id: str, direction: str) -> int:
    """How many questions were `sent` or `received` under an agreement since the first of the month."""
    brought = Reconciliation.ours if direction == "sent" else Reconciliation.theirs
    compared = select(func.coalesce(func.sum(brought), 0)).where(
        Reconciliation.direction == direction,
        Reconciliation.agreement == agreement_id,
        col(Reconciliation.started_at) >= month_begins(node),
    )
    counted = select(func.count()).where(
        VerificationRequest.direction == direction,
        VerificationRequest.agreement == agreement_id,
        col(VerificationRequest.created_at) >= month_begins(node),
    )
    return int(session.exec(counted).one()) + int(session.exec(compared).one())
