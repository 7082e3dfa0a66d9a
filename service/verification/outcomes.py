"""What became of our messages, told by the delivery in the transaction that records it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from federation.settling import Outcome
from service.callbacks import GivenUp
from service.context import Node
from service.registry.life.moves import note_notified
from service.registry.telling import NOTIFIED
from service.verification.asking import release_arrival
from service.verification.cases import OPEN_SENT, find_cases
from service.verification.questions import REQUESTED
from service.work_items.actions import close_all_items, open_item


def on_outcomes(session: Session, node: Node, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Note receipts, messages that an officer must see to, and those that were not taken in time."""
    by_peer: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_peer[one.peer].append(one)
        if one.result == "parked":
            open_item(session, node, "message_parked", one.message_id, peer=one.peer)
    ended = [one.message_id for one in outcomes if one.result != "parked"]
    close_all_items(session, node, ended, "message_parked")
    for peer, some in by_peer.items():
        _mark_asked(session, node, peer, [one for one in some if one.type == REQUESTED], now)
        told = [one.subject for one in some if one.type == NOTIFIED and one.result == "accepted"]
        note_notified(session, told, peer)


def on_given_up(session: Session, node: Node, message: GivenUp) -> None:
    """An officer gave up a message that its peer refused: a question that was in it is asked of nobody any more."""
    ended = Outcome(message.message_id, message.peer, message.type, message.subject, "expired")
    on_outcomes(session, node, [ended], node.now())


def _mark_asked(session: Session, node: Node, peer: str, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What became of messages that carried our questions."""
    asked = find_cases(session, [one.subject for one in outcomes if one.result != "parked"], peer, "sent")
    delivered = []
    for one in outcomes:
        row = asked.get(one.subject) if one.result != "parked" else None
        if row is None or row.state not in OPEN_SENT:
            continue
        if one.result == "accepted":
            row.delivered_at = row.delivered_at or now
            row.state = "delivered"
            delivered.append(row.id)
        else:
            row.state, row.closed_at = "expired", now
            release_arrival(session, row, "unconfirmed")
        session.add(row)
    session.flush()
    close_all_items(session, node, delivered, "request_unanswered")
