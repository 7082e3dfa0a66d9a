"""``MockPeer``: a node in memory that does what a test tells it, and keeps to the protocol in everything else."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from federation import fingerprint, pairing
from federation.keys import NodeKeys, b64url
from federation.mock_peer.answering import Answering
from federation.mock_peer.bending import RIGHT, Bend, bent_request
from federation.mock_peer.effects import Effects, Handler
from federation.mock_peer.faults import Delivery, Fault
from federation.mock_peer.lapses import Lapse
from federation.mock_peer.listening import Application, Listener
from federation.mock_peer.memory import Heard, KnownPeer, Memory, Taken
from federation.mock_peer.news import News
from federation.mock_peer.reading import loosely
from federation.mock_peer.sending import Sending
from federation.mock_peer.wire import Call, Reply, TcpWire, Wire
from federation.node import EVENTS_PATH, FederationNode, Limits, target_uri
from federation.results import Result, read_results
from federation.sealing import Binding, seal_subject
from federation.signatures import SignedAnswer, SignedRequest, verify_answer
from schemas.clock import Clock, FakeClock, SystemClock, rfc3339
from schemas.entropy import Entropy, SystemEntropy, uuid4, uuid7
from schemas.envelope import CONTENT_TYPE, canonical, digest
from schemas.identity import PersonIdentity
from schemas.problems import Unauthenticated

LOOK_SECONDS = 0.02
INVITATION = timedelta(days=pairing.INVITATION_DAYS)


class MockPeer:
    """A programmable node without a database.

    It pairs by invitations, signs what it sends, verifies and answers what it hears, takes each message once, sends
    what that causes, and records every request. Two ways to make it misbehave: ``next`` programs faults of its next
    answers, one each; ``lapses`` are things it does wrong always. It runs as ``async with``; ``app`` is its ASGI
    application, ``listen`` opens a TCP port.
    """

    def __init__(
        self,
        region: str,
        base_url: str,
        *,
        name: str = "",
        wire: Wire | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        limits: Limits | None = None,
        lapses: Iterable[Lapse] = (),
        patience_seconds: float = 0.02,
        signs_agreements: bool = True,
    ) -> None:
        """``region`` and ``base_url`` as in its descriptor; ``wire`` carries what it sends (TCP by default).

        ``patience_seconds`` takes the place of the waits between attempts; ``signs_agreements`` says whether what is
        proposed is signed at once.
        """
        entropy = entropy or SystemEntropy()
        self.own = FederationNode(
            region=region,
            name=name or region,
            base_url=base_url,
            keys=NodeKeys.generate(entropy),
            clock=clock or SystemClock(),
            entropy=entropy,
            limits=limits or Limits(),
            allow_private_peers=True,
        )
        self.lapses = frozenset(lapses)
        self.memory = Memory()
        self.wire: Wire = wire or TcpWire()
        self._faults: list[tuple[str, Fault]] = []
        self._deciding: Callable[[Heard], Fault | None] | None = None
        self._news = asyncio.Event()
        self._streams: dict[str, tuple[str, int]] = {}
        self.sending = Sending(
            self.own,
            self.memory,
            self.lapses,
            carry=self._carry,
            sign=self._sign,
            patience_seconds=patience_seconds,
        )
        news = News(self.own, self.lapses, self.sending.queue, self.sending)
        self.effects = Effects(
            self.own, self.memory, self.lapses, self.sending.queue, news=news, signs=signs_agreements
        )
        self._answering = Answering(self.own, self.memory, self.lapses, self.effects, self.sending)
        self.app = Application(self._at_door, self._take)
        self._listener = Listener(self._at_door, self._take)

    # --- Life --------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start to send what is queued."""
        self.sending.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending and listening."""
        await self.sending.stop()
        await self._listener.close()
        await self.wire.aclose()

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on TCP; returns the port."""
        return await self._listener.open(host, port)

    # --- Pairing -----------------------------------------------------------------------------------------------------

    @property
    def region(self) -> str:
        """Its division code."""
        return self.own.region

    def invitation(self) -> dict[str, Any]:
        """Its invitation: the document that the other office accepts."""
        now = self.own.clock.now()
        return {
            "tonglu_invitation": 1,
            "descriptor": {"jws": pairing.descriptor_jws(self.own)},
            "invitation_id": uuid7(now, self.own.entropy),
            "expires_at": rfc3339(now + INVITATION),
        }

    def descriptor(self, *, keys: NodeKeys | None = None, issued_at: datetime | None = None) -> str:
        """Its descriptor as compact JWS: with other keys, which then sign it, or of another moment, if given."""
        own = self.own
        if issued_at is not None:
            own = replace(own, clock=FakeClock(issued_at))
        return pairing.descriptor_jws(own if keys is None else replace(own, keys=keys))

    def words(self, language: str = "zh-CN") -> list[str]:
        """The six words of its fingerprint (``zh-CN`` or ``en``)."""
        return fingerprint.words(pairing.own_fingerprint(self.own), language)

    def accept(self, invitation: Any, *, probe: bool = True) -> KnownPeer:
        """Pin the keys of the node that wrote ``invitation``; with ``probe`` it is asked until it knows us, too.

        Raises ``InvitationRefused`` with the reason.
        """
        found = pairing.read_invitation(self.own, invitation)
        peer = KnownPeer(found.region, found.descriptor.base_url, found.keys, found.descriptor.limits)
        peer.descriptor_at = found.descriptor.issued_at
        self.memory.peers[found.region] = peer
        if probe:
            self.sending.probe(found.region)
        return peer

    def peer(self, region: str) -> KnownPeer:
        """A node that was accepted; raises ``KeyError``."""
        return self.memory.peers[region]

    # --- What goes wrong ---------------------------------------------------------------------------------------------

    def next(self, *faults: Fault, method: str = "POST") -> None:
        """Let the next answers to requests of this method go wrong, one fault each, in order."""
        self._faults += [(method, fault) for fault in faults]

    def decide(self, deciding: Callable[[Heard], Fault | None] | None) -> None:
        """Let ``deciding`` say for each request with no fault of its own, by what is in it, what goes wrong."""
        self._deciding = deciding

    def forget_faults(self) -> None:
        """What was programmed and did not happen never will."""
        self._faults.clear()
        self._deciding = None

    def on(self, message_type: str, handler: Handler) -> None:
        """Call ``handler`` for each message of a type that takes effect."""
        self.effects.handlers[message_type] = handler

    # --- What it saw -------------------------------------------------------------------------------------------------

    @property
    def heard(self) -> list[Heard]:
        """Every request, in the order they came."""
        return self.memory.heard

    @property
    def taken(self) -> list[Taken]:
        """Every message that took effect, in order."""
        return self.memory.taken

    async def wait_for(self, seen: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Wait until ``seen`` gives something true, and return that; raises ``TimeoutError``."""
        async with asyncio.timeout(seconds):
            while not (found := seen()):
                self._news.clear()
                with suppress(TimeoutError):
                    # Some things happen without a request: they are looked for now and then.
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._news.wait()
            return found

    # --- What it sends -----------------------------------------------------------------------------------------------

    def queue(self, region: str, message_type: str, data: dict[str, Any], **envelope: Any) -> str:
        """Send a message as a node does, until it is receipted; returns its id."""
        return self.sending.queue(region, message_type, data, **envelope)

    def message(
        self,
        region: str,
        message_type: str,
        data: dict[str, Any],
        *,
        subject: str = "node",
        person: PersonIdentity | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """A right message to a peer, with the next number of our stream; ``changes`` replace attributes.

        A ``person`` is sealed into ``data`` for the peer's key in force. ``stream`` in ``changes`` takes the message
        out of our stream, which then has no gap.
        """
        now = self.own.clock.now()
        message_id, peer = uuid7(now, self.own.entropy), self.peer(region)
        stream, last = self._streams.get(region) or (uuid4(self.own.entropy), 0)
        if "stream" not in changes:
            self._streams[region] = stream, last + 1
        document: dict[str, Any] = {
            "specversion": "1.0",
            "id": message_id,
            "source": self.own.source,
            "recipient": peer.source,
            "type": message_type,
            "subject": subject,
            "time": rfc3339(now),
            "datacontenttype": "application/json",
            "stream": stream,
            "streamseq": last + 1,
            "data": dict(data),
        } | changes
        if person is not None:
            binding = Binding(document["id"], document["source"], document["recipient"])
            sealed = seal_subject(person, binding, peer.of_use("seal")[0], self.own.entropy)
            document["data"] = document["data"] | {"subject_identity": sealed}
        return document

    async def post(self, region: str, messages: Sequence[dict[str, Any]] | bytes, *, bend: Bend = RIGHT) -> "Exchange":
        """Send a batch once (or raw bytes as its body), signed as ``bend`` says."""
        body = messages if isinstance(messages, bytes) else b"[" + b",".join(map(canonical, messages)) + b"]"
        return await self.call(region, "POST", EVENTS_PATH, body, bend=bend)

    async def pull(self, region: str, stream: str, after: int = 0, *, bend: Bend = RIGHT) -> "Exchange":
        """Ask once for what the peer holds of a stream."""
        return await self.call(region, "GET", f"{EVENTS_PATH}?stream={stream}&after={after}", bend=bend)

    async def call(
        self,
        region: str,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        content_type: str = CONTENT_TYPE,
        bend: Bend = RIGHT,
    ) -> "Exchange":
        """Any signed request; raises ``WireFault`` when no whole answer comes."""
        peer = self.peer(region)
        signed, call = self._sign(method, target_uri(peer.base_url, path), body, bend, content_type)
        return await self.send(region, signed, call)

    async def send(self, region: str, signed: SignedRequest, call: Call) -> "Exchange":
        """Send a call that was signed before (again, perhaps)."""
        begun = time.monotonic()
        reply = await self.wire.send(call)
        try:
            answer = verify_answer(
                signed,
                status=reply.status,
                headers=reply.headers,
                body=reply.body,
                keys=self.peer(region).of_use("transport"),
            )
        except Unauthenticated:
            answer = None
        return Exchange(signed, call, reply, answer, time.monotonic() - begun)

    # --- Inside ------------------------------------------------------------------------------------------------------

    def _sign(
        self, method: str, uri: str, body: bytes, bend: Bend, content_type: str = CONTENT_TYPE
    ) -> tuple[SignedRequest, Call]:
        return bent_request(
            self.own.keys,
            method,
            uri,
            content_type=content_type,
            body=body,
            now=self.own.clock.now(),
            entropy=self.own.entropy,
            bend=bend,
        )

    async def _carry(self, call: Call) -> Reply:
        return await self.wire.send(call)

    def _at_door(self, method: str, path: str) -> Fault | None:
        if path != EVENTS_PATH:
            return None
        place = next((place for place, (wanted, _) in enumerate(self._faults) if wanted == method), None)
        return self._faults.pop(place)[1] if place is not None else None

    async def _take(self, heard: Heard, fault: Fault | None) -> Delivery:
        heard.messages = loosely(heard.body)
        if fault is None and self._deciding is not None and heard.path == EVENTS_PATH:
            fault = self._deciding(heard)
        delivery = self._answering.answer(heard, fault)
        self.memory.heard.append(heard)
        heard.delivery = delivery
        if heard.region is not None and heard.problem is None:
            self.sending.wake(heard.region)
        self._news.set()
        if delivery.delay_seconds:
            await asyncio.sleep(delivery.delay_seconds)
            delivery = replace(delivery, delay_seconds=0.0)
        heard.ended_at = time.monotonic()
        self._news.set()
        return delivery


class Exchange:
    """One request of ours and what came back; ``answer`` is there when its signature verified."""

    def __init__(
        self, request: SignedRequest, call: Call, reply: Reply, answer: SignedAnswer | None, seconds: float
    ) -> None:
        self.request = request
        self.call = call
        self.reply = reply
        self.answer = answer
        self.seconds = seconds

    @property
    def status(self) -> int:
        """The answer's status."""
        return self.reply.status

    @property
    def is_signed(self) -> bool:
        """Whether the peer itself said this."""
        return self.answer is not None

    @property
    def results(self) -> list[Result]:
        """The results of a signed ``200``, those that can be read."""
        return (read_results(self.reply.body) or []) if self.is_signed and self.status == 200 else []


def nonce(entropy: Entropy) -> str:
    """A fresh nonce: 128 random bits in base64url."""
    return b64url(entropy.token_bytes(16))


def digests(messages: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """The ids and digests that a receipt of these messages must name."""
    return [(one["id"], digest(one)) for one in messages]
