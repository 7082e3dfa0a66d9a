"""What is queued: sealed, numbered when it first leaves, withdrawn in time or voided."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from federation import outbox, peers
from federation.tables import MessageState, OutboxMessage
from schemas.envelope import Outgoing, digest
from schemas.problems import InvalidInput, NoActivePeer, NotFound, UnknownPeer, WrongState
from tests.federation.nodes import AGREEMENT, REMINDED, START, Pair, Side, ask, purpose

CASE = "0192f0c1-0000-7000-8000-0000000000c1"


def row(side: Side, message_id: str) -> OutboxMessage:
    found: OutboxMessage | None = side.read(lambda session: outbox.find_message(session, message_id))
    assert found is not None
    return found


def reminder(pair: Pair, **changes: Any) -> Outgoing:
    values: dict[str, Any] = {
        "recipient": pair.qing.region,
        "type": REMINDED,
        "subject": CASE,
        "data": {"case": CASE},
        "agreement": AGREEMENT,
        "purpose": purpose(),
    }
    return Outgoing(**(values | changes))


async def test_a_message_has_no_number_until_it_first_leaves_and_keeps_its_bytes_then(pair: Pair) -> None:
    first, second = pair.lan.remind(pair.qing), ask(pair.lan, pair.qing)
    assert (row(pair.lan, first).streamseq, row(pair.lan, first).digest) == (None, None)
    pair.wire.cut.add(pair.qing.host)
    await pair.lan.delivery.tick()
    frozen = [row(pair.lan, one) for one in (first, second)]
    assert [one.streamseq for one in frozen] == [1, 2]
    for one in frozen:
        document = json.loads(one.body)
        assert one.digest == digest(document)
        assert (document["stream"], document["streamseq"]) == (one.stream, one.streamseq)
    pair.wire.cut.clear()
    pair.clock.advance(minutes=1)
    assert await pair.lan.delivery.tick() == 2
    bodies = [json.loads(request.content) for request in pair.wire.log]
    assert bodies[0] == bodies[1], "a retry repeats the same messages"
    assert pair.wire.log[0].content == pair.wire.log[1].content, "and the same bytes"
    assert pair.wire.log[0].headers["signature-input"] != pair.wire.log[1].headers["signature-input"]


async def test_an_area_of_the_peer_is_the_peers(pair: Pair) -> None:
    sent = pair.lan.queue(reminder(pair, recipient="790101103"))
    assert row(pair.lan, sent).region == "790101"
    assert json.loads(row(pair.lan, sent).body)["recipient"] == "/regions/790101"


async def test_what_cannot_be_sent_is_refused_at_once(pair: Pair) -> None:
    for wrong, error in (
        ({"recipient": "790909"}, UnknownPeer),
        ({"data": {}}, InvalidInput),
        ({"data": {"case": CASE, "note": "x"}}, InvalidInput),
        ({"type": "tonglu.verification.liked.v1"}, InvalidInput),
        ({"subject": "node"}, InvalidInput),
        ({"agreement": None}, InvalidInput),
        ({"purpose": None}, InvalidInput),
    ):
        with pytest.raises(error):
            pair.lan.queue(reminder(pair, **wrong))
    big = {"message_ids": ["0192f0c1-0000-7000-8000-0000000000c1"] * 201}
    with pytest.raises(InvalidInput):
        pair.lan.queue(
            reminder(pair, type="tonglu.erasure.requested.v1", subject="node", data=big, agreement=None, purpose=None)
        )
    pair.lan.write(lambda session: peers.revoke(session, pair.lan.fed, pair.qing.region))
    with pytest.raises((UnknownPeer, NoActivePeer)):
        pair.lan.queue(reminder(pair))
    assert pair.lan.read(outbox.waiting_counts) == {}


async def test_a_message_that_never_left_is_cancelled_without_a_word(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    assert pair.lan.write(lambda session: outbox.cancel(session, pair.lan.fed, sent)) is True
    assert pair.lan.write(lambda session: outbox.cancel(session, pair.lan.fed, sent)) is True
    await pair.lan.delivery.tick()
    assert pair.wire.log == []
    with pytest.raises(NotFound):
        pair.lan.write(lambda session: outbox.cancel(session, pair.lan.fed, CASE))


async def test_a_message_that_may_have_left_is_voided_with_its_stream_and_number(pair: Pair) -> None:
    pair.wire.cut.add(pair.qing.host)
    sent, other = pair.lan.remind(pair.qing), pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    assert pair.lan.write(lambda session: outbox.cancel(session, pair.lan.fed, sent)) is False
    assert row(pair.lan, sent).state == MessageState.VOIDED
    pair.wire.cut.clear()
    pair.clock.advance(minutes=1)
    assert await pair.lan.delivery.tick() == 2
    last = json.loads(pair.wire.log[-1].content)
    assert [(one["type"], one["streamseq"]) for one in last] == [
        ("tonglu.message.voided.v1", 1),
        ("tonglu.verification.reminded.v1", 2),
    ]
    assert (last[0]["data"], last[0]["subject"]) == ({"voided": sent}, row(pair.lan, sent).subject)
    assert last[0]["stream"] == row(pair.lan, sent).stream
    assert last[0]["id"] != sent
    assert [one.envelope.id for one in pair.qing.seen] == [other]


async def test_a_message_that_is_receipted_stays_so(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    assert pair.lan.write(lambda session: outbox.cancel(session, pair.lan.fed, sent)) is False
    assert row(pair.lan, sent).state == MessageState.RECEIPTED
    assert pair.lan.read(lambda session: outbox.delivered_at(session, sent)) == START


async def test_nothing_goes_before_its_time_or_after_it(pair: Pair) -> None:
    later = pair.lan.remind(pair.qing, not_before=START + timedelta(hours=2))
    short = pair.lan.remind(pair.qing, expires_at=START + timedelta(hours=1))
    pair.wire.cut.add(pair.qing.host)
    await pair.lan.delivery.tick()
    unsent = pair.lan.queue(reminder(pair, expires_at=START + timedelta(hours=1)))
    pair.clock.advance(hours=1)
    await pair.lan.delivery.tick()
    assert [row(pair.lan, one).state for one in (short, unsent)] == [MessageState.EXPIRED] * 2
    assert [(one.message_id, one.result) for one in pair.lan.outcomes] == [(short, "expired"), (unsent, "expired")]
    pair.wire.cut.clear()
    pair.clock.advance(minutes=59)
    await pair.lan.delivery.tick()
    assert pair.qing.seen == []
    voided = [json.loads(request.content)[0]["type"] for request in pair.wire.log][-1]
    assert voided == "tonglu.message.voided.v1", "what had a number is voided, what had none needs no word"
    pair.clock.advance(hours=2)
    await pair.lan.delivery.tick()
    assert [one.envelope.id for one in pair.qing.seen] == [later]


async def test_only_a_parked_message_is_tried_again_or_given_up(pair: Pair) -> None:
    from schemas.problems import NoAgreement

    pair.qing.gate.refuses = NoAgreement()
    first, second = pair.lan.remind(pair.qing), pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    assert [one.id for one in pair.lan.read(outbox.parked_messages)] == [first, second]
    assert row(pair.lan, first).problem_code == "no_agreement"
    pair.lan.write(lambda session: outbox.give_up(session, pair.lan.fed, second))
    pair.lan.write(lambda session: outbox.retry_parked(session, first))
    for action in (
        lambda session: outbox.retry_parked(session, second),
        lambda session: outbox.give_up(session, pair.lan.fed, first),
    ):
        with pytest.raises(WrongState):
            pair.lan.write(action)
    await pair.lan.delivery.tick()
    states = pair.lan.read(lambda session: session.exec(select(OutboxMessage.type, OutboxMessage.state)).all())
    assert ("tonglu.message.voided.v1", MessageState.RECEIPTED) in [tuple(one) for one in states]
    assert row(pair.lan, first).state == MessageState.PARKED, "the peer remembers what it refused for good"
