"""What a browser is told where the node's pages are https: cookies that no other host can set, and no plain HTTP."""

from collections.abc import Callable
from http.cookies import SimpleCookie

import pytest

from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy
from service.app import create_app
from service.settings import Settings
from service.web.csrf import form_token
from tests.service.conftest import PASSWORD, add_account, connect, standing_still, started


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.3", "3.3.4", "3.4.1", "7.2.4", "7.4.1", "14.3.1")
async def test_every_cookie_is_bound_to_the_host_and_out_of_reach(
    new_settings: Callable[..., Settings], clock: FakeClock, password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.app._working", standing_still)
    settings = new_settings(base_url="https://790303.example", oidc_issuer="https://sso.example", oidc_client_id="x")
    app = create_app(settings, clock=clock, entropy=SeededEntropy("https"))
    async with started(app), connect(app, headers={"Accept": "text/html"}) as browser:
        officer = add_account(app.state.node, password_hash, "王芳")
        told: dict[str, SimpleCookie] = {}

        async def go(method: str, path: str, **typed: str) -> int:
            secret = browser.cookies.get("__Host-tonglu_session") or browser.cookies.get("__Host-tonglu_form") or ""
            data = {"form_token": form_token(secret), **typed} if method == "POST" else None
            answer = await browser.request(method, path, data=data)
            assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
            for line in answer.headers.get_list("set-cookie"):
                cookie = SimpleCookie(line)
                told.update(dict.fromkeys(cookie, cookie))
            return answer.status_code

        assert await go("GET", "/signin") == 200
        assert await go("POST", "/language", to="en") == 303
        assert await go("POST", "/signin", name=officer.name, password=PASSWORD) == 303
        first = browser.cookies["__Host-tonglu_session"]
        new = {
            "password": PASSWORD,
            "new_password": "a sentence of my own",
            "new_password_again": "a sentence of my own",
        }
        assert await go("POST", "/password", **new) == 303
        assert browser.cookies["__Host-tonglu_session"] != first
        assert await go("GET", "/account") == 200
        last = browser.cookies["__Host-tonglu_session"]
        assert await go("POST", "/signout") == 303
        for over in (first, last):
            browser.cookies.set("__Host-tonglu_session", over, domain="790303.example")
            assert await go("GET", "/account") == 303, "a session that ended opens nothing any more"
        names = {"session", "form", "language", "done"}
        assert set(told) == {f"__Host-tonglu_{name}" for name in names}
        for name, cookie in told.items():
            one = cookie[name]
            set_so = (one["secure"], one["httponly"], one["path"], one["domain"], one["samesite"])
            assert set_so == (True, True, "/", "", "strict"), name
