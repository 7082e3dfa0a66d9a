"""What stands between a peer, or anyone, and this node: each by name, through the real endpoint."""

import dataclasses
import json
from typing import Any

import pytest

from federation.node import EVENTS_PATH
from federation.peers import find_peer
from federation.signatures import sign_request
from federation.tables import Wait
from schemas.clock import FakeClock
from schemas.envelope import CONTENT_TYPE
from tests.federation.nodes import Pair, Side, ask, destination, effects, message, state


def code(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


def batch(pair: Pair, **changes: Any) -> bytes:
    return json.dumps([message(pair.lan, pair.qing, **changes)]).encode()


async def send_twice(pair: Pair, first: Side, second: Side, body: bytes) -> tuple[Any, Any]:
    """Send one request to a node, and the very same again, perhaps after a restart."""
    fed = pair.lan.fed
    signed = sign_request(
        fed.keys,
        "POST",
        first.fed.base_url + EVENTS_PATH,
        content_type=CONTENT_TYPE,
        body=body,
        now=fed.clock.now(),
        entropy=fed.entropy,
    )
    return (
        await pair.lan.bare(first, "POST", EVENTS_PATH, body, signed.headers()),
        await pair.lan.bare(second, "POST", EVENTS_PATH, body, signed.headers()),
    )


async def test_a_replay_is_known_after_a_restart(pair: Pair) -> None:
    body = batch(pair)
    first = await pair.lan.send(pair.qing, body)
    restarted = Side(pair.qing.fed, pair.qing.database, pair.wire)
    assert first.status_code == 200
    taken, again = await send_twice(pair, restarted, Side(pair.qing.fed, pair.qing.database, pair.wire), batch(pair))
    assert taken.status_code == 200
    assert (again.status_code, code(again)) == (409, "replayed")
    assert effects(pair.qing) == 2


async def test_a_nonce_counts_for_its_key_and_until_the_request_has_expired(pair: Pair) -> None:
    body = batch(pair)
    taken, again = await send_twice(pair, pair.qing, pair.qing, body)
    assert (taken.status_code, again.status_code) == (200, 409)
    pair.clock.advance(minutes=6)
    later = await pair.lan.send(pair.qing, body, at=pair.clock.now())
    assert later.json()[0]["result"] == "duplicate", "a new request with the same message"


@pytest.mark.parametrize(
    "raw",
    [
        b'[{"id":1,"id":2}]',
        b'[{"data":{"case":"a","case":"b"}}]',
        b'[{"data":{"\\u0063ase":"a","case":"b"}}]',
    ],
)
async def test_a_key_that_stands_twice_refuses_its_message(pair: Pair, raw: bytes) -> None:
    answer = await pair.lan.send(pair.qing, raw)
    (result,) = answer.json()
    assert (result["result"], result["problem"]["type"]) == ("refused", "/problems/invalid_message")
    assert effects(pair.qing) == 0


async def test_the_signature_is_looked_at_before_the_content(pair: Pair) -> None:
    broken = b'[{"id":'
    unsigned = await pair.lan.send(pair.qing, broken, headers={"signature": f"tonglu=:{'A' * 86}==:"})
    assert (unsigned.status_code, code(unsigned)) == (401, "unauthenticated")
    signed = await pair.lan.send(pair.qing, broken)
    assert (signed.status_code, code(signed)) == (400, "malformed")


async def test_the_size_is_looked_at_before_the_signature(pair: Pair) -> None:
    answer = await pair.lan.send(pair.qing, b"[" + b" " * 1_048_576 + b"]", headers={"signature": None})
    assert (answer.status_code, code(answer)) == (413, "too_large")
    assert "signature" not in answer.headers


async def test_a_clock_that_differs_is_told_by_how_much_and_kept_beside_the_peer(pair: Pair) -> None:
    lan, qing = pair.lan, pair.qing
    ahead = FakeClock(pair.clock.now())
    ahead.advance(seconds=301)
    Side(dataclasses.replace(qing.fed, clock=ahead), qing.database, pair.wire)
    sent = ask(lan, qing)
    await lan.delivery.tick()
    line = destination(lan, qing)
    assert (line.wait, line.wait_code, state(lan, sent)) == (Wait.FIXING, "clock_skew", "queued")
    assert lan.read(lambda session: find_peer(session, qing.region)).clock_offset_seconds == 301
    pair.clock.set(line.next_attempt_at)
    ahead.set(pair.clock.now())
    ahead.advance(seconds=299)
    await lan.delivery.tick()
    assert state(lan, sent) == "receipted"
    assert lan.read(lambda session: find_peer(session, qing.region)).clock_offset_seconds == 299


async def test_a_peer_past_its_bounds_costs_another_peer_nothing(pair: Pair) -> None:
    """Bounds are each peer's own, and what is past them leaves no trace."""
    limits = dataclasses.replace(pair.qing.fed, limits=pair.qing.fed.limits.model_copy(update={"concurrent": 1}))
    slow = Side(limits, pair.qing.database, pair.wire)
    inbox = [await pair.lan.send(slow, batch(pair)) for _ in range(3)]
    assert [one.status_code for one in inbox] == [200, 200, 200]
    strict = dataclasses.replace(
        pair.qing.fed, limits=pair.qing.fed.limits.model_copy(update={"requests_per_second": 1})
    )
    bounded = Side(strict, pair.qing.database, pair.wire)
    first, second = [await pair.lan.send(bounded, batch(pair)) for _ in range(2)]
    assert (first.status_code, second.status_code, code(second)) == (200, 429, "rate_limited")
    assert "signature" in second.headers
    assert second.headers["retry-after"] == "1"
