"""Several destinations, several processes: nobody waits for the dead, nothing goes twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from federation.batches import claim
from federation.client import PeerClient
from federation.delivery import Delivery
from federation.tables import MessageState
from schemas.problems import Unavailable
from service.database import Database
from tests.federation.nodes import Pair, Side, destination, effects, introduce, state


class Slow(httpx.AsyncBaseTransport):
    """A wire on which one host never answers until it is let go."""

    def __init__(self, wire: httpx.AsyncBaseTransport, host: str) -> None:
        self.wire, self.host, self.go, self.reached = wire, host, asyncio.Event(), asyncio.Event()
        self.calls = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == self.host:
            self.calls += 1
            self.reached.set()
            await self.go.wait()
        return await self.wire.handle_async_request(request)


async def seen(side: Side, number: int) -> None:
    """Until a node's handlers have seen so many messages."""
    while len(side.seen) < number:
        side.heard.clear()
        await side.heard.wait()


def delivery_over(side: Side, transport: httpx.AsyncBaseTransport) -> Delivery:
    return Delivery(side.fed, side.database, lambda: PeerClient(side.fed, transport))


async def test_a_peer_that_hangs_does_not_delay_the_others(pair: Pair, new_side: Callable[..., Side]) -> None:
    third = new_side("790909", "旁县")
    introduce(pair.lan, third)
    introduce(third, pair.lan)
    await pair.lan.delivery.tick()
    slow = Slow(pair.wire, pair.qing.host)
    delivery = delivery_over(pair.lan, slow)
    stuck = pair.lan.remind(pair.qing)
    running = asyncio.create_task(delivery.run())
    async with asyncio.timeout(20):
        await slow.reached.wait()
        for n in range(3):
            pair.lan.remind(third)
            delivery.wake(third.region)
            await seen(third, n + 1)
        assert state(pair.lan, stuck) == MessageState.QUEUED
        slow.go.set()
        await seen(pair.qing, 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await delivery.aclose()


async def test_two_processes_send_each_message_once_and_one_request_at_a_time(pair: Pair) -> None:
    slow = Slow(pair.wire, pair.qing.host)
    one, other = delivery_over(pair.lan, slow), delivery_over(pair.lan, slow)
    pair.lan.remind(pair.qing)
    first = asyncio.create_task(one.tick())
    async with asyncio.timeout(20):
        await slow.reached.wait()
        pair.lan.remind(pair.qing)
        assert await other.tick() == 0
        assert slow.calls == 1
        slow.go.set()
        assert await first == 2
        pair.lan.remind(pair.qing)
        assert sorted(await asyncio.gather(one.tick(), other.tick())) == [0, 1]
    assert effects(pair.qing) == 3
    await one.aclose()
    await other.aclose()


async def test_another_process_takes_over_from_one_that_died_with_a_claim(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    dead = pair.lan.write(lambda session: claim(session, pair.lan.fed, pair.qing.region, "dead", pair.clock.now()))
    assert [one.id for one in dead.messages] == [sent]
    assert await pair.lan.delivery.tick() == 0
    pair.clock.advance(seconds=16)
    assert await pair.lan.delivery.tick() == 1
    assert state(pair.lan, sent) == MessageState.RECEIPTED


async def test_a_sender_that_stops_lets_its_claim_go(pair: Pair) -> None:
    slow = Slow(pair.wire, pair.qing.host)
    delivery = delivery_over(pair.lan, slow)
    pair.lan.remind(pair.qing)
    running = asyncio.create_task(delivery.run())
    async with asyncio.timeout(20):
        await slow.reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert destination(pair.lan, pair.qing).lease_holder is None
        assert await pair.lan.delivery.tick() == 1
    await delivery.aclose()


async def test_the_points_of_a_delivery_are_passed_in_order(pair: Pair) -> None:
    import dataclasses

    passed: list[str] = []
    fed = dataclasses.replace(pair.lan.fed, point=passed.append)
    pair.lan.remind(pair.qing)
    delivery = Delivery(fed, pair.lan.database, lambda: PeerClient(fed, pair.wire))
    await delivery.tick()
    assert passed == ["delivery.claimed", "delivery.answered"]
    theirs = dataclasses.replace(pair.qing.fed, point=passed.append)
    Side(theirs, pair.qing.database, pair.wire)
    pair.lan.remind(pair.qing)
    await delivery.tick()
    assert passed[2:] == ["delivery.claimed", "inbox.committed", "delivery.answered"]
    await delivery.aclose()


async def test_the_loop_goes_on_when_the_database_fails_for_a_while(pair: Pair) -> None:
    class Failing:
        """The database, failing once."""

        def __init__(self, database: Database) -> None:
            self.database, self.left, self.failed = database, 1, asyncio.Event()

        async def write(self, fn: Callable[[Session], Any]) -> Any:
            return await self.database.write(fn)

        async def read(self, fn: Callable[[Session], Any]) -> Any:
            if self.left:
                self.left -= 1
                self.failed.set()
                raise Unavailable
            return await self.database.read(fn)

    failing = Failing(pair.lan.database)
    delivery = Delivery(pair.lan.fed, failing, lambda: PeerClient(pair.lan.fed, pair.wire))
    pair.lan.remind(pair.qing)
    running = asyncio.create_task(delivery.run())
    async with asyncio.timeout(20):
        await failing.failed.wait()
        delivery.wake()
        await seen(pair.qing, 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await delivery.aclose()
