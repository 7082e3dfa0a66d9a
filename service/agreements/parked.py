"""Messages that a peer refused for good: an officer tries one again, or gives it up.

Giving up withdraws the message (``message.voided`` takes its number), so that later ones about the same case go on, and
whoever waited for what it would bring is told (``Callbacks.on_given_up``).
"""

from datetime import datetime

from pydantic import BaseModel
from sqlmodel import Session, col, select

from federation import outbox
from federation.tables import MessageState, OutboxMessage
from schemas.problems import NotFound
from service.access_log import Actor, record
from service.callbacks import GivenUp
from service.context import Node
from service.work_items.actions import close_items


class ParkedView(BaseModel):
    """A message that its peer refused; `subject` is the case, journey, certificate or plan, or `node`."""

    id: str
    peer: str
    type: str
    subject: str
    problem_code: str | None
    created_at: datetime
    refused_at: datetime | None
    attempts: int


def parked_views(session: Session, region: str, limit: int = 200) -> list[ParkedView]:
    """Give the messages that a peer refused, oldest first."""
    parked = col(OutboxMessage.state) == MessageState.PARKED, col(OutboxMessage.region) == region
    wanted = select(OutboxMessage).where(*parked).order_by(col(OutboxMessage.number)).limit(limit)
    return [_view(row) for row in session.exec(wanted).all()]


def parked_view(session: Session, message_id: str) -> ParkedView:
    """Give one refused message. Raises `NotFound`."""
    row = outbox.find_message(session, message_id)
    if row is None or row.state != MessageState.PARKED:
        raise NotFound
    return _view(row)


def try_again(session: Session, node: Node, region: str, message_id: str, *, by: Actor) -> None:
    """Send a refused message again at once. Raises `NotFound`, also for another peer's, and `WrongState`."""
    _of_peer(session, region, message_id)
    outbox.retry_parked(session, message_id)
    close_items(session, node, message_id, "message_parked")
    record(session, node, by, "message.tried_again")
    node.wake("delivery")


def give_up(session: Session, node: Node, region: str, message_id: str, *, by: Actor) -> None:
    """Withdraw a refused message for good. Raises `NotFound`, also for another peer's, and `WrongState`."""
    row = _of_peer(session, region, message_id)
    outbox.give_up(session, node.fed, message_id)
    close_items(session, node, message_id, "message_parked")
    record(session, node, by, "message.given_up")
    node.callbacks.given_up(session, GivenUp(row.id, row.region, row.type, row.subject))
    node.wake("delivery")


def _of_peer(session: Session, region: str, message_id: str) -> OutboxMessage:
    row = outbox.find_message(session, message_id)
    if row is None or row.region != region:
        raise NotFound
    return row


def _view(row: OutboxMessage) -> ParkedView:
    return ParkedView(
        id=row.id,
        peer=row.region,
        type=row.type,
        subject=row.subject,
        problem_code=row.problem_code,
        created_at=row.created_at,
        refused_at=row.refused_at,
        attempts=row.attempts,
    )
