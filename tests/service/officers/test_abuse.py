"""What somebody would try who wants in, wants a colleague out, or sits down at a colleague's computer."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlmodel import func, select

from schemas.clock import FakeClock
from service.officers.rules import Officer, Role
from service.officers.steps import MOST, begin_step, purge_steps
from service.officers.tables import SignInPlace, SignInStep
from tests.service.conftest import PASSWORD, add_account, connect, sign_in_as
from tests.service.officers.test_second_factor import browser_of, enrol, post, step_of

PERSON = {"name": "韩晨曦", "document_type": "none", "date_of_birth": "1990-03-07"}
ARRIVAL = {
    "person": PERSON,
    "origin_region": "790101",
    "arrived_on": "2026-09-01",
    "notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"},
}


def from_address(app: FastAPI, address: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 50000))
    return httpx2.AsyncClient(transport=transport, base_url=app.state.node.base_url, headers={"Accept-Language": "en"})


async def sign_in(http: httpx2.AsyncClient, name: str, password: str = PASSWORD) -> int:
    return (await http.post("/api/v1/session", json={"name": name, "password": password})).status_code


@pytest.mark.asvs("6.1.1", "6.3.1")
async def test_nobody_keeps_a_colleague_out_by_guessing_from_elsewhere(
    app: FastAPI, officer: Officer, password_hash: str, clock: FakeClock
) -> None:
    newcomer = add_account(app.state.node, password_hash, "李雷", frozenset({Role.CLERK}))
    async with from_address(app, "192.0.2.20") as office:
        assert await sign_in(office, officer.name) == 200
        clock.advance(hours=2)
        for number in range(24):
            # Each of these addresses is a network of its own, and tries one name once.
            async with from_address(app, f"2001:db8:{number}::1") as elsewhere:
                for name in (officer.name, newcomer.name):
                    assert await sign_in(elsewhere, name, "a guess of mine") in {401, 429}
        async with from_address(app, "2001:db8:ffff::1") as elsewhere:
            assert await sign_in(elsewhere, officer.name) == 429, "who guesses right now waits all the same"
        assert await sign_in(office, officer.name) == 200, "where the officer works, nothing happened"
        assert await sign_in(office, newcomer.name) == 429, "where nobody knows them yet, they wait"
        # Neither do wrong passwords stop a passkey of the same office.
        await office.get("/signin")
        step = (await post(office, "/signin/passkey/options")).json()["step"]
        assert (await post(office, "/signin/passkey", step=step, credential="{}")).status_code == 401
        # A known place is no way around the count there.
        codes = [await sign_in(office, officer.name, "a guess of mine") for _ in range(6)]
        assert codes == [401] * 5 + [429]
    # Addresses of one IPv6 network are one address, and what is no address counts as one, too.
    clock.advance(hours=1)
    for addresses in (("2001:db8::1", "2001:db8::2:3"), ("unknown", "x" * 300)):
        codes = []
        for turn in range(6):
            async with from_address(app, addresses[turn % 2]) as http:
                codes.append(await sign_in(http, "somebody", "a guess of mine"))
        assert codes == [401] * 5 + [429]
        clock.advance(hours=1)
    kept = app.state.node.database.read_sync(lambda s: s.exec(select(func.count()).select_from(SignInPlace)).one())
    assert kept == 1, "a place is known by who signed in there, not by who tried to"


@pytest.mark.asvs("2.4.1")
def test_an_officer_has_ten_steps_of_a_kind_at_most(node: Any, officer: Officer, clock: FakeClock) -> None:
    for _ in range(MOST + 3):
        clock.advance(seconds=1)
        newest = node.database.write_sync(lambda s: begin_step(s, node, "code", {"way": "x"}, officer_id=officer.id))
    kept = node.database.read_sync(lambda s: s.exec(select(SignInStep)).all())
    assert (len(kept), bool(newest)) == (MOST, True)
    clock.advance(minutes=5)
    node.database.write_sync(lambda s: purge_steps(s, node))
    assert node.database.read_sync(lambda s: s.exec(select(SignInStep)).all()) == []


@pytest.mark.asvs("6.2.8", "6.3.8")
async def test_no_answer_tells_who_has_an_account(app: FastAPI, officer: Officer, password_hash: str) -> None:
    node = app.state.node
    gone = add_account(node, password_hash, "离职的同事", frozenset({Role.CLERK}))
    async with connect(app, sign_in_as(node, officer)) as http:
        assert (await http.post(f"/api/v1/officers/{gone.name}/disable")).status_code == 204
    once = add_account(node, password_hash, "新同事", frozenset({Role.CLERK}), must_change_password=True)
    seen, pages = set(), set()
    for number, name in enumerate((officer.name, gone.name, once.name, "没有的人", "x" * 100)):
        async with from_address(app, f"198.51.100.{number}") as http:
            for path, more in (("/session", {}), ("/session/password", {"new_password": "a sentence of my own"})):
                body = {"name": name, "password": PASSWORD.upper(), **more}
                answer = await http.post(f"/api/v1{path}", json=body)
                seen.add((answer.status_code, answer.content, tuple(sorted(answer.headers.items()))))
            http.headers["Accept"] = "text/html"
            await http.get("/signin")
            page = await post(http, "/signin", name=name, password="wrong-password")
            shown = page.text.replace(name, "")
            pages.add((page.status_code, "没有的人" in shown, shown.count("govuk-error-message")))
    assert len(seen) == 1
    assert len(pages) == 1


@pytest.mark.asvs("7.4.2", "8.3.2")
async def test_what_an_officer_may_no_longer_see_is_not_repeated_either(
    app: FastAPI, client: httpx2.AsyncClient, password_hash: str
) -> None:
    """An answer that is kept for repeating is as old as the rights that it was given under."""
    node = app.state.node
    clerk = add_account(node, password_hash, "临港专干", frozenset({Role.CLERK}), area="790303001")
    async with connect(app, sign_in_as(node, clerk), headers={"Accept-Language": "en"}) as http:
        http.headers["Authorization"] = f"Bearer {sign_in_as(node, clerk)}"

        async def again() -> httpx2.Response:
            return await http.post("/api/v1/arrivals", json=ARRIVAL, headers={"Idempotency-Key": "one"})

        first, second = await again(), await again()
        assert first.status_code == 201
        assert (second.content, second.headers["Idempotency-Replayed"]) == (first.content, "true")
        for change in ({"area": "790303002"}, {"area": "790303001", "roles": ["clerk", "supervisor"]}):
            assert (await client.patch(f"/api/v1/officers/{clerk.name}", json=change)).status_code == 200
            refused = await again()
            assert (refused.status_code, first.json()["id"] in refused.text) == (422, False)
        assert (await client.patch(f"/api/v1/officers/{clerk.name}", json={"roles": ["clerk"]})).status_code == 200
        assert (await again()).content == first.content
        assert (await client.post(f"/api/v1/officers/{clerk.name}/disable")).status_code == 204
        assert (await again()).status_code == 401


@pytest.mark.asvs("7.2.4", "7.3.1")
async def test_a_locked_session_says_nothing_in_any_tab_not_even_again(
    app: FastAPI, officer: Officer, clock: FakeClock
) -> None:
    node = app.state.node
    async with connect(app, sign_in_as(node, officer)) as http:
        person = (await http.post("/api/v1/arrivals", json=ARRIVAL)).json()["person_id"]
    token = sign_in_as(node, officer, "page")
    # Two tabs are one jar of cookies.
    async with browser_of(app, token) as browser:
        key = {"Idempotency-Key": "a-search"}
        typed = {"q": PERSON["name"]}
        data = {"form_token": (await browser.get("/search")).text.split('name="form_token" value="')[1].split('"')[0]}
        assert PERSON["name"] in (await browser.post("/search", data=data | typed, headers=key)).text
        for lock_by in ("a key", "rest"):
            if lock_by == "rest":
                clock.advance(minutes=11)
            else:
                assert (await post(browser, "/lock")).status_code == 303
            again = await browser.post("/search", data=data | typed, headers=key)
            assert (again.status_code, PERSON["name"] in again.text) == (303, False)
            for path in ("/", f"/people/{person}", "/hand-over/list.pdf", "/reports/monthly_flows/workbook.xlsx"):
                assert (await browser.get(path)).headers["Location"].startswith("/lock"), path
            assert (await browser.get("/api/v1/work-items")).status_code == 401, "a cookie opens no API"
            before = browser.cookies["tonglu_session"]
            assert (await post(browser, "/unlock", password=PASSWORD)).status_code == 303
            assert browser.cookies["tonglu_session"] != before
            # The form that was open is still good, the token that was locked is not.
            assert PERSON["name"] in (await browser.post("/search", data=data | typed)).text
            async with browser_of(app, before) as old:
                assert (await old.get("/")).headers["Location"].startswith("/signin")
            assert (await browser.get(f"/people/{person}")).status_code == 200


@pytest.mark.asvs("2.3.1", "7.4.2")
async def test_whoever_is_shut_out_finishes_nothing_that_they_had_begun(
    app: FastAPI, client: httpx2.AsyncClient, clock: FakeClock, password_hash: str
) -> None:
    clerk = add_account(app.state.node, password_hash, "李雷", frozenset({Role.CLERK}))
    async with browser_of(app, sign_in_as(app.state.node, clerk, "page")) as browser:
        _, codes = await enrol(browser, clock)
    async with browser_of(app) as browser:
        await browser.get("/signin")
        step = step_of(await post(browser, "/signin", name=clerk.name, password=PASSWORD))
        assert (await client.post(f"/api/v1/officers/{clerk.name}/disable")).status_code == 204
        assert (await post(browser, "/signin/code", step=step, code=codes[0])).status_code == 401
        assert (await client.post(f"/api/v1/officers/{clerk.name}/enable")).status_code == 204
        assert (await post(browser, "/signin/code", step=step, code=codes[0])).status_code == 401, "nor afterwards"
        # Nor is what was begun with a password finished once it was changed.
        step = step_of(await post(browser, "/signin", name=clerk.name, password=PASSWORD))
        change = {"name": clerk.name, "password": PASSWORD, "new_password": "a sentence of my own", "code": codes[1]}
        assert (await client.post("/api/v1/session/password", json=change)).status_code == 200
        assert (await post(browser, "/signin/code", step=step, code=codes[2])).status_code == 401
