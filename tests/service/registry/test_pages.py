"""The register's pages at the browser's door, without a script: what they show after a save, an error, a filter."""

import re

import pytest

from schemas.entropy import uuid7
from service.ledgers.choices import MOST
from service.ledgers.tables import LedgerImport
from service.web import csrf
from tests.service.conftest import add_account, connect, sign_in_as

NUMBER = "790101199001010011"
DECLARED = {
    "name": "陈秀兰", "document_type": "resident_id", "document_number": NUMBER, "language": "zh-CN",
    "region": "青禾县", "moved_on": "20260912", "notice_way": "spoken",
}  # fmt: skip


@pytest.fixture
async def window(app, officer):
    """A browser of an officer with every role, which follows where it is sent."""
    token = sign_in_as(app.state.node, officer, "page")
    async with connect(
        app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}, follow_redirects=True
    ) as http:
        http.form = {"form_token": csrf.form_token(token)}
        yield http


async def registered(window, **changes):
    """The id of a person who was just registered through the form."""
    saved = await window.post("/arrivals/new", data=window.form | DECLARED | changes)
    assert saved.status_code == 200, saved.text
    return re.search(r"/people/([0-9a-f-]{36})/saved/", str(saved.url))[1]


async def test_each_save_about_notice_and_consents_shows_their_page_with_its_undo(window, app, password_hash):
    add_account(app.state.node, password_hash, "second")
    person = await registered(window)
    page = f"/people/{person}/consents"
    for path, fields, said in (
        (f"/people/{person}/notice", {"notice_way": "paper"}, "已记录告知"),
        (page, {"way": "spoken", "share_790101": "yes", "witness": "second"}, "已记录"),
        (f"{page}/withdraw", {"purpose": "share_with_peer:790101"}, "已撤回"),
    ):
        saved = await window.post(path, data=window.form | fields)
        assert (saved.status_code, saved.url.path) == (200, page), path
        assert said in saved.text
        assert f'action="/people/{person}/undo"' in saved.text
    assert "已撤回：与青禾县互相确认行程" in saved.text


async def test_what_is_wrong_is_said_at_once_in_the_order_of_the_page_each_at_its_field(window):
    wrong = {
        "document_number": "", "phone": "12", "email": "x", "region": "不存在的地方", "moved_on": "29991231",
        "notice_way": "", "share": "yes", "declared_on": "29991231",
    }  # fmt: skip
    for noun in ("arrivals", "departures"):
        page = await window.post(f"/{noun}/new", data=window.form | DECLARED | wrong)
        assert page.status_code == 422
        listed = re.findall(r'<li><a href="#(\w+)">', page.text)
        assert listed == [
            "document_number", "phone", "email", "region", "moved_on", "declared_on", "notice_way", "witness",
        ]  # fmt: skip
        for name, typed in wrong.items():
            if name not in ("notice_way", "share"):
                assert f'value="{typed}"' in page.text, name
    for said in ("行程日期：日期不能晚于今天。", "请选择告知方式"):
        assert said in page.text
    child = await window.post("/arrivals/new", data=window.form | DECLARED | {"document_number": "790101202001010014"})
    assert re.findall(r'<li><a href="#(\w+)">', child.text) == ["date_of_birth"]
    departed = DECLARED | {"expected_return_on": "20260901"}
    back = await window.post("/departures/new", data=window.form | departed)
    assert re.findall(r'<li><a href="#(\w+)">', back.text) == ["expected_return_on"]


async def test_regions_are_offered_by_name_and_initials_and_the_officers_own_last_ones_first(
    window, app, password_hash, clock
):
    offered = re.compile(r'<option value="([^"]+)">')
    for typed, found in (("qhx", True), ("青禾", True), ("qinghe", True), ("790101", False)):
        page = await window.get("/regions", params={"region": typed})
        assert ("青禾县" in offered.findall(page.text)) is found, typed
    # What lies within this region is no other end of a move.
    assert offered.findall((await window.get("/regions", params={"region": "澜江"})).text) == []
    await registered(window)
    clock.advance(minutes=1)
    await registered(window, region="云台县", name="赵国强", document_number="790101198506170339")
    ours = re.compile(r'<datalist id="region-options">(.*?)</datalist>', re.DOTALL)
    page = (await window.get("/arrivals/new")).text
    assert offered.findall(ours.search(page)[1].replace("></option>", ">")) == ["云台县", "青禾县"]
    assert offered.findall(ours.search((await window.get("/departures/new")).text)[1].replace("></option>", ">")) == []
    token = sign_in_as(app.state.node, add_account(app.state.node, password_hash, "second"), "page")
    async with connect(app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}) as other:
        assert ours.search((await other.get("/arrivals/new")).text)[1] == ""


async def test_who_moves_on_is_told_what_ends_and_the_form_begins_where_it_is_empty(window):
    person = await registered(window)
    plain = (await window.get(f"/departures/new?person={person}")).text
    onward = (await window.get(f"/departures/new?person={person}&onward=anything")).text
    assert "在本地的流入行程于离开当日结束" in onward
    assert "在本地的流入行程于离开当日结束" not in plain
    for page in (plain, onward):
        assert re.findall(r'<input[^>]* id="(\w+)"[^>]* autofocus', page) == ["region"]
    assert re.findall(r'<input[^>]* id="(\w+)"[^>]* autofocus', (await window.get("/departures/new")).text) == ["line"]


def imported(node, area, kind="arrivals", **more):
    """A ledger that was taken over, as its row stands."""
    return LedgerImport(
        id=uuid7(node.now(), node.entropy), kind=kind, state="committed", area=area, registered_by="王芳",
        file_mark=b"m" * 16, ok=3, warning=0, error=0, duplicate=0, registered=3, created_at=node.now(), **more,
    )  # fmt: skip


async def test_a_list_is_narrowed_to_one_of_the_offices_own_ledgers(window, app, password_hash, clock):
    node = app.state.node
    await registered(window)
    for noun in ("arrivals", "departures"):
        assert "filter-ledger" not in (await window.get(f"/{noun}")).text
    ledgers = {"ours": imported(node, "790303"), "theirs": imported(node, "790303001", source_region="790101")}
    ledgers |= {"left": imported(node, "790303", "departures"), "undone": imported(node, "790303")}
    ledgers["undone"].state = "undone"
    ids = {name: one.id for name, one in ledgers.items()}
    node.database.write_sync(lambda session: session.add_all(ledgers.values()))
    page = (await window.get("/arrivals")).text
    assert [name for name in ids if f'value="{ids[name]}"' in page] == ["ours", "theirs"]
    assert "青禾县 · 3 行" in page
    assert "陈秀兰" in page
    narrowed = (await window.get(f"/arrivals?ledger={ids['ours']}")).text
    assert f'value="{ids["ours"]}" selected' in narrowed
    assert "陈秀兰" not in narrowed
    # What was undone, or is somebody else's, narrows nothing and is not shown as if it did.
    assert "陈秀兰" in (await window.get(f"/arrivals?ledger={ids['undone']}")).text
    clerk = add_account(node, password_hash, "北仓", area="790303002")
    token = sign_in_as(node, clerk, "page")
    async with connect(app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}) as other:
        page = await other.get(f"/arrivals?ledger={ids['ours']}")
        assert page.status_code == 200
        assert not any(one in page.text for one in ids.values())
    # However many there were, the page stays short; the one that is chosen is among them.
    clock.advance(minutes=1)
    many = [imported(node, "790303") for _ in range(MOST + 50)]
    node.database.write_sync(lambda session: session.add_all(many))
    page = (await window.get(f"/arrivals?ledger={ids['ours']}")).text
    assert f'value="{ids["ours"]}" selected' in page
    assert page.count(" 行</option>") == MOST + 1


async def test_the_second_officer_on_a_form_chooses_and_loses_nothing(window, app, password_hash):
    person = await registered(window)
    second = connect(app, headers={"Accept": "text/html"}, follow_redirects=True)
    token = sign_in_as(app.state.node, add_account(app.state.node, password_hash, "王某"), "page")
    second.cookies.set("tonglu_session", token)
    theirs, mine = {"form_token": csrf.form_token(token)}, window.form
    arrival = re.search(r"/arrivals/([0-9a-f-]{36})", (await window.get(f"/people/{person}")).text)[1]

    def version(page):
        return {"version": re.search(r'name="version" value="(\d+)"', page.text)[1]}

    async with second:
        path = f"/arrivals/{arrival}/correct"
        seen = version(await window.get(path))
        facts = {"region": "青禾县", "moved_on": "20260912"}
        await second.post(path, data=theirs | seen | facts | {"moved_on": "20260913", "declared_on": "20260914"})
        # What was left alone stays as the colleague saved it, without a question.
        saved = await window.post(path, data=mine | seen | facts | {"region": "云台县"})
        assert (saved.status_code, saved.url.path) == (200, f"/arrivals/{arrival}")
        assert "2026年9月13日" in saved.text
        assert "云台县" in saved.text
        seen = version(await window.get(path))
        facts = {"region": "云台县", "moved_on": "20260913", "declared_on": "20260914"}
        await second.post(path, data=theirs | seen | facts | {"moved_on": "20260915"})
        asked = await window.post(path, data=mine | seen | facts | {"moved_on": "20260916", "declared_on": "20260917"})
        assert asked.status_code == 409
        assert "王某" in asked.text
        assert 'value="20260916"' in asked.text
        disputed = mine | version(asked) | {"disputed": "arrived_on", "moved_on": "20260916", "region": "云台县"}
        disputed |= {"declared_on": "20260917"}
        assert (await window.post(path, data=disputed)).status_code == 422
        saved = await window.post(path, data=disputed | {"choose_arrived_on": "theirs"})
        assert saved.status_code == 200
        assert "2026年9月15日" in saved.text
        assert "2026年9月17日" in saved.text
        path = f"/people/{person}/address"
        seen = version(await window.get(path))
        await second.post(path, data=theirs | seen | {"address": "东街 1 号"})
        asked = await window.post(path, data=mine | seen | {"address": "西街 2 号", "area": "790303001"})
        assert asked.status_code == 409
        assert "西街 2 号" in asked.text
        disputed = mine | version(asked) | {"disputed": "address", "address": "西街 2 号", "area": "790303001"}
        saved = await window.post(path, data=disputed | {"choose_address": "theirs"})
        assert saved.url.path == f"/people/{person}"
        assert 'value="东街 1 号"' in (await window.get(path)).text
        saved = await second.post(path, data=theirs | version(await second.get(path)) | {"address": ""})
        assert saved.status_code == 422
