"""The work done on the pages, in a real browser: answering, following, importing, checking, printing."""

import re
from datetime import UTC, datetime

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from service.demo.people import arrivals_ledger
from tests.acceptance.pages_world import PASSWORD, enter
from tests.acceptance.pictures import picture

pytestmark = pytest.mark.browser


def test_a_received_request_is_answered_and_the_answer_undone_until_it_leaves(page, world):
    page.goto(f"/verifications/{world.ids['received']}")
    expect(page.get_by_role("heading", name="来自青禾县的请求")).to_be_visible()
    expect(page.locator("main")).to_contain_text("赵国强")
    expect(page.locator("main")).to_contain_text("赵国墙")
    page.get_by_role("button", name="答复", exact=True).click()
    expect(page.locator("#error-summary").get_by_role("link")).to_have_count(2)
    for claim in ("identity", "arrival_declared"):
        page.locator(f"input[name=word_{claim}][value=not_confirmed]").check()
    page.get_by_role("button", name="答复", exact=True).click()
    expect(page.locator(".tl-done__text")).to_contain_text("答复已记录")
    page.locator(".tl-done").get_by_role("button", name="撤销操作").click()
    expect(page.locator(".tl-done__text")).to_contain_text("已撤销操作")
    expect(page.get_by_role("heading", name="我方答复，每项一词")).to_be_visible()


def test_a_sent_request_is_followed_to_its_answer(page, world):
    page.goto(f"/verifications/{world.ids['sent']}")
    expect(page.locator("main")).to_contain_text("对方节点自动答复")
    expect(page.locator("main").get_by_text("已确认").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("签名回执")


def test_a_ledger_is_previewed_imported_and_taken_back(page, tmp_path):
    (tmp_path / "ledger.xlsx").write_bytes(arrivals_ledger(datetime.now(UTC).date()))
    page.goto("/ledgers/new?kind=arrivals")
    page.set_input_files("#file", tmp_path / "ledger.xlsx")
    picture(page, "ledger-file")
    page.get_by_role("button", name="读取文件").click()
    expect(page.locator("#error-summary")).to_contain_text("请说明台账的来源")
    page.get_by_label("本单位原有台账").check()
    page.set_input_files("#file", tmp_path / "ledger.xlsx")
    page.get_by_role("button", name="读取文件").click()
    page.wait_for_url(re.compile(r"/ledgers/[0-9a-f-]{36}$"))
    expect(page.locator("main")).to_contain_text("丢弃的列")
    expect(page.locator("main")).to_contain_text("婚姻状况")
    picture(page, "ledger-rows")
    page.get_by_role("button", name="更改列").click()
    expect(page.locator("main")).to_contain_text("登记不得保存")
    picture(page, "ledger-columns")
    page.get_by_role("button", name="按此读取").click()
    page.wait_for_url(re.compile(r"/ledgers/[0-9a-f-]{36}$"))
    page.get_by_role("button", name=re.compile("^导入 [0-9]+ 行")).click()
    expect(page.locator(".tl-done__text")).to_contain_text("合格的行已进入登记")
    page.locator(".tl-done").get_by_role("button", name="撤销操作").click()
    expect(page.locator(".tl-done__text")).to_contain_text("导入已撤销")


def test_a_broken_file_says_what_is_wrong_and_changes_nothing(page, tmp_path):
    (tmp_path / "ledger.xlsx").write_bytes(b"PK\x03\x04 this is no workbook")
    page.goto("/ledgers/new")
    page.get_by_label("本单位原有台账").check()
    page.set_input_files("#file", tmp_path / "ledger.xlsx")
    page.get_by_role("button", name="读取文件").click()
    expect(page.locator("#error-summary")).to_contain_text("损坏")
    expect(page.get_by_label("本单位原有台账")).to_be_checked()


def test_what_was_typed_outlives_a_session_that_ended(page):
    page.goto("/hand-over")
    page.get_by_label("请假至").fill("20200101")
    page.context.clear_cookies()
    page.get_by_role("button", name="请假").click()
    expect(page.locator("#beside")).to_contain_text("登录已失效")
    expect(page.locator("#beside")).to_be_focused()
    with page.expect_popup() as opened:
        page.locator("#beside").get_by_role("link").click()
    enter(opened.value)
    expect(page.get_by_label("请假至")).to_have_value("20200101")
    page.get_by_role("button", name="请假").click()
    expect(page.locator("#error-summary")).to_be_visible()
    expect(page.get_by_label("请假至")).to_have_value("20200101")


def test_the_code_on_the_screen_is_read_and_checked(page, world, tmp_path):
    page.goto(f"/people/{world.ids['person']}/certificates/{world.ids['certificate']}/print")
    page.locator(".tl-qr").screenshot(path=tmp_path / "qr.png", scale="css")
    with Image.open(tmp_path / "qr.png") as image:
        enlarged = image.convert("L").resize((image.width * 3, image.height * 3))
    read = zxingcpp.read_barcodes(enlarged)
    assert len(read) == 1
    page.goto("/check")
    page.fill("#certificate", read[0].text)
    page.get_by_role("button", name="核验").click()
    expect(page.locator("#result")).to_contain_text("有效")
    expect(page.locator("#result")).to_contain_text("陈秀兰")


def test_what_is_printed_is_the_slip_alone(page, world):
    page.goto(f"/people/{world.ids['person']}/certificates/{world.ids['certificate']}/print")
    page.emulate_media(media="print")
    expect(page.locator(".tl-slip")).to_be_visible()
    for hidden in (".tl-header", ".tl-nav", ".tl-footer"):
        expect(page.locator(hidden)).to_be_hidden()


def test_the_language_is_remembered_by_the_officer(context, world):
    page = enter(context.new_page(), "second", "en")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signin")
    context.clear_cookies()
    page.goto("/signin")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.fill("#name", "second")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    expect(page.get_by_role("heading", name="My tasks")).to_be_visible()
