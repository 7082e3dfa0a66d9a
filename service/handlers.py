"""What each message type does here, and what becomes of ours: the doors that `app.py` hands to the federation."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlmodel import Session

from federation.dispatch import Handler, SetHandler, TakeSet
from federation.resealing import Remake
from federation.settling import OnOutcome, Outcome
from federation.tables import Peer
from schemas.envelope import Incoming, Outgoing
from schemas.messages import ErasureRequested, MessageVoided, RecordErased
from schemas.problems import InvalidMessage
from service import witnesses
from service.access_log import Actor, record
from service.agreements import news, trust
from service.agreements import receiving as agreements
from service.certificates import receiving as certificates
from service.context import Node
from service.copies import say_copy_again
from service.reminders import handing
from service.reminders import receiving as plans
from service.verification import effects, outcomes
from service.verification import receiving as verification
from service.verification.gate import Gate
from service.verification.resealing import say_again

__all__ = ["Gate", "connect", "make_handlers", "make_on_outcome", "make_remake"]

NodeHandler = Callable[[Session, Node, Incoming, Peer, datetime], list[Outgoing]]
NodeSetHandler = Callable[[Session, Node, Sequence[Incoming], Peer, datetime], None]


def make_handlers(node: Node) -> dict[str, Handler | SetHandler]:
    """Give the handler of each message type that this node takes."""
    single: dict[str, Handler | SetHandler] = {name: _bound(node, take) for name, take in _TAKES.items()}
    sets = {name: SetHandler(_bound_set(node, take)) for name, take in _TAKE_SETS.items()}
    return {f"tonglu.{name}.v1": handler for name, handler in (single | sets).items()}


def make_on_outcome(node: Node) -> OnOutcome:
    """Give what the delivery calls when messages of ours are settled."""

    def tell(session: Session, ended: Sequence[Outcome], now: datetime) -> None:
        outcomes.on_outcomes(session, node, ended, now)

    return tell


def make_remake(node: Node) -> Remake:
    """Give what the delivery calls to have a message sealed anew that its peer could not open."""
    return lambda session, row, now: say_again(session, node, row, now) or say_copy_again(session, node, row)


def connect(node: Node) -> None:
    """Let open cases hear what the register does to a person, in the same transaction."""
    calls = node.callbacks
    calls.on_withdrawn.append(lambda session, person, purpose: effects.on_withdrawn(session, node, person, purpose))
    calls.on_protected.append(lambda session, person: effects.on_protected(session, node, person))
    calls.on_ending.append(lambda session, person: effects.on_ending(session, node, person))
    calls.on_ended.append(lambda session, people: effects.on_ended(session, node, people))
    calls.on_merged["verification"] = lambda session, kept, other: effects.on_merged(session, node, kept, other)
    calls.on_unmerged["verification"] = lambda session, kept, other, moved: effects.on_unmerged(
        session, node, kept, other, moved
    )
    calls.on_erased.append(lambda session, person: effects.on_erased(session, node, person))
    calls.on_given_up.append(lambda session, message: outcomes.on_given_up(session, node, message))
    calls.on_shareable.append(lambda session, person: effects.on_shareable(session, node, person))


def take_erasure(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Erase what came with the named messages, and say so: the same, at once, when nothing was held."""
    data = incoming.data
    if not isinstance(data, ErasureRequested):
        raise InvalidMessage
    _erase_received(session, node, peer, list(data.message_ids))
    answer = RecordErased(message_ids=data.message_ids, at=now)
    return [
        Outgoing(
            recipient=peer.region,
            type="tonglu.record.erased.v1",
            subject="node",
            data=answer.to_wire(),
        )
    ]


def take_plan_accepted(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Let a plan of ours end that another region goes on with."""
    handing.take_accepted(session, node, incoming, peer)
    return []


def take_voided(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Undo what came with a message that its sender withdrew while we had taken it already (its receipt was lost)."""
    data = incoming.data
    if not isinstance(data, MessageVoided):
        raise InvalidMessage
    _erase_received(session, node, peer, [data.voided])
    return []


def take_erased(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Note that the peer erased what we asked it to; what it was stands in no log."""
    record(session, node, Actor.peer(peer.region), "record.erased")
    return []


def _erase_received(session: Session, node: Node, peer: Peer, ids: list[str]) -> None:
    verification.erase_received(session, node, peer.region, ids)
    certificates.erase_received(session, peer.region, ids)
    plans.erase_received(session, peer.region, ids)


_TAKE_SETS: dict[str, NodeSetHandler] = {
    "verification.requested": verification.take_requested,
    "verification.answered": verification.take_answered,
    "verification.corrected": verification.take_answered,
    "departure.notified": verification.take_departures,
    "arrival.confirmed": verification.take_arrivals_confirmed,
}
"""What comes by the hundred."""

_TAKES: dict[str, NodeHandler] = {
    "verification.declined": verification.take_declined,
    "verification.cancelled": verification.take_cancelled,
    "verification.reminded": verification.take_reminded,
    "arrival.ended": verification.take_arrival_ended,
    "certificate.delivered": certificates.take_delivered,
    "certificate.suspended": certificates.take_state,
    "certificate.resumed": certificates.take_state,
    "certificate.revoked": certificates.take_state,
    "agreement.proposed": agreements.take_proposed,
    "agreement.signed": agreements.take_signed,
    "agreement.ended": agreements.take_ended,
    "plan.handed_over": plans.take_handed_over,
    "plan.accepted": take_plan_accepted,
    "erasure.requested": take_erasure,
    "record.erased": take_erased,
    "keys.rotated": trust.take_keys_rotated,
    "node.moved": trust.take_node_moved,
    "message.voided": take_voided,
    "node.returned": news.take_returned,
    "node.maintenance": news.take_maintenance,
    "log.checkpoint": witnesses.take_checkpoint,
    "log.cosigned": witnesses.take_cosigned,
}


def _bound(node: Node, take: NodeHandler) -> Handler:
    def handle(session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        return take(session, node, incoming, peer, now)

    return handle


def _bound_set(node: Node, take: NodeSetHandler) -> TakeSet:
    def handle(session: Session, messages: Sequence[Incoming], peer: Peer, now: datetime) -> list[Outgoing]:
        take(session, node, messages, peer, now)
        return []

    return handle
