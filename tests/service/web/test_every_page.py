"""Every page that the application has: signed in or nowhere, and no form without its token."""

import re
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from service.app import PAGES
from service.web import csrf
from tests.service.conftest import connect, sign_in_as

BEFORE_SIGN_IN = {
    "/signin", "/signin/provider", "/signin/provider/done", "/signout", "/password/first", "/lock", "/unlock",
    "/language", "/check", "/notice", "/about", "/help", "/problems", "/problems/{problem}",
}  # fmt: skip
ELSEWHERE = re.compile(r"/(me|api|federation|docs|metrics|healthz|readyz|openapi)\b|/reminders/stop")
"""The person's own page and what is no page have doors, and tests, of their own."""


def page_routes(method):
    """The addresses of all pages that take a method, in the order in which the rooms list them."""
    waiting = [*PAGES]
    while waiting:
        router = waiting.pop(0)
        for route in router.routes:
            if isinstance(route, APIRoute):
                if method in route.methods and not ELSEWHERE.match(route.path):
                    yield route.path
            else:
                waiting.append(route.original_router)


def address(path):
    """A path with an id that is nobody's in each place."""
    return re.sub(r"\{[^}]+\}", str(uuid4()), path)


@pytest.fixture
async def signed_in(app, officer):
    """A browser with a page's session, which follows no redirect."""
    token = sign_in_as(app.state.node, officer, "page")
    async with connect(
        app, headers={"Accept": "text/html"}, cookies={"tonglu_session": token}, follow_redirects=False
    ) as http:
        yield http


@pytest.mark.asvs("3.5.1")
async def test_each_form_is_refused_without_its_token(app, signed_in):
    forms = sorted(set(page_routes("POST")))
    assert len(forms) > 40
    for path in forms:
        for data in ({}, {"form_token": csrf.form_token("another cookie")}):
            answer = await signed_in.post(address(path), data=data)
            assert answer.status_code == 403, f"{path}: {answer.status_code}"


async def test_each_page_asks_who_is_not_signed_in_to_sign_in(app, anonymous):
    anonymous.follow_redirects = False
    pages = sorted(set(page_routes("GET")) - BEFORE_SIGN_IN)
    assert len(pages) > 35
    for path in pages:
        answer = await anonymous.get(address(path), headers={"Accept": "text/html"})
        assert answer.status_code == 303, f"{path}: {answer.status_code}"
        assert answer.headers["location"].startswith("/signin"), path
    # A part of a page that renews itself does not put the way in into the page.
    part = await anonymous.get("/ledgers/new", headers={"Accept": "text/html", "HX-Request": "true"})
    assert (part.status_code, part.text) == (204, "")


async def test_each_page_about_an_id_of_nobody_is_the_one_page_of_not_found(app, signed_in):
    bodies = set()
    for path in sorted({path for path in page_routes("GET") if "{" in path}):
        if path.startswith("/work-items/"):
            continue
        wanted = address(path)
        answer = await signed_in.get(wanted)
        assert answer.status_code == 404, f"{path}: {answer.status_code}"
        text = re.sub(r'(name="(next|form_key|form_token)" value=)"[^"]*"', r"\1", answer.text)
        bodies.add(text)
    assert {"未找到，或不在您的区域" in body for body in bodies} == {True}


@pytest.mark.asvs("14.2.3")
async def test_no_page_can_be_kept_by_a_browser_and_none_runs_a_script_of_its_own(app, signed_in):
    for path in ("/", "/arrivals", "/arrivals/new", "/ledgers", "/peers", "/verifications", "/access-log"):
        answer = await signed_in.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "no-store"
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert not re.search(r"<script(?! src=)| style=| on[a-z]+=", answer.text), path
