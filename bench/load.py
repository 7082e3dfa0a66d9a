"""A load generator that costs little: keep-alive connections that repeat one request's bytes (asyncio protocols)."""

import asyncio
import itertools
import time
from collections.abc import Sequence

from bench.slices import Work

CONNECTIONS = 16


class _Repeater(asyncio.Protocol):
    """Sends the next request as soon as an answer is whole, round and round; counts the answers."""

    def __init__(self, requests: Sequence[bytes], expected_status: bytes) -> None:
        self.requests = itertools.cycle(requests)
        self.expected = b"HTTP/1.1 " + expected_status
        self.answers = 0
        self.failure: str | None = None
        self.stopping = False
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head_end = self.buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = self.buffer[:head_end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self.buffer) < head_end + 4 + length:
                return
            if not self.buffer.startswith(self.expected):
                self.failure = self.buffer[:300].decode(errors="replace")
                self.transport.close()
                return
            self.buffer = self.buffer[head_end + 4 + length :]
            self.answers += 1
            if self.stopping:
                self.transport.close()
                return
            self.transport.write(next(self.requests))


async def _run(host: str, port: int, requests: Sequence[bytes], seconds: float, status: bytes) -> Work:
    loop = asyncio.get_running_loop()
    repeaters = []
    for place in range(CONNECTIONS):
        # Each connection begins elsewhere, so that they do not all ask the same.
        begin = place * len(requests) // CONNECTIONS
        own = [*requests[begin:], *requests[:begin]]
        repeaters.append((await loop.create_connection(lambda own=own: _Repeater(own, status), host, port))[1])
    begun = time.perf_counter()
    await asyncio.sleep(seconds)
    done = sum(repeater.answers for repeater in repeaters)
    taken = time.perf_counter() - begun
    for repeater in repeaters:
        repeater.stopping = True
        if repeater.failure:
            raise RuntimeError(repeater.failure)
    await asyncio.sleep(0.05)
    return Work(done, taken)


def load(host: str, port: int, path: str, body: bytes, *, seconds: float, status: bytes = b"200") -> Work:
    """POST `body` over 16 connections for `seconds`. Raises RuntimeError on any other status."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    return asyncio.run(_run(host, port, [request], seconds, status))


def load_requests(host: str, port: int, requests: Sequence[bytes], *, seconds: float, status: bytes = b"200") -> Work:
    """Send whole requests, one after the other, over 16 connections. Raises RuntimeError on any other status."""
    return asyncio.run(_run(host, port, requests, seconds, status))
