"""Signing in through the real endpoints: passwords, one-time passwords, throttling, sessions, disabling."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlmodel import select

from schemas.clock import FakeClock
from schemas.problems import WrongState
from service.context import Node
from service.database import Database
from service.officers.actions import add_first_officer, disable_officer, reset_officer
from service.officers.passwords import FirstPassword
from service.officers.rules import Officer, Role
from service.officers.sessions import purge_sessions, token_hash
from service.officers.tables import OfficerAccount, OfficerSession, SignInFailures
from tests.service.conftest import PASSWORD, add_account, connect, sign_in_as

NEW = "a-password-of-my-own"


def node_of(app: FastAPI) -> Node:
    node: Node = app.state.node
    return node


async def sign_in(http: httpx2.AsyncClient, name: str, password: str = PASSWORD, **more: Any) -> httpx2.Response:
    return await http.post("/api/v1/session", json={"name": name, "password": password} | more)


async def test_a_right_password_gives_a_token_that_tells_who_one_is(
    anonymous: httpx2.AsyncClient, officer: Officer
) -> None:
    answer = await sign_in(anonymous, officer.name)
    assert answer.status_code == 200
    me = await anonymous.get("/api/v1/session", headers={"Authorization": f"Bearer {answer.json()['token']}"})
    assert me.json() == {
        "name": "王芳",
        "roles": ["administrator", "auditor", "clerk", "supervisor"],
        "area": "790303",
        "language": "zh-CN",
    }


@pytest.mark.asvs("7.2.2", "7.2.3", "11.4.2")
async def test_neither_token_nor_password_is_stored(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer
) -> None:
    token = (await sign_in(anonymous, officer.name)).json()["token"]
    rows = await node_of(app).database.read(lambda session: session.exec(select(OfficerSession)).all())
    assert [row.token_hash for row in rows] == [token_hash(token)]
    accounts = await node_of(app).database.read(lambda session: session.exec(select(OfficerAccount)).all())
    assert accounts[0].password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("name", "password"), [("王芳", "wrong-password"), ("nobody", PASSWORD), ("", ""), ("王芳", "")]
)
async def test_wrong_name_and_wrong_password_are_told_alike(
    anonymous: httpx2.AsyncClient, officer: Officer, name: str, password: str
) -> None:
    answer = await sign_in(anonymous, name, password)
    assert answer.status_code in {401, 422}
    if name and password:
        assert answer.json()["type"] == "/problems/sign_in_failed"


@pytest.mark.asvs("7.2.1")
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}],
)
async def test_without_a_good_token_nothing_opens(anonymous: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    answer = await anonymous.get("/api/v1/session", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/sign_in_required"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.asvs("6.3.2", "6.4.1")
async def test_a_one_time_password_must_be_changed_first(app: FastAPI, anonymous: httpx2.AsyncClient) -> None:
    made = FirstPassword.one_time(node_of(app).entropy)
    await node_of(app).database.write(lambda session: add_first_officer(session, node_of(app), made))
    told = made.told
    refused = await sign_in(anonymous, "first", told)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/password_change_required")
    body = {"name": "first", "password": told, "new_password": NEW}
    changed = await anonymous.post("/api/v1/session/password", json=body)
    assert changed.status_code == 200
    assert (await sign_in(anonymous, "first", NEW)).status_code == 200
    assert (await sign_in(anonymous, "first", told)).status_code == 401
    again = await anonymous.post("/api/v1/session/password", json=body)
    assert again.status_code == 401


async def test_a_new_password_that_will_not_do_changes_nothing(anonymous: httpx2.AsyncClient, officer: Officer) -> None:
    body = {"name": officer.name, "password": PASSWORD, "new_password": "short"}
    refused = await anonymous.post("/api/v1/session/password", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "new_password", "message": "A password has at least 8 characters."}]
    guessed = await anonymous.post("/api/v1/session/password", json=body | {"new_password": "Lanjiang2026"})
    assert (guessed.status_code, guessed.json()["errors"][0]["field"]) == (422, "new_password")
    assert (await sign_in(anonymous, officer.name)).status_code == 200


@pytest.mark.asvs("6.2.2", "6.2.3", "7.4.3")
async def test_changing_the_password_signs_out_everywhere_else(
    anonymous: httpx2.AsyncClient, client: httpx2.AsyncClient, officer: Officer
) -> None:
    body = {"name": officer.name, "password": PASSWORD, "new_password": NEW}
    token = (await anonymous.post("/api/v1/session/password", json=body)).json()["token"]
    assert (await client.get("/api/v1/session")).status_code == 401
    assert (await anonymous.get("/api/v1/session", headers={"Authorization": f"Bearer {token}"})).status_code == 200


@pytest.mark.asvs("7.5.2")
async def test_signing_out_ends_the_session(client: httpx2.AsyncClient) -> None:
    assert (await client.delete("/api/v1/session")).status_code == 204
    assert (await client.get("/api/v1/session")).status_code == 401


@pytest.mark.asvs("6.3.1")
async def test_many_wrong_passwords_make_everyone_at_that_address_wait(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, clock: FakeClock
) -> None:
    for _ in range(5):
        assert (await sign_in(anonymous, officer.name, "wrong-password")).status_code == 401
    waiting = await sign_in(anonymous, officer.name)
    assert (waiting.status_code, waiting.json()["type"]) == (429, "/problems/too_many_attempts")
    assert 0 < int(waiting.headers["Retry-After"]) <= 31
    clock.advance(seconds=31)
    assert (await sign_in(anonymous, officer.name, "wrong-password")).status_code == 401
    clock.advance(seconds=31)
    assert (await sign_in(anonymous, officer.name)).status_code == 429
    clock.advance(seconds=31)
    assert (await sign_in(anonymous, officer.name)).status_code == 200
    assert (await sign_in(anonymous, officer.name, "wrong-password")).status_code == 401


async def test_the_count_outlives_a_restart_and_names_nobody(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer
) -> None:
    for _ in range(5):
        await sign_in(anonymous, officer.name, "wrong-password")
    other = Database(node_of(app).settings.database)
    rows = other.read_sync(lambda session: session.exec(select(SignInFailures)).all())
    other.close()
    assert {row.failures for row in rows} == {5}
    assert all(len(row.key) == 16 for row in rows)


async def test_failures_are_forgotten_after_an_hour(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, clock: FakeClock
) -> None:
    for _ in range(5):
        await sign_in(anonymous, officer.name, "wrong-password")
    clock.advance(hours=1)
    assert (await sign_in(anonymous, officer.name, "wrong-password")).status_code == 401
    await node_of(app).database.write(lambda session: purge_sessions(session, node_of(app)))


@pytest.mark.parametrize(("door", "idle", "good"), [("api", 119, True), ("api", 121, False)])
async def test_a_token_ends_two_hours_after_its_last_use(
    app: FastAPI, client: httpx2.AsyncClient, clock: FakeClock, door: str, idle: int, *, good: bool
) -> None:
    for _ in range(2):
        clock.advance(minutes=idle)
        answer = await client.get("/api/v1/session")
    assert (answer.status_code == 200) is good


@pytest.mark.asvs("7.3.2")
async def test_no_token_lives_longer_than_twelve_hours(client: httpx2.AsyncClient, clock: FakeClock) -> None:
    for _ in range(11):
        clock.advance(hours=1)
        assert (await client.get("/api/v1/session")).status_code == 200
    clock.advance(hours=1)
    assert (await client.get("/api/v1/session")).status_code == 401


async def test_disabling_acts_at_once_in_every_process(
    app: FastAPI, anonymous: httpx2.AsyncClient, client: httpx2.AsyncClient, officer: Officer, password_hash: str
) -> None:
    node = node_of(app)
    add_account(node, password_hash, "李雷", frozenset({Role.ADMINISTRATOR}))
    other = Database(node.settings.database)
    other.write_sync(lambda session: disable_officer(session, node, officer.name))
    other.close()
    assert (await client.get("/api/v1/session")).status_code == 401
    assert (await sign_in(anonymous, officer.name)).json()["type"] == "/problems/sign_in_failed"


def test_the_last_administrator_stays(node: Node, officer: Officer) -> None:
    with pytest.raises(WrongState):
        node.database.write_sync(lambda session: disable_officer(session, node, officer.name))


def test_resetting_gives_a_new_one_time_password_and_opens_a_disabled_account(
    node: Node, officer: Officer, password_hash: str
) -> None:
    add_account(node, password_hash, "李雷", frozenset({Role.CLERK}))
    write: Callable[[Any], Any] = node.database.write_sync
    write(lambda session: disable_officer(session, node, "李雷"))
    made = FirstPassword.one_time(node.entropy)
    write(lambda session: reset_officer(session, node, "李雷", made))
    row = node.database.read_sync(
        lambda session: session.exec(select(OfficerAccount).where(OfficerAccount.name == "李雷")).one()
    )
    assert (row.must_change_password, row.disabled_at) == (True, None)
    assert (len(made.told), row.password_hash) == (19, made.hashed)
    assert made.told not in repr(made)


# --- pages: cookie, lock and forms ------------------------------------------------------------------------------------


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(app: FastAPI, officer: Officer) -> None:
    async with connect(app, headers={"Accept": "text/html"}) as browser:
        form = await form_token(browser, "/signin")
        answer = await browser.post("/signin", data={"name": officer.name, "password": PASSWORD, "form_token": form})
        assert answer.status_code == 303
        cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("tonglu_session"))
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie


async def test_a_form_without_its_token_changes_nothing(app: FastAPI, officer: Officer) -> None:
    token = sign_in_as(node_of(app), officer, "page")
    async with connect(app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}) as browser:
        for data in ({}, {"form_token": "nonsense"}):
            answer = await browser.post("/signout", data=data)
            assert answer.status_code == 403
        page = await browser.get("/password")
        right = page.text.split('name="form_token" value="')[1].split('"')[0]
        other_site = await browser.post(
            "/signout", data={"form_token": right}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert other_site.status_code == 403
        assert (await browser.get("/password")).status_code == 200
        assert (await browser.post("/signout", data={"form_token": right})).status_code == 303
        assert (await browser.get("/password")).status_code == 303


async def test_a_page_locks_after_ten_idle_minutes_and_opens_with_the_password(
    app: FastAPI, officer: Officer, clock: FakeClock
) -> None:
    token = sign_in_as(node_of(app), officer, "page")
    async with connect(app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}) as browser:
        clock.advance(minutes=9)
        assert (await browser.get("/password")).status_code == 200
        clock.advance(minutes=10)
        locked = await browser.get("/password")
        assert (locked.status_code, locked.headers["location"]) == (303, "/lock?next=/password")
        form = await form_token(browser, "/lock")
        assert (await browser.post("/unlock", data={"password": "wrong", "form_token": form})).status_code == 401
        opened = await browser.post("/unlock", data={"password": PASSWORD, "form_token": form, "next": "/password"})
        assert opened.status_code == 303
        assert (await browser.get("/password")).status_code == 200


async def test_a_page_token_opens_no_api_and_an_api_token_no_page(app: FastAPI, officer: Officer) -> None:
    node = node_of(app)
    async with connect(app, sign_in_as(node, officer, "page")) as http:
        assert (await http.get("/api/v1/session")).status_code == 401
    cookies = {"tonglu_session": sign_in_as(node, officer, "api")}
    async with connect(app, headers={"Accept": "text/html"}, cookies=cookies) as browser:
        assert (await browser.get("/password")).headers["location"].startswith("/signin")


async def form_token(browser: httpx2.AsyncClient, path: str) -> str:
    page = await browser.get(path)
    return page.text.split('name="form_token" value="')[1].split('"')[0]
