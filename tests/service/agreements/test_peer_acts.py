"""What officers do about a line, by forms without scripts; who may; what is logged; and lists of every length."""

from urllib.parse import quote

from sqlmodel import select

from federation.mock_peer import faults
from federation.peers import add_paper_peer
from federation.tables import Destination, MessageState, OutboxMessage, Peer, PeerState
from schemas.messages import MESSAGE_TYPES
from schemas.problems import NoAgreement
from service.access_log import AccessLogEntry
from service.cli import run
from service.officers.rules import Role
from service.routes.peer_figures import peer_figures
from service.web.words import WORDS
from tests.service.agreements.peer_world import browser_of, said, said_in


def logged(world):
    entries = world.region.node.database.read_sync(lambda s: list(s.exec(select(AccessLogEntry))))
    return [(one.action, one.officer) for one in entries]


async def test_an_officer_suspends_resumes_and_ends_trust(world):
    await world.pair()
    kept = world.queue()
    await world.browser.sends(world.path, f"{world.path}/suspend")
    await said_in(world, world.path, ("We have suspended this line", "我方已暂停此线路"), ("Suspended", "已暂停"))
    await said_in(world, "/peers", ("We have suspended this line", "我方已暂停此线路"))
    await world.deliver()
    assert (await world.api())["waiting"] == 1, "nothing leaves while suspended"
    await world.browser.sends(world.path, f"{world.path}/resume")
    await world.deliver()
    assert (await world.api())["waiting"] == 0
    world.peer.next(faults.status(503))
    world.queue()
    await world.deliver()
    await said_in(
        world,
        world.path,
        ("1 message that waits now is given up", "现有 1 条待发消息将作废"),
        ("never leaves, and nothing from it is taken", "不再发出，也不再接收其消息"),
    )
    await world.browser.sends(world.path, f"{world.path}/revoke")
    await said_in(
        world, world.path, ("Trust is ended", "信任已终止"), ("paired anew", "重新配对"), ("Revoked", "已撤销")
    )
    shown = await world.api()
    assert (shown["state"], shown["waiting"]) == ("revoked", 0)
    by = world.browser.officer.name
    assert [("peer.suspended", by), ("peer.resumed", by), ("peer.revoked", by)] == [
        one for one in logged(world) if one[0].startswith("peer.") and one[1] == by
    ]
    rows = world.region.node.database.read_sync(lambda s: {row.id: row.state for row in s.exec(select(OutboxMessage))})
    assert rows.pop(kept) == MessageState.RECEIPTED
    assert set(rows.values()) == {MessageState.CANCELLED}


async def test_a_test_says_what_is_wrong_and_when_it_is_right_again(world):
    await world.pair()
    world.peer.next(faults.wrong_signature(), method="GET")
    answer = await world.browser.sends(world.path, f"{world.path}/test", 200)
    assert "did not answer as one that knows us" in said(answer.text)
    assert "not signed by the keys that we know" in said(answer.text)
    await world.browser.sends(world.path, f"{world.path}/test")
    await said_in(world, world.path, ("The peer answered.", "正常"))
    by = world.browser.officer.name
    assert [one for one in logged(world) if one[0] == "peer.tested"] == [("peer.tested", by)] * 2


async def test_maintenance_is_announced_and_taken_back(world):
    await world.pair()
    act = f"{world.path}/maintenance"
    wrong = await world.browser.sends(world.path, act, 422, away_from="2026-11-24T08:00", away_until="morgen")
    assert "Please give a day and a time" in said(wrong.text)
    assert 'value="2026-11-24T08:00"' in wrong.text, "what was typed is kept"
    wrong = await world.browser.sends(world.path, act, 422, away_from="2026-11-24T08:00", away_until="2026-11-24T07:00")
    assert "The end lies before the beginning" in said(wrong.text)
    wrong = await world.browser.sends(world.path, act, 422, away_from="", away_until="")
    assert said(wrong.text).count("Please fill this in.") == 4
    await world.browser.sends(world.path, act, away_from="20261124 8:00", away_until="2026-11-24T12:30")
    await said_in(
        world,
        world.path,
        ("Our maintenance 24 Nov 2026 08:00 – 24 Nov 2026 12:30", "我方停机维护 2026年11月24日 08:00 – "),
    )
    await world.deliver()
    assert [one.envelope.type for one in world.peer.taken] == ["tonglu.node.maintenance.v1"]
    await world.browser.sends(world.path, f"{world.path}/returned")
    await said_in(world, world.path, ("Our maintenance Nothing announced", "我方停机维护 未告知"))


async def test_maintenance_is_announced_to_all_in_one_act(world):
    await world.pair()
    wrong = await world.browser.sends("/peers", "/peers/maintenance", 422, away_from="2026-11-24T08:00", away_until="?")
    assert "Please give a day and a time" in said(wrong.text)
    assert 'value="2026-11-24T08:00"' in wrong.text
    await world.browser.sends("/peers", "/peers/maintenance", away_from="20261124 8:00", away_until="2026-11-24T12:30")
    await said_in(world, world.path, ("Our maintenance 24 Nov 2026 08:00", "我方停机维护 2026年11月24日 08:00"))
    await world.deliver()
    assert [one.envelope.type for one in world.peer.taken] == ["tonglu.node.maintenance.v1"]
    body = {"from": "2026-11-25T01:00:00Z", "to": "2026-11-25T02:00:00Z"}
    assert await world.region.post("/peers/maintenance", body) == {"told": 1}
    clerk = await world.region.as_officer("只是专干", Role.CLERK)
    await clerk.refused("/peers/maintenance", body, "forbidden")


async def test_an_act_in_the_wrong_state_is_said_on_the_page(world):
    await world.pair()
    page = (await world.browser.gets(world.path)).text
    await world.region.post(f"{world.path}/revoke")
    token = page.split('name="form_token" value="')[1].split('"')[0]
    answer = await world.browser.http.post(f"{world.path}/suspend", data={"form_token": token})
    assert answer.status_code == 409
    assert "not possible in the present state" in said(answer.text)
    answer = await world.browser.http.post("/peers/790999/suspend", data={"form_token": token})
    assert answer.status_code == 404


async def test_other_roles_read_and_may_not_act(world):
    await world.pair()
    message = world.queue()
    world.peer.next(faults.refused(NoAgreement()))
    await world.deliver()
    for role in (Role.CLERK, Role.AUDITOR):
        other = browser_of(world.region, f"孙丽 {role}", "en", role)
        program = await world.region.as_officer(f"周强 {role}", role)
        page = (await other.gets(world.path)).text
        assert "Their six words" in page
        fields = {"form_token": page.split('name="form_token" value="')[1].split('"')[0]}
        fields |= {"away_from": "2026-11-24T08:00", "away_until": "2026-11-24T12:00"}
        for act in ("test", "suspend", "resume", "revoke", "retry", "maintenance", "returned"):
            assert f'action="{world.path}/{act}"' not in page, act
            answer = await other.http.post(f"{world.path}/{act}", data=fields)
            assert answer.status_code == 404, "what is not allowed looks like what is not there"
            body = {"from": "2026-11-24T08:00:00Z", "to": "2026-11-24T12:00:00Z"} if act == "maintenance" else None
            await program.refused(f"{world.path}/{act}", body, "forbidden")
        assert (f'action="/messages/{message}/retry"' in page) == (role is Role.CLERK)
        if role is Role.AUDITOR:
            for act in ("retry", "give-up"):
                assert (await other.http.post(f"/messages/{message}/{act}", data=fields)).status_code == 404
    assert ((await world.api())["state"], (await world.api())["parked"]) == ("active", 1)


async def test_no_peers_and_two_hundred(world):
    await said_in(world, "/peers", ("Regions that we talk with will stand here", "协作区会显示在这里"))
    node = world.region.node

    def add(session):
        for number in range(200):
            region = f"79{number:07}"
            add_paper_peer(session, node.fed, region, f"{'云青澜安'[number % 4]}{number}乡")
            if number % 2:
                peer = session.get_one(Peer, region)
                peer.state, peer.base_url = PeerState.ACTIVE, f"https://{region}.example"
                line = Destination(region=region, stream=f"{number}", wait="fixing", wait_code="clock_skew")
                session.add_all([peer, line])

    node.database.write_sync(add)
    seen, path, pages = [], "/peers", 0
    while path:
        text = (await world.browser.gets(path)).text
        seen += [part.split('"')[0] for part in text.split('href="/peers/')[1:]]
        pages += 1
        path = text.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0] if 'rel="next"' in text else None
    assert (len(seen), len(set(seen)), pages) == (200, 200, 4)
    sounds = [int(region) % 4 for region in seen]
    assert sounds == [3] * 50 + [2] * 50 + [1] * 50 + [0] * 50, "by the sound of the name: 安, 澜, 青, 云"
    await said_in(world, "/peers?show=attention", ("100 Need someone", "100 需要处理"), ("200 All", "200 全部"))
    for named in ("安3乡", "3乡", "an3", "A 3 X", "790000003"):
        text = (await world.browser.gets(f"/peers?named={quote(named)}")).text
        assert 'href="/peers/790000003"' in text, named
        assert 'href="/peers/790000001"' not in text, named
    await said_in(world, "/peers?named=nobody&show=paper", ("No region here is called so", "没有叫这个名称的地区"))
    first = await world.region.get("/peers", limit=150)
    rest = await world.region.get("/peers", after=first["next"])
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (150, 50, None)
    with_nothing = await world.region.get("/peers/790999", 404)
    assert with_nothing["type"] == "/problems/not_found"


async def test_the_figures_tell_of_each_line_and_nobody(world):
    await world.pair()
    world.peer.next(faults.status(503))
    world.queue()
    await world.deliver()
    world.clock.advance(minutes=2)
    node = world.region.node
    node.database.write_sync(lambda session: add_paper_peer(session, node.fed, "790202", "云台县"))
    figures = node.database.read_sync(lambda session: list(peer_figures(session, node.now())))
    found = {(one.name, *one.labels.values()): one.value for figure in figures for one in figure.samples}
    peer = world.peer.region
    assert found.pop(("tonglu_peer_last_success_timestamp", peer)) == world.clock.now().timestamp() - 120
    assert {labels: value for labels, value in found.items() if value} == {
        ("tonglu_peer_queue_messages", peer): 1,
        ("tonglu_peer_oldest_seconds", peer): 120,
        ("tonglu_peer_failures", peer): 1,
        ("tonglu_peer_state", peer, "active"): 1,
        ("tonglu_peer_wait", peer, "outage"): 1,
    }
    assert {labels[1] for labels in found} == {peer}


async def test_the_commands_say_the_same(world, capsys, monkeypatch):
    await world.pair()
    world.queue()
    world.peer.next(faults.status(503))
    await world.deliver()
    monkeypatch.setenv("TONGLU_DATABASE_URL", world.region.node.settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    directory = str(world.region.node.settings.dir)
    assert run(["peer", "show", directory, world.peer.region]) == 0
    told = capsys.readouterr().out
    for words in ("reports a fault (503)", " ".join(world.peer.words("zh-CN")), " ".join(world.peer.words("en"))):
        assert words in told
    assert run(["peer", "list", directory]) == 0
    assert "1 waiting, outage since" in capsys.readouterr().out
    assert run(["peer", "show", directory, "790999"]) == 1


def test_each_kind_of_message_has_its_words():
    kinds = {one.removeprefix("tonglu.").removesuffix(".v1") for one in MESSAGE_TYPES}
    assert kinds <= set(WORDS["message_type"])
