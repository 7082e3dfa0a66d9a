"""The fault proxy does to an exchange exactly what its plan says, and nothing to the others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.chaos.proxy import Fault, FaultProxy, Plan, Seen, no_fault

ANSWER = b"0123456789" * 20


@dataclass
class Behind:
    """A small HTTP server that counts what reached it."""

    taken: list[bytes] = field(default_factory=list)
    chunked: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.taken.append(await reader.readexactly(length))
                if self.chunked:
                    parts = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ANSWER), ANSWER)
                    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + parts)
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))
                await writer.drain()
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()


@dataclass
class World:
    """The server, the proxy before it, and a client."""

    behind: Behind
    proxy: FaultProxy
    client: httpx.AsyncClient

    async def post(self, body: bytes = b"message", **headers: str) -> httpx.Response:
        return await self.client.post(f"http://127.0.0.1:{self.proxy.port}/x", content=body, headers=headers)


@asynccontextmanager
async def world(plan: Plan = no_fault, *, chunked: bool = False) -> AsyncIterator[World]:
    behind = Behind(chunked=chunked)
    server = await asyncio.start_server(behind.serve, "127.0.0.1", 0)
    proxy = FaultProxy(("127.0.0.1", server.sockets[0].getsockname()[1]), plan=plan)
    await proxy.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            yield World(behind, proxy, client)
    finally:
        await proxy.stop()
        server.close()


def only(number: int, fault: Fault) -> Callable[[Seen], Fault]:
    return lambda seen: fault if seen.number == number else Fault()


@pytest.mark.parametrize("chunked", [False, True])
async def test_without_a_fault_everything_passes_on_one_connection(chunked: bool) -> None:
    seen: list[Seen] = []

    def look(one: Seen) -> Fault:
        seen.append(one)
        return Fault()

    async with world(look, chunked=chunked) as here:
        for _ in range(3):
            assert (await here.post()).content == ANSWER
        assert here.behind.taken == [b"message"] * 3
    assert [(one.number, one.in_connection) for one in seen] == [(1, 1), (2, 2), (3, 3)]


async def test_a_reset_before_leaves_no_trace_behind() -> None:
    async with world(only(2, Fault(reset="before"))) as here:
        await here.post()
        with pytest.raises(httpx.NetworkError):
            await here.post()
        assert len(here.behind.taken) == 1
        assert (await here.post()).content == ANSWER
        assert here.proxy.counts == {"none": 2, "reset before": 1}


async def test_a_reset_after_means_that_it_was_done_and_nobody_was_told() -> None:
    async with world(only(1, Fault(reset="after"))) as here:
        with pytest.raises(httpx.NetworkError):
            await here.post()
        assert len(here.behind.taken) == 1
        assert (await here.post()).content == ANSWER


async def test_an_answer_is_cut_where_the_plan_says() -> None:
    async with world(only(1, Fault(cut_after=100))) as here:
        with pytest.raises(httpx.RemoteProtocolError):
            await here.post()
        assert len(here.behind.taken) == 1


async def test_a_narrow_line_takes_its_time_and_loses_nothing() -> None:
    async with world(only(1, Fault(bytes_per_second=4000, piece=50, latency_seconds=0.02))) as here:
        before = asyncio.get_running_loop().time()
        assert (await here.post()).content == ANSWER
        assert asyncio.get_running_loop().time() - before > 0.06


async def test_what_is_held_back_passes_once_the_line_is_healed() -> None:
    both = asyncio.Event()

    def hold(seen: Seen) -> Fault:
        if seen.number == 2:
            both.set()
        return Fault(held=True)

    async with world(hold) as here:
        waiting = [asyncio.create_task(here.post()) for _ in range(2)]
        await both.wait()
        assert here.behind.taken == []
        here.proxy.heal()
        assert [(await one).status_code for one in waiting] == [200, 200]
        assert (await here.post()).status_code == 200


async def test_a_plan_knows_whose_key_signed() -> None:
    def by_key(seen: Seen) -> Fault:
        return Fault(reset="before") if seen.keyid == "enemy" else Fault()

    async with world(by_key) as here:
        assert (await here.post(**{"signature-input": 'tonglu=();keyid="friend";alg="ed25519"'})).status_code == 200
        with pytest.raises(httpx.NetworkError):
            await here.post(**{"signature-input": 'tonglu=();keyid="enemy"'})


async def test_a_node_that_is_gone_looks_like_a_broken_line() -> None:
    async with world() as here:
        here.proxy.upstream = ("127.0.0.1", 1)
        with pytest.raises(httpx.NetworkError):
            await here.post()
