"""The pages in a real browser, on a real node: by keyboard, by phone, without a script, with the line down."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.pages_world import HOME, PASSWORD, enter, resident_id
from tests.acceptance.pictures import picture

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parents[1] / "vectors" / "axe.min.js").read_text("utf-8")
SIZES = {"wide": (1366, 768), "phone": (360, 740)}
ABSENT = "/people/nobody"
PUBLIC = ("/signin", "/check", "/notice", "/about", "/help", "/me")
PAGES = (
    "/", "/arrivals", "/arrivals?state=confirmed", "/arrivals/new", "/arrivals/{arrival}", "/departures",
    "/departures/new", "/departures/{departure}", "/people/{person}", "/people/{person}/edit",
    "/people/{person}/address", "/arrivals/{arrival}/correct", "/departures/new?person={person}",
    "/people/{person}/saved/{arrival}", "/people/{person}/slip/{arrival}", "/people/{person}/consents",
    "/people/{person}/verifications", "/people/{person}/verifications/new", "/people/{person}/certificates",
    "/people/{person}/certificates/new", "/people/{person}/certificates/{certificate}",
    "/people/{person}/certificates/{certificate}/print", "/people/{person}/reminders",
    "/people/{person}/reminders/new", "/people/{person}/log", "/people/{person}/access-code",
    "/people/{protected}", "/verifications", "/verifications?direction=sent", "/verifications/{received}",
    "/verifications/{sent}", "/duplicates/{pair}", "/search", "/search/node", "/ledgers", "/ledgers/new", "/peers",
    "/peers/790101", "/peers/790202", "/access-log", "/password", "/account", "/hand-over", "/reports/monthly_flows",
    "/reports/register_quality", ABSENT,
)  # fmt: skip


def findings(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    # Evaluated by the browser's own tools, which the page's Content-Security-Policy does not bind.
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def register(page: Page, name: str, number: str) -> None:
    """Fill in the page of a new arrival, up to saving."""
    page.goto("/arrivals/new")
    page.fill("#name", name)
    page.fill("#document_number", number)
    page.fill("#region", "青禾县")
    page.check("#notice_way")


def count_of(page: Page, name: str) -> int:
    """How many lines of the newest arrivals are of this name."""
    page.goto("/arrivals")
    return page.get_by_role("link", name=name, exact=True).count()


# --- every page ---


@pytest.mark.parametrize(
    ("language", "size"),
    [
        ("zh-CN", "wide"),
        ("en", "phone"),
        pytest.param("zh-CN", "phone", marks=pytest.mark.long),
        pytest.param("en", "wide", marks=pytest.mark.long),
    ],
)
def test_every_page_is_accessible_fits_and_says_nothing_in_the_console(browser, world, language, size):
    width, height = SIZES[size]
    context = browser.new_context(base_url=world.url, viewport={"width": width, "height": height})
    context.set_default_timeout(15_000)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    trouble: dict[str, list[str]] = {}

    def look(path: str) -> None:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == (404 if path == ABSENT else 200), path
        found = findings(page)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append("wider than the screen")
        # Chromium itself says that a page was not found.
        found += [] if path == ABSENT else said
        said.clear()
        if found:
            trouble[path] = found

    for path in PUBLIC:
        look(path)
    enter(page, "first" if language == "zh-CN" else "second", language)
    for path in PAGES:
        look(path.format(**world.ids))
    context.close()
    assert trouble == {}


def test_the_check_of_accessibility_finds_what_is_wrong(page):
    page.goto("/help")
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    assert [found.split(":")[0] for found in findings(page)] == ["image-alt"]


def test_an_officer_who_opens_the_help_keeps_the_navigation(page):
    page.goto("/help")
    expect(page.get_by_role("navigation", name="主导航")).to_be_visible()


# --- by keyboard ---


def test_f2_goes_to_the_search_and_enter_while_composing_does_not_submit(page):
    page.goto("/arrivals/new")
    page.keyboard.press("F2")
    expect(page.locator("#search")).to_be_focused()
    page.locator("#name").focus()
    page.evaluate(
        """document.querySelector('#name').dispatchEvent(
        new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"""
    )
    assert page.url.endswith("/arrivals/new")
    page.keyboard.press("F2")
    page.keyboard.type("chenxiulan")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="陈秀兰")).to_be_visible()
    assert "chen" not in page.url


def test_f9_opens_the_most_urgent_task(page):
    page.goto("/")
    picture(page, "start")
    page.keyboard.press("F9")
    page.wait_for_url(re.compile(r"/(verifications|duplicates)/"))


# --- what goes wrong ---


def test_errors_stand_on_top_lead_to_their_fields_and_nothing_typed_is_lost(page):
    page.goto("/arrivals/new")
    page.fill("#name", "钱多多")
    page.fill("#moved_on", "29991231")
    page.fill("#region", "不存在的地方")
    page.get_by_role("button", name="保存").click()
    summary = page.locator("#error-summary")
    expect(summary).to_be_focused()
    # The number, the region, the day and the notice: all at once, in the order of the page.
    expect(summary.get_by_role("link")).to_have_count(4)
    summary.get_by_role("link").nth(1).click()
    expect(page.locator("#region")).to_be_focused()
    expect(page.locator("#name")).to_have_value("钱多多")
    expect(page.locator("#moved_on")).to_have_value("29991231")
    expect(page.locator("#region")).to_have_value("不存在的地方")


def test_a_double_click_saves_once(page):
    register(page, "孙一次", resident_id(HOME, "19910203", 61))
    page.get_by_role("button", name="保存").dblclick()
    page.wait_for_url("**/saved/**")
    assert count_of(page, "孙一次") == 1


def test_while_the_line_is_down_the_form_waits_and_is_saved_once(context, page):
    register(page, "李断线", resident_id(HOME, "19920304", 65))
    context.set_offline(True)
    page.get_by_role("button", name="保存").click()
    expect(page.locator("#offline")).to_contain_text("未连接")
    # The form is longer than the screen, and its end is where one has got to.
    expect(page.locator("#offline")).to_be_in_viewport()
    expect(page.locator("#connection-text")).to_have_text("未连接")
    expect(page.locator("#name")).to_have_value("李断线")
    context.set_offline(False)
    page.wait_for_url("**/saved/**")
    assert count_of(page, "李断线") == 1


def test_an_answer_that_is_lost_on_the_way_does_not_save_twice(context, page):
    register(page, "吴回音", resident_id(HOME, "19930405", 69))
    lost: list[int] = []

    def lose_the_first_answer(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch(max_redirects=0).status)
            route.abort()
        else:
            route.continue_()

    context.route("**/arrivals/new", lose_the_first_answer)
    page.get_by_role("button", name="保存").click()
    page.wait_for_url("**/saved/**")
    assert lost == [204]
    assert count_of(page, "吴回音") == 1


def test_absent_protected_and_forbidden_are_one_page(context, world):
    page = enter(context.new_page(), "clerk")
    seen = []
    for path in ("/people/nobody", f"/people/{world.ids['protected']}", "/access-log"):
        answer = page.goto(path)
        text = page.locator("main").inner_text()
        seen.append((answer.status, text))
        assert "未找到，或不在您的区域" in text
    assert seen[0] == seen[1] == seen[2]


# --- on paper ---


def test_a_printed_list_is_whole_and_shows_no_addresses(page):
    page.goto("/arrivals")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1040})
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.evaluate("getComputedStyle(document.querySelector('td a'), '::after').content") == "none"
    assert page.evaluate("getComputedStyle(document.querySelector('.tl-scroll')).breakInside") == "auto"
    expect(page.locator(".tl-filters")).to_be_hidden()


# --- without a script ---


def test_without_a_script_the_way_is_the_same(browser, world):
    context = browser.new_context(
        base_url=world.url, java_script_enabled=False, viewport={"width": 1366, "height": 768}
    )
    context.set_default_timeout(15_000)
    page = enter(context.new_page())
    page.goto("/arrivals/new")
    page.fill("#line", f"郑无脚本 {resident_id(HOME, '19940506', 73)} 13800007777")
    page.get_by_role("button", name="填入").click()
    expect(page.locator("#name")).to_have_value("郑无脚本")
    expect(page.locator("#date_of_birth")).to_have_value("19940506")
    expect(page.locator("#phone")).to_have_value("13800007777")
    page.fill("#region", "青禾县")
    page.check("#notice_way")
    page.get_by_role("button", name="保存").click()
    page.wait_for_url("**/saved/**")
    page.get_by_role("button", name="撤销操作").click()
    expect(page.locator(".tl-done__text")).to_contain_text("已撤销操作")
    assert count_of(page, "郑无脚本") == 0
    context.close()


# --- the lock ---


def test_the_lock_covers_the_page_and_the_form_stays(context):
    page = context.new_page()
    page.clock.install()
    enter(page)
    page.goto("/arrivals/new")
    page.fill("#name", "冯未完")
    page.clock.fast_forward("11:00")
    dialog = page.locator("dialog.tl-lock")
    expect(dialog).to_be_visible()
    page.clock.resume()
    dialog.locator("input[type=password]").fill("wrong password")
    dialog.get_by_role("button", name="继续").click()
    expect(dialog.get_by_role("alert")).to_contain_text("密码不正确")
    dialog.locator("input[type=password]").fill(PASSWORD)
    dialog.get_by_role("button", name="继续").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("#name")).to_have_value("冯未完")


def test_two_keys_lock_and_the_next_officer_sees_no_name(page):
    page.goto("/arrivals")
    picture(page, "arrivals")
    page.get_by_role("button", name="锁定").click()
    page.wait_for_url("**/lock")
    assert "first" not in page.locator("main").inner_text()
    page.fill("#unlock-password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.goto("/hand-over")
    page.get_by_label("请假至").fill("20261231")
    page.get_by_role("button", name="锁定").click()
    dialog = page.locator("dialog.tl-lock")
    dialog.locator("input[type=password]").fill(PASSWORD)
    dialog.get_by_role("button", name="继续").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("请假至")).to_have_value("20261231")
    page.context.request.post("/lock", form={"form_token": page.locator("[name=form_token]").first.input_value()})
    page.goto("/arrivals")
    page.wait_for_url("**/lock?next=/arrivals")
    page.fill("#unlock-password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/arrivals")
