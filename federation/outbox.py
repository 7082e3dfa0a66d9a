"""What is to be sent is a row, committed with the change that caused it.

A message waits as JSON without a number. When it first enters a batch it is given its destination's next
``streamseq`` and its bytes are frozen: every retry repeats exactly these.
"""

from datetime import datetime

from sqlmodel import Session

from federation.node import FederationNode
from federation.tables import OutboxMessage
from schemas.envelope import Outgoing


def enqueue(session: Session, fed: FederationNode, outgoing: Outgoing) -> str:
    """Queue one message and return its id.

    ``outgoing.recipient`` may be a smaller area of the peer. Its ``person`` is sealed for the peer's key into
    ``data["subject_identity"]``; ``data`` is validated by its type's model. Raises ``UnknownPeer`` (none, or one on
    paper), ``NoActivePeer`` (revoked), ``InvalidInput`` (data does not fit the type).
    """
    return enqueue_all(session, fed, [outgoing])[0]


def enqueue_all(session: Session, fed: FederationNode, outgoing: list[Outgoing]) -> list[str]:
    """Queue several messages at once, in order; as ``enqueue``."""
    raise NotImplementedError


def cancel(session: Session, fed: FederationNode, message_id: str) -> bool:
    """Withdraw a message: ``True`` when it never left; ``False`` when it had, or may have (it is voided then by a
    ``message.voided`` with its stream and number, unless its receipt is already here).
    """
    raise NotImplementedError


def retry_parked(session: Session, fed: FederationNode, message_id: str) -> None:
    """Try a parked message again at once; raises ``NotFound`` or ``WrongState``."""
    raise NotImplementedError


def give_up(session: Session, fed: FederationNode, message_id: str) -> None:
    """Void a parked message, so that later ones about its subject go on; raises ``NotFound`` or ``WrongState``."""
    raise NotImplementedError


def find_message(session: Session, message_id: str) -> OutboxMessage | None:
    """The outbox row of one message."""
    return session.get(OutboxMessage, message_id)


def queued_count(session: Session, region: str, now: datetime) -> int:
    """How many messages to ``region`` wait for their receipt."""
    raise NotImplementedError
