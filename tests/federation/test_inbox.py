"""Exactly once in effect: duplicates, reused ids, poison, caused messages, and a database that fails."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, func, select

from federation.dispatch import SetHandler
from federation.receipts import receipts_of
from federation.tables import Exchange, InboxMessage, Invitation, Nonce, OutboxMessage, Peer, Receipt
from schemas.envelope import Incoming, Outgoing, digest
from schemas.problems import NoAgreement, QuotaExceeded, Unavailable
from tests.federation.nodes import AGREEMENT, REMINDED, START, Pair, Side, message, purpose


def count(side: Side, table: Any, *where: Any) -> int:
    return int(side.read(lambda session: session.exec(select(func.count()).select_from(table).where(*where)).one()))


def effects(side: Side) -> int:
    return count(side, Invitation, Invitation.direction == "effect")


async def deliver(pair: Pair, *messages: Any) -> list[dict[str, Any]]:
    answer = await pair.lan.send(pair.qing, json.dumps(list(messages)).encode())
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_a_repeat_has_no_second_effect_and_tells_the_first_result(pair: Pair) -> None:
    one = message(pair.lan, pair.qing)
    (first,) = await deliver(pair, one)
    assert first == {
        "id": one["id"],
        "streamseq": 1,
        "result": "accepted",
        "digest": digest(one),
        "recorded_at": "2026-11-02T01:30:00Z",
    }
    pair.clock.advance(seconds=90)
    (again,) = await deliver(pair, one)
    assert again == first | {"result": "duplicate", "recorded_at": "2026-11-02T01:31:30Z", "first": first}
    (twice, thrice) = await deliver(pair, one, one)
    assert twice["result"] == thrice["result"] == "duplicate"
    assert effects(pair.qing) == 1
    assert count(pair.qing, InboxMessage) == 1
    assert count(pair.qing, Receipt) == 1
    assert count(pair.qing, Exchange) == 1, "a repeat is no new evidence"


async def test_an_id_that_comes_twice_in_one_batch_takes_effect_once(pair: Pair) -> None:
    one = message(pair.lan, pair.qing)
    other = message(pair.lan, pair.qing) | {"id": one["id"]}
    results = await deliver(pair, one, one, other)
    assert [result["result"] for result in results] == ["accepted", "duplicate", "refused"]
    assert results[2]["problem"]["type"] == "/problems/id_reused"
    assert effects(pair.qing) == 1


async def test_the_same_id_with_another_content_is_refused_for_good(pair: Pair) -> None:
    one = message(pair.lan, pair.qing)
    await deliver(pair, one)
    (result,) = await deliver(pair, one | {"streamseq": 5})
    assert result["result"] == "refused"
    assert (result["problem"]["type"], result["problem"]["retry"]) == ("/problems/id_reused", "never")
    (still,) = await deliver(pair, one)
    assert still["result"] == "duplicate"
    assert effects(pair.qing) == 1


WRONG = (
    ({"source": "/regions/790909"}, "wrong_source"),
    ({"recipient": "/regions/790303"}, "wrong_recipient"),
    ({"type": "tonglu.verification.liked.v1"}, "unknown_type"),
    ({"type": "tonglu.node.maintenance.v1"}, "invalid_message"),
    ({"data": {"case": "x"}}, "invalid_message"),
    ({"data": {"case": "0192f0c1-0000-7000-8000-0000000000c1", "note": "x"}}, "invalid_message"),
    ({"streamseq": "1"}, "invalid_message"),
    ({"streamseq": 0}, "invalid_message"),
    ({"agreement": None}, "invalid_message"),
    ({"extra": 1}, "invalid_message"),
    ({"subject": "node"}, "invalid_message"),
)


async def test_one_wrong_message_is_refused_alone_and_for_good(pair: Pair) -> None:
    for change, code in WRONG:
        wrong, good = message(pair.lan, pair.qing) | change, message(pair.lan, pair.qing)
        results = await deliver(pair, wrong, good)
        assert [result["result"] for result in results] == ["refused", "accepted"], change
        assert results[0]["problem"]["type"] == f"/problems/{code}", change
        assert (results[0]["problem"]["retry"], results[0]["id"]) == ("never", wrong["id"])
        (again,) = await deliver(pair, wrong)
        assert again["result"] == "duplicate"
        assert again["first"]["problem"]["type"] == f"/problems/{code}"
    assert effects(pair.qing) == len(WRONG)


async def test_a_member_that_is_no_message_spoils_itself_alone(pair: Pair) -> None:
    good = json.dumps(message(pair.lan, pair.qing))
    doubled = json.dumps(message(pair.lan, pair.qing))[:-1] + ',"id":"x"}'
    body = f"[7,{doubled},{good},{{}},null]".encode()
    answer = await pair.lan.send(pair.qing, body)
    assert [one["result"] for one in answer.json()] == ["refused", "refused", "accepted", "refused", "refused"]
    assert {one["problem"]["type"] for one in answer.json() if "problem" in one} == {"/problems/invalid_message"}


async def test_another_peers_id_cannot_be_used_up(pair: Pair, new_side: Any) -> None:
    from tests.federation.nodes import introduce

    third = new_side("790909", "旁县")
    introduce(third, pair.qing)
    one = message(pair.lan, pair.qing)
    stolen = await third.send(pair.qing, json.dumps([one]).encode())
    assert stolen.json()[0]["problem"]["type"] == "/problems/wrong_source"
    (result,) = await deliver(pair, one)
    assert result["result"] == "accepted"


async def test_one_poison_message_in_a_hundred_costs_itself_alone(pair: Pair) -> None:
    batch = [message(pair.lan, pair.qing, streamseq=n) for n in range(1, 101)]
    poison = batch[41]["id"]

    def fragile(session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        caused = pair.qing.keep(session, incoming, peer, now)
        if incoming.envelope.id == poison:
            session.flush()
            raise ZeroDivisionError("王某 790101199003071230")
        return caused

    pair.qing.handlers[REMINDED] = fragile
    results = await deliver(pair, *batch)
    assert [one["id"] for one in results if one["result"] != "accepted"] == [poison]
    refused = next(one for one in results if one["result"] == "refused")
    assert (refused["problem"]["type"], refused["problem"]["retry"]) == ("/problems/internal", "later")
    assert "790101199003071230" not in json.dumps(results)
    assert effects(pair.qing) == 99, "the poison's own effect is rolled back"
    pair.qing.handlers[REMINDED] = pair.qing.keep
    (again,) = await deliver(pair, batch[41])
    assert again["result"] == "accepted", "the same id is tried afresh"
    assert effects(pair.qing) == 100


async def test_a_set_has_the_effects_of_its_messages_one_by_one(pair: Pair) -> None:
    batch = [message(pair.lan, pair.qing, streamseq=n) for n in range(1, 101)]
    poison, unwanted, repeated = batch[41]["id"], batch[42]["id"], batch[10]
    sets: list[int] = []

    def take(session: Session, incoming: Sequence[Incoming], peer: Peer, now: datetime) -> list[Outgoing]:
        sets.append(len(incoming))
        for one in incoming:
            pair.qing.keep(session, one, peer, now)
            if one.envelope.id == poison:
                session.flush()
                raise ZeroDivisionError("王某 790101199003071230")
            if one.envelope.id == unwanted:
                raise QuotaExceeded
        return []

    pair.qing.handlers[REMINDED] = SetHandler(take)
    results = await deliver(pair, *batch, repeated)
    assert [one["id"] for one in results] == [one["id"] for one in [*batch, repeated]], "in order"
    assert results[-1]["result"] == "duplicate"
    codes = {one["id"]: one["problem"]["type"] for one in results if one["result"] == "refused"}
    assert codes == {poison: "/problems/internal", unwanted: "/problems/quota_exceeded"}
    assert effects(pair.qing) == 98
    assert sets[0] == 100, "tried as one set first"
    assert len(sets) < 30, "then halved down to the two"


async def test_messages_about_one_subject_are_never_in_one_set(pair: Pair) -> None:
    first = message(pair.lan, pair.qing, streamseq=1)
    second = message(pair.lan, pair.qing, streamseq=2) | {"subject": first["subject"], "data": first["data"]}
    sets: list[list[str]] = []

    def take(session: Session, incoming: Sequence[Incoming], peer: Peer, now: datetime) -> list[Outgoing]:
        sets.append([one.envelope.id for one in incoming])
        return []

    pair.qing.handlers[REMINDED] = SetHandler(take)
    await deliver(pair, first, second, message(pair.lan, pair.qing, streamseq=3))
    assert [len(one) for one in sets] == [1, 2]


async def test_what_a_fault_said_is_in_no_log(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    def broken(session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        raise ValueError("790101199003071230")

    pair.qing.handlers[REMINDED] = broken
    await deliver(pair, message(pair.lan, pair.qing))
    assert "ValueError" in caplog.text
    assert "790101199003071230" not in caplog.text


async def test_the_gate_refuses_before_the_handler(pair: Pair) -> None:
    pair.qing.gate.refuses = NoAgreement()
    one = message(pair.lan, pair.qing)
    (result,) = await deliver(pair, one)
    assert result["problem"]["type"] == "/problems/no_agreement"
    pair.qing.gate.refuses = QuotaExceeded()
    (later,) = await deliver(pair, message(pair.lan, pair.qing) | {"id": one["id"][:-1] + "0"})
    assert later["problem"]["retry"] == "later"
    assert pair.qing.seen == []
    assert count(pair.qing, InboxMessage) == 1, "what is refused for now leaves no row"


async def test_caused_messages_commit_with_their_cause(pair: Pair) -> None:
    answer = Outgoing(pair.lan.region, REMINDED, "", {}, AGREEMENT, purpose())

    def causing(session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        case = incoming.envelope.subject
        return [Outgoing(answer.recipient, REMINDED, case, {"case": case}, AGREEMENT, purpose())]

    pair.qing.handlers[REMINDED] = causing
    one = message(pair.lan, pair.qing)
    await deliver(pair, one)
    await deliver(pair, one)
    assert count(pair.qing, OutboxMessage) == 1
    assert pair.qing.woken[-1] == pair.lan.region
    assert await pair.qing.delivery.tick() == 1
    assert [seen.envelope.subject for seen in pair.lan.seen] == [one["subject"]]


async def test_a_caused_message_that_cannot_be_queued_undoes_its_cause(pair: Pair) -> None:
    def causing(session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        pair.qing.keep(session, incoming, peer, now)
        return [Outgoing("790909", REMINDED, "x", {}, AGREEMENT, purpose())]

    pair.qing.handlers[REMINDED] = causing
    (result,) = await deliver(pair, message(pair.lan, pair.qing))
    assert result["problem"]["type"] == "/problems/internal"
    assert effects(pair.qing) == 0


@pytest.mark.parametrize("fault", [OperationalError("x", {}, Exception("disk full")), Unavailable()], ids=str)
async def test_a_database_that_fails_acknowledges_nothing(pair: Pair, fault: Exception) -> None:
    def failing(session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        raise fault

    good, bad = message(pair.lan, pair.qing), message(pair.lan, pair.qing)
    pair.qing.handlers["tonglu.erasure.requested.v1"] = failing
    erasure = {
        key: value for key, value in bad.items() if key not in ("agreement", "purpose", "subject", "data", "type")
    } | {"type": "tonglu.erasure.requested.v1", "subject": "node", "data": {"message_ids": [good["id"]]}}
    nonces = count(pair.qing, Nonce)
    answer = await pair.lan.send(pair.qing, json.dumps([good, erasure]).encode())
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/unavailable"
    assert "signature" in answer.headers
    assert answer.headers["retry-after"] == "1"
    assert effects(pair.qing) == 0
    assert count(pair.qing, Nonce) == nonces
    (result,) = await deliver(pair, good)
    assert result["result"] == "accepted"


async def test_a_person_is_opened_for_the_handler_and_stands_nowhere_in_clear(pair: Pair) -> None:
    from tests.federation.nodes import PERSON, ask

    sent = ask(pair.lan, pair.qing)
    await pair.lan.delivery.tick()
    (seen,) = pair.qing.seen
    assert seen.envelope.id == sent
    assert seen.person == PERSON
    assert "韩晨曦" not in repr(seen)
    for request in pair.wire.log:
        assert "韩晨曦".encode() not in request.content
        assert b"790101199003071230" not in request.content
    row = pair.lan.read(lambda session: session.exec(select(OutboxMessage).where(OutboxMessage.id == sent)).one())
    assert b"790101199003071230" not in row.body


async def test_a_person_sealed_for_another_key_is_refused_after_fixing(pair: Pair) -> None:
    import dataclasses

    from federation.keys import NodeKeys
    from tests.federation.nodes import ask

    ask(pair.lan, pair.qing)
    keys = {key.use: key for key in pair.qing.fed.keys.all()}
    fresh = {key.use: key for key in NodeKeys.generate(pair.qing.fed.entropy).all()}
    changed = NodeKeys([keys["transport"], keys["certificate"], keys["checkpoint"], fresh["seal"]])
    Side(dataclasses.replace(pair.qing.fed, keys=changed), pair.qing.database, pair.wire)
    await pair.lan.delivery.tick()
    assert [(one.result, one.problem_code) for one in pair.lan.outcomes] == [("parked", "unknown_seal_key")]
    assert count(pair.qing, InboxMessage) == 0


async def test_both_sides_hold_the_receipt_and_the_same_digest(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    (ours,) = pair.lan.read(lambda session: receipts_of(session, sent))
    (theirs,) = pair.qing.read(lambda session: receipts_of(session, sent))
    assert (ours.direction, theirs.direction) == ("sent", "received")
    assert (ours.digest, ours.result, ours.subject) == (theirs.digest, theirs.result, theirs.subject)


async def test_a_valid_request_is_remembered_for_its_time_alone(pair: Pair) -> None:
    body = json.dumps([message(pair.lan, pair.qing)]).encode()
    await pair.lan.send(pair.qing, body)
    nonce = pair.qing.read(lambda session: session.exec(select(Nonce).order_by(Nonce.expires_at)).all())[-1]
    assert nonce.expires_at == START + timedelta(seconds=300)
