"""The pages of an import as an officer meets them: rows page by page, what comes next, what came to nothing."""

import re

import pytest

from service.ledgers import actions, pages
from service.ledgers.tables import LedgerImport
from service.web import csrf
from tests.service.conftest import connect, sign_in_as

HEAD = "姓名,户籍地,流入日期"
pytestmark = pytest.mark.by_turns
PLACE = re.compile(r"/ledgers/[0-9a-f-]{36}$")


@pytest.fixture
async def window(app, officer):
    token = sign_in_as(app.state.node, officer, "page")
    async with connect(
        app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}, follow_redirects=True
    ) as http:
        http.form = {"form_token": csrf.form_token(token)}
        yield http


async def upload(window, lines, **more):
    sent = window.form | {"source": "own_ledger", "kind": ""} | more
    file = ("ledger.csv", "\n".join([HEAD, *lines]).encode(), "text/csv")
    return await window.post("/ledgers", data=sent, files={"file": file})


async def test_rows_are_read_page_by_page_to_the_last(app, window, monkeypatch):
    monkeypatch.setattr(actions, "BATCH_ROWS", 2)
    monkeypatch.setattr("service.ledgers.queries.BATCH_ROWS", 2)
    monkeypatch.setattr(pages, "ROWS_SHOWN", 2)
    # Each other row names nobody: refused are the rows 2, 4, 6, 8 and 10.
    shown = await upload(
        window, ["周娟,790101,2026-09-01" if row % 2 else ",790101,2026-09-01" for row in range(1, 11)]
    )
    path = PLACE.search(shown.url.path)[0]
    seen = []
    while True:
        seen += re.findall(r'tl-cell-number">(\d+)</td>', shown.text)
        following = re.search(r'href="([^"]+)" rel="next"', shown.text)
        if following is None:
            break
        shown = await window.get(following[1].replace("&amp;", "&"))
    assert seen == ["2", "4", "6", "8", "10"]
    assert f'href="{path}?outcome=error"' in shown.text, "back to the first"
    # A number that no row has is an empty page, one that no sheet has is refused.
    assert "无。" in (await window.get(f"{path}?outcome=error&after=10000")).text
    assert (await window.get(f"{path}?outcome=error&after=-1")).status_code == 422

    imported = await window.post(f"{path}/commit", data=window.form)
    assert "退回 5 行：请下载工作簿，更正后再导入。" in imported.text
    assert 'href="/ledgers/new?kind=arrivals"' in imported.text
    undone = await window.post(f"{path}/undo", data=window.form)
    assert "此次导入的人员已不在登记中" in undone.text
    assert "report.xlsx" not in undone.text


async def test_a_ledger_without_anybody_says_so_and_leads_on(window):
    shown = await upload(window, [])
    assert "文件中没有人员" in shown.text
    assert "/commit" not in shown.text
    assert 'href="/ledgers/new?kind=arrivals"' in shown.text


async def test_work_that_stands_still_is_told_from_work_that_goes_on(app, window, clock):
    shown = await upload(window, ["周娟,790101,2026-09-01"])
    path = PLACE.search(shown.url.path)[0]
    states = {"uploaded": "重新选择文件", "importing": "继续导入"}
    for state, next_step in states.items():

        def put(session, state=state):
            ledger = session.get_one(LedgerImport, path.rsplit("/", 1)[-1])
            ledger.state, ledger.moved_at = state, app.state.node.now()
            session.add(ledger)

        app.state.node.database.write_sync(put)
        going_on = (await window.get(path)).text
        assert "工作会继续进行" in going_on
        assert next_step not in going_on
        assert path in (await window.get("/ledgers")).text, "whoever closed the page finds it again"
        clock.advance(minutes=3)
        assert next_step in (await window.get(path)).text
        assert ("读取中断" in (await window.get("/ledgers")).text) == (state == "uploaded")
