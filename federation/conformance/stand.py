"""Where a node is tried: a mock peer of a region of its own beside it, and what both need to be told of each other.

The stand keeps to the node's limits (it waits before a request that would be one too many) and keeps its own stream
without gaps: what is meant to be refused travels under streams of its own.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from federation.mock_peer import Bend, Exchange, Fault, Heard, KnownPeer, MockPeer
from federation.mock_peer.bending import RIGHT
from federation.results import problem_code
from schemas.entropy import uuid4
from schemas.envelope import canonical

ERASURE = "tonglu.erasure.requested.v1"
ERASED = "tonglu.record.erased.v1"


class NotHeld(Exception):
    """A requirement does not hold; the text says what was seen."""


class Operator(Protocol):
    """The people at the node: what only they can do."""

    async def accept(self, invitation: dict[str, Any], words: dict[str, list[str]]) -> None:
        """Take our invitation at the node (``peer accept``), the six words compared."""
        ...

    async def sign(self, agreement: str) -> None:
        """Sign the agreement with this id at the node (``agreement sign``)."""
        ...


@dataclass
class Stand:
    """A node under trial (``region`` is its code) and the mock peer ``me`` that tries it.

    ``patience_seconds`` is how long the node may take for what it does by itself, ``operator_seconds`` how long its
    people may.
    """

    me: MockPeer
    url: str
    invitation: Any
    operator: Operator
    patience_seconds: float = 20.0
    operator_seconds: float = 600.0
    nudge_seconds: float = 0.3
    """How often the node is shown a sign of life while it is waited for."""
    slow_seconds: float = 0.5
    """How long an answer takes that is to be slow."""
    quiet_seconds: float = 2.0
    """How long is listened where nothing may come."""
    region: str = ""
    refusal: tuple[int, tuple[str, ...], bytes] | None = None
    """What strangers are told: status, names of the header fields, body."""
    agreement: str = ""
    descriptor: str = ""
    """The descriptor as the node serves it."""
    proposed: str = ""
    compared: tuple[str, list[str], bytes] = ("", [], b"")
    """A comparison of journeys that was answered: its id, our points, the answer."""
    compared_again: bool = False
    """Whether the same offer got the same answer."""
    repeated: str = ""
    """What marks the erasure that came twice."""
    _tokens: float = 1.0
    _filled_at: float = field(default_factory=time.monotonic)

    @property
    def node(self) -> KnownPeer:
        """The node as its invitation says it is."""
        return self.me.peer(self.region)

    # --- Requests of ours --------------------------------------------------------------------------------------------

    async def pace(self) -> None:
        """Wait until one more request keeps within the node's limit."""
        rate = self.node.limits.requests_per_second * 0.8
        while True:
            now = time.monotonic()
            self._tokens = min(rate, self._tokens + (now - self._filled_at) * rate)
            self._filled_at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return
            await asyncio.sleep((1 - self._tokens) / rate)

    def spent(self) -> None:
        """The node took all that it takes in a second, and more."""
        self._tokens, self._filled_at = 0.0, time.monotonic()

    async def post(self, messages: Sequence[dict[str, Any]] | bytes, bend: Bend = RIGHT) -> Exchange:
        """Post a batch, bent or not."""
        await self.pace()
        return await self.me.post(self.region, messages, bend=bend)

    async def get(self, stream: str | None = None, after: int = 0, bend: Bend = RIGHT) -> Exchange:
        """Pull a stream (one that there is not, unless told), bent or not."""
        await self.pace()
        return await self.me.pull(self.region, stream or self.uuid(), after, bend=bend)

    def uuid(self) -> str:
        """A fresh UUID."""
        return uuid4(self.me.own.entropy)

    def erasure(self, **changes: Any) -> dict[str, Any]:
        """The one message that every node must take without an agreement: it is answered by ``record.erased``."""
        return self.me.message(self.region, ERASURE, {"message_ids": [self.uuid()]}, **changes)

    def stray(self, **changes: Any) -> dict[str, Any]:
        """The same, in a stream of its own: made to be refused."""
        return self.erasure(**{"stream": self.uuid(), "streamseq": 1} | changes)

    # --- What is expected --------------------------------------------------------------------------------------------

    async def unauthenticated(self, exchange: Exchange) -> str:
        """The one refusal of strangers, byte for byte; raises ``NotHeld``."""
        shown = seen(exchange)
        if exchange.status != 401 or code_of(exchange) != "unauthenticated" or exchange.reply.values("signature"):
            raise NotHeld(f"{shown}; expected the unsigned unauthenticated")
        if self.refusal is not None and shape_of(exchange) != self.refusal:
            raise NotHeld(f"{shown}, in other words than other strangers are told")
        return shown

    async def refused(self, message: dict[str, Any] | bytes, code: str, retry: str = "never") -> str:
        """One message, refused with a code in a signed ``200``; raises ``NotHeld``."""
        exchange = await self.post(b"[" + message + b"]" if isinstance(message, bytes) else [message])
        return refused_in(exchange, code, retry)

    async def accepted(self, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """A batch, each message of it accepted; returns the results. Raises ``NotHeld``."""
        exchange = await self.post(messages)
        results = results_of(exchange)
        kinds = [one.get("result") for one in results]
        if kinds != ["accepted"] * len(messages):
            raise NotHeld(f"{seen(exchange)}: {kinds[:5]}; expected {len(messages)} accepted")
        return results

    # --- What the node sends -----------------------------------------------------------------------------------------

    async def provoke(self, count: int = 1, *faults: Fault) -> list[str]:
        """Make the node send ``count`` messages, and let its next requests go wrong; returns what marks them."""
        self.me.forget_faults()
        self.me.next(*faults)
        messages = [self.erasure() for _ in range(count)]
        await self.accepted(messages)
        return [one["data"]["message_ids"][0] for one in messages]

    def erased(self, mark: str) -> int:
        """How many different answers the node gave to one erasure."""
        return sum(one.envelope.type == ERASED and mark in one.envelope.data["message_ids"] for one in self.me.taken)

    def requests_about(self, marks: Sequence[str], since: int = 0) -> list[Heard]:
        """The node's requests that bring one of these answers."""
        wanted = set(marks)
        return [one for one in self.me.heard[since:] if any(wanted & set(marks_of(m)) for m in one.messages)]

    async def until(self, condition: Callable[[], Any], what: str, seconds: float | None = None) -> Any:
        """Wait for what the node does by itself, showing a sign of life now and then so that it need not wait.

        Raises ``NotHeld`` with ``what`` when it does not come in time.
        """
        end = time.monotonic() + (self.patience_seconds if seconds is None else seconds)
        while True:
            try:
                return await self.me.wait_for(condition, min(self.nudge_seconds, max(0.01, end - time.monotonic())))
            except TimeoutError:
                if time.monotonic() >= end:
                    raise NotHeld(what) from None
            await self.get()

    async def quiet(self) -> None:
        """Let the time pass in which nothing may come, without a sign of life from us."""
        await asyncio.sleep(self.quiet_seconds)

    async def delivered(self, marks: Sequence[str], what: str) -> list[Heard]:
        """Wait until the node's answers to these erasures took effect here; returns the requests that brought them."""
        await self.until(lambda: all(self.erased(mark) for mark in marks), what)
        return self.requests_about(marks)


# --- Reading answers -------------------------------------------------------------------------------------------------


def marks_of(message: dict[str, Any]) -> list[str]:
    """The ids that an answer to an erasure names."""
    data = message.get("data")
    found = data.get("message_ids") if isinstance(data, dict) and message.get("type") == ERASED else None
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def document_of(exchange: Exchange) -> Any:
    """The body as JSON; ``None`` when it is none."""
    try:
        return json.loads(exchange.reply.body)
    except ValueError:
        return None


def code_of(exchange: Exchange) -> str:
    """The code of a problem document; empty for anything else."""
    document = document_of(exchange)
    return (problem_code(document) or "") if isinstance(document, dict) else ""


def seen(exchange: Exchange) -> str:
    """The answer in a few words."""
    code, signed = code_of(exchange), "signed" if exchange.is_signed else "unsigned"
    return f"{signed} {exchange.status}{f' {code}' if code else ''}"


def shape_of(exchange: Exchange) -> tuple[int, tuple[str, ...], bytes]:
    """All of an answer that must not tell one stranger from another."""
    names = sorted({name for name, _ in exchange.reply.headers} - {"date"})
    return exchange.status, tuple(names), exchange.reply.body


def results_of(exchange: Exchange) -> list[dict[str, Any]]:
    """The results of a signed ``200``; raises ``NotHeld`` for any other answer."""
    document = document_of(exchange)
    if exchange.status != 200 or not exchange.is_signed or not isinstance(document, list):
        raise NotHeld(f"{seen(exchange)}; expected a signed 200 with results")
    return [one if isinstance(one, dict) else {} for one in document]


def refused_in(exchange: Exchange, code: str, retry: str = "never") -> str:
    """The one result of a batch of one, refused with a code; raises ``NotHeld``."""
    results = results_of(exchange)
    problem = results[0].get("problem", {}) if len(results) == 1 else {}
    found = results[0].get("result") if len(results) == 1 else f"{len(results)} results"
    said = (problem_code(problem), problem.get("retry")) if isinstance(problem, dict) else (None, None)
    if found != "refused" or said != (code, retry):
        raise NotHeld(f"{found} {said[0] or ''} {said[1] or ''}; expected refused {code} {retry}".replace("  ", " "))
    return f"refused {code}"


def problem_in(exchange: Exchange, status: int, code: str, retry: str) -> dict[str, Any]:
    """The signed problem of a whole request; raises ``NotHeld``."""
    document = document_of(exchange)
    told = document.get("retry") if isinstance(document, dict) else None
    if not exchange.is_signed or (exchange.status, code_of(exchange), told) != (status, code, retry):
        raise NotHeld(f"{seen(exchange)} {told or ''}; expected a signed {status} {code} {retry}")
    if not exchange.reply.value("content-type").startswith("application/problem+json"):
        raise NotHeld(f"{seen(exchange)} as {exchange.reply.value('content-type')}")
    return dict(document)


def raw(message: dict[str, Any]) -> bytes:
    """A message's canonical bytes, to be spoilt."""
    return canonical(message)


def is_uuid(text: Any, version: int) -> bool:
    """Whether this is a UUID of a version, in its one spelling."""
    try:
        found = UUID(str(text))
    except ValueError:
        return False
    return str(found) == text and found.version == version
