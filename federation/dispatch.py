"""From a checked batch to its effects: one savepoint a message, its dedupe row, its handler, what that causes.

*Preparing* needs no transaction: parse each message, take its digest, open what is sealed in it. *Dispatching* runs in
the one transaction that also records the results. A message whose id is known answers ``duplicate`` with its first
result and has no effect; the same id with other content is refused, as is one that its sender withdrew before it came.
An accepted message, and one refused for good, is recorded by the peer that signed for it and its id, in the same
transaction as its effect and the messages that it causes at once; any other refusal leaves nothing behind, and the same
id is tried afresh.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlmodel import Session, col, select

from federation.keys import NodeKeys
from federation.node import FederationNode
from federation.outbox import VOIDED, enqueue_all
from federation.receipts import Taken, without_receipt
from federation.results import Result, refused
from federation.sealing import Binding, open_disclosures, open_subject
from federation.streams import note_numbers
from federation.tables import DATABASE_FAULTS, InboxMessage, Peer, insert_new
from federation.voiding import VOIDED_BEFORE, take_voided
from schemas.clock import rfc3339
from schemas.envelope import Envelope, Incoming, Outgoing, digest, parse_message
from schemas.problems import (
    IdReused,
    Internal,
    InvalidMessage,
    MessageRefused,
    UnknownType,
    WrongRecipient,
    WrongSource,
    problem_document,
)

Handler = Callable[[Session, Incoming, Peer, datetime], list[Outgoing]]
"""Takes one message in the transaction that records it, and returns what it causes at once. Raises a
``MessageRefused`` to refuse it."""

Handlers = Mapping[str, Handler]
"""Message type (``tonglu.verification.requested.v1``) to its handler. The one of ``tonglu.message.voided.v1`` is called
only when the withdrawn message had taken effect here."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_log = logging.getLogger(__name__)


class AgreementGate(Protocol):
    """What the host decides about a message that rests on an agreement, before its handler sees it."""

    def check(self, session: Session, envelope: Envelope, peer: Peer, now: datetime) -> None:
        """Return when the agreement covers the message, else raise a ``MessageRefused``."""
        ...


@dataclass(frozen=True)
class Prepared:
    """One message of a batch, read and opened, or why it is refused; ids as far as they could be read."""

    id: str | None
    streamseq: int | None
    digest: str | None
    incoming: Incoming | None
    refusal: MessageRefused | None
    stream: str | None = None


@dataclass(frozen=True)
class Dispatched:
    """The results of a batch in order, the receipts that they prove, and how many messages they caused."""

    results: list[Result]
    taken: list[Taken]
    caused: int


def prepare(message: dict[str, Any] | MessageRefused, keys: NodeKeys, *, recipient: str, source: str) -> Prepared:
    """Read one member of a batch that the node of ``source`` signed and that ``recipient`` (we) took."""
    if isinstance(message, MessageRefused):
        return Prepared(message.message_id, message.streamseq, None, None, message)
    name = digest(message)
    try:
        envelope = parse_message(message)
    except MessageRefused as error:
        return Prepared(error.message_id, error.streamseq, name, None, error, _stream_of(message))
    try:
        incoming = _open(envelope, keys, recipient=recipient, source=source)
    except MessageRefused as error:
        return Prepared(envelope.id, envelope.streamseq, name, None, error, envelope.stream)
    return Prepared(envelope.id, envelope.streamseq, name, incoming, None, envelope.stream)


def dispatch(
    session: Session,
    fed: FederationNode,
    peer: Peer,
    batch: list[Prepared],
    *,
    handlers: Handlers,
    gate: AgreementGate,
    now: datetime,
) -> Dispatched:
    """Let each message take effect once, in order; nothing here commits."""
    ids = [one.id for one in batch if one.id is not None]
    found = select(InboxMessage).where(col(InboxMessage.peer) == peer.region, col(InboxMessage.id).in_(ids))
    known = {row.id: row for row in session.exec(found).all()}
    results: list[Result] = []
    taken: list[Taken] = []
    repeated: list[Taken] = []
    here: list[tuple[str, int]] = []
    caused = 0
    for one in batch:
        earlier = known.get(one.id) if one.id is not None else None
        if earlier is not None:
            result = _repeated(one, earlier, now)
            if result.result == "duplicate":
                repeated.append(_taken(one, earlier))
        else:
            result, sent = _take(session, fed, peer, one, handlers=handlers, gate=gate, known=known, now=now)
            caused += sent
            row = _final_row(peer, one, result, now)
            if row is not None:
                known[row.id] = row
                taken.append(_taken(one, row))
        results.append(result)
        if one.stream is not None and one.streamseq is not None and _is_settled(result):
            here.append((one.stream, one.streamseq))
    new = [known[one.message_id] for one in taken]
    insert_new(session, InboxMessage, [row.model_dump() for row in new])
    note_numbers(session, peer.region, here, now)
    # What was pulled has no receipt of ours yet: the answer to its repetition is the first that its sender gets.
    return Dispatched(results, [*taken, *without_receipt(session, peer.region, repeated)], caused)


def _open(envelope: Envelope, keys: NodeKeys, *, recipient: str, source: str) -> Incoming:
    if envelope.source != source:
        raise WrongSource
    if envelope.recipient != recipient:
        raise WrongRecipient
    binding = Binding(envelope.id, envelope.source, envelope.recipient)
    subject, disclosures = envelope.data.get("subject_identity"), envelope.data.get("disclosures")
    return Incoming(
        envelope,
        envelope.parsed,
        open_subject(subject, binding, keys) if isinstance(subject, str) else None,
        open_disclosures(disclosures, binding, keys) if isinstance(disclosures, str) else None,
    )


def _take(
    session: Session,
    fed: FederationNode,
    peer: Peer,
    one: Prepared,
    *,
    handlers: Handlers,
    gate: AgreementGate,
    known: dict[str, InboxMessage],
    now: datetime,
) -> tuple[Result, int]:
    """One message's effect in a savepoint: its result, and how many messages it caused."""
    try:
        if one.incoming is None:
            raise one.refusal or Internal()
        with session.begin_nested():
            outgoing = _handle(session, peer, one.incoming, handlers=handlers, gate=gate, known=known, now=now)
            enqueue_all(session, fed, outgoing)
        return Result(one.id, one.streamseq, "accepted", one.digest, rfc3339(now)), len(outgoing)
    except MessageRefused as error:
        refusal = error
    except DATABASE_FAULTS:
        # The whole request is answered 503.
        raise
    except Exception as error:  # noqa: BLE001 - answered `internal` for this message alone, as the protocol says
        # The class alone: the text of an exception may quote what the message said about a person.
        _log.error("a message of type %s failed: %s", _type_of(one), type(error).__name__)
        refusal = Internal()
    return refused(refusal, message_id=one.id, streamseq=one.streamseq, digest=one.digest, now=now), 0


def _handle(
    session: Session,
    peer: Peer,
    incoming: Incoming,
    *,
    handlers: Handlers,
    gate: AgreementGate,
    known: dict[str, InboxMessage],
    now: datetime,
) -> list[Outgoing]:
    envelope = incoming.envelope
    handler = handlers.get(envelope.type)
    if envelope.agreement is not None:
        gate.check(session, envelope, peer, now)
    if envelope.type == VOIDED:
        voided = take_voided(session, incoming, peer, known, now)
        known[voided.id] = voided
        if handler is None or voided.result != "accepted":
            return []
    if handler is None:
        raise UnknownType
    return handler(session, incoming, peer, now)


def _repeated(one: Prepared, earlier: InboxMessage, now: datetime) -> Result:
    if earlier.result == VOIDED_BEFORE:
        withdrawn = InvalidMessage(errors=[{"field": "id", "message": "withdrawn by its sender"}])
        return refused(withdrawn, message_id=one.id, streamseq=one.streamseq, digest=one.digest, now=now)
    if one.digest != earlier.digest:
        return refused(IdReused(), message_id=one.id, streamseq=one.streamseq, digest=one.digest, now=now)
    problem = problem_document(_error_of(earlier.problem_code)) if earlier.result == "refused" else None
    result: Any = earlier.result
    first = Result(earlier.id, earlier.streamseq, result, earlier.digest, rfc3339(earlier.recorded_at), problem)
    return Result(one.id, one.streamseq, "duplicate", one.digest, rfc3339(now), first=first)


def _error_of(code: str | None) -> MessageRefused:
    """The refusal that a recorded code stands for, without the facts it had."""
    kinds = {kind.code: kind for kind in MessageRefused.__subclasses__()}
    return kinds.get(code or "", MessageRefused)()


def _is_settled(result: Result) -> bool:
    """Whether a message's number is here for good: taken, known before, or refused for ever."""
    return result.result != "refused" or result.retry == "never"


def _final_row(peer: Peer, one: Prepared, result: Result, now: datetime) -> InboxMessage | None:
    is_final = result.result == "accepted" or result.retry == "never"
    if not is_final or one.id is None or one.digest is None:
        return None
    return InboxMessage(
        peer=peer.region,
        id=one.id,
        type=_type_of(one),
        digest=one.digest,
        stream=one.stream,
        streamseq=one.streamseq,
        result=result.result,
        problem_code=result.code,
        recorded_at=now,
    )


def _taken(one: Prepared, row: InboxMessage) -> Taken:
    subject = one.incoming.envelope.subject if one.incoming else ""
    return Taken(row.id, row.type, subject, row.digest, row.result, row.problem_code)


def _stream_of(message: dict[str, Any]) -> str | None:
    """The stream of a message that is refused, so that its number is not missed for ever."""
    stream = message.get("stream")
    return stream if isinstance(stream, str) and _UUID.fullmatch(stream) else None


def _type_of(one: Prepared) -> str:
    return one.incoming.envelope.type if one.incoming else ""
