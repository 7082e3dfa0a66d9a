"""Passkeys through their doors: enrolled with the password, a sign-in by themselves, and every lie refused."""

import re
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select

from schemas.clock import FakeClock
from service.officers.rules import Officer, Role
from service.officers.tables import OfficerPasskey
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

    async with browser_of(app) as browser:
        await browser.get("/signin")
        asked = (await post(browser, "/signin/passkey/options")).json()
        clock.advance(minutes=5)
        late = await post(browser, "/signin/passkey", step=asked["step"], credential=device.sign(asked["options"]))
        assert late.status_code == 401, "a challenge is good for five minutes"
        for nonsense in ("", "{}", "[]", "null", '{"id":"","response":{}}', '{"id":1,"response":3}', "x" * 5000):
            fresh = (await post(browser, "/signin/passkey/options")).json()
            answer = await post(browser, "/signin/passkey", step=fresh["step"], credential=nonsense)
            assert answer.status_code == 401, nonsense[:40]

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
