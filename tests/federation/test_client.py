"""The one HTTP client: which addresses it refuses, and what it does not follow, read or wait for."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
import respx

from federation import client as client_module
from federation.client import FetchFailedError, PeerClient, is_public
from federation.keys import NodeKeys
from federation.node import FederationNode
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy

ENTROPY = SeededEntropy(5)
FED = FederationNode(
    "790303",
    "澜江市",
    "https://790303.example",
    NodeKeys.generate(ENTROPY),
    FakeClock(datetime(2026, 11, 2, tzinfo=UTC)),
    ENTROPY,
)
OPEN = dataclasses.replace(FED, allow_private_peers=True)

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """A bare TCP server on loopback, and its base URL."""
    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def saying(head: bytes, body: bytes = b"") -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.replace(b"\n", b"\r\n") + b"content-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    return answer


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to be refused, not one to listen on
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("2001:db8::1", False),
        ("::7f00:1", False),
        ("::ffff:0:7f00:1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::5db8:d70e", True),
        ("64:ff9b:1::7f00:1", False),
        ("2002:a9fe:a9fe::1", False),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", False),
        ("fec0::1", False),
        ("3fff::1", False),
        ("100::1", False),
        ("192.88.99.1", False),
        ("192.0.0.8", False),
        ("198.18.0.1", False),
        ("203.0.113.7", False),
    ],
)
def test_an_address_is_public_or_not(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:9",
        "https://localhost:9",
        "https://[::1]:9",
        "https://169.254.169.254",
        "https://2130706433:9",
        "https://0x7f.1:9",
        "https://0x7f000001:9",
        "https://0177.0.0.1:9",
        "https://127.1:9",
        "https://017700000001:9",
        "https://[::ffff:7f00:1]:9",
        "https://[::ffff:127.0.0.1]:9",
        "https://[64:ff9b::127.0.0.1]:9",
        "https://[2002:7f00:1::]:9",
        "http://93.184.215.14",
        "ftp://93.184.215.14",
    ],
)
async def test_without_leave_no_private_address_and_no_plain_http_is_spoken_to(url: str) -> None:
    client = PeerClient(FED)
    answer = await client.post_events(url, b"[]", [])
    assert (answer.status, answer.fault) == (None, "address_refused")
    with pytest.raises(FetchFailedError, match="address_refused"):
        await client.get_public(url, "/x", "*/*", 10)
    await client.aclose()


@pytest.mark.asvs("1.3.6", "13.2.4")
async def test_a_name_is_refused_when_one_of_its_addresses_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int, **more: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve, raising=False)
    client = PeerClient(FED)
    answer = await client.post_events("https://peer.example", b"[]", [])
    assert (answer.fault, asked) == ("address_refused", ["peer.example"])
    await client.aclose()


async def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    connected: list[str] = []

    async def resolve(host: str, port: int, **more: object) -> list[tuple[object, ...]]:
        looked_up.append(host)
        return [(2, 1, 6, "", ("93.184.215.14", port))]

    class Inner(client_module.httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, host: str, *more: object, **further: object):
            connected.append(host)
            raise client_module.httpcore.ConnectError("no way out of here")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve, raising=False)
    monkeypatch.setattr(client_module.httpcore, "AnyIOBackend", Inner)
    client = PeerClient(FED)
    answer = await client.post_events("https://peer.example", b"[]", [])
    assert (answer.fault, looked_up, connected) == ("no_connection", ["peer.example"], ["93.184.215.14"])
    await client.aclose()


@pytest.mark.asvs("15.3.2")
async def test_redirects_are_not_followed() -> None:
    async with server(saying(b"HTTP/1.1 307 Elsewhere\nlocation: http://127.0.0.1:1/\n")) as url:
        client = PeerClient(OPEN)
        answer = await client.post_events(url, b"[]", [])
        assert (answer.status, answer.signed, answer.fault) == (307, False, "http_307")
        with pytest.raises(FetchFailedError, match="http_307"):
            await client.get_public(url, "/x", "*/*", 10)
        await client.aclose()


async def test_an_answer_is_read_up_to_a_bound_and_uncoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_ANSWER_BYTES", 1000)
    client = PeerClient(OPEN)
    async with server(saying(b"HTTP/1.1 200 OK\n", b"x" * 1001)) as url:
        assert (await client.post_events(url, b"[]", [])).fault == "answer_too_large"
        with pytest.raises(FetchFailedError, match="answer_too_large"):
            await client.get_public(url, "/x", "*/*", 1000)
        assert await client.get_public(url, "/x", "*/*", 1001) == b"x" * 1001
    async with server(saying(b"HTTP/1.1 200 OK\ncontent-encoding: gzip\n", b"x")) as url:
        assert (await client.post_events(url, b"[]", [])).fault == "answer_coded"
    await client.aclose()


async def test_nobody_is_waited_for_longer_than_the_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "WHOLE_SECONDS", 0.2)
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await writer.drain()
        await gone.wait()
        writer.close()

    async with server(drip) as url:
        client = PeerClient(OPEN)
        answer = await client.post_events(url, b"[]", [])
        assert (answer.status, answer.fault) == (None, "timeout")
        gone.set()
        await client.aclose()


async def test_a_document_that_is_not_there_is_none() -> None:
    async with server(saying(b"HTTP/1.1 404 No\n")) as url:
        client = PeerClient(OPEN)
        assert await client.get_public(url, "/x", "*/*", 10) is None
        await client.aclose()


@respx.mock
async def test_what_is_sent_asks_for_no_coding_and_names_no_proxy(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post("https://790101.example/federation/v1/events").mock(httpx.Response(502))
    client = PeerClient(OPEN)
    answer = await client.post_events("https://790101.example", b"[]", [])
    assert answer.fault == "http_502"
    sent = route.calls.last.request
    assert sent.headers["accept-encoding"] == "identity"
    assert sent.headers["content-type"] == "application/cloudevents-batch+json"
    assert sent.content == b"[]"
    await client.aclose()
