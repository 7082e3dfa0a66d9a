"""Registering in a real browser: few keys, doubles, forms put aside, and two officers on one record."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.pages_world import HERE, HOME, enter, resident_id
from tests.acceptance.pictures import picture

pytestmark = pytest.mark.browser


class CountedKeys:
    """A keyboard that counts what is pressed beyond the facts themselves."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.pressed: list[str] = []

    def press(self, key: str) -> None:
        self.pressed.append(key)
        self._page.keyboard.press(key)

    def fact(self, text: str) -> None:
        self._page.keyboard.type(text)


def test_an_arrival_with_its_request_takes_fewer_than_twenty_keys_beyond_the_facts_and_no_minute(context, world):
    page = enter(context.new_page())
    keys = CountedKeys(page)
    begun = time.monotonic()
    keys.press("F4")
    page.wait_for_url("**/arrivals/new")
    # A page takes its autofocus with its first frame, which may come after its load.
    expect(page.locator("#line")).to_be_focused()
    number = resident_id(HOME, "19880808", 57)
    keys.fact(f"周小川 {number} 13800004057")
    keys.press("Enter")
    expect(page.locator("#region")).to_be_focused()
    expect(page.locator("#date_of_birth")).to_have_value("19880808")
    keys.fact("qhx")
    keys.press("Enter")
    expect(page.locator("#region")).to_have_value("青禾县")
    keys.press("Tab")
    keys.press("Tab")
    expect(page.locator("#address")).to_be_focused()
    keys.fact("临港街道港前路 12 号")
    while not page.locator("#notice_way").evaluate("one => one === document.activeElement"):
        keys.press("Tab")
    keys.press("Space")
    while not page.locator("#share").evaluate("one => one === document.activeElement"):
        keys.press("Tab")
    expect(page.locator("input[name=share]:checked")).to_have_count(0)
    keys.press("Space")
    keys.press("Tab")
    expect(page.locator("#witness")).to_be_focused()
    keys.fact("second")
    keys.press("Enter")
    page.wait_for_url("**/saved/**")
    expect(page.locator(".tl-done__text").first).to_contain_text("已保存")
    expect(page.get_by_role("button", name="发核实请求")).to_be_focused()
    keys.press("Enter")
    page.wait_for_url("**/verifications/new**")
    expect(page.locator("#peer")).to_have_value(HOME)
    expect(page.locator("input[name=claims]:checked")).to_have_count(2)
    expect(page.get_by_role("button", name="发送")).to_be_focused()
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/verifications/[0-9a-f-]{36}$"))
    expect(page.locator(".tl-done__text")).to_contain_text("核实请求已排队")
    assert len(keys.pressed) < 20, keys.pressed
    assert time.monotonic() - begun < 60
    # Both regions know of it: the record and the request here, the question there.
    case = world.call(HERE, "GET", f"/verifications/{page.url.rsplit('/', 1)[1]}")
    assert world.call(HERE, "GET", f"/people/{case['person_id']}")["name"] == "周小川"
    assert (case["peer"], case["purpose"], case["claims"]) == (
        HOME,
        "confirm_journey",
        ["identity", "departure_declared"],
    )
    world.until(HOME, f"SELECT count(*) FROM verification_request WHERE \"case\" = '{case['case']}'", 1)


def test_forms_are_put_aside_and_taken_up_again_as_they_were(page):
    page.goto("/peers")
    page.keyboard.press("F4")
    page.wait_for_url("**/arrivals/new")
    page.fill("#name", "高未完")
    page.fill("#moved_on", "202609x")
    page.fill("#region", "青禾县")
    page.keyboard.press("F4")
    expect(page.locator("#name")).to_have_value("高未完")
    page.keyboard.press("F8")
    page.wait_for_url(re.compile(r"/$"))
    expect(page.locator(".tl-done__text")).to_contain_text("表单已暂存")
    page.get_by_role("link", name="高未完").click()
    for field, value in (("#name", "高未完"), ("#moved_on", "202609x"), ("#region", "青禾县")):
        expect(page.locator(field)).to_have_value(value)
    page.fill("#moved_on", "２０２６０９")
    page.select_option("#document_type", "none")
    page.check("#notice_way")
    page.get_by_role("button", name="保存").click()
    page.wait_for_url("**/saved/**")
    page.goto("/")
    expect(page.get_by_role("link", name="高未完")).to_have_count(0)


def test_the_picker_takes_what_was_typed_and_never_what_was_listed_before(page):
    page.goto("/arrivals/new")
    region = page.locator("#region")
    region.click()
    page.keyboard.press("Tab")
    expect(region).to_have_value("")
    region.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("ytx")
    page.keyboard.press("Tab")
    expect(region).to_have_value("云台县")
    region.fill("")
    page.keyboard.type("q")
    expect(page.locator("#region-list li").first).to_be_visible()
    page.keyboard.type("hx")
    page.keyboard.press("Enter")
    expect(region).to_have_value("青禾县")
    assert page.url.endswith("/arrivals/new")


def test_a_double_is_shown_with_why_before_saving_and_never_blocks(page):
    page.goto("/arrivals/new")
    page.fill("#name", "陈秀蓝")
    page.fill("#document_number", resident_id(HOME, "19900101", 1))
    page.locator("#phone").focus()
    found = page.locator("#doubles")
    for said in ("基本可以认定是同一人", "证件号码相同", "姓名读音相同", "出生日期相同"):
        expect(found).to_contain_text(said)
    picture(page, "doubles")
    page.fill("#region", "青禾县")
    page.keyboard.press("Tab")
    page.check("#notice_way")
    page.get_by_role("button", name="保存").click()
    page.wait_for_url("**/saved/**")
    page.get_by_role("button", name="撤销操作").click()
    expect(page.locator(".tl-done__text")).to_contain_text("已撤销操作")


def test_two_officers_on_one_record_choose_field_by_field(context, page, world):
    path = f"/people/{world.ids['person']}/edit"
    page.goto(path)
    mine = page.locator("#phone").input_value()
    world.call(HERE, "PATCH", f"/people/{world.ids['person']}", {"phone": "13800001299", "language": "en"})
    page.fill("#phone", "13800001288")
    page.fill("#address", "东街 1 号")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("#error-summary")).to_be_visible()
    expect(page.locator("main")).to_contain_text("first 于")
    expect(page.locator("#address")).to_have_value("东街 1 号")
    expect(page.locator("#language")).to_have_value("en")
    picture(page, "two-officers")
    page.get_by_label("用同事的：13800001299").check()
    page.get_by_role("button", name="保存").click()
    page.wait_for_url(re.compile(r"/people/[0-9a-f-]{36}$"))
    shown = world.call(HERE, "GET", f"/people/{world.ids['person']}?full=1&purpose=correction")
    assert (shown["phone"], shown["address"], shown["language"]) == ("13800001299", "东街 1 号", "en")
    page.locator(".tl-done").get_by_role("button", name="撤销操作").click()
    world.call(HERE, "PATCH", f"/people/{world.ids['person']}", {"phone": mine, "language": "zh-CN"})


def test_two_records_are_compared_joined_and_parted(page, world):
    page.goto(f"/duplicates/{world.ids['pair']}")
    expect(page.get_by_role("row", name="行程")).to_contain_text("2026年10月")
    expect(page.locator("main")).to_contain_text("基本可以认定是同一人")
    picture(page, "duplicate")
    page.get_by_role("link", name="以后再定").click()
    page.goto(f"/duplicates/{world.ids['pair']}")
    page.get_by_role("button", name="同一人：保留这条").last.click()
    page.wait_for_url(re.compile(r"/people/[0-9a-f-]{36}$"))
    expect(page.get_by_role("link", name="从云台县流入")).to_have_count(2)
    page.locator(".tl-done").get_by_role("button", name="撤销操作").click()
    page.wait_for_url("**/duplicates/**")
    expect(page.get_by_role("button", name="不是同一人")).to_be_visible()


def test_without_a_script_doubles_are_a_step_on_saving(browser, world):
    context = browser.new_context(base_url=world.url, java_script_enabled=False)
    context.set_default_timeout(15_000)
    page = enter(context.new_page())
    page.goto("/arrivals/new")
    page.fill("#name", "陈秀兰")
    page.fill("#document_number", resident_id(HOME, "19900101", 1))
    page.fill("#region", "qhx")
    page.check("#notice_way")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("#doubles")).to_contain_text("姓名相同")
    expect(page.locator("#name")).to_have_value("陈秀兰")
    page.get_by_role("button", name="仍是新人，保存").click()
    page.wait_for_url("**/saved/**")
    page.get_by_role("button", name="撤销操作").click()
    expect(page.locator(".tl-done__text")).to_contain_text("已撤销操作")
    context.close()
