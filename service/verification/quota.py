"""How much of an agreement's monthly quota is used: questions of one side in one calendar month."""

from datetime import datetime

from sqlmodel import Session, col, func, select

from service.context import Node
from service.verification.tables import VerificationRequest


def month_begins(node: Node) -> datetime:
    """The first moment of this month in the node's zone."""
    return node.now().astimezone(node.zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def asked_this_month(session: Session, node: Node, agreement_id: str, direction: str) -> int:
    """How many questions were `sent` or `received` under an agreement since the first of the month."""
    counted = select(func.count()).where(
        VerificationRequest.direction == direction,
        VerificationRequest.agreement == agreement_id,
        col(VerificationRequest.created_at) >= month_begins(node),
    )
    return int(session.exec(counted).one())
