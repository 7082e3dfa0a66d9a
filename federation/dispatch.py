"""From a checked batch to its effects: a savepoint, its dedupe row, its handler, what that causes.

*Preparing* needs no transaction: parse each message, take its digest, open what is sealed in it. *Dispatching* runs in
the one transaction that also records the results. A message whose id is known answers ``duplicate`` with its first
result and has no effect; the same id with other content is refused, as is one that its sender withdrew before it came.
An accepted message, and one refused for good, is recorded by the peer that signed for it and its id, in the same
transaction as its effect and the messages that it causes at once; any other refusal leaves nothing behind, and the same
id is tried afresh.

Messages take effect in the order of the batch. Those of one type that follow one another, each about another subject,
go to their handler as one set where it takes sets (``SetHandler``); one among them that fails is found by halving
(``sets``), so that the others have their effects and that one its own result, as if each had come alone.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlmodel import Session, col, select

from federation.keys import NodeKeys
from federation.node import FederationNode
from federation.outbox import VOIDED, enqueue_all
from federation.receipts import Taken, without_receipt
from federation.results import Result, refused
from federation.sealing import Binding, open_disclosures, open_subject
from federation.sets import Done, in_sets
from federation.streams import note_numbers
from federation.tables import InboxMessage, Peer, insert_new
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

TakeSet = Callable[[Session, Sequence[Incoming], Peer, datetime], list[Outgoing]]


@dataclass(frozen=True)
class SetHandler:
    """Takes messages of one type at once, each about another subject, with the effect that they have one by one.

    ``take`` raises, whatever the reason, when any one of them is to be refused: then it is asked about fewer.
    """

    take: TakeSet


Handlers = Mapping[str, Handler | SetHandler]
"""Message type (``tonglu.verification.requested.v1``) to its handler. The one of ``tonglu.message.voided.v1`` is called
only when the withdrawn message had taken effect here."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_log = logging.getLogger(__name__)


class AgreementGate(Protocol):
    """What the host decides about messages that rest on an agreement, before their handler sees them."""

    def check(self, session: Session, envelopes: Sequence[Envelope], peer: Peer, now: datetime) -> None:
        """Return when agreements cover all these messages of one type, else raise a ``MessageRefused``: then the
        gate is asked about fewer.
        """
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
    done = _Dispatching(session, fed, peer, handlers, gate, now, known=_known(session, peer, batch))
    done.take_all(batch)
    new = [done.known[one.message_id] for one in done.taken]
    insert_new(session, InboxMessage, [row.model_dump() for row in new])
    note_numbers(session, peer.region, done.here, now)
    # What was pulled has no receipt of ours yet: the answer to its repetition is the first that its sender gets.
    taken = [*done.taken, *without_receipt(session, peer.region, done.repeated)]
    return Dispatched(done.results, taken, done.caused)


def _known(session: Session, peer: Peer, batch: list[Prepared]) -> dict[str, InboxMessage]:
    ids = [one.id for one in batch if one.id is not None]
    found = select(InboxMessage).where(col(InboxMessage.peer) == peer.region, col(InboxMessage.id).in_(ids))
    return {row.id: row for row in session.exec(found).all()}


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


@dataclass
class _Dispatching:
    """A batch that is being taken: what it works with, and what came of it so far.

    ``known`` are the rows of messages that came before, those of this batch included as it goes on.
    """

    session: Session
    fed: FederationNode
    peer: Peer
    handlers: Handlers
    gate: AgreementGate
    now: datetime
    known: dict[str, InboxMessage]
    results: list[Result] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    repeated: list[Taken] = field(default_factory=list)
    here: list[tuple[str, int]] = field(default_factory=list)
    caused: int = 0

    def take_all(self, batch: list[Prepared]) -> None:
        """Take a batch in order, set by set."""
        place = 0
        while place < len(batch):
            one = batch[place]
            earlier = self.known.get(one.id) if one.id is not None else None
            if earlier is not None:
                self._repeat(one, earlier)
            elif one.incoming is None:
                self._end(one, self._refused(one, one.refusal or Internal()))
            else:
                run = list(self._run(batch, place))
                self._take(run)
                place += len(run) - 1
            place += 1

    def _run(self, batch: list[Prepared], place: int) -> Iterator[Prepared]:
        """The message at a place, and those right behind it that may take effect together with it."""
        first = _incoming(batch[place])
        yield batch[place]
        if not isinstance(self.handlers.get(first.envelope.type), SetHandler):
            return
        ids, subjects = {first.envelope.id}, {first.envelope.subject}
        for one in batch[place + 1 :]:
            if one.incoming is None or one.incoming.envelope.type != first.envelope.type:
                return
            message_id, subject = one.incoming.envelope.id, one.incoming.envelope.subject
            if message_id in self.known or message_id in ids or subject in subjects:
                return
            ids.add(message_id)
            subjects.add(subject)
            yield one

    def _take(self, run: Sequence[Prepared]) -> None:
        for part in in_sets(self.session, run, self._effect):
            if isinstance(part, Done):
                self.caused += part.value.caused
                self.known |= part.value.voided
                for one in part.items:
                    self._end(one, Result(one.id, one.streamseq, "accepted", one.digest, rfc3339(self.now)))
            elif isinstance(part.error, MessageRefused):
                self._end(part.item, self._refused(part.item, part.error))
            else:
                # The class alone: the text of an exception may quote what the message said about a person.
                _log.error("a message of type %s failed: %s", _type_of(part.item), type(part.error).__name__)
                self._end(part.item, self._refused(part.item, Internal()))

    def _effect(self, run: Sequence[Prepared]) -> "_Effect":
        """What messages of one type do, in their savepoint."""
        messages = [_incoming(one) for one in run]
        envelopes = [one.envelope for one in messages]
        if envelopes[0].agreement is not None:
            self.gate.check(self.session, envelopes, self.peer, self.now)
        handler, voided = self.handlers.get(envelopes[0].type), {}
        if envelopes[0].type == VOIDED:
            row = take_voided(self.session, messages[0], self.peer, self.known, self.now)
            voided = {row.id: row}
            if handler is None or row.result != "accepted":
                return _Effect(0, voided)
        if handler is None:
            raise UnknownType
        if isinstance(handler, SetHandler):
            outgoing = handler.take(self.session, messages, self.peer, self.now)
        else:
            outgoing = handler(self.session, messages[0], self.peer, self.now)
        enqueue_all(self.session, self.fed, outgoing)
        return _Effect(len(outgoing), voided)

    def _repeat(self, one: Prepared, earlier: InboxMessage) -> None:
        result = _repeated(one, earlier, self.now)
        if result.result == "duplicate":
            self.repeated.append(_taken(one, earlier))
        self._note(one, result)

    def _refused(self, one: Prepared, error: MessageRefused) -> Result:
        return refused(error, message_id=one.id, streamseq=one.streamseq, digest=one.digest, now=self.now)

    def _end(self, one: Prepared, result: Result) -> None:
        row = _final_row(self.peer, one, result, self.now)
        if row is not None:
            self.known[row.id] = row
            self.taken.append(_taken(one, row))
        self._note(one, result)

    def _note(self, one: Prepared, result: Result) -> None:
        self.results.append(result)
        if one.stream is not None and one.streamseq is not None and _is_settled(result):
            self.here.append((one.stream, one.streamseq))


@dataclass(frozen=True, slots=True)
class _Effect:
    """How many messages were caused, and the row of a message that was withdrawn."""

    caused: int
    voided: dict[str, InboxMessage]


def _incoming(one: Prepared) -> Incoming:
    if one.incoming is None:
        raise one.refusal or Internal()
    return one.incoming


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
