"""人员与设置 and one's own account in a real browser: a colleague is added, a passkey signs in, a code is asked for."""

import re

import pyotp
import pytest
from playwright.sync_api import expect

from tests.acceptance.pages_world import PASSWORD, enter
from tests.acceptance.pictures import picture
from tests.acceptance.test_pages import SIZES, findings

pytestmark = pytest.mark.browser


def test_a_colleague_is_added_and_signs_in(browser, world):
    context = browser.new_context(base_url=world.url, viewport={"width": 1366, "height": 768})
    context.set_default_timeout(15_000)
    page = enter(context.new_page())
    page.get_by_role("link", name="人员与设置").click()
    page.get_by_role("button", name="添加同事").click()
    page.fill("#name", "何小满")
    page.get_by_label("专干", exact=False).first.check()
    page.select_option("#area", "790303001")
    picture(page, "officer-new")
    page.get_by_role("button", name="添加", exact=True).click()
    told = page.locator("#one-time-password").inner_text()
    expect(page.get_by_role("button", name="打印")).to_be_visible()
    picture(page, "officer-password")
    trouble = findings(page)
    page.goto("/officers")
    expect(page.locator("main")).to_contain_text("何小满")
    picture(page, "officers")
    page.get_by_role("link", name="何小满").click()
    expect(page.get_by_role("heading", name="何小满")).to_be_visible()
    one = page.url
    for language in ("zh-CN", "en"):
        if language == "en":
            page.locator("form[action='/language'] button").click()
        for width, height in SIZES.values():
            page.set_viewport_size({"width": width, "height": height})
            for path in ("/officers", "/officers/new", one, "/account"):
                page.goto(path)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width, language)
                trouble += findings(page)
    page.locator("form[action='/language'] button").click()
    assert trouble == []
    context.close()
    fresh = browser.new_context(base_url=world.url)
    fresh.set_default_timeout(15_000)
    page = fresh.new_page()
    page.goto("/signin")
    page.fill("#name", "何小满")
    page.fill("#password", told)
    page.press("#password", "Enter")
    page.fill("#password", told)
    page.fill("#new_password", "临港的路我天天走")
    page.fill("#new_password_again", "临港的路我天天走")
    page.get_by_role("button", name="修改密码").click()
    page.wait_for_url("**/")
    expect(page.locator(".tl-header")).to_contain_text("临港街道")
    fresh.close()


def test_an_authenticator_and_a_passkey_are_set_up_and_sign_in(browser, world):
    at = world.url.replace("127.0.0.1", "localhost")
    context = browser.new_context(base_url=at, viewport={"width": 1366, "height": 768})
    context.set_default_timeout(15_000)
    page = enter(context.new_page(), "clerk")
    tools = context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    device = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
    verified = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": device | verified})
    page.goto("/account")
    page.get_by_role("button", name="添加通行密钥").click()
    expect(page.locator("[data-passkey-error]")).to_be_visible()
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="添加通行密钥").click()
    expect(page.locator("#recovery-codes li")).to_have_count(8)
    page.get_by_role("link", name="已保存，继续").click()
    expect(page.locator("main")).to_contain_text("通行密钥")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="设置验证器").click()
    totp = pyotp.TOTP(page.locator("#secret").inner_text().replace(" ", ""))
    assert findings(page) == []
    page.fill("#code", totp.now())
    page.press("#code", "Enter")
    expect(page.locator(".tl-done__text")).to_contain_text("验证器已启用")
    picture(page, "account")
    page.get_by_role("button", name="退出", exact=True).click()
    page.wait_for_url("**/signin")
    page.get_by_role("button", name="用通行密钥登录").click()
    page.wait_for_url("**/")
    # The lock over a page opens with the finger, too; what was typed is there, and can be saved.
    page.goto("/hand-over")
    page.get_by_label("请假至").fill("20261231")
    dialog = page.locator("dialog.tl-lock")
    page.get_by_role("button", name="锁定").click()
    dialog.get_by_role("button", name="用通行密钥解锁").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("请假至")).to_have_value("20261231")
    page.get_by_role("button", name="请假", exact=True).click()
    expect(page.locator(".tl-done__text")).to_be_visible()
    page.goto("/hand-over")
    page.locator("form[action='/away/back'] button").click()
    page.wait_for_url("**/")
    # Whoever signs in instead sees nothing of what lay under the lock.
    page.goto("/arrivals/new")
    page.fill("#name", "冯未完")
    page.get_by_role("button", name="锁定").click()
    dialog.get_by_role("button", name="换人登录").click()
    page.wait_for_url("**/signin")
    assert "冯未完" not in page.content()
    page.get_by_role("button", name="用通行密钥登录").click()
    page.wait_for_url("**/")
    # The world is left as it was: password alone.
    for name in ("通行密钥", "验证器"):
        page.goto("/account")
        page.fill("#password", PASSWORD)
        page.get_by_role("row", name=re.compile(f"^{name}")).get_by_role("button", name="取消").click()
        expect(page.locator(".tl-done__text")).to_contain_text("已取消")
    context.close()
