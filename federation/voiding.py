"""What ``message.voided`` means here: its sender takes a message back that it holds no receipt for.

Where the message has not come yet, it is noted as withdrawn, so that it has no effect if it does. Where it has (its
receipt was lost on the way), the host undoes what came with it. Either way nothing waits for its number any more.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from federation.tables import InboxMessage, Peer, insert_new
from schemas.envelope import Incoming
from schemas.messages import MessageVoided
from schemas.problems import InvalidMessage

VOIDED_BEFORE = "voided"
"""The ``result`` of a message that was withdrawn before it came."""


def take_voided(
    session: Session, incoming: Incoming, peer: Peer, known: Mapping[str, InboxMessage], now: datetime
) -> InboxMessage:
    """Note a message of this peer as withdrawn, and give its row; ``result`` is ``accepted`` when it had taken effect.

    ``known`` are the rows of the batch that is being taken, which are not stored yet. Raises ``InvalidMessage`` when
    stream and number are not the withdrawn message's.
    """
    data, envelope = incoming.data, incoming.envelope
    if not isinstance(data, MessageVoided) or data.voided == envelope.id:
        raise InvalidMessage(errors=[{"field": "data.voided", "message": "the id of another message"}])
    row = known.get(data.voided) or session.get(InboxMessage, (peer.region, data.voided))
    if row is not None:
        if (row.stream, row.streamseq) not in ((envelope.stream, envelope.streamseq), (None, None)):
            raise InvalidMessage(errors=[{"field": "streamseq", "message": "not the number of the voided message"}])
        return row
    row = InboxMessage(
        peer=peer.region,
        id=data.voided,
        type="",
        digest="",
        stream=envelope.stream,
        streamseq=envelope.streamseq,
        result=VOIDED_BEFORE,
        recorded_at=now,
    )
    insert_new(session, InboxMessage, [row.model_dump()])
    return row
