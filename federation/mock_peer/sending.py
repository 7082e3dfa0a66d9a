"""A mock peer's own sending, as a node does it: numbered once, frozen, one request in flight, tried again.

The waits of the protocol are shortened to ``patience_seconds``; all else is as it must be, less the node's lapses.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from federation import retry
from federation.keys import b64url
from federation.mock_peer.bending import Bend
from federation.mock_peer.lapses import Lapse
from federation.mock_peer.memory import KnownPeer, Memory
from federation.mock_peer.reading import Lapses
from federation.mock_peer.wire import Call, Reply, WireFault
from federation.node import EVENTS_PATH, FederationNode, target_uri
from federation.results import Result, read_results
from federation.retry import Verdict
from federation.signatures import SignedRequest, verify_answer
from schemas.clock import rfc3339
from schemas.entropy import uuid4, uuid7
from schemas.envelope import canonical
from schemas.messages import MESSAGE_TYPES, subject_of
from schemas.problems import Unauthenticated
from schemas.strict_json import UnreadableJsonError, read_document

LONG_WAIT = 120


@dataclass
class Queued:
    """One message on its way; ``state`` is ``open``, ``receipted`` or ``parked``."""

    id: str
    type: str
    subject: str
    document: dict[str, Any]
    body: bytes = b""
    streamseq: int = 0
    state: str = "open"
    refused: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the frozen bytes."""
        return sha256(self.body).hexdigest()


@dataclass
class _Destination:
    stream: str
    queue: list[Queued] = field(default_factory=list)
    numbered: int = 0
    limit: int | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    waits: str | None = None


Carry = Callable[[Call], Awaitable[Reply]]
Sign = Callable[[str, str, bytes, Bend], tuple[SignedRequest, Call]]
"""Method, URI, body, bend: what is covered, and the call."""


class Sending:
    """The queues of a mock peer and the tasks that empty them."""

    def __init__(
        self,
        own: FederationNode,
        memory: Memory,
        lapses: Lapses,
        *,
        carry: Carry,
        sign: Sign,
        patience_seconds: float,
        limit: int | None = None,
    ) -> None:
        """``carry`` brings a call over the wire; ``limit`` holds batches below what the peer takes."""
        self._own = own
        self._memory = memory
        self._lapses = lapses
        self._carry = carry
        self._sign = sign
        self._patience = patience_seconds
        self._limit = limit
        self._destinations: dict[str, _Destination] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_running = False

    def queue(self, region: str, message_type: str, data: dict[str, Any], **envelope: Any) -> str:
        """Queue a message; it goes as soon as the tasks run."""
        now = self._own.clock.now()
        message_id = uuid7(now, self._own.entropy)
        document = {
            "specversion": "1.0",
            "id": message_id,
            "source": self._own.source,
            "recipient": f"/regions/{region}",
            "type": message_type,
            "subject": subject_of(MESSAGE_TYPES[message_type].model_validate(data)),
            "time": rfc3339(now),
            "datacontenttype": "application/json",
            "data": data,
        } | envelope
        destination = self._destination(region)
        destination.queue.append(Queued(message_id, message_type, document["subject"], document))
        destination.woken.set()
        return message_id

    def held(self, region: str, stream: str, after: int) -> tuple[list[bytes], int]:
        """What was numbered for a peer beyond a number, and the highest number given."""
        destination = self._destinations.get(region)
        if destination is None or destination.stream != stream:
            return [], 0
        found = [one.body for one in destination.queue if one.streamseq > after]
        return found[: self._own.limits.max_messages], destination.numbered

    def again(self, region: str, held: dict[str, int], *, unnamed_too: bool) -> None:
        """Send again, with the same bytes, what was receipted beyond what a peer that is back holds of our stream."""
        destination = self._destination(region)
        after = held.get(destination.stream, 0 if unnamed_too else None)
        if after is not None:
            for one in destination.queue:
                if one.state == "receipted" and one.streamseq > after:
                    one.state = "open"
        destination.woken.set()

    def state(self, message_id: str) -> str:
        """``open``, ``receipted`` or ``parked``; raises ``StopIteration`` for an unknown id."""
        return next(one.state for there in self._destinations.values() for one in there.queue if one.id == message_id)

    def wake(self, region: str) -> None:
        """A valid signed request of the peer ends the wait towards it."""
        if (destination := self._destinations.get(region)) is not None:
            destination.woken.set()

    def start(self) -> None:
        """Begin to send."""
        self._is_running = True
        for region in self._destinations:
            self._begin(region)

    async def stop(self) -> None:
        """End what is under way."""
        self._is_running = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def probe(self, region: str) -> None:
        """Ask a peer that was accepted whether it knows us, until it does."""
        self._destination(region)
        if self._is_running:
            self._spawn(self._probe(region))

    # --- One destination -------------------------------------------------------------------------------------------

    def _destination(self, region: str) -> _Destination:
        if region not in self._destinations:
            self._destinations[region] = _Destination(uuid4(self._own.entropy))
            if self._is_running:
                self._begin(region)
        return self._destinations[region]

    def _begin(self, region: str) -> None:
        self._spawn(self._serve(region))
        if Lapse.TWO_IN_FLIGHT in self._lapses:
            self._spawn(self._serve(region))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _probe(self, region: str) -> None:
        peer = self._memory.peers[region]
        while peer.state == "invited":
            query = f"?stream={uuid4(self._own.entropy)}&after=0"
            reply, signed = await self._exchange(target_uri(peer.base_url, EVENTS_PATH + query), "GET", b"", Bend())
            if reply is not None and reply.status == 200 and self._is_signed(peer, signed, reply):
                peer.state = "active"
                return
            await asyncio.sleep(self._patience)

    async def _serve(self, region: str) -> None:
        destination = self._destinations[region]
        failed: list[Queued] = []
        nonce: str | None = None
        status: int | None = None
        while self._is_running:
            peer = self._memory.peers.get(region)
            is_there = peer is not None and peer.state == "active" and not peer.is_away(self._own.clock.now())
            batch = self._due(peer, destination) if peer is not None and is_there else []
            if not batch or destination.waits == "stopped":
                await _rest(destination, self._patience)
                continue
            keeps = Lapse.RETRY_KEEPS_NONCE in self._lapses and failed == batch and status == 503
            if Lapse.RETRY_CHANGES_BYTES in self._lapses and failed == batch and status == 503:
                self._write_anew(batch)
            if not keeps or nonce is None:
                nonce = b64url(self._own.entropy.token_bytes(16))
            body = b"[" + b",".join(one.body for one in batch) + b"]"
            assert peer is not None  # noqa: S101 - a batch is there for an active peer alone
            reply, signed = await self._exchange(
                target_uri(peer.base_url, EVENTS_PATH), "POST", body, Bend(nonce=nonce)
            )
            status = reply.status if reply else None
            verdict = self._settle(peer, destination, batch, reply, signed)
            failed = batch if verdict is not Verdict.DONE else []
            if verdict in (Verdict.OUTAGE, Verdict.FIXING):
                await _rest(destination, self._patience * (LONG_WAIT if verdict is Verdict.FIXING else 1))

    def _write_anew(self, batch: list[Queued]) -> None:
        for one in batch:
            one.document["time"] = rfc3339(self._own.clock.now().replace(microsecond=1))
            one.body = canonical(one.document)

    def _due(self, peer: KnownPeer, destination: _Destination) -> list[Queued]:
        most = destination.limit or self._limit or peer.limits.max_messages
        if Lapse.LIMITS_IGNORED in self._lapses:
            most = destination.limit or 200
        held: set[str] = set()
        batch: list[Queued] = []
        for one in destination.queue:
            if one.state == "parked" and one.refused:
                held.add(one.subject)
            if one.state != "open" or one.subject in held or len(batch) == most:
                continue
            if one.refused and Lapse.SUBJECT_ORDER_LOST in self._lapses and len(destination.queue) > 1:
                later = [other for other in destination.queue if other.state == "open" and not other.refused]
                if later:
                    continue
                if one is destination.queue[-1]:
                    continue
            batch.append(one)
        for one in batch:
            if not one.streamseq:
                destination.numbered += 1
                one.streamseq = destination.numbered
                one.document |= {"stream": destination.stream, "streamseq": one.streamseq}
                one.body = canonical(one.document)
        return batch

    async def _exchange(self, uri: str, method: str, body: bytes, bend: Bend) -> tuple[Reply | None, SignedRequest]:
        signed, call = self._sign(method, uri, body, bend)
        try:
            reply = await self._carry(call)
            if reply.status in (301, 302, 307, 308) and Lapse.REDIRECT_FOLLOWED in self._lapses:
                reply = await self._carry(Call(call.method, reply.value("location"), call.headers, call.body))
        except WireFault:
            return None, signed
        return reply, signed

    def _is_signed(self, peer: KnownPeer, signed: SignedRequest, reply: Reply) -> bool:
        try:
            verify_answer(
                signed, status=reply.status, headers=reply.headers, body=reply.body, keys=peer.of_use("transport")
            )
        except Unauthenticated:
            return False
        return True

    def _settle(
        self,
        peer: KnownPeer,
        destination: _Destination,
        batch: list[Queued],
        reply: Reply | None,
        signed: SignedRequest,
    ) -> Verdict:
        status = reply.status if reply else None
        is_signed = reply is not None and self._is_signed(peer, signed, reply)
        if reply and status == 200 and not reply.value("signature") and Lapse.UNSIGNED_BELIEVED in self._lapses:
            is_signed = True
        if status == 401 and Lapse.GIVES_UP_ON_401 in self._lapses:
            for one in batch:
                one.state = "parked"
            return Verdict.DONE
        verdict = retry.verdict(status, signed=is_signed, retry=_retry_of(reply) if is_signed else None)
        if verdict is Verdict.DONE and reply is not None:
            return self._record(destination, batch, reply)
        if verdict is Verdict.HALVE:
            return self._halve(destination, batch, is_signed=is_signed, status=status)
        if verdict is Verdict.STOPPED:
            destination.waits = "stopped"
        return verdict

    def _record(self, destination: _Destination, batch: list[Queued], reply: Reply) -> Verdict:
        results = read_results(reply.body, [(one.id, one.digest) for one in batch])
        if results is None and Lapse.ORDER_OF_RESULTS_IGNORED in self._lapses:
            found = {(one.id, one.digest): one for one in read_results(reply.body) or []}
            named = [(one.id, one.digest) for one in batch]
            results = [found[one] for one in named] if set(named) <= found.keys() else None
        if results is None:
            return Verdict.OUTAGE
        for one, result in zip(batch, results, strict=True):
            self._end(one, result.final)
        destination.limit = None
        return Verdict.DONE if all(one.state != "open" for one in batch) else Verdict.OUTAGE

    def _end(self, one: Queued, final: Result) -> None:
        if final.result == "accepted":
            one.state = "receipted"
        else:
            one.refused = True
            one.state = "open" if final.retry == "later" else "parked"

    def _halve(self, destination: _Destination, batch: list[Queued], *, is_signed: bool, status: int | None) -> Verdict:
        if len(batch) == 1 or (Lapse.BATCH_PARKED_WHOLE in self._lapses and status != 413):
            if is_signed:
                for one in batch:
                    one.state = "parked"
            return Verdict.DONE if is_signed else Verdict.OUTAGE
        destination.limit = max(1, len(batch) // 2)
        return Verdict.AGAIN


async def _rest(destination: _Destination, seconds: float) -> None:
    """Wait, or until the destination is woken. Not by ``wait_for``, which may swallow a cancellation on Python 3.11."""
    destination.woken.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await destination.woken.wait()


def _retry_of(reply: Reply | None) -> str | None:
    try:
        document = read_document(reply.body if reply else b"")
    except UnreadableJsonError:
        return None
    return str(document.get("retry")) if isinstance(document, dict) else None
