"""A load generator that costs little: keep-alive connections that repeat one request's bytes (asyncio protocols)."""

import asyncio
import time

from bench.slices import Work

CONNECTIONS = 16


class _Repeater(asyncio.Protocol):
    """Sends the request again as soon as its answer is whole; counts the answers."""

    def __init__(self, request: bytes, expected_status: bytes) -> None:
        self.request = request
        self.expected = b"HTTP/1.1 " + expected_status
        self.answers = 0
        self.failure: str | None = None
        self.stopping = False
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request)

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
            self.transport.write(self.request)


async def _run(host: str, port: int, request: bytes, seconds: float, status: bytes) -> Work:
    loop = asyncio.get_running_loop()
    repeaters = [
        (await loop.create_connection(lambda: _Repeater(request, status), host, port))[1] for _ in range(CONNECTIONS)
    ]
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
    return asyncio.run(_run(host, port, request, seconds, status))
