"""What a certificate or a plan on its way needs to be sealed anew, if its peer cannot open it.

No row leads from a message about a certificate or a plan to its person (rule 4), so their identity could not be found
again. Until the peer's receipt is here, a copy of what was sealed therefore waits beside the message, closed under the
node's own key. It goes with the receipt, or at once when the message is withdrawn; what stays is which message took the
place of which, two ids and nothing else.
"""

import json

from sqlalchemy import LargeBinary
from sqlmodel import Field, Session, SQLModel, col, delete, select, update

from federation import outbox
from federation.peers import OPEN_STATES
from federation.tables import MessageState, OutboxMessage
from schemas.claims import Purpose
from schemas.envelope import Outgoing
from schemas.identity import PersonIdentity
from schemas.strict_json import read_document
from service.context import Node

_PAD_BYTES = 4_096


class MessageCopy(SQLModel, table=True):
    """A message as it may have to be said again: ``first_id`` as it was queued first, ``message_id`` as it is now."""

    __tablename__ = "message_copy"

    first_id: str = Field(primary_key=True, max_length=36)
    message_id: str = Field(index=True, max_length=36)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)


def enqueue_with_copy(session: Session, node: Node, outgoing: Outgoing) -> str:
    """Queue a message and keep what it needs to be sealed anew; returns its id. Raises as ``outbox.enqueue``."""
    message_id = outbox.enqueue(session, node.fed, outgoing)
    kept = {
        "data": outgoing.data,
        "person": outgoing.person.to_wire() if outgoing.person is not None else None,
        "disclosures": outgoing.disclosures,
    }
    content = json.dumps(kept, ensure_ascii=False).encode()
    sealed = node.vault.seal_secret(_context(message_id), content, pad_to=_PAD_BYTES)
    session.add(MessageCopy(first_id=message_id, message_id=message_id, sealed=sealed))
    session.flush()
    return message_id


def say_copy_again(session: Session, node: Node, row: OutboxMessage) -> str | None:
    """Queue a message anew from its copy, sealed for the peer's key in force, and give its id; ``None`` without one."""
    copy = session.exec(select(MessageCopy).where(col(MessageCopy.message_id) == row.id)).first()
    if copy is None or copy.sealed is None:
        return None
    kept = json.loads(node.vault.open_secret(_context(copy.first_id), copy.sealed))
    document = read_document(row.body)
    copy.message_id = outbox.enqueue(
        session,
        node.fed,
        Outgoing(
            recipient=row.region,
            type=row.type,
            subject=row.subject,
            data=kept["data"],
            agreement=document["agreement"],
            purpose=Purpose(document["purpose"]),
            person=PersonIdentity.model_validate(kept["person"]) if kept["person"] is not None else None,
            disclosures=tuple(kept["disclosures"]) if kept["disclosures"] is not None else None,
            expires_at=row.expires_at,
        ),
    )
    session.add(copy)
    session.flush()
    return copy.message_id


def newest_of(session: Session, message_id: str) -> str:
    """The message that says now what one said that was queued first; itself, where none took its place."""
    copy = session.get(MessageCopy, message_id)
    return message_id if copy is None else copy.message_id


def withdraw(session: Session, node: Node, message_id: str) -> bool:
    """Take a message back and forget its copy; whether it never left. One that is purged from the outbox has left."""
    newest = newest_of(session, message_id)
    session.exec(update(MessageCopy).where(col(MessageCopy.first_id) == message_id).values(sealed=None))
    if outbox.find_message(session, newest) is None:
        return False
    # If another went before it, the peer may have had that one; it could not open it, and holds nothing.
    return outbox.cancel(session, node.fed, newest)


def purge_copies(session: Session) -> int:
    """Forget the copies of what is receipted, withdrawn or over; returns how many."""
    on_its_way = select(OutboxMessage.id).where(col(OutboxMessage.state).in_((*OPEN_STATES, MessageState.PARKED)))
    over = col(MessageCopy.message_id).not_in(on_its_way)
    never_replaced = col(MessageCopy.message_id) == col(MessageCopy.first_id)
    gone = session.exec(delete(MessageCopy).where(over, never_replaced)).rowcount
    emptied = update(MessageCopy).where(over, col(MessageCopy.sealed).is_not(None)).values(sealed=None)
    return gone + session.exec(emptied).rowcount


def _context(first_id: str) -> str:
    return f"message_copy.sealed:{first_id}"
