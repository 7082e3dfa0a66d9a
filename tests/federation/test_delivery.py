"""Never lost: lost answers, outages, poison, what waits and what is parked."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlmodel import Session, func, select

from federation import outbox, peers
from federation.client import PeerClient
from federation.delivery import Delivery, Outcome
from federation.signatures import read_request, sign_answer
from federation.tables import Invitation, MessageState, OutboxMessage, Peer, Receipt
from schemas.problems import QuotaExceeded
from tests.federation.nodes import START, Pair, destination, effects, state


def said(pair: Pair, request: httpx.Request, status: int, document: Any, *, signed: bool = True) -> httpx.Response:
    """What 青禾 would answer, were it to answer this."""
    body = json.dumps(document).encode()
    kind = "application/json" if status == 200 else "application/problem+json"
    if not signed:
        return httpx.Response(status, content=body, headers={"content-type": kind}, request=request)
    fields = [(name.lower(), value) for name, value in request.headers.items()]
    fields = [(name, value) for name, value in fields if request.content or not name.startswith("content-")]
    read = read_request(request.method, str(request.url), fields, has_body=bool(request.content))
    answer = sign_answer(pair.qing.fed.keys, read, status=status, content_type=kind, body=body, now=pair.clock.now())
    return httpx.Response(status, content=body, headers=answer.headers(), request=request)


def problem(code: str, retry: str) -> dict[str, str]:
    return {"type": f"/problems/{code}", "retry": retry}


async def test_what_is_queued_arrives_in_order_in_one_batch(pair: Pair) -> None:
    sent = [pair.lan.remind(pair.qing) for _ in range(5)]
    assert await pair.lan.delivery.tick() == 5
    assert [one.envelope.id for one in pair.qing.seen] == sent
    assert [one.envelope.streamseq for one in pair.qing.seen] == [1, 2, 3, 4, 5]
    assert len(pair.wire.log) == 1
    assert [(one.message_id, one.result) for one in pair.lan.outcomes] == [(one, "accepted") for one in sent]
    assert await pair.lan.delivery.tick() == 0
    assert len(pair.wire.log) == 1


async def test_a_batch_has_at_most_two_hundred_messages(pair: Pair) -> None:
    for _ in range(201):
        pair.lan.remind(pair.qing)
    assert await pair.lan.delivery.tick() == 201
    assert [len(json.loads(request.content)) for request in pair.wire.log] == [200, 1]


async def test_an_answer_that_was_lost_comes_again_as_a_duplicate(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    pair.wire.lost_answers = 1
    assert await pair.lan.delivery.tick() == 0
    assert effects(pair.qing) == 1
    pair.clock.advance(seconds=2)
    assert await pair.lan.delivery.tick() == 1
    assert effects(pair.qing) == 1
    assert state(pair.lan, sent) == MessageState.RECEIPTED
    for side in (pair.lan, pair.qing):
        assert side.read(lambda session: session.exec(select(func.count()).select_from(Receipt)).one()) == 1


async def test_an_outage_is_waited_out_by_the_kept_schedule(pair: Pair) -> None:
    pair.lan.remind(pair.qing)
    pair.wire.cut.add(pair.qing.host)
    waits = []
    for _ in range(7):
        await pair.lan.delivery.tick()
        row = destination(pair.lan, pair.qing)
        assert row.next_attempt_at is not None
        waits.append((row.next_attempt_at - pair.clock.now()).total_seconds())
        tried = len(pair.wire.log)
        pair.clock.set(row.next_attempt_at - timedelta(milliseconds=1))
        await pair.lan.new_delivery().tick()
        assert len(pair.wire.log) == tried, "nothing goes before its time, not even after a restart"
        pair.clock.set(row.next_attempt_at)
    bounds = [(0.8, 1.4)] * 3 + [(8, 14), (16, 28), (24, 42), (24, 42)]
    assert all(low <= wait <= high for wait, (low, high) in zip(waits, bounds, strict=True)), waits
    row = destination(pair.lan, pair.qing)
    assert (row.failures, row.wait, row.wait_code) == (7, "outage", "no_connection")
    while pair.clock.now() < START + timedelta(minutes=15):
        await pair.lan.delivery.tick()
        row = destination(pair.lan, pair.qing)
        assert row.next_attempt_at is not None
        pair.clock.set(row.next_attempt_at)
    await pair.lan.delivery.tick()
    row = destination(pair.lan, pair.qing)
    assert row.next_attempt_at is not None
    assert 2880 <= (row.next_attempt_at - pair.clock.now()).total_seconds() <= 5040, "an hour, past 15 minutes"
    pair.wire.cut.clear()
    pair.clock.set(row.next_attempt_at)
    assert await pair.lan.delivery.tick() == 1
    row = destination(pair.lan, pair.qing)
    assert (row.failures, row.failing_since, row.wait, row.next_attempt_at) == (0, None, None, None)


async def test_a_sign_of_life_ends_the_wait(pair: Pair) -> None:
    pair.lan.remind(pair.qing)
    pair.wire.cut.add(pair.qing.host)
    for _ in range(5):
        await pair.lan.delivery.tick()
        pair.clock.advance(seconds=60)
    await pair.lan.delivery.tick()
    pair.wire.cut.clear()
    assert await pair.lan.delivery.tick() == 0
    pair.qing.remind(pair.lan)
    await pair.qing.delivery.tick()
    assert destination(pair.lan, pair.qing).failures > 0
    assert await pair.lan.delivery.tick() == 1


FAULTS = (
    (401, problem("unauthenticated", "after_fixing"), False, "http_401"),
    (404, "Not Found", False, "http_404"),
    (400, problem("malformed", "never"), False, "http_400"),
    (302, "elsewhere", False, "http_302"),
    (500, "broken", False, "http_500"),
    (503, problem("unavailable", "later"), True, "unavailable"),
    (429, problem("rate_limited", "later"), True, "rate_limited"),
    (403, problem("peer_suspended", "later"), True, "peer_suspended"),
    (200, [], False, "bad_signature"),
    (200, [], True, "answer_unfit"),
    (200, [{"id": "x", "result": "accepted"}], True, "answer_unfit"),
    (413, "too much", False, "http_413"),
)


async def test_what_says_nothing_about_a_message_is_an_outage(pair: Pair) -> None:
    for status, document, signed, code in FAULTS:
        sent = pair.lan.remind(pair.qing)
        pair.wire.instead = partial(said, pair, status=status, document=document, signed=signed)
        assert await pair.lan.delivery.tick() == 0
        row = destination(pair.lan, pair.qing)
        assert (row.wait, row.wait_code, row.failures) == ("outage", code, 1)
        pair.wire.instead = None
        pair.clock.advance(seconds=2)
        assert await pair.lan.delivery.tick() == 1
        assert state(pair.lan, sent) == MessageState.RECEIPTED


async def test_a_request_that_was_bent_on_the_way_is_made_again_at_once(pair: Pair) -> None:
    pair.lan.remind(pair.qing)
    bent: list[int] = []

    def bend(request: httpx.Request) -> httpx.Request:
        if not bent:
            bent.append(1)
            content = request.content.replace(b"confirm_journey", b"correct_journey")
            return httpx.Request(request.method, request.url, headers=request.headers, content=content)
        return request

    pair.wire.bend_request = bend
    assert await pair.lan.delivery.tick() == 1
    assert len(pair.wire.log) == 2


async def test_a_problem_to_be_fixed_waits_and_says_why_until_the_peer_is_heard(pair: Pair) -> None:
    pair.lan.remind(pair.qing)
    pair.wire.instead = lambda request: said(pair, request, 415, problem("unsupported_coding", "after_fixing"))
    await pair.lan.delivery.tick()
    row = destination(pair.lan, pair.qing)
    assert (row.wait, row.wait_code) == ("fixing", "unsupported_coding")
    pair.clock.advance(minutes=40)
    await pair.lan.delivery.tick()
    assert len(pair.wire.log) == 1
    pair.wire.instead = None
    pair.clock.advance(minutes=50)
    assert await pair.lan.delivery.tick() == 1


async def test_a_problem_for_good_stops_the_destination_until_an_officer_acts(pair: Pair) -> None:
    pair.lan.remind(pair.qing)
    pair.wire.instead = lambda request: said(pair, request, 403, problem("closed", "never"))
    await pair.lan.delivery.tick()
    pair.wire.instead = None
    pair.clock.advance(days=2)
    pair.qing.remind(pair.lan)
    await pair.qing.delivery.tick()
    assert await pair.lan.delivery.tick() == 0
    assert destination(pair.lan, pair.qing).wait == "stopped"
    pair.lan.write(lambda session: peers.retry_now(session, pair.qing.region))
    assert await pair.lan.delivery.tick() == 1


async def test_a_batch_that_is_too_large_for_the_way_is_halved(pair: Pair) -> None:
    for _ in range(40):
        pair.lan.remind(pair.qing)

    def narrow(request: httpx.Request) -> httpx.Response | None:
        too_many = len(json.loads(request.content)) > 10
        return said(pair, request, 413, "too much", signed=False) if too_many else None

    pair.wire.instead = narrow
    assert await pair.lan.delivery.tick() == 40
    sizes = [len(json.loads(request.content)) for request in pair.wire.log]
    assert sizes[:3] == [40, 20, 10]
    assert effects(pair.qing) == 40


async def test_the_one_message_that_a_peer_cannot_read_is_found_and_parked(pair: Pair) -> None:
    sent = [pair.lan.remind(pair.qing) for _ in range(100)]
    poison = sent[67]

    def choke(request: httpx.Request) -> httpx.Response | None:
        if poison.encode() in request.content:
            return said(pair, request, 400, problem("malformed", "never"))
        return None

    pair.wire.instead = choke
    assert await pair.lan.delivery.tick() == 99
    assert effects(pair.qing) == 99
    assert state(pair.lan, poison) == MessageState.PARKED
    assert [(one.message_id, one.problem_code) for one in pair.lan.outcomes if one.result == "parked"] == [
        (poison, "malformed")
    ]
    assert len(pair.wire.log) < 25
    pair.wire.instead = None
    pair.lan.write(lambda session: outbox.retry_parked(session, poison))
    assert await pair.lan.delivery.tick() == 1


async def test_a_message_refused_for_now_waits_alone(pair: Pair) -> None:
    pair.qing.gate.refuses = QuotaExceeded()
    alone = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    assert state(pair.lan, alone) == MessageState.WAITING
    assert destination(pair.lan, pair.qing).failures == 0
    pair.qing.gate.refuses = None
    others = [pair.lan.remind(pair.qing) for _ in range(3)]
    assert await pair.lan.delivery.tick() == 3
    assert [one.envelope.id for one in pair.qing.seen] == others
    pair.clock.advance(seconds=2)
    assert await pair.lan.delivery.tick() == 1
    assert [one.envelope.streamseq for one in pair.qing.seen] == [2, 3, 4, 1]


async def test_messages_of_one_subject_wait_for_an_earlier_one_a_day_at_most(pair: Pair) -> None:
    case, other = "0192f0c1-0000-7000-8000-0000000000c1", "0192f0c1-0000-7000-8000-0000000000c2"

    def choke(request: httpx.Request) -> httpx.Response | None:
        return said(pair, request, 422, problem("malformed", "never")) if first.encode() in request.content else None

    first = pair.lan.remind(pair.qing, case)
    pair.wire.instead = choke
    await pair.lan.delivery.tick()
    held, free = pair.lan.remind(pair.qing, case), pair.lan.remind(pair.qing, other)
    await pair.lan.delivery.tick()
    assert [one.envelope.id for one in pair.qing.seen] == [free]
    pair.clock.advance(hours=23, minutes=59)
    await pair.lan.delivery.tick()
    assert state(pair.lan, held) == MessageState.QUEUED
    pair.clock.advance(minutes=2)
    await pair.lan.delivery.tick()
    assert state(pair.lan, held) == MessageState.RECEIPTED


async def test_giving_up_lets_later_messages_of_the_subject_go(pair: Pair) -> None:
    case = "0192f0c1-0000-7000-8000-0000000000c1"
    first = pair.lan.remind(pair.qing, case)

    def choke(request: httpx.Request) -> httpx.Response | None:
        found = json.loads(request.content)
        return said(pair, request, 422, problem("malformed", "never")) if first in [m["id"] for m in found] else None

    pair.wire.instead = choke
    await pair.lan.delivery.tick()
    held = pair.lan.remind(pair.qing, case)
    await pair.lan.delivery.tick()
    assert state(pair.lan, held) == MessageState.QUEUED
    pair.lan.write(lambda session: outbox.give_up(session, pair.lan.fed, first))
    await pair.lan.delivery.tick()
    assert state(pair.lan, held) == MessageState.RECEIPTED


async def test_what_is_due_may_be_asked_for_another_time(pair: Pair) -> None:
    later = pair.lan.remind(pair.qing, not_before=START + timedelta(hours=3))
    assert await pair.lan.delivery.tick(START + timedelta(hours=4)) == 1
    assert state(pair.lan, later) == MessageState.RECEIPTED


async def test_a_revoked_peer_in_the_middle_of_an_exchange_gets_no_more(pair: Pair) -> None:
    pair.lan.remind(pair.qing)
    pair.lan.write(lambda session: peers.revoke(session, pair.lan.fed, pair.qing.region))
    assert await pair.lan.delivery.tick() == 0
    assert pair.wire.log == []
    assert pair.lan.read(lambda session: session.get(Peer, pair.qing.region)).state == "revoked"
    left = pair.lan.read(lambda session: session.exec(select(OutboxMessage.state)).all())
    assert set(left) == {MessageState.CANCELLED}


async def test_a_fault_of_the_host_undoes_no_receipt(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    def broken(session: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
        session.add(Invitation(id=outcomes[0].message_id, direction="half", expires_at=now))
        session.flush()
        raise ZeroDivisionError("790101199003071230")

    sent = pair.lan.remind(pair.qing)
    delivery = Delivery(pair.lan.fed, pair.lan.database, lambda: PeerClient(pair.lan.fed, pair.wire), on_outcome=broken)
    assert await delivery.tick() == 1
    assert state(pair.lan, sent) == MessageState.RECEIPTED
    assert pair.lan.read(lambda session: session.get(Invitation, sent)) is None, "what it did by half is undone"
    assert "ZeroDivisionError" in caplog.text
    assert "790101199003071230" not in caplog.text
    await delivery.aclose()
