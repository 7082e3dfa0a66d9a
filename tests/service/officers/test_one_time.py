"""A one-time password is good for 72 hours: who hands it out is told so, and a lapsed one is a wrong one."""

from datetime import datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI

from schemas.clock import FakeClock
from service.officers.rules import Officer
from tests.service.conftest import connect, sign_in_as
from tests.service.officers.test_second_factor import browser_of, post

NAME = "赵敏"
NEW = "a sentence of my own"


def essence(answer: httpx2.Response) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    return answer.status_code, answer.content, tuple(sorted(answer.headers.items()))


@pytest.mark.asvs("6.4.1")
@pytest.mark.by_turns
async def test_a_one_time_password_lapses_after_72_hours_and_a_new_one_is_given(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, clock: FakeClock
) -> None:
    node = app.state.node
    async with connect(app, sign_in_as(node, officer)) as http:
        made = (await http.post("/api/v1/officers", json={"name": NAME, "roles": ["clerk"]})).json()
        assert datetime.fromisoformat(made["expires_at"]) == clock.now() + timedelta(hours=72)
        await http.post("/api/v1/officers", json={"name": "韩梅", "roles": ["clerk"]})
    told = {"name": NAME, "password": made["password"]}
    clock.advance(hours=71, minutes=59)
    assert (await anonymous.post("/api/v1/session", json=told)).status_code == 403, "it must be changed first"
    clock.advance(minutes=1)
    # Outside, it is a wrong password like any other: at sign-in, where it would be changed, and on the page.
    change = {"new_password": NEW}
    for path, more in (("/session", {}), ("/session/password", change)):
        lapsed = await anonymous.post(f"/api/v1{path}", json=told | more)
        wrong = await anonymous.post(f"/api/v1{path}", json=told | more | {"password": "wrong-password"})
        assert lapsed.status_code == 401
        assert essence(lapsed) == essence(wrong)
    async with browser_of(app) as visitor:
        await visitor.get("/signin")
        assert (await post(visitor, "/signin", **told)).status_code == 401
    # The administrator sees that it lapsed, and gives a new one.
    async with connect(app, sign_in_as(node, officer)) as http:
        listed = {one["name"]: one for one in (await http.get("/api/v1/officers")).json()["items"]}
        assert (listed[NAME]["one_time_lapsed"], listed[NAME]["one_time_until"]) == (True, made["expires_at"])
        assert (listed[officer.name]["one_time_lapsed"], listed[officer.name]["one_time_until"]) == (False, None)
    async with browser_of(app, sign_in_as(node, officer, "page")) as browser:
        assert (await browser.get("/officers")).text.count("一次性密码已过期") == 2
        path = (await browser.get("/officers")).text.split(f">{NAME}<")[0].split('href="')[-1].split('"')[0]
        assert "2026年11月26日 10:00" in (await browser.get(path)).text
        again = await post(browser, f"{path}/reset")
        for word in ("有效期至2026年11月29日 10:00", "It is good until", "72小时"):
            assert word in again.text, word
        told["password"] = again.text.split('id="one-time-password">')[1].split("<")[0]
        assert (await browser.get("/officers")).text.count("一次性密码已过期") == 1
    assert (await anonymous.post("/api/v1/session/password", json=told | change)).status_code == 200
    # One's own password does not lapse.
    clock.advance(days=400)
    assert (await anonymous.post("/api/v1/session", json={"name": NAME, "password": NEW})).status_code == 200
