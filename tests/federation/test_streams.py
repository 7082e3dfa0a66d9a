"""Numbers of a stream: out of order, missing, twice, withdrawn; asked for by pull, sent again after a restore."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlmodel import select

from federation import outbox, returning
from federation.client import PeerClient
from federation.pulling import pull_due
from federation.receipts import receipt_document
from federation.signatures import read_request, sign_answer
from federation.streams import MOST_RANGES, PATIENCE, SILENCE, held_streams, merged
from federation.tables import Destination, InboxMessage, InboxStream, Invitation, MessageState, OutboxMessage, Receipt
from schemas.clock import rfc3339
from schemas.problems import InvalidInput
from tests.federation.nodes import REMINDED, Pair, Side, destination, effects, introduce, message, state

VOIDED = "tonglu.message.voided.v1"
RETURNED = "tonglu.node.returned.v1"
MAINTENANCE = "tonglu.node.maintenance.v1"
STREAM = "00000000-0000-4000-8000-000000000007"


async def pull(side: Side) -> int:
    client = PeerClient(side.fed, side.wire)
    try:
        return await pull_due(side.fed, side.database, client, side.handlers, side.gate)
    finally:
        await client.aclose()


def stream_of(side: Side, other: Side, stream: str | None = None) -> InboxStream:
    wanted = stream or destination(other, side).stream
    found: InboxStream = side.read(lambda session: session.get_one(InboxStream, (other.region, wanted)))
    return found


async def post(pair: Pair, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """澜江 sends these by hand."""
    answer = await pair.lan.send(pair.qing, json.dumps(messages).encode())
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()
    return results


def voiding(pair: Pair, voided: dict[str, Any], **changes: Any) -> dict[str, Any]:
    own = {"type": VOIDED, "subject": voided["subject"], "data": {"voided": voided["id"]}}
    document = message(pair.lan, pair.qing, **own, streamseq=voided["streamseq"], **changes)
    return {name: value for name, value in document.items() if name not in ("agreement", "purpose")}


@pytest.mark.parametrize(
    ("whole", "ahead", "new", "expected"),
    [
        (0, [], [1, 2, 3], (3, [])),
        (0, [], [2], (0, [[2, 2]])),
        (0, [[2, 2]], [1], (2, [])),
        (3, [[5, 7], [9, 9]], [8], (3, [[5, 9]])),
        (3, [[5, 7]], [4, 1, 6], (7, [])),
        (0, [], range(2, 2 + 4 * MOST_RANGES, 2), (0, [[n, n] for n in range(2, 2 + 2 * MOST_RANGES, 2)])),
    ],
)
def test_numbers_are_joined_to_ranges(whole: int, ahead: Any, new: Any, expected: Any) -> None:
    assert merged(whole, ahead, new) == expected


async def test_numbers_out_of_order_take_effect_at_once_and_leave_no_gap(pair: Pair) -> None:
    first, second, third = (message(pair.lan, pair.qing, streamseq=number) for number in (1, 2, 3))
    await post(pair, third, first)
    row = stream_of(pair.qing, pair.lan, STREAM)
    assert (row.whole, row.ahead, row.gap_since) == (1, [[3, 3]], pair.clock.now())
    await post(pair, second)
    row = stream_of(pair.qing, pair.lan, STREAM)
    assert (row.whole, row.ahead, row.gap_since) == (3, [], None)
    again = await post(pair, first, second, third)
    assert [one["result"] for one in again] == ["duplicate"] * 3
    assert effects(pair.qing) == 3


async def test_a_message_withdrawn_before_it_came_never_takes_effect(pair: Pair) -> None:
    first = message(pair.lan, pair.qing)
    taken = await post(pair, voiding(pair, first))
    assert taken[0]["result"] == "accepted"
    assert stream_of(pair.qing, pair.lan, STREAM).whole == 1
    late = (await post(pair, first))[0]
    assert (late["result"], late["problem"]["type"], late["problem"]["retry"]) == (
        "refused",
        "/problems/invalid_message",
        "never",
    )
    assert effects(pair.qing) == 0
    again = await post(pair, voiding(pair, first), first)
    assert [one["result"] for one in again] == ["accepted", "refused"]
    assert effects(pair.qing) == 0


async def test_a_message_withdrawn_after_it_came_is_for_the_host_to_undo(pair: Pair) -> None:
    undone: list[str] = []

    def undo(session: Any, incoming: Any, peer: Any, now: Any) -> list[Any]:
        undone.append(session.get(InboxMessage, (peer.region, incoming.data.voided)).type)
        return []

    pair.qing.handlers[VOIDED] = undo
    first, second = message(pair.lan, pair.qing), message(pair.lan, pair.qing, streamseq=2)
    await post(pair, first)
    await post(pair, voiding(pair, second))
    assert undone == [], "nothing had taken effect"
    notice = voiding(pair, first)
    assert [one["result"] for one in await post(pair, notice)] == ["accepted"]
    assert [one["result"] for one in await post(pair, notice)] == ["duplicate"]
    assert undone == [REMINDED]


@pytest.mark.parametrize("changes", [{"streamseq": 9}, {"stream": "00000000-0000-4000-8000-000000000008"}])
async def test_a_withdrawal_under_another_number_is_refused(pair: Pair, changes: dict[str, Any]) -> None:
    first = message(pair.lan, pair.qing)
    await post(pair, first)
    result = (await post(pair, voiding(pair, first) | changes))[0]
    assert (result["result"], result["problem"]["type"]) == ("refused", "/problems/invalid_message")
    itself = voiding(pair, first)
    itself["data"] = {"voided": itself["id"]}
    assert (await post(pair, itself))[0]["result"] == "refused"


async def test_another_peers_message_cannot_be_withdrawn(pair: Pair, new_side: Any) -> None:
    other = new_side("790202", "云台县")
    for one, two in ((other, pair.qing), (pair.qing, other)):
        introduce(one, two)
    await other.delivery.tick()
    first = message(pair.lan, pair.qing)
    foreign = voiding(pair, first) | {"source": f"/regions/{other.region}"}
    answer = await other.send(pair.qing, json.dumps([foreign]).encode())
    assert answer.json()[0]["result"] == "accepted"
    assert [one["result"] for one in await post(pair, first)] == ["accepted"]


async def test_what_stays_missing_is_pulled_once_and_then_pushed_as_a_duplicate(pair: Pair) -> None:
    pair.wire.cut.add(pair.qing.host)
    sent = [pair.lan.remind(pair.qing) for _ in range(3)]
    await pair.lan.delivery.tick()
    pair.wire.cut.clear()
    rows = [pair.lan.read(lambda s, one=one: outbox.find_message(s, one)) for one in sent]
    await post(pair, json.loads(rows[2].body))
    assert await pull(pair.qing) == 0, "it may be on its way"
    pair.clock.advance(seconds=PATIENCE.total_seconds())
    assert await pull(pair.qing) == 2
    assert [one.envelope.id for one in pair.qing.seen] == [sent[2], sent[0], sent[1]]
    row = stream_of(pair.qing, pair.lan)
    assert (row.whole, row.ahead, row.gap_since, row.pulls) == (3, [], None, 0)
    assert {state(pair.lan, one) for one in sent} == {MessageState.QUEUED}, "pull is not delivery"
    assert await pair.lan.delivery.tick() == 3
    assert effects(pair.qing) == 3
    for one in sent:
        for side, direction in ((pair.lan, "sent"), (pair.qing, "received")):
            key = (one, direction, pair.qing.region if side is pair.lan else pair.lan.region)
            assert side.read(lambda s, key=key: s.get(Receipt, key)).result == "accepted"
            assert side.read(lambda s, one=one: receipt_document(s, one))


async def test_a_silent_peer_is_asked_once_a_day(pair: Pair) -> None:
    pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    pair.wire.log.clear()
    pair.clock.advance(seconds=SILENCE.total_seconds() - 1)
    await pull(pair.qing)
    assert pair.wire.log == []
    pair.clock.advance(seconds=1)
    assert await pull(pair.qing) == 0
    assert await pull(pair.qing) == 0
    assert [request.method for request in pair.wire.log] == ["GET"]
    assert stream_of(pair.qing, pair.lan).pull_at == pair.clock.now() + SILENCE


async def test_a_peer_that_does_not_answer_is_asked_at_growing_distances(pair: Pair) -> None:
    await post(pair, message(pair.lan, pair.qing, streamseq=2))
    pair.wire.cut.add(pair.lan.host)
    waits = []
    for _ in range(7):
        row = stream_of(pair.qing, pair.lan, STREAM)
        assert row.pull_at is not None
        waits.append((row.pull_at - pair.clock.now()) / timedelta(hours=1))
        pair.clock.set(row.pull_at)
        await pull(pair.qing)
    assert waits == [pytest.approx(1 / 6), 1, 2, 4, 8, 16, 24]
    pair.clock.advance(days=36)
    await pull(pair.qing)
    assert stream_of(pair.qing, pair.lan, STREAM).pull_at is None, "a peer keeps nothing for longer"


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"items":[]}',
        b'{"items":{},"high_water":1}',
        b'{"items":[7],"high_water":1}',
        b'{"items":[],"items":[]}',
    ],
)
async def test_an_answer_of_another_shape_gives_nothing(pair: Pair, body: bytes) -> None:
    await post(pair, message(pair.lan, pair.qing, streamseq=2))
    pair.clock.advance(hours=1)

    def instead(request: httpx.Request) -> httpx.Response:
        fields = [(name.lower(), value) for name, value in request.headers.items() if not name.startswith("content-")]
        read = read_request(request.method, str(request.url), fields, has_body=False)
        signed = sign_answer(
            pair.lan.fed.keys, read, status=200, content_type="application/json", body=body, now=pair.clock.now()
        )
        return httpx.Response(200, content=body, headers=signed.headers(), request=request)

    pair.wire.instead = instead
    assert await pull(pair.qing) == 0


def come_back(side: Side, *, restored: bool) -> None:
    side.write(lambda session: returning.come_back(session, side.fed, restored=restored))


def listening(side: Side) -> None:
    def take(session: Any, incoming: Any, peer: Any, now: Any) -> list[Any]:
        returning.take_returned(session, side.fed, incoming, peer, now)
        return []

    def rest(session: Any, incoming: Any, peer: Any, now: Any) -> list[Any]:
        returning.take_maintenance(session, incoming, peer, now)
        return []

    side.handlers |= {RETURNED: take, MAINTENANCE: rest}


def forget(side: Side, other: Side, ids: list[str], whole: int) -> None:
    """The node is back at an earlier state: these messages were never taken."""

    def back(session: Any) -> None:
        for one in ids:
            session.delete(session.get(InboxMessage, (other.region, one)))
            session.delete(session.get(Receipt, (one, "received", other.region)))
            session.delete(session.get(Invitation, one))
        for row in session.exec(select(InboxStream)).all():
            row.whole, row.ahead = whole, []
            session.add(row)

    side.write(back)


async def test_a_restored_node_gets_again_what_it_lost_and_nothing_twice(pair: Pair) -> None:
    listening(pair.lan)
    sent = [pair.lan.remind(pair.qing) for _ in range(5)]
    erased = sent[3]
    await pair.lan.delivery.tick()
    pair.lan.write(lambda session: outbox.cancel(session, pair.lan.fed, erased))
    forget(pair.qing, pair.lan, sent[2:], 2)
    assert effects(pair.qing) == 2
    come_back(pair.qing, restored=True)
    await pair.qing.delivery.tick()
    assert await pair.lan.delivery.tick() == 3
    assert [state(pair.lan, one) for one in (sent[2], erased, sent[4])] == ["receipted", "expired", "receipted"]
    assert effects(pair.qing) == 4, "what was erased does not come again"
    row = stream_of(pair.qing, pair.lan)
    assert (row.whole, row.ahead) == (5, [])
    come_back(pair.qing, restored=True)
    await pair.qing.delivery.tick()
    assert await pair.lan.delivery.tick() == 0, "all is held there"
    assert effects(pair.qing) == 4


async def test_a_restored_node_asks_by_itself_as_well(pair: Pair) -> None:
    sent = [pair.lan.remind(pair.qing) for _ in range(3)]
    await pair.lan.delivery.tick()
    forget(pair.qing, pair.lan, sent[1:], 1)
    pair.wire.cut.add(pair.qing.host)
    come_back(pair.qing, restored=True)
    assert await pull(pair.qing) == 2
    assert effects(pair.qing) == 3


async def test_of_a_stream_that_it_does_not_name_a_restored_node_holds_nothing(pair: Pair) -> None:
    listening(pair.lan)
    sent = [pair.lan.remind(pair.qing) for _ in range(2)]
    await pair.lan.delivery.tick()
    forget(pair.qing, pair.lan, sent, 0)
    unknown = pair.lan.region, destination(pair.lan, pair.qing).stream
    pair.qing.write(lambda session: session.delete(session.get(InboxStream, unknown)))
    come_back(pair.qing, restored=False)
    await pair.qing.delivery.tick()
    assert await pair.lan.delivery.tick() == 0, "it says that it lost nothing"
    come_back(pair.qing, restored=True)
    await pair.qing.delivery.tick()
    assert await pair.lan.delivery.tick() == 2
    assert effects(pair.qing) == 2


async def test_what_has_expired_since_is_not_sent_again(pair: Pair) -> None:
    listening(pair.lan)
    sent = pair.lan.remind(pair.qing, expires_at=pair.clock.now() + timedelta(hours=1))
    await pair.lan.delivery.tick()
    forget(pair.qing, pair.lan, [sent], 0)
    pair.clock.advance(hours=2)
    come_back(pair.qing, restored=True)
    await pair.qing.delivery.tick()
    await pair.lan.delivery.tick()
    assert effects(pair.qing) == 0
    assert stream_of(pair.qing, pair.lan).whole == 1, "its number is not waited for"


async def test_a_message_that_a_restored_node_sent_before_counts_as_taken(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    before: OutboxMessage = pair.lan.read(lambda session: outbox.find_message(session, sent))
    waiting = before.body
    await pair.lan.delivery.tick()

    def restore(session: Any) -> None:
        row = outbox.find_message(session, sent)
        assert row is not None
        row.state, row.body, row.stream, row.streamseq, row.digest = MessageState.QUEUED, waiting, None, None, None
        session.delete(session.get(Receipt, (sent, "sent", pair.qing.region)))
        line = session.get(Destination, pair.qing.region)
        line.stream, line.next_streamseq = STREAM, 1
        session.add_all([row, line])
        returning.come_back(session, pair.lan.fed, restored=True)

    pair.lan.write(restore)
    listening(pair.qing)
    await pair.lan.delivery.tick()
    assert effects(pair.qing) == 1
    assert state(pair.lan, sent) == MessageState.RECEIPTED
    assert pair.qing.read(lambda session: held_streams(session, pair.lan.region))[STREAM] == 2


async def test_a_peer_that_is_away_is_waited_for_without_counting_failures(pair: Pair) -> None:
    listening(pair.lan)
    start, end = pair.clock.now() + timedelta(hours=1), pair.clock.now() + timedelta(hours=3)
    pair.qing.write(lambda s: returning.announce_absence(s, pair.qing.fed, pair.lan.region, start, end))
    await pair.qing.delivery.tick()
    pair.lan.remind(pair.qing)
    assert await pair.lan.delivery.tick() == 1, "not yet away"
    pair.wire.cut.add(pair.qing.host)
    pair.wire.log.clear()
    pair.lan.remind(pair.qing)
    pair.clock.set(start)
    await pair.lan.delivery.tick()
    pair.clock.set(end - timedelta(seconds=1))
    await pair.lan.delivery.tick()
    assert pair.wire.log == []
    assert destination(pair.lan, pair.qing).failures == 0
    pair.wire.cut.clear()
    pair.clock.set(end)
    assert await pair.lan.delivery.tick() == 1


async def test_a_peer_that_is_back_early_says_so(pair: Pair) -> None:
    listening(pair.lan)
    start, end = pair.clock.now(), pair.clock.now() + timedelta(hours=3)
    pair.qing.write(lambda s: returning.announce_absence(s, pair.qing.fed, pair.lan.region, start, end))
    await pair.qing.delivery.tick()
    pair.lan.remind(pair.qing)
    assert await pair.lan.delivery.tick() == 0
    come_back(pair.qing, restored=False)
    await pair.qing.delivery.tick()
    assert await pair.lan.delivery.tick() == 1


@pytest.mark.parametrize(("start", "end"), [(2, 1), (1, 1), (0, 32 * 24), (367 * 24, 368 * 24)])
async def test_an_absence_that_cannot_be_is_refused(pair: Pair, start: int, end: int) -> None:
    listening(pair.qing)
    at = partial(timedelta, hours=start), partial(timedelta, hours=end)
    begins, ends = (pair.clock.now() + one() for one in at)
    data = {"from": rfc3339(begins), "to": rfc3339(ends)}
    document = message(pair.lan, pair.qing, type=MAINTENANCE, subject="node", data=data)
    bare = {name: value for name, value in document.items() if name not in ("agreement", "purpose")}
    assert (await post(pair, bare))[0]["problem"]["type"] == "/problems/invalid_message"
    with pytest.raises(InvalidInput):
        pair.lan.write(lambda s: returning.announce_absence(s, pair.lan.fed, pair.qing.region, begins, ends))
