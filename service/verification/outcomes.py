"""What became of our messages, told by the delivery in the transaction that records it."""

from datetime import datetime

from sqlmodel import Session

from federation.settling import Outcome
from service.callbacks import GivenUp
from service.context import Node
from service.registry.moves import note_notified
from service.registry.telling import NOTIFIED
from service.verification.asking import REQUESTED, release_arrival
from service.verification.cases import OPEN_SENT, find_case
from service.work_items.actions import close_items, open_item


def on_outcome(session: Session, node: Node, outcome: Outcome, now: datetime) -> None:
    """Note a receipt, a message that an officer must see to, or one that was not taken in time."""
    if outcome.result == "parked":
        open_item(session, node, "message_parked", outcome.message_id)
        return
    close_items(session, node, outcome.message_id, "message_parked")
    if outcome.type == REQUESTED:
        row = find_case(session, outcome.subject, outcome.peer, "sent")
        if row is None or row.state not in OPEN_SENT:
            return
        if outcome.result == "accepted":
            row.delivered_at = row.delivered_at or now
            row.state = "delivered"
            close_items(session, node, row.id, "request_unanswered")
        else:
            row.state, row.closed_at = "expired", now
            release_arrival(session, row, "unconfirmed")
        session.add(row)
        session.flush()
    elif outcome.type == NOTIFIED and outcome.result == "accepted":
        note_notified(session, outcome.subject, outcome.peer)


def on_given_up(session: Session, node: Node, message: GivenUp) -> None:
    """An officer gave up a message that its peer refused: a question that was in it is asked of nobody any more."""
    ended = Outcome(message.message_id, message.peer, message.type, message.subject, "expired")
    on_outcome(session, node, ended, node.now())
