"""Keys that an operator rotates while the node serves, and messages that a peer could not open, between two regions."""

import asyncio
import json

import pytest
from sqlmodel import col, select

from federation.keys import SEAL_OPENS, NodeKeys
from federation.tables import Peer, PeerKey
from schemas.clock import FakeClock
from service.agreements.trust import destroy_old_seals, rotate_keys
from service.certificates.routes import public_router
from service.cli import run
from service.log_verify import verify_log
from tests.service.two_regions import ANSWERER, ASKER, Region, Regions
from tests.service.verification.test_dialogue import SHARE_HOME


def pinned(region: Region, other: str, use: str = "transport") -> set[str]:
    wanted = select(PeerKey.kid).where(col(PeerKey.region) == other, col(PeerKey.tonglu_use) == use)
    return set(region.node.database.read_sync(lambda session: session.exec(wanted).all()))


@pytest.fixture(autouse=True)
def _one_time(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run at the regions' time."""
    monkeypatch.setattr("service.building.SystemClock", lambda: clock)


async def tonglu(region: Region, *arguments: str) -> int:
    """Run a command beside the node, as an operator does while it serves."""
    return await asyncio.to_thread(run, [*arguments[:2], str(region.node.settings.dir), *arguments[2:]])


async def test_an_operator_rotates_the_keys_of_a_node_that_serves(
    regions: Regions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asker, answerer = regions.asker, regions.answerer
    old = asker.node.fed.keys.kid("transport")
    monkeypatch.setenv("TONGLU_DATABASE_URL", asker.node.settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    assert await tonglu(asker, "keys", "rotate", "--yes") == 0
    assert "1 peers are being told" in capsys.readouterr().out
    arrival = await asker.arrives(SHARE_HOME)
    await answerer.leaves(f"share_with_peer:{ASKER}")
    case = await asker.asks(arrival["person_id"])
    await regions.settle()
    new = asker.node.fed.keys.kid("transport")
    assert new != old, "the serving node took the file"
    assert pinned(answerer, ASKER) == {old, new}
    assert (await asker.get(f"/verifications/{case['id']}"))["state"] == "answered"
    await asker.run("log")
    verdict = asker.node.database.read_sync(lambda session: verify_log(session, asker.node.fed.keys, asker.code))
    assert verdict.whole, "heads that the old key signed and those of the new one"
    capsys.readouterr()
    assert await tonglu(asker, "keys", "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["keys"]
    assert sorted(bool(key["retired_at"]) for key in listed) == [False] * 4 + [True] * 4
    log = await asker.get("/access-log")
    assert "keys.rotated" in {item["action"] for item in log["items"]}


async def test_a_moment_that_lies_ahead_is_no_compromise(
    regions: Regions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asker = regions.asker
    monkeypatch.setenv("TONGLU_DATABASE_URL", asker.node.settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    assert await tonglu(asker, "keys", "rotate", "--yes", "--compromised-from", "2999-01-01") == 1
    asker.node.fed.keys.refresh()
    assert len(asker.node.fed.keys.all()) == 4
    assert await tonglu(asker, "keys", "rotate") == 1, "nobody said yes"


async def test_certificates_from_before_a_rotation_still_verify(regions: Regions) -> None:
    asker, answerer = regions.asker, regions.answerer
    for region in (asker, answerer):
        region.app.include_router(public_router)
    person = (await asker.arrives("certificate_home:790101"))["person_id"]
    body = {
        "person_id": person,
        "kind": "general_health",
        "quarter": "2026Q4",
        "attended_on": "2026-11-20",
        "valid_until": "2027-02-28",
    }
    issued = await asker.post("/certificates", body, 201)
    await answerer.run("status_lists")
    asker.node.database.write_sync(lambda session: rotate_keys(session, asker.node))
    await regions.settle()
    await answerer.run("status_lists")
    for region in (asker, answerer):
        found = await region.post("/certificates/verify", {"certificate": issued["certificate"]})
        assert found["result"] == "valid", region.code


async def test_an_operator_tells_the_peers_a_new_address(
    regions: Regions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asker, answerer = regions.asker, regions.answerer
    monkeypatch.setenv("TONGLU_DATABASE_URL", asker.node.settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    monkeypatch.setenv("TONGLU_BASE_URL", "http://moved.example")
    regions.clock.advance(minutes=1)
    assert await tonglu(asker, "peer", "announce-move") == 0
    assert "1 peers are being told" in capsys.readouterr().out
    await regions.settle()
    peer = answerer.node.database.read_sync(lambda session: session.get_one(Peer, ASKER))
    assert peer.base_url == "http://moved.example"
    assert "peer.moved" in {item["action"] for item in (await answerer.get("/access-log"))["items"]}


async def test_seal_keys_are_destroyed_after_400_days(regions: Regions) -> None:
    node = regions.asker.node
    node.database.write_sync(lambda session: rotate_keys(session, node))
    regions.clock.advance(days=SEAL_OPENS.days - 1)
    assert node.database.write_sync(lambda session: destroy_old_seals(session, node)) == 0
    regions.clock.advance(days=2)
    await regions.asker.run("purge")
    stored = NodeKeys.load(node.settings.keys_path)
    assert [key.use for key in stored.all()].count("seal") == 1
    assert node.database.write_sync(lambda session: destroy_old_seals(session, node)) == 0


def forget_seal_key(region: Region) -> None:
    """What a node restored from an old key file is like: it answers by its old name and opens with another key."""
    keys = region.node.fed.keys
    fresh = NodeKeys.generate(region.node.entropy).current("seal")
    keys.take(NodeKeys([*(key for key in keys.all() if key.use != "seal"), fresh]))


async def test_a_question_that_could_not_be_opened_is_asked_again_and_answered(regions: Regions) -> None:
    asker, answerer = regions.asker, regions.answerer
    arrival = await asker.arrives(SHARE_HOME)
    await answerer.leaves(f"share_with_peer:{ASKER}")
    case = await asker.asks(arrival["person_id"])
    forget_seal_key(answerer)
    await regions.settle()
    shown = await asker.get(f"/verifications/{case['id']}")
    assert (shown["state"], shown["answers"]["identity"]) == ("answered", "confirmed")
    assert not [item for item in (await asker.get("/work-items"))["items"] if item["kind"] == "message_parked"]


async def test_a_notification_that_could_not_be_opened_is_sent_again(regions: Regions) -> None:
    asker, answerer = regions.asker, regions.answerer
    await asker.arrives(SHARE_HOME)
    forget_seal_key(asker)
    await answerer.leaves(f"share_with_peer:{ASKER}")
    await regions.settle()
    departures = (await answerer.get("/departures"))["items"]
    assert [one["state"] for one in departures] == ["confirmed"]


async def test_a_question_whose_consent_is_gone_is_not_asked_again(regions: Regions) -> None:
    asker, answerer = regions.asker, regions.answerer
    arrival = await asker.arrives(SHARE_HOME)
    case = await asker.asks(arrival["person_id"])
    forget_seal_key(answerer)
    await asker.post(f"/people/{arrival['person_id']}/withdrawals", {"purpose": SHARE_HOME}, 204)
    await regions.settle()
    assert (await asker.get(f"/verifications/{case['id']}"))["state"] == "cancelled"


async def test_a_suspended_line_keeps_its_queue_and_a_revoked_one_loses_it(regions: Regions) -> None:
    asker, answerer = regions.asker, regions.answerer
    first = await asker.arrives(SHARE_HOME)
    await answerer.leaves(f"share_with_peer:{ASKER}")
    case = await asker.asks(first["person_id"])
    await asker.post(f"/peers/{ANSWERER}/suspend")
    await regions.settle()
    assert (await asker.get(f"/verifications/{case['id']}"))["state"] == "queued"
    told = await answerer.post(f"/peers/{ASKER}/test")
    assert (told["answered"], told["wait_code"]) == (False, "peer_suspended"), "the other side hears it, signed"
    await asker.post(f"/peers/{ANSWERER}/resume")
    await regions.settle()
    assert (await asker.get(f"/verifications/{case['id']}"))["state"] == "answered"

    regions.wire.cut.add(f"{ANSWERER}.example")
    other = await asker.arrives(SHARE_HOME, name="韩晨光", document_number="790101199003071256")
    lost = await asker.asks(other["person_id"])
    await asker.post(f"/peers/{ANSWERER}/revoke")
    regions.wire.cut.clear()
    await regions.settle()
    assert (await asker.get(f"/verifications/{lost['id']}"))["state"] != "delivered"
    unknown = await answerer.post(f"/peers/{ASKER}/test")
    assert (unknown["answered"], unknown["wait_code"]) == (False, "http_401"), "as anyone who is no peer"
