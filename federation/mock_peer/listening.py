"""How a mock peer is reached: as an ASGI application, or over TCP where each byte and each reset is its own.

The TCP side is a small HTTP/1.1 server, written out because an ordinary one would not reset a connection before it has
read, send a body in drops, or answer two times. It closes every connection after one answer.
"""

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from federation.mock_peer.faults import Delivery, Fault
from federation.mock_peer.memory import Heard

MAX_HEAD_BYTES = 65_536
MAX_BODY_BYTES = 16_777_216
CHUNK_BYTES = 65_536

AtDoor = Callable[[str, str], Fault | None]
"""Method and path: the fault of this request, taken before its body is read."""

Take = Callable[[Heard, Fault | None], Awaitable[Delivery]]


class Application:
    """The ASGI application of a mock peer.

    There is no connection to reset here: a reset raises ``ConnectionResetError`` into the caller, and an answer that
    never comes raises ``TimeoutError`` at once.
    """

    def __init__(self, at_door: AtDoor, take: Take) -> None:
        self._at_door = at_door
        self._take = take

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
        """Answer one request; lifespan events are acknowledged."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        fault = self._at_door(scope["method"], raw_path)
        if fault is not None and fault.before_reading:
            raise ConnectionResetError("reset")
        heard = Heard(
            scope["method"],
            raw_path,
            scope["query_string"].decode("latin-1"),
            tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]),
            await _whole(receive),
        )
        delivery = await self._take(heard, fault)
        if delivery.silent:
            raise TimeoutError("silent")
        if delivery.reset:
            raise ConnectionResetError("reset")
        await send(
            {
                "type": "http.response.start",
                "status": delivery.status,
                "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in delivery.headers],
            }
        )
        if delivery.cut_at is not None:
            await send({"type": "http.response.body", "body": delivery.body[: delivery.cut_at], "more_body": True})
            raise ConnectionResetError("cut")
        for part in _parts(delivery):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(delivery.pause_seconds)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Listener:
    """The same over TCP, on one address of this machine."""

    def __init__(self, at_door: AtDoor, take: Take) -> None:
        self._at_door = at_door
        self._take = take
        self._server: asyncio.Server | None = None
        self._held: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port (chosen by the system for 0)."""
        self._server = await asyncio.start_server(self._connected, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop, and let go of connections that wait for an answer."""
        if self._server is not None:
            self._server.close()
            for task in list(self._held):
                task.cancel()
            await asyncio.gather(*self._held, return_exceptions=True)
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._held.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            if task is not None:
                self._held.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = tuple(
            (name.strip().lower(), value.strip()) for name, _, value in (one.partition(":") for one in lines)
        )
        path, _, query = target.partition("?")
        fault = self._at_door(method, path)
        if fault is not None and fault.before_reading:
            _reset(writer)
            return
        if ("expect", "100-continue") in headers:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _body(reader, dict(headers))
        delivery = await self._take(Heard(method, path, query, headers, body), fault)
        if delivery.silent:
            await reader.read()
        elif delivery.reset:
            _reset(writer)
        else:
            await _write(writer, delivery)


async def _write(writer: asyncio.StreamWriter, delivery: Delivery) -> None:
    reason = HTTPStatus(delivery.status).phrase if delivery.status in HTTPStatus._value2member_map_ else "Other"
    lines = [f"HTTP/1.1 {delivery.status} {reason}", *(f"{name}: {value}" for name, value in delivery.headers)]
    lines += [f"content-length: {len(delivery.body)}", "connection: close", "", ""]
    head = "\r\n".join(lines).encode("latin-1")
    for _ in range(2 if delivery.twice else 1):
        writer.write(head)
        if delivery.cut_at is not None:
            writer.write(delivery.body[: delivery.cut_at])
            await writer.drain()
            _reset(writer)
            return
        for part in _parts(delivery):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(delivery.pause_seconds)
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST instead of FIN: the other side sees a reset, not an end."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _parts(delivery: Delivery) -> list[bytes]:
    size = delivery.chunk_bytes or CHUNK_BYTES
    return [delivery.body[place : place + size] for place in range(0, len(delivery.body), size)]


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        size = int(headers.get("content-length", "0"))
        return await reader.readexactly(min(size, MAX_BODY_BYTES))
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
        if len(body) > MAX_BODY_BYTES:
            raise ValueError("too much")
    await reader.readline()
    return bytes(body)


async def _whole(receive: Callable[[], Awaitable[Any]]) -> bytes:
    body = bytearray()
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body", False):
            return bytes(body)


async def _live(receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
