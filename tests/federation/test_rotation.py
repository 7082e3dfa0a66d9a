"""New keys and new addresses: each peer understands at any time, nothing is lost, and no stranger makes them."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from federation import pairing, peers, rotation
from federation.jws import read_jws, sign_jws_with
from federation.keys import SEAL_OPENS, NodeKeys
from federation.node import DESCRIPTOR_PATH
from federation.receipts import ReceiptDocument, receipt_document, trusted_keys, verify_receipt
from federation.tables import Destination, Exchange, OutboxMessage, Peer, PeerKey
from schemas.clock import rfc3339
from schemas.descriptor import DESCRIPTOR_TYP
from schemas.envelope import Incoming, Outgoing
from tests.federation.nodes import (
    Pair,
    Side,
    ask,
    destination,
    effects,
    introduce,
    message,
    state,
)


def listen(side: Side) -> None:
    """Take news of peers as the host's handlers do."""

    def rotated(session: Session, incoming: Incoming, peer: Peer, now: Any) -> list[Outgoing]:
        rotation.take_rotated(session, side.fed, incoming, peer, now)
        return []

    def moved(session: Session, incoming: Incoming, peer: Peer, now: Any) -> list[Outgoing]:
        rotation.take_moved(session, side.fed, incoming, peer, now)
        return []

    side.handlers |= {rotation.ROTATED: rotated, rotation.MOVED: moved}


def rotate(side: Side, **how: Any) -> None:
    """New keys, and the news of them."""
    side.fed.keys.take(side.fed.keys.rotated(side.fed.entropy, side.fed.clock.now(), **how))
    side.write(lambda session: rotation.announce(session, side.fed))


def transport_kids(side: Side) -> list[str]:
    return [key.kid for key in side.fed.keys.all() if key.use == "transport"]


def pinned(side: Side, other: Side, use: str = "transport") -> dict[str, PeerKey]:
    wanted = select(PeerKey).where(col(PeerKey.region) == other.region, col(PeerKey.tonglu_use) == use)
    return {key.kid: key for key in side.read(lambda session: session.exec(wanted).all())}


async def settle(pair: Pair) -> None:
    for _ in range(6):
        if not await pair.lan.delivery.tick() + await pair.qing.delivery.tick():
            return


@pytest.fixture
def known(pair: Pair) -> Pair:
    """Two paired nodes that take each other's news."""
    listen(pair.lan)
    listen(pair.qing)
    return pair


async def test_new_keys_go_first_and_the_old_one_signs_until_they_are_receipted(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    earlier = ask(lan, qing)
    rotate(lan)
    old, new = transport_kids(lan)
    assert destination(lan, qing).signs_with == old
    later = ask(lan, qing)
    await lan.delivery.tick()
    assert next(json.loads(one)["type"] for one in bodies(known)) == rotation.ROTATED
    assert all(state(lan, one) == "receipted" for one in (earlier, later))
    assert [keyid(request) for request in known.wire.log] == [old]
    assert destination(lan, qing).signs_with == new
    keys = pinned(qing, lan)
    assert keys[new].accepted_until is None
    assert keys[old].accepted_until == known.clock.now() + rotation.OLD_ACCEPTED
    assert set(pinned(qing, lan, "seal")) == {key.kid for key in lan.fed.keys.all() if key.use == "seal"}


async def test_the_new_key_signs_requests_and_answers_from_then_on(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    rotate(lan)
    old, new = transport_kids(lan)
    before = await qing.send(lan, json.dumps([message(qing, lan)]).encode())
    assert f'keyid="{old}"' in before.headers["signature-input"], "qing does not know the new one yet"
    await lan.delivery.tick()
    after = await qing.send(lan, json.dumps([message(qing, lan, streamseq=2)]).encode())
    assert f'keyid="{new}"' in after.headers["signature-input"]
    known.wire.log.clear()
    ask(lan, qing)
    await lan.delivery.tick()
    assert [keyid(request) for request in known.wire.log] == [new]


async def test_nothing_is_lost_while_both_sides_rotate_under_load(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    sent = []
    for turn in range(6):
        sent += [(lan, ask(lan, qing)) for _ in range(5)] + [(qing, ask(qing, lan)) for _ in range(5)]
        if turn % 2:
            rotate(lan)
        if turn in (2, 3):
            rotate(qing)
        known.wire.lost_answers = turn % 3
        await lan.delivery.tick()
        known.clock.advance(seconds=2)
        await qing.delivery.tick()
    known.wire.lost_answers = 0
    for _ in range(8):
        known.clock.advance(seconds=60)
        await settle(known)
    assert {state(side, one) for side, one in sent} == {"receipted"}
    assert (effects(lan), effects(qing)) == (30, 30)
    for one, other in ((lan, qing), (qing, lan)):
        assert destination(one, other).signs_with == one.fed.keys.kid("transport")


async def test_a_peer_that_was_away_for_a_month_understands_what_it_gets_first(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    known.wire.cut.add(qing.host)
    waiting = [ask(lan, qing)]
    for _ in range(3):
        rotate(lan)
        known.clock.advance(days=11)
        waiting.append(ask(lan, qing))
        await lan.delivery.tick()
    known.wire.cut.clear()
    for _ in range(6):
        known.clock.advance(hours=2)
        await settle(known)
    assert {state(lan, one) for one in waiting} == {"receipted"}
    assert effects(qing) == 4, "each was sealed for it and opens"
    assert destination(lan, qing).signs_with == transport_kids(lan)[3]


async def test_a_receipt_that_was_lost_for_more_than_a_week_stops_nothing(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    rotate(lan)
    known.wire.lost_answers = 1
    await lan.delivery.tick()
    known.clock.advance(days=8)
    assert destination(lan, qing).signs_with == transport_kids(lan)[0], "the old one, which counts no longer there"
    sent = ask(lan, qing)
    for _ in range(6):
        await lan.delivery.tick()
        known.clock.advance(minutes=1)
    assert state(lan, sent) == "receipted"
    assert destination(lan, qing).signs_with == transport_kids(lan)[1]


async def test_old_news_of_keys_does_not_outlive_a_new_pairing(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    qing.write(lambda session: peers.revoke(session, qing.fed, lan.region))
    for _ in range(2):
        rotate(lan)
        await lan.delivery.tick()
        known.clock.advance(minutes=1)
    introduce(lan, qing)
    introduce(qing, lan)
    sent = lan.remind(qing)
    await lan.delivery.tick()
    known.clock.advance(minutes=1)
    await lan.delivery.tick()
    assert state(lan, sent) == "receipted"
    news = select(OutboxMessage.state).where(col(OutboxMessage.type) == rotation.ROTATED)
    assert set(lan.read(lambda session: session.exec(news).all())) <= {"cancelled", "voided"}
    # The next news goes as ever.
    rotate(lan)
    await lan.delivery.tick()
    assert destination(lan, qing).signs_with == transport_kids(lan)[-1]


async def test_an_invitation_from_before_a_rotation_still_pairs(strangers: Pair) -> None:
    lan, qing = strangers.lan, strangers.qing
    listen(lan)
    listen(qing)
    document = lan.write(lambda session: pairing.invite(session, lan.fed))
    rotate(lan)
    qing.write(lambda session: pairing.accept(session, qing.fed, pairing.read_invitation(qing.fed, document)))
    introduce(qing, lan)
    for _ in range(6):
        await lan.delivery.tick()
        strangers.clock.advance(minutes=1)
    sent = ask(lan, qing)
    await lan.delivery.tick()
    strangers.clock.advance(minutes=2)
    await lan.delivery.tick()
    assert state(lan, sent) == "receipted"
    assert lan.fed.keys.kid("transport") in pinned(qing, lan)


async def test_a_crash_between_the_file_and_the_news_is_healed(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    lan.fed.keys.take(lan.fed.keys.rotated(lan.fed.entropy, known.clock.now()))
    known.clock.advance(minutes=2)
    await lan.delivery.tick()
    await lan.delivery.tick()
    assert lan.fed.keys.kid("transport") in pinned(qing, lan)
    assert lan.write(lambda session: rotation.announce(session, lan.fed)) == 0


async def test_a_compromised_key_counts_for_nothing_any_more(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    stolen = NodeKeys(lan.fed.keys.all())
    known.clock.advance(hours=1)
    rotate(lan, compromised_from=known.clock.now() - timedelta(minutes=30))
    await lan.delivery.tick()
    sent = ask(lan, qing)
    await lan.delivery.tick()
    assert state(lan, sent) == "receipted"
    lan.fed.keys.take(stolen)
    answer = await lan.send(qing, json.dumps([message(lan, qing)]).encode())
    assert answer.status_code == 401
    assert "signature" not in answer.headers


async def test_receipts_from_before_a_rotation_still_verify(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    sent = ask(lan, qing)
    await lan.delivery.tick()
    rotate(lan)
    rotate(qing)
    await settle(known)
    for side in (lan, qing):
        document = side.read(lambda session: receipt_document(session, sent))
        trusted = side.read(lambda session, fed=side.fed: trusted_keys(session, fed))
        assert verify_receipt(ReceiptDocument.model_validate(document), trusted).taken_by == qing.region
    kept = lan.read(lambda session: session.exec(select(Exchange)).all())
    assert all(len({key["kid"] for key in one.keys}) == 2 for one in kept)


async def test_what_was_sealed_for_a_retired_key_opens_for_400_days(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    sent = ask(lan, qing)
    rotate(qing)
    known.clock.advance(days=SEAL_OPENS.days - 1)
    assert qing.fed.keys.without_old_seals(known.clock.now()) is None
    await lan.delivery.tick()
    assert state(lan, sent) == "receipted"
    known.clock.advance(days=2)
    kept = qing.fed.keys.without_old_seals(known.clock.now())
    assert kept is not None
    assert [key.use for key in kept.all()].count("seal") == 1
    assert [key.use for key in kept.all()].count("transport") == 2, "what they signed is still to be verified"


# --- What is refused -------------------------------------------------------------------------------------------------


def news(lan: Side, *, proof: NodeKeys | None = None, by: NodeKeys | None = None, **changes: Any) -> dict[str, Any]:
    """``keys.rotated`` of ``lan``: the keys of ``by`` (new ones), vouched for by those of ``proof``."""
    fed = lan.fed
    new = by or fed.keys.rotated(fed.entropy, fed.clock.now())
    payload = {
        "region": fed.region,
        "name": fed.name,
        "base_url": fed.base_url,
        "versions": [1],
        "limits": fed.limits.to_wire(),
        "keys": new.public_jwks(),
        "issued_at": rfc3339(fed.clock.now()),
    } | changes
    jws = sign_jws_with(new.current("transport"), DESCRIPTOR_TYP, payload)
    return {
        "descriptor": {"jws": jws},
        "proof": sign_jws_with((proof or fed.keys).current("transport"), DESCRIPTOR_TYP, payload),
    }


async def result(lan: Side, qing: Side, data: dict[str, Any], kind: str = rotation.ROTATED) -> dict[str, Any]:
    document = message(lan, qing, type=kind, subject="node", data=data)
    for name in ("agreement", "purpose"):
        del document[name]
    answer = await lan.send(qing, json.dumps([document]).encode())
    found: dict[str, Any] = answer.json()[0]
    return found


async def test_the_same_news_made_by_hand_is_taken(known: Pair) -> None:
    data = news(known.lan)
    assert (await result(known.lan, known.qing, data))["result"] == "accepted"
    assert len(pinned(known.qing, known.lan)) == 2


@pytest.mark.parametrize(
    "forge",
    [
        lambda lan, qing: news(lan, proof=qing.fed.keys),
        lambda lan, _: news(lan, proof=NodeKeys.generate(lan.fed.entropy)),
        lambda lan, _: news(lan) | {"proof": news(lan)["proof"]},
        lambda lan, _: news(lan) | {"proof": "a.b.c"},
        lambda lan, _: news(lan, region="790102"),
        lambda lan, qing: news(lan, by=qing.fed.keys),
        lambda lan, _: news(lan, issued_at=rfc3339(lan.fed.clock.now() + timedelta(hours=1))),
        lambda lan, _: news(lan) | {"compromised_from": rfc3339(lan.fed.clock.now() + timedelta(days=1))},
    ],
    ids=["other peer's proof", "stranger's proof", "proof of another", "no proof", "other region", "other's keys",
         "future", "compromised later"],
)  # fmt: skip
async def test_forged_news_changes_no_key(known: Pair, forge: Callable[[Side, Side], dict[str, Any]]) -> None:
    lan, qing = known.lan, known.qing
    before = pinned(qing, lan)
    refused = await result(lan, qing, forge(lan, qing))
    assert (refused["result"], refused["problem"]["type"]) == ("refused", "/problems/invalid_message")
    assert pinned(qing, lan) == before


async def test_a_key_that_was_replaced_never_comes_back(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    first = NodeKeys(lan.fed.keys.all())
    rotate(lan)
    await lan.delivery.tick()
    refused = await result(lan, qing, news(lan, by=first))
    assert refused["result"] == "refused"


# --- A new address ---------------------------------------------------------------------------------------------------


def base_url(side: Side, other: Side) -> str:
    return str(side.read(lambda session: session.get(Peer, other.region)).base_url)


async def test_a_new_address_is_taken_on_the_word_of_a_pinned_key_alone(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    moved = {"descriptor": news(lan, by=lan.fed.keys, base_url="http://new.example")["descriptor"]}
    strange = {"descriptor": news(lan, base_url="http://strange.example")["descriptor"]}
    assert (await result(lan, qing, strange, rotation.MOVED))["result"] == "refused"
    assert base_url(qing, lan) == lan.fed.base_url
    assert (await result(lan, qing, moved, rotation.MOVED))["result"] == "accepted"
    assert base_url(qing, lan) == "http://new.example"


async def test_an_older_word_about_the_address_is_not_taken(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    old = {"descriptor": news(lan, by=lan.fed.keys, base_url="http://old.example")["descriptor"]}
    known.clock.advance(minutes=1)
    lan.write(lambda session: rotation.announce_move(session, lan.fed))
    await lan.delivery.tick()
    assert (await result(lan, qing, old, rotation.MOVED))["result"] == "refused"
    assert base_url(qing, lan) == lan.fed.base_url


# --- A descriptor that was fetched -----------------------------------------------------------------------------------


def fetched(side: Side, other: Side, document: Any) -> bool:
    now = side.fed.clock.now()
    raw = json.dumps(document).encode()
    return bool(side.write(lambda session: rotation.take_descriptor(session, other.region, raw, now)))


async def test_a_descriptor_counts_if_a_pinned_key_signed_it(known: Pair) -> None:
    lan, qing = known.lan, known.qing
    transport = lan.fed.keys.current("transport")
    fresh = NodeKeys([transport, *(key for key in NodeKeys.generate(lan.fed.entropy).all() if key.use != "transport")])
    assert fetched(qing, lan, news(lan, by=fresh)["descriptor"])
    assert pinned(qing, lan, "seal")[fresh.kid("seal")].accepted_until is None
    answer = await qing.bare(lan, "GET", DESCRIPTOR_PATH, b"", {})
    assert not fetched(qing, lan, answer.json()), "the keys in force would go back to those before"
    assert not fetched(qing, lan, news(lan)["descriptor"]), "signed by a key that nobody vouched for"
    assert not fetched(qing, lan, {"jws": "x"})
    assert not fetched(qing, lan, [])


def bodies(pair: Pair) -> list[bytes]:
    """The messages sent, in order."""
    return [json.dumps(one).encode() for request in pair.wire.log for one in json.loads(request.content or b"[]")]


def keyid(request: Any) -> str:
    return str(request.headers["signature-input"].split('keyid="')[1].split('"')[0])


async def test_the_descriptor_of_the_news_is_the_one_that_the_node_shows(known: Pair) -> None:
    rotate(known.lan)
    row = known.lan.read(
        lambda session: session.exec(select(OutboxMessage).where(col(OutboxMessage.type) == rotation.ROTATED)).one()
    )
    shown = read_jws(json.loads(row.body)["data"]["descriptor"]["jws"], DESCRIPTOR_TYP)
    assert shown.kid == known.lan.fed.keys.kid("transport")
    line: Destination = destination(known.lan, known.qing)
    assert line.announced == shown.kid
