"""Two files carried by hand, six words, and what an invitation must not be."""

import json
from typing import Any

import pytest
from sqlmodel import Session, select

from federation import pairing, peers
from federation.fingerprint import fingerprint, words
from federation.jws import sign_jws
from federation.node import DESCRIPTOR_PATH
from federation.tables import Destination, MessageState, OutboxMessage, Peer, PeerKey, PeerState
from schemas.clock import rfc3339
from schemas.problems import InvitationRefused, UnknownPeer, WrongState
from tests.federation.nodes import Pair, Side, introduce


def state_of(side: Side, other: Side) -> str:
    found: Peer = side.read(lambda session: peers.find_peer(session, other.region))
    return found.state


def test_a_fingerprint_is_six_words_in_each_language_and_changes_with_what_it_names() -> None:
    mark = fingerprint("790101", "https://a.example", ["b", "a"])
    assert mark == fingerprint("790101", "https://a.example", ["a", "b"])
    assert len(words(mark, "en")) == len(words(mark, "zh-CN")) == 6
    assert words(mark, "en") == ["purse", "welcome", "twice", "vicious", "note", "dance"]
    others = [
        fingerprint("790102", "https://a.example", ["a", "b"]),
        fingerprint("790101", "https://b.example", ["a", "b"]),
        fingerprint("790101", "https://a.example", ["a", "c"]),
    ]
    assert len({*map(bytes, others), mark}) == 4


async def test_both_sides_accept_and_the_first_good_answer_makes_both_active(strangers: Pair) -> None:
    lan, qing = strangers.lan, strangers.qing
    introduce(lan, qing)
    assert state_of(qing, lan) == PeerState.INVITED
    await qing.delivery.tick()
    assert state_of(qing, lan) == PeerState.INVITED, "the other side knows nobody yet"
    introduce(qing, lan)
    await lan.delivery.tick()
    assert state_of(lan, qing) == PeerState.ACTIVE
    assert state_of(qing, lan) == PeerState.ACTIVE
    waiting: Destination = qing.read(lambda session: peers.destination_of(session, lan.region))
    assert waiting.next_attempt_at is None, "a valid request clears the wait"
    assert waiting.failures == 1, "but not the record of failures"


async def test_a_probe_asks_for_a_fresh_stream_and_sends_nothing(strangers: Pair) -> None:
    introduce(strangers.lan, strangers.qing)
    introduce(strangers.qing, strangers.lan)
    answer = await strangers.lan.delivery.probe(strangers.qing.region)
    assert answer is not None
    assert answer.answer is not None
    assert json.loads(answer.answer.body) == {"items": [], "high_water": 0}
    assert [request.method for request in strangers.wire.log] == ["GET"]


def test_the_words_of_the_file_are_those_that_the_other_office_reads(strangers: Pair) -> None:
    lan, qing = strangers.lan, strangers.qing
    document = lan.write(lambda session: pairing.invite(session, lan.fed))
    introduction = pairing.read_invitation(qing.fed, json.loads(json.dumps(document)))
    assert introduction.words("en") == words(pairing.own_fingerprint(lan.fed), "en")
    assert (introduction.region, introduction.descriptor.base_url) == (lan.region, lan.fed.base_url)


def invitation(side: Side) -> dict[str, Any]:
    found: dict[str, Any] = side.write(lambda session: pairing.invite(session, side.fed))
    return found


def refused(side: Side, document: Any) -> str:
    def take(session: Session) -> None:
        pairing.accept(session, side.fed, pairing.read_invitation(side.fed, document))

    with pytest.raises(InvitationRefused) as problem:
        side.write(take)
    return problem.value.detail


async def test_an_invitation_is_good_for_fourteen_days_and_one_use(strangers: Pair) -> None:
    lan, qing = strangers.lan, strangers.qing
    document = invitation(lan)
    strangers.clock.advance(days=14, seconds=1)
    assert "expired" in refused(qing, document)
    assert "expired" in refused(qing, document | {"expires_at": rfc3339(strangers.clock.advance(days=1))}), (
        "the descriptor's own signed date bounds it too"
    )
    document = invitation(lan)
    introduce_again = pairing.read_invitation(qing.fed, document)
    qing.write(lambda session: pairing.accept(session, qing.fed, introduce_again))
    assert "taken before" in refused(qing, document)
    assert "taken before" in refused(qing, document | {"invitation_id": "0192f0c1-0000-7000-8000-000000000009"})


async def test_what_is_no_invitation_is_refused_with_a_reason(strangers: Pair) -> None:
    lan, qing = strangers.lan, strangers.qing
    document = invitation(lan)
    for nonsense in (None, [], {}, {"tonglu_invitation": 2}, document | {"extra": 1}):
        assert "not an invitation" in refused(qing, nonsense)
    assert "own" in refused(lan, document)
    jws: str = document["descriptor"]["jws"]
    header, payload, signature = jws.split(".")
    bent = f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    assert "not signed" in refused(qing, document | {"descriptor": {"jws": bent}})
    theirs = invitation(qing)["descriptor"]["jws"].split(".")
    assert "not signed" in refused(qing, document | {"descriptor": {"jws": f"{theirs[0]}.{payload}.{theirs[2]}"}})


def described(side: Side, **changes: Any) -> dict[str, Any]:
    """An invitation whose descriptor says something else, signed all the same."""
    parsed = pairing.read_jws(pairing.descriptor_jws(side.fed), pairing.DESCRIPTOR_TYP).payload | changes
    document = invitation(side)
    return document | {"descriptor": {"jws": sign_jws(side.fed.keys, "transport", pairing.DESCRIPTOR_TYP, parsed)}}


async def test_a_descriptor_must_fit_and_may_not_bring_anothers_key(strangers: Pair) -> None:
    lan, qing = strangers.lan, strangers.qing
    assert "version 1" in refused(qing, described(lan, versions=[2]))
    assert "cannot be read" in refused(qing, described(lan, base_url="ftp://x"))
    assert "cannot be read" in refused(qing, described(lan, keys={"keys": []}))
    introduce(lan, qing)
    assert "not the peer's" in refused(qing, described(lan, region="790909"))


async def test_without_leave_only_https_is_paired(strangers: Pair) -> None:
    import dataclasses

    strict = dataclasses.replace(strangers.qing.fed, allow_private_peers=False)
    with pytest.raises(InvitationRefused, match="https"):
        pairing.read_invitation(strict, invitation(strangers.lan))


async def test_pairing_anew_ends_the_former_keys(pair: Pair) -> None:
    import dataclasses

    from federation.keys import NodeKeys

    lan, qing = pair.lan, pair.qing
    former = lan.fed.keys.kid("transport")
    lan.fed = dataclasses.replace(lan.fed, keys=NodeKeys.generate(lan.fed.entropy))
    introduce(lan, qing)
    keys = qing.read(lambda session: session.exec(select(PeerKey).where(PeerKey.tonglu_use == "transport")).all())
    assert {key.kid: key.accepted_until is None for key in keys} == {
        former: False,
        lan.fed.keys.kid("transport"): True,
    }
    assert state_of(qing, lan) == PeerState.INVITED
    assert qing.read(lambda session: peers.peer_of_key(session, former, pair.clock.now())) is None


async def test_an_officer_suspends_resumes_and_revokes(pair: Pair) -> None:
    lan, qing = pair.lan, pair.qing
    lan.write(lambda session: peers.suspend(session, lan.fed, qing.region))
    queued = lan.remind(qing)
    assert await lan.delivery.tick() == 0
    assert pair.wire.log == []
    with pytest.raises(WrongState):
        lan.write(lambda session: peers.suspend(session, lan.fed, qing.region))
    lan.write(lambda session: peers.resume(session, lan.fed, qing.region))
    assert state_of(lan, qing) == PeerState.ACTIVE
    assert await lan.delivery.tick() == 1
    assert [one.envelope.id for one in qing.seen] == [queued]
    left = lan.remind(qing)
    lan.write(lambda session: peers.revoke(session, lan.fed, qing.region))
    row = lan.read(lambda session: session.exec(select(OutboxMessage).where(OutboxMessage.id == left)).one())
    assert row.state == MessageState.CANCELLED
    for action in (peers.suspend, peers.resume, peers.revoke):
        with pytest.raises(WrongState):
            lan.write(lambda session, action=action: action(session, lan.fed, qing.region))
    with pytest.raises(UnknownPeer):
        lan.write(lambda session: peers.suspend(session, lan.fed, "790999"))


async def test_a_region_without_a_node_is_a_peer_on_paper(pair: Pair) -> None:
    lan = pair.lan
    lan.write(lambda session: peers.add_paper_peer(session, lan.fed, "790202", "云台县"))
    with pytest.raises(UnknownPeer):
        lan.queue(_to("790202"))
    assert [peer.region for peer in lan.read(peers.list_peers)] == ["790101", "790202"]


def _to(region: str) -> Any:
    from schemas.envelope import Outgoing
    from tests.federation.nodes import AGREEMENT, REMINDED, purpose

    case = "0192f0c1-0000-7000-8000-0000000000c1"
    return Outgoing(region, REMINDED, case, {"case": case}, AGREEMENT, purpose())


async def test_of_overlapping_codes_the_longest_is_addressed(pair: Pair) -> None:
    lan = pair.lan
    lan.write(lambda session: peers.add_paper_peer(session, lan.fed, "7901", "大市"))
    for region, expected in (("790101", "790101"), ("790101103", "790101"), ("790102", "7901"), ("790202", None)):
        found = lan.read(lambda session, region=region: peers.peer_for(session, region))
        assert (found.region if found else None) == expected


async def test_the_descriptor_is_public_and_signed(pair: Pair) -> None:
    answer = await pair.lan.bare(pair.qing, "GET", DESCRIPTOR_PATH, b"", {})
    assert answer.status_code == 200
    descriptor, keys = pairing.read_descriptor(answer.json()["jws"])
    assert (descriptor.region, descriptor.base_url) == (pair.qing.region, pair.qing.fed.base_url)
    assert keys == pair.qing.fed.keys.public_jwks()["keys"]
    assert descriptor.issued_at == pair.clock.now()
