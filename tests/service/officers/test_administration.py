"""Colleagues' accounts: added, changed, shut out and let in, by the administrators of their area alone."""

import re
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from service.officers.rules import Officer, Role
from service.web.csrf import form_token
from tests.service.conftest import PASSWORD, add_account, connect, sign_in_as

TOWNSHIP, OTHER = "790303001", "790303002"
NEW = "a sentence of my own"


async def code_of(answer: httpx2.Response) -> tuple[int, str]:
    problem = answer.json().get("type", "") if answer.content else ""
    return answer.status_code, problem.removeprefix("/problems/")


@pytest.mark.asvs("7.4.5")
@pytest.mark.by_turns
async def test_the_life_of_an_account(
    app: FastAPI, anonymous: httpx2.AsyncClient, client: httpx2.AsyncClient, officer: Officer
) -> None:
    node = app.state.node
    left: list[str] = []
    node.callbacks.on_disabled.append(lambda *told: left.append(told[2]))
    body = {"name": "赵敏", "roles": ["clerk"], "area": TOWNSHIP}
    made = await client.post("/api/v1/officers", json=body)
    assert made.status_code == 201, made.text
    told = made.json()["password"]
    assert await code_of(await client.post("/api/v1/officers", json=body)) == (409, "conflict")
    first = await anonymous.post("/api/v1/session", json={"name": "赵敏", "password": told})
    assert await code_of(first) == (403, "password_change_required")
    change = {"name": "赵敏", "password": told, "new_password": NEW}
    token = (await anonymous.post("/api/v1/session/password", json=change)).json()["token"]
    held = {"Authorization": f"Bearer {token}"}

    # Other roles and another area count from the very next request; what was taken on elsewhere goes back.
    assert (await anonymous.get("/api/v1/officers", headers=held)).status_code == 403
    changed = await client.patch("/api/v1/officers/赵敏", json={"roles": ["administrator"]})
    assert changed.json()["roles"] == ["administrator"]
    assert (await anonymous.get("/api/v1/arrivals", headers=held)).status_code == 403
    seen = (await anonymous.get("/api/v1/officers", headers=held)).json()["items"]
    assert [one["name"] for one in seen] == ["赵敏"], "an administrator of a township sees its officers"
    assert left == ["赵敏"]

    sessions = (await client.get("/api/v1/officers/赵敏/sessions")).json()["items"]
    assert [(one["door"], one["address"], one["way"]) for one in sessions] == [("api", "192.0.2.7", "password")]
    assert (await client.delete("/api/v1/officers/赵敏/sessions")).status_code == 204
    assert (await anonymous.get("/api/v1/session", headers=held)).status_code == 401

    assert (await client.post("/api/v1/officers/赵敏/disable")).status_code == 204
    again = {"name": "赵敏", "password": NEW}
    gone = await anonymous.post("/api/v1/session", json=again)
    nobody = await anonymous.post("/api/v1/session", json=again | {"name": "无此人"})
    assert (gone.status_code, gone.content) == (nobody.status_code, nobody.content)
    assert (await client.post("/api/v1/officers/赵敏/enable")).status_code == 204
    assert (await anonymous.post("/api/v1/session", json=again)).status_code == 200

    # Five wrong passwords make them wait; the administrator releases them at once.
    for _ in range(5):
        await anonymous.post("/api/v1/session", json=again | {"password": "wrong-password"})
    assert (await anonymous.post("/api/v1/session", json=again)).status_code == 429
    waiting = {one["name"]: one["waits"] for one in (await client.get("/api/v1/officers")).json()["items"]}
    assert waiting == {"王芳": False, "赵敏": True}
    assert (await client.post("/api/v1/officers/赵敏/release")).status_code == 204
    assert (await anonymous.post("/api/v1/session", json=again)).status_code == 200

    # Each of these acts stands in the log, with the account that it was done to.
    log = (await client.get("/api/v1/access-log?limit=200")).json()["items"]
    wanted = ("added", "changed", "sessions_ended", "disabled", "enabled", "sign_in_released")
    assert {f"officer.{act}" for act in wanted} <= {entry["action"] for entry in log}
    listed = (await client.get("/api/v1/officers")).json()["items"]
    assert [one["name"] for one in listed] == ["王芳", "赵敏"], "by sound: wang, zhao"


@pytest.mark.by_turns
async def test_what_administrators_may_not(
    app: FastAPI, client: httpx2.AsyncClient, officer: Officer, password_hash: str
) -> None:
    node = app.state.node
    local = add_account(node, password_hash, "镇管理员", frozenset({Role.ADMINISTRATOR}), area=TOWNSHIP)
    add_account(node, password_hash, "邻镇专干", frozenset({Role.CLERK}), area=OTHER)
    own = f"/api/v1/officers/{officer.name}"
    # Nobody changes their own account, the last administrator of the whole region stays.
    assert (await client.patch(own, json={"roles": ["administrator"]})).status_code == 403
    assert (await client.post(f"{own}/disable")).status_code == 403
    async with connect(app, sign_in_as(node, local)) as township:
        for path, body in (
            ("/officers/邻镇专干/disable", None),
            ("/officers/邻镇专干/reset", None),
            (f"/officers/{officer.name}/disable", None),
            ("/officers/无此人/disable", None),
        ):
            answer = await township.post(f"/api/v1{path}", json=body)
            assert await code_of(answer) == (404, "not_found"), path
        wider: dict[str, Any] = {"name": "新人", "roles": ["clerk"], "area": "790303"}
        assert (await township.post("/api/v1/officers", json=wider)).status_code == 422
        assert (await township.post("/api/v1/officers", json=wider | {"area": OTHER})).status_code == 422
        assert (await township.post("/api/v1/officers", json=wider | {"area": None})).status_code == 201
        assert (await township.patch("/api/v1/officers/新人", json={"area": "790303"})).status_code == 422
        assert (await township.post("/api/v1/officers/新人/disable")).status_code == 204
    second = add_account(node, password_hash, "第二管理员", frozenset({Role.ADMINISTRATOR}))
    async with connect(app, sign_in_as(node, second)) as other:
        assert (await other.post(f"{own}/disable")).status_code == 204
        for body in ({"roles": ["clerk"]}, {"area": TOWNSHIP}):
            assert (await other.patch("/api/v1/officers/第二管理员", json=body)).status_code == 403
    assert (await client.get("/api/v1/session")).status_code == 401


@pytest.mark.asvs("7.4.4")
@pytest.mark.by_turns
async def test_the_pages_of_officers_and_settings(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, password_hash: str
) -> None:
    node = app.state.node
    clerk = add_account(node, password_hash, "李雷", frozenset({Role.CLERK}), area=TOWNSHIP)
    token = sign_in_as(node, officer, "page")
    async with connect(
        app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}, follow_redirects=False
    ) as browser:
        form = {"form_token": form_token(token)}
        listed = await browser.get("/officers")
        assert listed.status_code == 200
        assert "second_factor" in listed.text
        assert "smtp" not in listed.text
        assert "database_url" not in listed.text
        assert (await browser.get("/officers/new")).status_code == 200
        empty = await browser.post("/officers", data=form)
        assert empty.status_code == 422
        typed = {"name": "韩梅", "roles": ["clerk", "supervisor"], "area": TOWNSHIP}
        made = await browser.post("/officers", data=form | typed)
        assert made.status_code == 200
        told = made.text.split('id="one-time-password">')[1].split("<")[0]
        answer = await anonymous.post("/api/v1/session", json={"name": "韩梅", "password": told})
        assert await code_of(answer) == (403, "password_change_required")
        again = await browser.post("/officers", data=form | typed)
        assert again.status_code == 422
        assert 'value="韩梅"' in again.text, "nothing typed is lost"
        page = f"/officers/{clerk.id}"
        saved = await browser.post(page, data=form | {"roles": ["supervisor"], "area": OTHER})
        assert (saved.status_code, saved.headers["Location"]) == (303, page)
        assert (await browser.post(page, data=form | {"area": OTHER})).status_code == 422, "no role at all"
        for act in ("disable", "enable", "release", "end-sessions"):
            assert (await browser.post(f"{page}/{act}", data=form)).status_code == 303, act
        assert (await browser.post(f"{page}/nonsense", data=form)).status_code == 404
        assert (await browser.post(f"/officers/{officer.id}/disable", data=form)).status_code == 404
        reset = await browser.post(f"{page}/reset", data=form)
        assert 'id="one-time-password">' in reset.text
        assert (await browser.get(page)).status_code == 200
        log = (await browser.get("/access-log")).text
        assert "更改了人员的角色或范围 · 李雷" in re.sub(r"<[^>]+>", "", log), "the log says whom it was done to"

        # One's own sessions: seen, and ended with the password once more.
        elsewhere = sign_in_as(node, officer)
        account = await browser.get("/account")
        ending = account.text.split('formaction="/account/sessions/')[1].split("/")[0]
        assert (await browser.post(f"/account/sessions/{ending}/end", data=form)).status_code == 422
        ended = await browser.post(f"/account/sessions/{ending}/end", data=form | {"password": PASSWORD})
        assert ended.status_code == 303
        old = await anonymous.get("/api/v1/session", headers={"Authorization": f"Bearer {elsewhere}"})
        assert old.status_code == 401
        unknown = await browser.post("/account/sessions/nonsense/end", data=form | {"password": PASSWORD})
        assert unknown.status_code == 404
