"""The pages in a real browser, on a real node: by keyboard, by phone, without a script, with the line down."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from service.demo.people import arrivals_ledger
from tests.acceptance.pages_world import HOME, PASSWORD, PagesWorld, pages_world, resident_id

pytestmark = [pytest.mark.browser]

AXE = (Path(__file__).parents[1] / "vectors" / "axe.min.js").read_text("utf-8")
SIZES = {"wide": (1366, 768), "phone": (360, 740)}
ABSENT = "/people/nobody"
PUBLIC = ("/signin", "/check", "/notice", "/about", "/help", "/me")
PAGES = (
    "/", "/arrivals", "/arrivals?state=confirmed", "/arrivals/new", "/arrivals/{arrival}", "/departures",
    "/departures/new", "/departures/{departure}", "/people/{person}", "/people/{person}/edit",
    "/people/{person}/saved/{arrival}", "/people/{person}/slip/{arrival}", "/people/{person}/consents",
    "/people/{person}/verifications", "/people/{person}/verifications/new", "/people/{person}/certificates",
    "/people/{person}/certificates/new", "/people/{person}/certificates/{certificate}",
    "/people/{person}/certificates/{certificate}/print", "/people/{person}/reminders",
    "/people/{person}/reminders/new", "/people/{person}/log", "/people/{person}/access-code",
    "/people/{protected}", "/verifications", "/verifications?direction=sent", "/verifications/{received}",
    "/verifications/{sent}", "/duplicates/{pair}", "/search", "/ledgers", "/ledgers/new", "/peers", "/peers/790101",
    "/peers/790202", "/access-log", "/password", ABSENT,
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesWorld]:
    with pages_world(tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("TONGLU_TEST_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium: none is installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser, world: PagesWorld) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=world.url, viewport={"width": 1366, "height": 768})
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return enter(context.new_page())


def enter(page: Page, name: str = "first", language: str = "zh-CN") -> Page:
    """Sign in, and put the pages into a language."""
    page.goto("/signin")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/")
    if page.locator("html").get_attribute("lang") != language:
        page.click("form[action='/language'] button")
        page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == language
    return page


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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
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


def test_a_new_officer_registers_an_arrival_and_asks_the_peer_by_keyboard_alone(context):
    page = context.new_page()
    page.goto("/signin")
    keys = page.keyboard
    keys.type("first")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/")
    keys.press("F4")
    page.wait_for_url("**/arrivals/new")
    keys.type("周小川")
    keys.press("Tab")
    keys.press("Tab")
    keys.type(resident_id(HOME, "19880808", 57))
    page.locator("#region").focus()
    keys.type("青禾县")
    keys.press("Tab")
    page.locator("#notice_way").focus()
    keys.press("Space")
    page.locator("#share").focus()
    keys.press("Space")
    keys.press("Tab")
    page.locator("#witness").focus()
    keys.type("second")
    page.locator("#name").focus()
    keys.press("Enter")
    page.wait_for_url("**/saved/**")
    expect(page.locator(".tl-done__text").first).to_contain_text("已保存")
    page.get_by_role("button", name="发核实请求").focus()
    keys.press("Enter")
    page.wait_for_url("**/verifications/new**")
    expect(page.locator("#peer")).to_have_value(HOME)
    expect(page.locator("input[name=claims]:checked")).to_have_count(2)
    page.get_by_role("button", name="发送").focus()
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/verifications/[0-9a-f-]{36}$"))
    expect(page.locator(".tl-done__text")).to_contain_text("核实请求已排队")


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
    expect(summary.get_by_role("link")).to_have_count(2)
    summary.get_by_role("link").first.click()
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
    page.get_by_role("button", name="锁定").click()
    page.wait_for_url("**/lock")
    assert "first" not in page.locator("main").inner_text()
    page.goto("/arrivals")
    page.wait_for_url("**/lock?next=/arrivals")
    page.fill("#unlock-password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/arrivals")


# --- the work ---


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
    from datetime import UTC, datetime

    (tmp_path / "ledger.xlsx").write_bytes(arrivals_ledger(datetime.now(UTC).date()))
    page.goto("/ledgers/new?kind=arrivals")
    page.set_input_files("#file", tmp_path / "ledger.xlsx")
    page.get_by_role("button", name="读取文件").click()
    page.wait_for_url(re.compile(r"/ledgers/[0-9a-f-]{36}$"))
    expect(page.locator("main")).to_contain_text("丢弃的列")
    expect(page.locator("main")).to_contain_text("婚姻状况")
    page.get_by_role("button", name=re.compile("^导入 [0-9]+ 行")).click()
    expect(page.locator(".tl-done__text")).to_contain_text("合格的行已进入登记")
    page.locator(".tl-done").get_by_role("button", name="撤销操作").click()
    expect(page.locator(".tl-done__text")).to_contain_text("导入已撤销")


def test_a_broken_file_says_what_is_wrong_and_changes_nothing(page, tmp_path):
    (tmp_path / "ledger.xlsx").write_bytes(b"PK\x03\x04 this is no workbook")
    page.goto("/ledgers/new")
    page.set_input_files("#file", tmp_path / "ledger.xlsx")
    page.get_by_role("button", name="读取文件").click()
    expect(page.locator("#error-summary")).to_be_visible()


def test_the_code_on_the_screen_is_read_and_checked(page, world, tmp_path):
    import zxingcpp
    from PIL import Image

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
