"""The start page, handing over, being away, and what the node warns of, as officers see them."""

import re
from datetime import timedelta

import pytest

from service.officers.rules import Role
from service.web import csrf
from service.work_items.actions import open_item
from service.work_items.tables import WorkItem
from service.work_items.warnings import node_warnings
from tests.service.conftest import add_account, connect, sign_in_as


@pytest.fixture
async def window(app, officer):
    token = sign_in_as(app.state.node, officer, "page")
    async with connect(
        app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}, follow_redirects=True
    ) as http:
        http.form = {"form_token": csrf.form_token(token)}
        yield http


@pytest.fixture
def items(app, officer):
    """Two tasks of the officer, one of the pool."""
    node = app.state.node

    def make(session):
        made = [
            open_item(session, node, "answer_request", "case-aaa111", peer="790101", due=node.today()),
            open_item(session, node, "request_unanswered", "case-bbb222", due=node.today() - timedelta(days=2)),
            open_item(session, node, "import_rows", "ledger-ccc333"),
        ]
        for item in made[:2]:
            item.assignee = officer.name
            session.add(item)
        return [item.id for item in made]

    return node.database.write_sync(make)


async def test_the_start_page_has_tasks_counts_and_what_can_be_done(window, items):
    page = (await window.get("/")).text
    assert page.index("bbb222") < page.index("aaa111"), "by due working day"
    assert "已逾期 2 天" in page
    assert "青禾县" in page
    assert 'href="/?kind=import_rows"' in page
    narrowed = (await window.get("/?kind=import_rows")).text
    assert "ccc333" in narrowed
    assert "aaa111" not in narrowed
    assert (await window.get("/?kind=nothing")).status_code == 200
    done = await window.post(f"/work-items/{items[1]}/done", data=window.form)
    assert "待办已办结" in done.text
    assert f'action="/work-items/{items[1]}/undo"' in done.text
    assert "待办已恢复" in (await window.post(f"/work-items/{items[1]}/undo", data=window.form)).text
    assert "无需手工办结" in (await window.post(f"/work-items/{items[0]}/done", data=window.form)).text
    window.follow_redirects = False
    assert (await window.get("/next-task")).headers["location"] == "/verifications/case-bbb222"


@pytest.mark.by_turns
async def test_tasks_are_handed_over_together_with_a_list_on_paper(window, app, items, password_hash):
    node = app.state.node
    add_account(node, password_hash, "李伟", frozenset({Role.CLERK}))
    page = (await window.get("/hand-over")).text
    assert page.count('name="item"') == 2
    assert 'value="李伟"' in page
    paper = await window.get("/hand-over/list.pdf")
    assert paper.content.startswith(b"%PDF")
    nothing = await window.post("/hand-over", data=window.form | {"to": "李伟"})
    assert nothing.status_code == 422
    assert "请至少选择一项待办" in nothing.text
    refused = await window.post("/hand-over", data=window.form | {"item": items[:2], "to": "无人"})
    assert refused.status_code == 422
    assert "这位同事不能领取该待办" in refused.text
    assert assignees(node, items) == ["王芳", "王芳", None], "all of them, or none"
    handed = await window.post("/hand-over", data=window.form | {"item": items[:2], "to": "李伟"})
    assert "待办已移交" in handed.text
    assert assignees(node, items) == ["李伟", "李伟", None]
    # Nobody touched them: one step takes them back, and only once.
    undo = re.search(r'action="(/work-items/[0-9a-f-]{36}/undo)"', handed.text)[1]
    assert "待办已恢复" in (await window.post(undo, data=window.form)).text
    assert assignees(node, items) == ["王芳", "王芳", None]
    assert (await window.post(undo, data=window.form)).status_code == 404
    released = await window.post(f"/work-items/{items[0]}/release", data=window.form)
    assert f'action="/work-items/{items[0]}/undo"' in released.text
    await window.post(f"/work-items/{items[0]}/undo", data=window.form)
    assert assignees(node, items) == ["王芳", "王芳", None]
    await window.post("/hand-over", data=window.form | {"item": items[:2], "to": "李伟"})
    wrong = await window.post("/away", data=window.form | {"until": "2020-01-01"})
    assert wrong.status_code == 422
    assert 'value="2020-01-01"' in wrong.text
    until = (node.today() + timedelta(days=3)).isoformat()
    assert "您请假至" in (await window.post("/away", data=window.form | {"until": until})).text
    assert "欢迎返岗" in (await window.post("/away/back", data=window.form)).text


def assignees(node, items) -> list[str | None]:
    return node.database.read_sync(lambda session: [session.get_one(WorkItem, one).assignee for one in items])


@pytest.mark.by_turns
async def test_what_concerns_a_colleague_is_for_another_supervisor(window, app, officer, password_hash):
    node = app.state.node
    clerk = add_account(node, password_hash, "李伟", frozenset({Role.CLERK}))
    for about, name in ((clerk.id, "李伟"), (officer.id, "王芳")):
        node.database.write_sync(
            lambda session, about=about, name=name: open_item(
                session, node, "unusual_access", about, not_for=name, for_supervisor=True
            )
        )
    page = (await window.get(f"/unusual-access/{clerk.id}")).text
    assert "李伟" in page
    assert "今日放行" in page
    assert "今日放行" not in (await window.get(f"/unusual-access/{officer.id}")).text
    released = await window.post(f"/unusual-access/{clerk.id}/release", data=window.form)
    assert "今日已放行" in released.text
    refused = await window.post(f"/unusual-access/{officer.id}/release", data=window.form)
    assert refused.status_code == 404, "forbidden and absent look the same"
    async with connect(
        app, headers={"Accept": "text/html"}, cookies={"tonglu_session": sign_in_as(node, clerk, "page")}
    ) as theirs:
        assert (await theirs.get(f"/unusual-access/{clerk.id}")).status_code == 404
        assert "异常" not in (await theirs.get("/")).text


def test_the_node_warns_of_holidays_clocks_and_backups(node, officer, clock):
    def said() -> list[str]:
        return node.database.read_sync(lambda session: [one.title for one in node_warnings(session, node, by=officer)])

    assert said() == ["The holiday list of %(year)s is not loaded yet"]
    clock.advance(days=8)
    assert said()[1:] == ["This node was never backed up"]
    node.settings.last_backup_path.write_text(node.now().isoformat(), "ascii")
    assert len(said()) == 1
    clock.advance(days=8)
    assert said()[1:] == ["The last backup is old"]
    clerk = add_account(node, "", "李伟", frozenset({Role.CLERK}))
    assert node.database.read_sync(lambda session: len(node_warnings(session, node, by=clerk))) == 1
