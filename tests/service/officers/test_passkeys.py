"""Passkeys through their doors: enrolled with the password, a sign-in by themselves, and every lie refused."""

import re
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import func, select

from schemas.clock import FakeClock
from service.access_log import AccessLogEntry
from service.officers.rules import Officer, Role
from service.officers.tables import OfficerPasskey, SignInFailures, SignInStep
from tests.service.conftest import PASSWORD, add_account, sign_in_as
from tests.service.officers.authenticator import USER_PRESENT, Authenticator
from tests.service.officers.test_second_factor import browser_of, post

HOST = "790303.example"


async def enrol(app: FastAPI, officer: Officer, device: Authenticator) -> tuple[int, str]:
    async with browser_of(app, sign_in_as(app.state.node, officer, "page")) as browser:
        asked = await post(browser, "/account/passkeys/options", password=PASSWORD)
        assert asked.status_code == 200, asked.text
        made = device.make(asked.json()["options"])
        answer = await post(browser, "/account/passkeys", step=asked.json()["step"], credential=made)
        return answer.status_code, answer.text


async def sign_in(app: FastAPI, device: Authenticator, **lies: Any) -> int:
    """Sign in with a passkey; returns the status of the last answer, 303 once one is in."""
    async with browser_of(app) as browser:
        await browser.get("/signin")
        asked = (await post(browser, "/signin/passkey/options")).json()
        credential = device.sign(asked["options"] | lies)
        answer = await post(browser, "/signin/passkey", step=asked["step"], credential=credential)
        if "tonglu_session" in browser.cookies:
            browser.cookies.delete("tonglu_session")
        again = await post(browser, "/signin/passkey", step=asked["step"], credential=credential)
        assert again.status_code == 401, "what was signed is good once"
        return answer.status_code


@pytest.mark.by_turns
async def test_a_passkey_signs_in_by_itself_and_no_lie_does(
    app: FastAPI, anonymous: Any, officer: Officer, clock: FakeClock, password_hash: str
) -> None:
    node = app.state.node
    device = Authenticator(f"http://{HOST}", HOST)
    async with browser_of(app, sign_in_as(node, officer, "page")) as browser:
        assert (await post(browser, "/account/passkeys/options", password="wrong-password")).status_code == 422
    for liar in (
        replace(device, origin="http://evil.example"),
        replace(device, rp_id="evil.example"),
        replace(device, flags=USER_PRESENT),
    ):
        assert (await enrol(app, officer, liar))[0] == 409
    status, page = await enrol(app, officer, device)
    assert status == 200
    assert len(re.findall(r"<li>([a-z2-9-]{29})</li>", page)) == 8
    assert (await enrol(app, officer, device))[0] == 409, "one passkey is enrolled once"

    assert await sign_in(app, device) == 303
    asked = await anonymous.post("/api/v1/session", json={"name": officer.name, "password": PASSWORD})
    assert asked.json()["type"] == "/problems/second_factor_required"

    other = add_account(node, password_hash, "李雷", frozenset({Role.CLERK}))
    theirs = Authenticator(f"http://{HOST}", HOST, credential_id=b"another passkey")
    assert (await enrol(app, other, theirs))[0] == 200
    lies: dict[str, Authenticator] = {
        "another site": replace(device, origin="http://evil.example"),
        "another site's passkey": replace(device, rp_id="evil.example"),
        "nobody verified": replace(device, flags=USER_PRESENT),
        "another key": Authenticator(f"http://{HOST}", HOST, handle=device.handle, count=50),
        "another officer's handle": replace(device, handle=theirs.handle),
        "another officer's credential": replace(device, credential_id=theirs.credential_id),
        "unknown credential": replace(device, credential_id=b"unknown"),
        "a copy that counts from before": replace(device, count=0),
    }
    for lie, liar in lies.items():
        assert await sign_in(app, liar) == 401, lie
    assert await sign_in(app, device, challenge="b3RoZXIgY2hhbGxlbmdl") == 401, "another challenge"

    clock.advance(hours=1)
    async with browser_of(app) as browser:
        await browser.get("/signin")
        asked = (await post(browser, "/signin/passkey/options")).json()
        clock.advance(minutes=5)
        late = await post(browser, "/signin/passkey", step=asked["step"], credential=device.sign(asked["options"]))
        assert late.status_code == 401, "a challenge is good for five minutes"
        nested = "[" * 20_000
        for nonsense in (
            "",
            "{}",
            "[]",
            "null",
            '{"id":"","response":{}}',
            '{"id":1,"response":3}',
            "x" * 5000,
            nested,
        ):
            fresh = (await post(browser, "/signin/passkey/options")).json()
            answer = await post(browser, "/signin/passkey", step=fresh["step"], credential=nonsense)
            assert answer.status_code == 401, nonsense[:40]

    clock.advance(hours=1)

    # Nobody takes another's passkey off; taken off, it opens nothing; neither does it for who is disabled.
    rows = await node.database.read(lambda session: session.exec(select(OfficerPasskey)).all())
    mine, other_row = sorted(rows, key=lambda row: row.officer_id != officer.id)
    device.count = mine.sign_count + 5
    async with browser_of(app, sign_in_as(node, officer, "page")) as browser:
        elses = await post(browser, f"/account/passkeys/{other_row.id}/remove", password=PASSWORD)
        assert elses.status_code == 404
        assert await sign_in(app, device) == 303
        assert (await post(browser, f"/account/passkeys/{mine.id}/remove", password=PASSWORD)).status_code == 303
    assert await sign_in(app, device) == 401
    assert await sign_in(app, theirs) == 303
    async with browser_of(app, sign_in_as(node, officer, "page")) as browser:
        assert (await post(browser, f"/officers/{other.id}/disable")).status_code == 303
    assert await sign_in(app, theirs) == 401


async def test_a_passkey_opens_the_lock_of_its_own_officer_and_no_other(
    app: FastAPI, officer: Officer, password_hash: str, clock: FakeClock
) -> None:
    node = app.state.node
    other = add_account(node, password_hash, "李雷", frozenset({Role.CLERK}))
    device = Authenticator(f"http://{HOST}", HOST)
    theirs = Authenticator(f"http://{HOST}", HOST, credential_id=b"another passkey")
    assert (await enrol(app, officer, device))[0] == (await enrol(app, other, theirs))[0] == 200

    async def unlock(browser: Any, by: Authenticator) -> tuple[int, str]:
        asked = (await post(browser, "/unlock/passkey/options")).json()
        signed = by.sign(asked["options"])
        answer = await post(browser, "/unlock/passkey", step=asked["step"], credential=signed, next="/password")
        return answer.status_code, answer.headers.get("Location", "")

    async with browser_of(app, sign_in_as(node, officer, "page")) as browser:
        for lock_by in ("hand", "rest"):
            if lock_by == "hand":
                await post(browser, "/lock")
            else:
                clock.advance(minutes=11)
            assert (await browser.get("/password")).headers["Location"] == "/lock?next=/password"
            assert officer.name not in (await browser.get("/lock")).text
            assert (await unlock(browser, theirs))[0] == 401
            assert (await browser.get("/password")).status_code == 303, "a stranger's passkey opens nothing"
            assert await unlock(browser, device) == (303, "/password")
            assert (await browser.get("/password")).status_code == 200
    async with browser_of(app, "nobody's session") as browser:
        assert (await unlock(browser, device))[0] == 401
    async with browser_of(app) as browser:
        assert (await browser.post("/unlock/passkey/options")).status_code == 403, "a form comes from a page of ours"


@pytest.mark.asvs("2.4.1", "6.3.1", "16.3.1")
async def test_visitors_who_only_begin_leave_nothing_and_guesses_wait(app: FastAPI) -> None:
    node = app.state.node

    def kept() -> list[int]:
        tables = (SignInStep, SignInFailures, AccessLogEntry)
        return [
            node.database.read_sync(lambda s, t=t: s.exec(select(func.count()).select_from(t)).one()) for t in tables
        ]

    async with browser_of(app) as browser:
        await browser.get("/signin")
        before = kept()
        begun = [(await post(browser, "/signin/passkey/options")).json() for _ in range(50)]
        assert kept() == before
        answers = [
            (await post(browser, "/signin/passkey", step=one["step"], credential="{}")).status_code for one in begun
        ]
        assert answers == [401] * 30 + [429] * 20
        steps, failures, entries = kept()
        assert (steps, failures, entries - before[2]) == (30, 1, 30)
