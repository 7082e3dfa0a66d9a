"""A password is hidden while it is typed, pasted as one likes, and taken to the last space as it came."""

import re
from datetime import timedelta

import pytest
from fastapi import FastAPI

from schemas.clock import FakeClock
from service.officers.rules import Officer
from tests.service.conftest import PASSWORD, sign_in_as
from tests.service.officers.test_second_factor import browser_of, post

OWN = "  Ｐass  词 " + "a" * 64 + "🔑 "
"""Spaces at both ends and within, full-width and rare characters, and long."""


@pytest.mark.asvs("6.2.6", "6.2.7", "6.2.8", "6.2.9", "6.2.10")
async def test_a_password_is_hidden_pasted_and_taken_as_it_is(
    app: FastAPI, anonymous: object, officer: Officer, clock: FakeClock
) -> None:
    token = sign_in_as(app.state.node, officer, "page")
    async with browser_of(app, token) as browser:
        for path, count in (("/password", 3), ("/account", 1), ("/signin", 1)):
            fields = re.findall(r'<input[^>]*name="[a-z_]*password[a-z_]*"[^>]*>', (await browser.get(path)).text)
            assert len(fields) == count, path
            for field in fields:
                assert 'type="password"' in field
                assert re.search(r'autocomplete="(current|new)-password"', field)
                assert not re.search(r"on[a-z]+=|readonly", field)
        new = {"password": PASSWORD, "new_password": OWN, "new_password_again": OWN}
        unlike = await post(browser, "/password", **new | {"new_password_again": OWN.strip()})
        assert unlike.status_code == 422, "a space more is another password"
        assert (await post(browser, "/password", **new)).status_code == 303
    clock.advance(hours=13)
    async with browser_of(app) as browser:
        await browser.get("/signin")
        for other in (OWN.strip(), OWN.upper(), OWN[:72], f"{OWN} "):
            assert (await post(browser, "/signin", name=officer.name, password=other)).status_code == 401
        assert (await post(browser, "/signin", name=officer.name, password=OWN)).status_code == 303
        assert (await post(browser, "/lock")).status_code == 303
        assert (await post(browser, "/unlock", password=OWN)).status_code == 303
    clock.advance(seconds=timedelta(days=400).total_seconds())
    async with browser_of(app) as browser:
        await browser.get("/signin")
        assert (await post(browser, "/signin", name=officer.name, password=OWN)).status_code == 303
