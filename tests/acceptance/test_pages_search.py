"""The one box by keyboard alone, and a record that another township holds, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.pages_world import HERE, HOME, PagesWorld, enter, person
from tests.acceptance.pictures import picture
from tests.acceptance.processes import password_in, sign_in

pytestmark = pytest.mark.browser

TOWN = f"{HERE}002"
WHO = person("单雄信", "19800101", 77)


@pytest.fixture(scope="module")
def township(world: PagesWorld) -> str:
    """A clerk of one township, and somebody whom the office of the whole region holds."""
    node = world.nodes[HERE]
    told = node.told("officer", "add", str(node.directory), "beicang", "--role", "clerk", "--area", TOWN)
    sign_in(node, "beicang", password_in(told))
    world.move(HERE, "arrivals", WHO, HOME, "2026-11-05")
    return "beicang"


def test_the_box_is_reached_used_and_left_by_keys(page: Page, township: str):
    page.goto("/arrivals")
    page.keyboard.press("F2")
    page.keyboard.type("dan")
    page.keyboard.press("Enter")
    box, hit = page.locator("#q"), page.get_by_role("link", name="单雄信", exact=True)
    expect(box).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(hit).to_be_focused()
    page.keyboard.press("Escape")
    expect(box).to_be_focused()
    # An input method's keys are its own: composing, Enter and arrows choose a word.
    page.evaluate(
        """for (const key of ['Enter', 'ArrowDown']) document.querySelector('#q').dispatchEvent(
        new KeyboardEvent('keydown', {key, isComposing: true, bubbles: true, cancelable: true}))"""
    )
    expect(box).to_be_focused()
    page.keyboard.press("F2")
    page.keyboard.type("chen")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="陈秀兰", exact=True)).to_be_visible()
    picture(page, "search")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/*")
    assert "chen" not in page.url


def test_somebody_of_another_office_is_found_and_taken_over_without_a_script(browser, world: PagesWorld, township: str):
    context = browser.new_context(
        base_url=world.url, viewport={"width": 1366, "height": 768}, java_script_enabled=False
    )
    context.set_default_timeout(15_000)
    page = enter(context.new_page(), township)
    page.goto("/search")
    page.fill("#q", "单雄信")
    page.press("#q", "Enter")
    page.get_by_role("button", name="在全区查找").click()
    expect(page.locator("#name")).to_have_value("单雄信")
    page.fill("#document_number", WHO["document_number"])
    page.press("#document_number", "Enter")
    expect(page.get_by_role("heading", name="登记在澜江市")).to_be_visible()
    picture(page, "search-node")
    page.get_by_role("button", name="转入").click()
    expect(page.locator("#error-summary")).to_contain_text("须本人在场才能转入")
    page.check("#present")
    page.check("#notice_way")
    page.get_by_role("button", name="转入").click()
    page.wait_for_url("**/people/*")
    expect(page.locator(".tl-done__text")).to_contain_text("记录已转入您所在乡镇")
    assert "%E5" not in page.url
    page.locator(".tl-done button").click()
    expect(page.locator(".tl-done__text")).to_contain_text("已撤销")
    page.goto("/search")
    page.fill("#q", "单雄信")
    page.press("#q", "Enter")
    expect(page.locator(".tl-empty")).to_be_visible()
    context.close()
