"""What regions tell each other of their nodes: away, back, back from a backup; messages refused and taken back."""

import json
from datetime import timedelta

import httpx
import pytest
from sqlmodel import select

from federation.outbox import VOIDED, cancel, find_message
from federation.tables import InboxMessage, InboxStream, MessageState, OutboxMessage
from schemas.entropy import SeededEntropy
from service.agreements.actions import end_agreement
from service.backup import backup, restore
from service.cli import run
from service.officers.rules import Role
from service.verification.tables import GivenAnswer, ReceivedDeparture, VerificationRequest
from tests.service.conftest import connect, sign_in_as
from tests.service.two_regions import ANSWERER, ASKER, STRANGER, Region, Regions, close_region, open_region
from tests.service.verification.test_dialogue import SHARE_HOME

SHARE_AWAY = f"share_with_peer:{ASKER}"


def rows(region: Region, table):
    return region.node.database.read_sync(lambda session: list(session.exec(select(table)).all()))


async def asked(regions: Regions) -> str:
    """A question of the asker about someone who arrived, not sent yet."""
    arrival = await regions.asker.arrives(SHARE_HOME)
    return str((await regions.asker.asks(arrival["person_id"]))["id"])


async def test_a_peer_that_announced_its_absence_is_waited_for(regions):
    asker, answerer, clock = regions.asker, regions.answerer, regions.clock
    begins, ends = clock.now() + timedelta(minutes=5), clock.now() + timedelta(hours=2)
    away = {"from": begins.isoformat(), "to": ends.isoformat()}
    await answerer.post(f"/peers/{ASKER}/maintenance", away)
    await regions.deliver()
    shown = (await asker.get("/peers"))["items"][0]
    assert (shown["away_from"], shown["away_until"]) == ("2026-11-23T02:05:00Z", "2026-11-23T04:00:00Z")
    clock.set(begins)
    regions.wire.cut.add(f"{ANSWERER}.example")
    case = await asked(regions)
    for _ in range(3):
        await asker.tools.delivery.tick()
        clock.advance(minutes=30)
    shown = (await asker.get("/peers"))["items"][0]
    assert (shown["failures"], shown["wait"], shown["waiting"]) == (0, None, 1)
    regions.wire.cut.clear()
    clock.set(ends)
    await regions.deliver()
    assert (await asker.get(f"/verifications/{case}"))["state"] == "delivered"


async def test_a_peer_back_early_or_an_officer_ends_the_wait(regions):
    asker, answerer, clock = regions.asker, regions.answerer, regions.clock
    away = {"from": clock.now().isoformat(), "to": (clock.now() + timedelta(hours=2)).isoformat()}
    await answerer.post(f"/peers/{ASKER}/maintenance", away)
    await regions.deliver()
    await answerer.post(f"/peers/{ASKER}/returned")
    await regions.deliver()
    assert (await asker.get("/peers"))["items"][0]["away_until"] is None
    await answerer.post(f"/peers/{ASKER}/maintenance", away)
    await regions.deliver()
    assert (await asker.post(f"/peers/{ANSWERER}/retry"))["away_until"] is None


async def test_only_a_peer_can_be_told_and_only_by_those_who_may(regions):
    now = regions.clock.now()
    away = {"from": now.isoformat(), "to": (now + timedelta(hours=2)).isoformat()}
    for path, body in (("maintenance", away), ("returned", None)):
        await regions.asker.refused(f"/peers/{STRANGER}/{path}", body, "unknown_peer")
        clerk = await regions.asker.as_officer(f"clerk {path}", Role.CLERK)
        await clerk.refused(f"/peers/{ANSWERER}/{path}", body, "forbidden")
    far = {"from": away["from"], "to": (now + timedelta(days=32)).isoformat()}
    await regions.asker.refused(f"/peers/{ANSWERER}/maintenance", far, "invalid_input")
    await regions.asker.post(f"/peers/{ANSWERER}/suspend")
    await regions.asker.refused(f"/peers/{ANSWERER}/returned", None, "no_active_peer")


async def test_a_region_restored_from_a_backup_loses_nothing_and_doubles_nothing(
    regions, tmp_path, new_database_url, monkeypatch, password_hash
):
    asker, answerer = regions.asker, regions.answerer
    left = await answerer.leaves(SHARE_AWAY)
    await regions.settle()
    backup(answerer.node.settings, tmp_path / "backup.tar.gz", regions.clock)
    case = await asked(regions)
    await regions.settle()
    assert (await asker.get(f"/verifications/{case}"))["automatic"] is True
    assert (await answerer.get(f"/departures/{left['id']}"))["state"] == "confirmed"
    await close_region(answerer)

    monkeypatch.setenv("TONGLU_DATABASE_URL", new_database_url(empty=True))
    settings = restore(tmp_path / "backup.tar.gz", tmp_path / "again", SeededEntropy("restored"), regions.clock)
    again = open_region(settings, regions.wire, regions.clock, password_hash, seed="restored")
    monkeypatch.delenv("TONGLU_DATABASE_URL")
    try:
        back = Regions(asker, again, regions.wire, regions.clock)
        assert (await again.get(f"/departures/{left['id']}"))["state"] == "notified"
        assert not rows(again, VerificationRequest)
        await back.settle()
        assert [row.state for row in rows(again, VerificationRequest)] == ["answered"]
        assert (await again.get(f"/departures/{left['id']}"))["state"] == "confirmed"
        assert (await asker.get(f"/verifications/{case}"))["state"] == "answered"
        assert len(rows(asker, VerificationRequest)) == 1
        before = [(row.id, row.recorded_at) for row in rows(again, InboxMessage)]
        regions.clock.advance(days=1)
        await again.run("streams")
        await back.settle()
        assert [(row.id, row.recorded_at) for row in rows(again, InboxMessage)] == before
        assert {row.whole for row in rows(again, InboxStream)} == {len(before)}
        assert not [row for row in rows(again, OutboxMessage) if row.state != MessageState.RECEIPTED]
    finally:
        await close_region(again)
    given = {row.answers for row in rows(asker, GivenAnswer)}
    assert len(given) == 1, "the same answer, given anew by a node that forgot the first"


async def test_a_restored_region_asks_what_its_peer_cannot_push(
    regions, tmp_path, new_database_url, monkeypatch, password_hash
):
    answerer = regions.answerer
    backup(answerer.node.settings, tmp_path / "backup.tar.gz", regions.clock)
    await asked(regions)
    await regions.deliver()
    await close_region(answerer)
    monkeypatch.setenv("TONGLU_DATABASE_URL", new_database_url(empty=True))
    settings = restore(tmp_path / "backup.tar.gz", tmp_path / "again", SeededEntropy("restored"), regions.clock)
    again = open_region(settings, regions.wire, regions.clock, password_hash, seed="restored")
    monkeypatch.delenv("TONGLU_DATABASE_URL")
    try:
        assert await again.run("streams") == 1
        assert [row.state for row in rows(again, VerificationRequest)] == ["received"]
        assert await again.run("streams") == 0
    finally:
        await close_region(again)


# --- Refused for good ------------------------------------------------------------------------------------------------


async def refused_question(regions: Regions) -> tuple[str, str]:
    """A question whose peer no longer has the agreement: the ids of the question and of its parked message."""
    node = regions.answerer.node
    agreement = (await regions.answerer.get("/agreements"))["items"][0]["id"]
    ended = "tonglu.agreement.ended.v1"
    node.database.write_sync(lambda s: end_agreement(s, node, agreement, by=regions.answerer.officer))
    for row in rows(regions.answerer, OutboxMessage):
        if row.type == ended:
            node.database.write_sync(lambda s, one=row.id: cancel(s, node.fed, one))
    case = await asked(regions)
    await regions.deliver()
    parked = (await regions.asker.get(f"/peers/{ANSWERER}/parked"))["items"]
    assert [(one["type"], one["problem_code"]) for one in parked] == [
        ("tonglu.verification.requested.v1", "no_agreement")
    ]
    return case, str(parked[0]["id"])


async def open_tasks(region: Region) -> list[str]:
    return [one["kind"] for one in (await region.get("/work-items"))["items"] if one["state"] == "open"]


async def test_a_refused_message_is_tried_again_and_given_up(regions):
    asker = regions.asker
    case, message = await refused_question(regions)
    assert await open_tasks(asker) == ["message_parked"]
    await asker.post(f"/peers/{ANSWERER}/parked/{message}/retry", status=204)
    assert await open_tasks(asker) == []
    await asker.refused(f"/peers/{ANSWERER}/parked/{message}/retry", None, "wrong_state")
    await regions.deliver()
    assert await open_tasks(asker) == ["message_parked"], "refused again, it is a task again"
    await asker.post(f"/peers/{ANSWERER}/parked/{message}/give-up", status=204)
    assert await open_tasks(asker) == []
    assert (await asker.get(f"/peers/{ANSWERER}/parked"))["items"] == []
    assert (await asker.get(f"/verifications/{case}"))["state"] == "expired"
    arrival = (await asker.get("/arrivals"))["items"][0]
    assert arrival["state"] == "unconfirmed"
    await regions.deliver()
    voided = [row for row in rows(asker, OutboxMessage) if row.type == VOIDED]
    assert [row.state for row in voided] == [MessageState.RECEIPTED]
    assert asker.node.database.read_sync(lambda s: find_message(s, message).state) == MessageState.VOIDED
    actions = [one["action"] for one in (await asker.get("/access-log"))["items"]]
    assert {"message.tried_again", "message.given_up"} <= set(actions)


async def test_what_is_not_parked_at_that_peer_cannot_be_acted_on(regions):
    _, message = await refused_question(regions)
    asker = regions.asker
    for act in ("retry", "give-up"):
        await asker.refused(f"/peers/{STRANGER}/parked/{message}/{act}", None, "not_found")
        await asker.refused(f"/peers/{ANSWERER}/parked/{message[:-1]}x/{act}", None, "not_found")
        auditor = await asker.as_officer(f"auditor {act}", Role.AUDITOR)
        await auditor.refused(f"/peers/{ANSWERER}/parked/{message}/{act}", None, "forbidden")
    await asker.get(f"/peers/{STRANGER}/parked", 404)


@pytest.mark.asvs("8.2.2", "8.2.3")
async def test_an_office_of_a_part_sees_how_a_line_stands_and_nothing_of_others_messages(regions):
    """What waits and was refused is counted over all offices, and says which case it is about."""
    _, message = await refused_question(regions)
    asker = regions.asker
    whole = await asker.get(f"/peers/{ANSWERER}")
    assert (whole["parked"], len(whole["parked_messages"])) == (1, 1)
    clerk = await asker.as_officer("邻镇专干", Role.CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR, area=f"{ASKER}002")
    for seen in (await clerk.get(f"/peers/{ANSWERER}"), (await clerk.get("/peers"))["items"][0]):
        counted = {seen[name] for name in ("waiting", "waiting_since", "parked", "unanswered", "unanswered_since")}
        assert (seen["state"], seen["name"], counted) == (whole["state"], whole["name"], {None})
        assert seen.get("parked_messages", []) == []
    await clerk.get(f"/peers/{ANSWERER}/parked", 403)
    assert await open_tasks(clerk) == []
    for guess in (message, f"{message[:-1]}x"):
        await clerk.refused(f"/peers/{ANSWERER}/parked/{guess}/give-up", None, "forbidden")
        token = sign_in_as(asker.node, clerk.officer, "page")
        async with connect(asker.app, headers={"Accept": "text/html", "Cookie": f"tonglu_session={token}"}) as browser:
            assert (await browser.get(f"/messages/{guess}")).status_code == 404
            for path in (f"/peers/{ANSWERER}", "/peers", "/peers?show=attention", "/peers?show=waiting"):
                page = await browser.get(path)
                assert page.status_code == 200
                assert not any(word in page.text for word in (message, "未获答复", "拒收", "排队")), path


# --- Taken back ------------------------------------------------------------------------------------------------------


async def test_a_question_taken_back_after_it_came_is_undone(regions):
    asker, answerer = regions.asker, regions.answerer
    await asked(regions)
    await asker.leaves(SHARE_HOME, destination=ANSWERER, document_number="790101199003071230", name="白露")
    sent = {row.type: row.id for row in rows(asker, OutboxMessage) if row.state == MessageState.QUEUED}
    await lose_the_answer(regions)
    assert [row.state for row in rows(answerer, VerificationRequest)] == ["received"]
    assert len(rows(answerer, ReceivedDeparture)) == 1
    for one in sent.values():
        assert asker.node.database.write_sync(lambda s, one=one: cancel(s, asker.node.fed, one)) is False
    regions.clock.advance(minutes=1)
    await regions.deliver()
    case = rows(answerer, VerificationRequest)[0]
    assert (case.state, case.subject) == ("cancelled", None)
    assert rows(answerer, ReceivedDeparture) == []


async def lose_the_answer(regions: Regions) -> None:
    """What is sent arrives, and its answer is lost."""
    inner = regions.wire.apps[f"{ANSWERER}.example"]

    class Lossy(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            await (await inner.handle_async_request(request)).aread()
            raise httpx.ReadError("the answer was lost", request=request)

    regions.wire.apps[f"{ANSWERER}.example"] = Lossy()
    await regions.asker.tools.delivery.tick()
    regions.wire.apps[f"{ANSWERER}.example"] = inner


# --- At the command line ---------------------------------------------------------------------------------------------


@pytest.fixture
def tonglu(regions: Regions, monkeypatch, capsys):
    """Runs `tonglu peer` on the asker's node, and gives what it printed."""
    settings = regions.asker.node.settings
    monkeypatch.setenv("TONGLU_DATABASE_URL", settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")

    def call(command: str, *more: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(["peer", command, str(settings.dir), *more]) == code
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return call


async def test_parked_messages_are_dealt_with_at_the_command_line(regions, tonglu):
    _, message = await refused_question(regions)
    assert message in tonglu("parked", ANSWERER)
    assert [one["id"] for one in json.loads(tonglu("parked", ANSWERER, "--json"))] == [message]
    tonglu("retry", ANSWERER, "--message", message)
    assert tonglu("parked", ANSWERER) == ""
    assert tonglu("give-up", ANSWERER, message, code=1)
    await regions.deliver()
    tonglu("give-up", ANSWERER, message)
    assert await open_tasks(regions.asker) == []
    assert tonglu("parked", STRANGER, code=1)
    assert tonglu("give-up", ANSWERER, "nothing", code=1)


async def test_an_absence_is_announced_at_the_command_line(regions, tonglu):
    starts, ends = ("2999-01-01T00:00", "2999-01-02T00:00")
    assert tonglu("maintenance", ANSWERER, "--from", starts, "--to", ends, code=1), "not within a year"
    tonglu("maintenance", ANSWERER, "--over")
    assert "1 peers are being told" in tonglu("maintenance", "--all", "--over")
    assert tonglu("maintenance", ANSWERER, "--all", "--over", code=2)
    assert tonglu("maintenance", ANSWERER, code=2)
    assert tonglu("maintenance", ANSWERER, "--over", "--to", ends, code=2)
    assert tonglu("maintenance", STRANGER, "--over", code=1)
    queued = [row.type for row in rows(regions.asker, OutboxMessage) if row.state == MessageState.QUEUED]
    assert queued == ["tonglu.node.returned.v1"] * 2
