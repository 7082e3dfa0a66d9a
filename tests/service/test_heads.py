"""What a client may send before it says what it wants, through a real connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from service.heads import MAX_HEAD_BYTES, BoundedHeads


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the body and says how long it was."""
    length, more = 0, True
    while more:
        part = await receive()
        length, more = length + len(part.get("body", b"")), part.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


class Impatient(BoundedHeads):
    head_seconds = 0.02


@asynccontextmanager
async def connected(protocol: type[BoundedHeads]) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(answering, http=protocol, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX-Long: ", b"GET / HTTP/1.1\r\n"])
async def test_a_head_that_never_ends_is_cut_off(start: bytes) -> None:
    async with connected(BoundedHeads) as (reader, writer):
        writer.write(start)
        piece = b"X-Many: yes\r\n" if start.endswith(b"\n") else b"x"
        # No more than that: what a server leaves unread when it closes may cost the client its answer.
        writer.write(piece * (MAX_HEAD_BYTES // len(piece) + 1))
        assert (await reader.read()).startswith(b"HTTP/1.1 431 ")


async def test_heads_of_every_usual_length_and_long_bodies_pass_on_one_connection() -> None:
    async with connected(Impatient) as (reader, writer):
        for field in (b"", b"X-Long: " + b"y" * 30_000 + b"\r\n"):
            head = b"POST / HTTP/1.1\r\nHost: x\r\n" + field + b"Content-Length: 300000\r\n\r\n"
            writer.write(head[:20])
            await asyncio.wait_for(writer.drain(), 5)
            writer.write(head[20:] + b"b" * 300_000)
            answer = await reader.readuntil(b"300000\r\n0\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_who_does_not_say_what_they_want_is_not_waited_for(begun: bytes) -> None:
    async with connected(Impatient) as (reader, writer):
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 5) == b""
