"""A proxy that does to HTTP/1.1 exchanges what networks do: late, slow, cut, reset before or after, held back, narrow.

It listens on loopback and passes each exchange to one address. What happens to an exchange is decided by a *plan*, a
function of its number on this proxy, its number within its connection, and the head of the request, asked once for
each: a plan with a seeded generator behaves alike in every run that makes the same exchanges. What belongs to whom is
read from the head (`Seen.keyid`), since on loopback every caller has one address.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

_ALL_AT_ONCE = 65_536
_LONGEST_HEAD = 65_536


@dataclass(frozen=True)
class Fault:
    """What happens to one exchange; by default nothing. Several things may happen at once.

    `latency_seconds` passes before the request is passed on. `reset` ends the connection by a TCP reset: `before` the
    other side has seen a byte of the request, or `after` it has answered and before a byte of the answer is passed on.
    `cut_after` passes so many bytes of the answer (head included) and closes in order. `bytes_per_second` is the
    answer's bandwidth, in pieces of `piece` bytes. `held` passes nothing at all until the proxy is healed.
    """

    latency_seconds: float = 0.0
    reset: Literal["before", "after"] | None = None
    cut_after: int | None = None
    bytes_per_second: float | None = None
    piece: int = 1024
    held: bool = False

    @property
    def name(self) -> str:
        """How it is counted."""
        if self.held:
            return "held"
        if self.reset:
            return f"reset {self.reset}"
        if self.cut_after is not None:
            return "cut"
        if self.bytes_per_second is not None:
            return "slow"
        return "late" if self.latency_seconds else "none"


@dataclass(frozen=True)
class Seen:
    """An exchange as its plan sees it: both numbers start at 1."""

    number: int
    in_connection: int
    head: bytes

    @property
    def keyid(self) -> str:
        """The key that signed the request (RFC 9421), or an empty text."""
        _, _, rest = self.head.partition(b'keyid="')
        return rest.partition(b'"')[0].decode("ascii", "replace")


Plan = Callable[[Seen], Fault]


def no_fault(_seen: Seen) -> Fault:
    """Pass everything on."""
    return Fault()


@dataclass
class FaultProxy:
    """One listener that passes exchanges to `upstream` (host and port), as its `plan` has it.

    `counts` says how many exchanges met which fault.
    """

    upstream: tuple[str, int]
    port: int = 0
    plan: Plan = no_fault
    counts: Counter[str] = field(default_factory=Counter)
    _server: asyncio.Server | None = None
    _healed: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: set[asyncio.Task[Any]] = field(default_factory=set)

    async def start(self) -> None:
        """Listen on 127.0.0.1, on `port` or a free one, which `port` then says."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_LONGEST_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def heal(self) -> None:
        """From now on pass everything on, what is held back included."""
        self.plan = no_fault
        self._healed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        link = _Link(self.upstream)
        try:
            number = 0
            while not reader.at_eof():
                head = await _head(reader)
                if head is None:
                    break
                body = await _body(reader, head, is_request=True)
                number += 1
                seen = Seen(self.counts.total() + 1, number, head)
                fault = self.plan(seen)
                self.counts[fault.name] += 1
                if not await self._exchange(link, writer, head + body, fault):
                    break
        except (OSError, EOFError, asyncio.LimitOverrunError):
            # The caller or the node went away: the other one sees that, too.
            _reset(writer)
        except asyncio.CancelledError:
            _reset(writer)  # the proxy stops; nobody waits for this task but `stop`
        finally:
            self._connections.discard(task)
            link.close()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, link: "_Link", writer: asyncio.StreamWriter, request: bytes, fault: Fault) -> bool:
        """Pass one exchange; whether the connection goes on."""
        if fault.held:
            await self._healed.wait()
        if fault.latency_seconds:
            await asyncio.sleep(fault.latency_seconds)
        if fault.reset == "before":
            _reset(writer)
            return False
        answer = await link.ask(request)
        if fault.reset == "after":
            _reset(writer)
            return False
        passed = answer if fault.cut_after is None else answer[: fault.cut_after]
        await _send(writer, passed, fault)
        return fault.cut_after is None and b"connection: close" not in answer.partition(b"\r\n\r\n")[0].lower()


class _Link:
    """One connection to the node behind, opened when it is first needed."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> bytes:
        """The whole answer to one request."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._upstream, limit=_LONGEST_HEAD)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        head = await _head(reader)
        if head is None:
            raise ConnectionResetError("the node closed")
        return head + await _body(reader, head, is_request=False)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def _head(reader: asyncio.StreamReader) -> bytes | None:
    """A head up to and with its empty line; None when the other side closed before it began one."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None


async def _body(reader: asyncio.StreamReader, head: bytes, *, is_request: bool) -> bytes:
    fields = dict(line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if b":" in line)
    if b"content-length" in fields:
        return await reader.readexactly(int(fields[b"content-length"]))
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return await _chunks(reader)
    return b"" if is_request or head.split(b" ", 2)[1] in (b"204", b"304") else await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    whole = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        whole += size + await reader.readexactly(int(size, 16) + 2)
        if int(size, 16) == 0:
            return whole


async def _send(writer: asyncio.StreamWriter, content: bytes, fault: Fault) -> None:
    piece = fault.piece if fault.bytes_per_second is not None else _ALL_AT_ONCE
    for start in range(0, len(content), piece):
        writer.write(content[start : start + piece])
        await writer.drain()
        if fault.bytes_per_second is not None:
            await asyncio.sleep(piece / fault.bytes_per_second)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST: with no time to linger, closing throws away what was not sent."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class ProxyThread:
    """Proxies on an event loop of their own, for tests that are not asynchronous themselves."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxies", daemon=True)
        self._thread.start()
        self.proxies: list[FaultProxy] = []

    def add(self, upstream: tuple[str, int], port: int = 0) -> FaultProxy:
        """Start one more."""

        async def make() -> FaultProxy:
            proxy = FaultProxy(upstream, port)
            await proxy.start()
            return proxy

        proxy = asyncio.run_coroutine_threadsafe(make(), self._loop).result(10)
        self.proxies.append(proxy)
        return proxy

    def plan(self, plan: Callable[[FaultProxy], Plan]) -> None:
        """Give each proxy its plan."""
        for proxy in self.proxies:
            proxy.plan = plan(proxy)

    def heal(self) -> None:
        """Heal all."""
        for proxy in self.proxies:
            self._loop.call_soon_threadsafe(proxy.heal)

    def stop(self) -> None:
        """End all connections and the thread."""

        async def end() -> None:
            for proxy in self.proxies:
                await proxy.stop()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
