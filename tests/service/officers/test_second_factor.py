"""The second factor through its doors: enrolled on the page, asked for by the page and the API, used once."""

import re
from datetime import timedelta

import httpx2
import pyotp
import pytest
from fastapi import FastAPI
from sqlmodel import select

from schemas.clock import FakeClock
from service.officers.rules import Officer, Role
from service.officers.tables import OfficerRecoveryCode, OfficerTotp
from service.web.csrf import form_token
from tests.service.conftest import PASSWORD, add_account, connect, sign_in_as

HTML = {"Accept": "text/html"}


async def post(browser: httpx2.AsyncClient, path: str, **typed: str) -> httpx2.Response:
    secret = browser.cookies.get("tonglu_session") or browser.cookies.get("tonglu_form") or ""
    return await browser.post(path, data={"form_token": form_token(secret), **typed})


def browser_of(app: FastAPI, token: str | None = None) -> httpx2.AsyncClient:
    browser = connect(app, headers=HTML, follow_redirects=False)
    if token is not None:
        browser.cookies.set("tonglu_session", token, domain=browser.base_url.host)
    return browser


async def enrol(browser: httpx2.AsyncClient, clock: FakeClock) -> tuple[pyotp.TOTP, list[str]]:
    """Set an authenticator up as an officer does; returns it with the recovery codes."""
    page = await post(browser, "/account/totp", password=PASSWORD)
    assert page.status_code == 200, page.text
    assert "<svg" in page.text
    totp = pyotp.TOTP(re.search(r'id="secret">([A-Z2-7 ]+)<', page.text)[1].replace(" ", ""))
    done = await post(browser, "/account/totp/confirm", code=shown(totp, clock), step=step_of(page))
    assert done.status_code == 200, done.text
    codes = re.findall(r"<li>([a-z2-9-]{29})</li>", done.text)
    assert len(codes) == 8
    return totp, codes


def step_of(page: httpx2.Response) -> str:
    """What the form on this page goes on with."""
    return re.search(r'name="step" value="([^"]+)"', page.text)[1]


def shown(totp: pyotp.TOTP, clock: FakeClock, steps: int = 0) -> str:
    """What the authenticator shows, or showed or will show some steps from now."""
    return totp.at(clock.now() + timedelta(seconds=30 * steps))


async def sign_in(http: httpx2.AsyncClient, name: str, **more: str) -> tuple[int, str]:
    answer = await http.post("/api/v1/session", json={"name": name, "password": PASSWORD} | more)
    return answer.status_code, answer.json().get("type", "").removeprefix("/problems/")


@pytest.mark.asvs("6.3.4", "6.5.1", "6.5.2", "6.5.4", "6.5.5", "7.5.1")
@pytest.mark.by_turns
async def test_an_officer_with_an_authenticator_needs_it_everywhere_and_each_code_once(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, clock: FakeClock
) -> None:
    node = app.state.node
    elsewhere = sign_in_as(node, officer)
    async with browser_of(app, sign_in_as(node, officer, "page")) as browser:
        assert (await post(browser, "/account/totp", password="wrong-password")).status_code == 422
        assert (await post(browser, "/account/totp/confirm", code="000000")).status_code == 409
        begun = await post(browser, "/account/totp", password=PASSWORD)
        wrong = await post(browser, "/account/totp/confirm", code="000000", step=step_of(begun))
        assert wrong.status_code == 422
        assert 'id="secret"' in wrong.text
        # Whoever finds the page open, and does not know the password, neither sees the secret nor switches it on.
        for step in ("", "another", step_of(begun)[:-1]):
            without = await post(browser, "/account/totp/confirm", code="000000", step=step)
            assert (without.status_code, 'id="secret"' in without.text) == (409, False)
        assert (await sign_in(anonymous, officer.name))[0] == 200, "what was not confirmed asks nobody for anything"
        totp, codes = await enrol(browser, clock)
        # Other sessions ended, this one goes on and counts as signed in with both.
        ended = await anonymous.get("/api/v1/session", headers={"Authorization": f"Bearer {elsewhere}"})
        assert ended.status_code == 401
        account = await browser.get("/account")
        assert account.status_code == 200
        assert totp.secret not in account.text
        assert all(code not in account.text for code in codes)

    # What is kept opens nothing: the secret is sealed, of recovery codes only hashes.
    rows = await node.database.read(
        lambda session: (session.exec(select(OfficerTotp)).all(), session.exec(select(OfficerRecoveryCode)).all())
    )
    assert totp.secret.encode() not in rows[0][0].sealed
    assert {len(row.code_hash) for row in rows[1]} == {16}

    # The code that confirmed is used up; so is every older one. One step of difference is forgiven, two are not.
    assert await sign_in(anonymous, officer.name) == (401, "second_factor_required")
    assert await sign_in(anonymous, officer.name, code=shown(totp, clock)) == (401, "sign_in_failed")
    assert await sign_in(anonymous, officer.name, code=shown(totp, clock, -1)) == (401, "sign_in_failed")
    assert await sign_in(anonymous, officer.name, code=shown(totp, clock, 2)) == (401, "sign_in_failed")
    assert (await sign_in(anonymous, officer.name, code=shown(totp, clock, 1)))[0] == 200
    clock.advance(minutes=2)
    earlier = shown(totp, clock, -1)
    assert (await sign_in(anonymous, officer.name, code=f"{earlier[:3]} {earlier[3:]}"))[0] == 200
    assert await sign_in(anonymous, officer.name, code=earlier) == (401, "sign_in_failed")

    # A recovery code stands in once, however it is typed.
    assert (await sign_in(anonymous, officer.name, code=codes[0].upper().replace("-", " ")))[0] == 200
    assert await sign_in(anonymous, officer.name, code=codes[0]) == (401, "sign_in_failed")

    # The password cannot be changed around it.
    change = {"name": officer.name, "password": PASSWORD, "new_password": "a sentence of my own"}
    refused = await anonymous.post("/api/v1/session/password", json=change)
    assert refused.json()["type"] == "/problems/second_factor_required"
    assert (await anonymous.post("/api/v1/session/password", json=change | {"code": codes[1]})).status_code == 200


@pytest.mark.by_turns
async def test_the_page_asks_for_the_code_after_the_password_and_guesses_are_counted(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, clock: FakeClock
) -> None:
    async with browser_of(app, sign_in_as(app.state.node, officer, "page")) as browser:
        totp, _ = await enrol(browser, clock)
    clock.advance(minutes=1)
    async with browser_of(app) as browser:
        await browser.get("/signin")
        asked = await post(browser, "/signin", name=officer.name, password=PASSWORD, next="/password")
        assert asked.status_code == 200
        assert "tonglu_session" not in browser.cookies
        step = step_of(asked)
        wrong = await post(browser, "/signin/code", step=step, code="000000", next="/password")
        assert wrong.status_code == 401
        assert (await post(browser, "/signin/code", step="another", code=shown(totp, clock))).status_code == 401
        right = await post(browser, "/signin/code", step=step, code=shown(totp, clock), next="/password")
        assert (right.status_code, right.headers["Location"]) == (303, "/password")
        browser.cookies.delete("tonglu_session")
        assert (await post(browser, "/signin/code", step=step, code=shown(totp, clock, 1))).status_code == 401
    # Guessing codes waits as guessing passwords does, and right passwords in between do not start it anew.
    for _ in range(4):
        assert await sign_in(anonymous, officer.name, code="000000") == (401, "sign_in_failed")
        assert (await sign_in(anonymous, officer.name))[1] in {"second_factor_required", "too_many_attempts"}
    assert (await sign_in(anonymous, officer.name, code="000000"))[0] in {401, 429}
    assert await sign_in(anonymous, officer.name, code=shown(totp, clock, 1)) == (429, "too_many_attempts")


@pytest.mark.by_turns
async def test_what_was_set_up_is_taken_off_with_the_password_and_a_step_is_good_for_five_minutes(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, clock: FakeClock
) -> None:
    async with browser_of(app, sign_in_as(app.state.node, officer, "page")) as browser:
        _, codes = await enrol(browser, clock)
        async with browser_of(app) as other:
            await other.get("/signin")
            asked = await post(other, "/signin", name=officer.name, password=PASSWORD)
            step = step_of(asked)
            clock.advance(minutes=5)
            assert (await post(other, "/signin/code", step=step, code=codes[0])).status_code == 401
        assert (await post(browser, "/account/totp", password=PASSWORD)).status_code == 409
        renewed = await post(browser, "/account/recovery", password=PASSWORD)
        assert len(re.findall(r"<li>([a-z2-9-]{29})</li>", renewed.text)) == 8
        assert await sign_in(anonymous, officer.name, code=codes[2]) == (401, "sign_in_failed")
        assert (await post(browser, "/account/totp/remove", password="wrong-password")).status_code == 422
        assert (await post(browser, "/account/totp/remove", password=PASSWORD)).status_code == 303
        assert (await sign_in(anonymous, officer.name))[0] == 200
        assert (await post(browser, "/account/recovery", password=PASSWORD)).status_code == 422


@pytest.mark.asvs("6.3.3")
@pytest.mark.by_turns
async def test_where_a_factor_is_asked_for_nothing_opens_without_one(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = app.state.node
    monkeypatch.setattr(type(node.settings), "__setattr__", object.__setattr__)
    monkeypatch.setattr(node.settings, "second_factor", "required")
    assert await sign_in(anonymous, officer.name) == (403, "second_factor_setup_required")
    before = await anonymous.get("/api/v1/session", headers={"Authorization": f"Bearer {sign_in_as(node, officer)}"})
    assert before.json()["type"] == "/problems/second_factor_setup_required"
    async with browser_of(app) as browser:
        await browser.get("/signin")
        assert (await post(browser, "/signin", name=officer.name, password=PASSWORD)).status_code == 303
        for path in ("/", "/arrivals", "/officers", "/password"):
            sent = await browser.get(path)
            assert (sent.status_code, sent.headers["Location"]) == (303, "/account")
        totp, _ = await enrol(browser, clock)
        assert (await browser.get("/arrivals")).status_code == 200
        last = await post(browser, "/account/totp/remove", password=PASSWORD)
        assert last.status_code == 422, "the last factor stays"
    assert (await sign_in(anonymous, officer.name, code=shown(totp, clock, 1)))[0] == 200


@pytest.mark.asvs("6.4.3", "6.4.4")
@pytest.mark.by_turns
async def test_an_administrator_takes_a_lost_factor_off_by_resetting(
    app: FastAPI, anonymous: httpx2.AsyncClient, client: httpx2.AsyncClient, clock: FakeClock, password_hash: str
) -> None:
    clerk = add_account(app.state.node, password_hash, "李雷", frozenset({Role.CLERK}))
    async with browser_of(app, sign_in_as(app.state.node, clerk, "page")) as browser:
        await enrol(browser, clock)
    assert await sign_in(anonymous, "李雷") == (401, "second_factor_required")
    listed = {one["name"]: one for one in (await client.get("/api/v1/officers")).json()["items"]}
    assert listed["李雷"]["totp"] is True
    told = (await client.post("/api/v1/officers/李雷/reset")).json()
    body = {"name": "李雷", "password": told["password"], "new_password": "a sentence of my own"}
    assert (await anonymous.post("/api/v1/session/password", json=body)).status_code == 200
