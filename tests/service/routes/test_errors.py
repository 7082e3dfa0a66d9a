"""What goes wrong: the right status, the reader's language, nothing of what was sent, and never a 5xx for bad input."""

import json
import re
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI

from schemas.clock import FakeClock
from schemas.problems import Unavailable
from service.officers.rules import Officer, Role
from service.routes.accept import accepted_language
from service.web.csrf import form_token
from tests.service.conftest import add_account, connect, sign_in_as

CANARY = "790101199003071230"
ARRIVAL = {
    "person": {"name": "韩晨曦", "document_type": "resident_id", "document_number": CANARY},
    "origin_region": "790101",
    "arrived_on": "2026-09-01",
    "notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"},
}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh-CN"),
        ("*", "zh-CN"),
        ("fr", "zh-CN"),
        ("en", "en"),
        ("en-GB,en;q=0.8", "en"),
        ("en;q=0.5,zh;q=0.9", "zh-CN"),
        ("zh;q=0.1,en-US;q=0.2", "en"),
        ("en;q=0", "zh-CN"),
        ("en;q=nonsense", "zh-CN"),
        ("zh-Hans-CN;q=1, en;q=1", "zh-CN"),
        ("," * 10_000, "zh-CN"),
    ],
)
def test_the_language_is_the_one_that_is_liked_best(header: str, language: str) -> None:
    assert accepted_language(header) == language


async def test_problems_speak_the_readers_language(anonymous: httpx2.AsyncClient) -> None:
    english = await anonymous.get("/api/v1/session")
    chinese = await anonymous.get("/api/v1/session", headers={"Accept-Language": "zh-CN"})
    assert english.headers["Content-Type"] == chinese.headers["Content-Type"] == "application/problem+json"
    assert (english.headers["Content-Language"], chinese.headers["Content-Language"]) == ("en", "zh-CN")
    assert english.json()["detail"] == "Sign in first."
    assert "\u4e00" <= chinese.json()["detail"][0] <= "\u9fff"
    for answer in (english, chinese):
        body = answer.json()
        assert (body["type"], body["status"], body["retry"]) == ("/problems/sign_in_required", 401, "after_fixing")


@pytest.mark.asvs("13.4.4")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing-here", 404, "not_found"),
        ("PUT", "/api/v1/session", 405, "method_not_allowed"),
        ("TRACE", "/api/v1/session", 405, "method_not_allowed"),
        ("TRACE", "/signin", 405, "method_not_allowed"),
        ("GET", "/api/v1/access-log?limit=x", 422, "invalid_input"),
        ("GET", "/api/v1/access-log?limit=100000000000000000000000", 200, None),
        ("GET", "/api/v1/arrivals/%00", 404, "not_found"),
        ("GET", "/api/v1/arrivals/%ff%fe", 404, "not_found"),
        ("GET", "/api/v1/access-log?person_id=%00", 404, "not_found"),
        ("GET", "/api/v1/access-log?after=%00", 200, None),
        ("GET", "/static/%00", 404, "not_found"),
        ("GET", "/%00", 404, "not_found"),
    ],
)
async def test_strange_addresses(client: httpx2.AsyncClient, method: str, path: str, status: int, code: str) -> None:
    answer = await client.request(method, path)
    assert answer.status_code in {status, 422}, answer.text
    if code and answer.status_code == status:
        assert answer.json()["type"] == f"/problems/{code}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"person": null}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        json.dumps(ARRIVAL | {"origin_region": "x" * 100_000}).encode(),
        json.dumps(ARRIVAL | {"arrived_on": "2026-02-30"}).encode(),
        json.dumps(ARRIVAL | {"arrived_on": 10**400}).encode(),
        json.dumps(ARRIVAL | {"arrived_on": "0000-00"}).encode(),
        json.dumps(ARRIVAL | {"remarks": "x"}).encode(),
        json.dumps(ARRIVAL | {"address": "a\x00b"}).encode(),
        json.dumps(ARRIVAL | {"person": ARRIVAL["person"] | {"name": "\ud800"}}).encode(),
        json.dumps(ARRIVAL | {"person": ARRIVAL["person"] | {"name": "韩\x00"}}).encode(),
        json.dumps(ARRIVAL | {"notice": ARRIVAL["notice"] | {"given_at": "9999-12-31T23:59:59-14:00"}}).encode(),
    ],
)
async def test_bad_bodies_are_refused_and_change_nothing(client: httpx2.AsyncClient, content: bytes) -> None:
    answer = await client.post("/api/v1/arrivals", content=content, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert CANARY not in answer.text
    assert (await client.get("/api/v1/arrivals")).json()["items"] == []


async def test_a_refusal_names_the_field_and_not_what_was_sent(client: httpx2.AsyncClient) -> None:
    body = {"name": CANARY, "password": {"x": CANARY}, "unknown": CANARY}
    answer = await client.post("/api/v1/session", json=body)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"password", "unknown"}
    assert CANARY not in answer.text


@pytest.mark.parametrize(("fields", "told"), [(900, 100), (60_000, 1)])
async def test_a_refusal_does_not_grow_with_what_is_wrong(
    anonymous: httpx2.AsyncClient, fields: int, told: int
) -> None:
    body = {"name": "x", "password": "y"} | {f"f{number}": number for number in range(fields)}
    answer = await anonymous.post("/api/v1/session", json=body)
    assert (answer.status_code, len(answer.json()["errors"])) == (422, told)


async def test_too_large_a_body_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/arrivals", content=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too_large")


async def test_too_large_a_file_is_told_its_bound_and_the_way_back(client: httpx2.AsyncClient) -> None:
    page = {"Accept": "text/html", "Referer": f"{client.base_url}/ledgers/new", "Content-Length": str(40 << 20)}
    answer = await client.post("/ledgers", headers=page)
    assert answer.status_code == 413
    assert "文件过大（最大 32 MB）" in answer.text
    assert 'href="/ledgers/new"' in answer.text
    elsewhere = await client.post("/ledgers", headers=page | {"Referer": "https://elsewhere.example//evil.example/"})
    assert "evil" not in elsewhere.text


# --- faults of ours ---------------------------------------------------------------------------------------------------


def broken_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/api/v1/broken/{secret}")
    async def broken(secret: str) -> None:
        raise RuntimeError(f"the secret is {secret}")

    @router.get("/broken")
    async def broken_page() -> None:
        raise RuntimeError("the secret is out")

    @router.get("/api/v1/busy")
    async def busy() -> None:
        raise Unavailable

    return router


def written(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    """What the node logged, whichever way an earlier test has set its log up; the test's own client is left out."""
    records = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    return "\n".join([*capsys.readouterr(), *records])


@pytest.mark.asvs("16.3.4", "16.5.1", "13.4.2")
async def test_a_fault_of_ours_has_a_reference_that_stands_in_the_log_and_tells_nothing(
    app: FastAPI,
    client: httpx2.AsyncClient,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.include_router(broken_routes())
    answer = await client.get("/api/v1/broken/canary")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal_fault")
    reference = answer.json()["reference"]
    assert reference in answer.json()["detail"]
    logged = written(capsys, caplog)
    assert reference in logged
    assert "RuntimeError" in logged
    assert "/api/v1/broken/{secret}" in logged
    assert "canary" not in logged + answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_browser_gets_a_page_with_the_reference(
    app: FastAPI, officer: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    app.include_router(broken_routes())
    async with connect(app, headers={"Accept": "text/html"}) as browser:
        answer = await browser.get("/broken")
        assert answer.status_code == 500
        assert answer.headers["Content-Type"].startswith("text/html")
        reference = re.search(r"reference\W+([0-9A-F]{8})", written(capsys, caplog))
        assert reference is not None
        assert reference[1] in answer.text
        missing = await browser.get("/no-such-page")
        assert (missing.status_code, missing.headers["Content-Type"].split(";")[0]) == (404, "text/html")


async def test_when_the_database_cannot_just_now_the_caller_is_told_when_to_come_back(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    app.include_router(broken_routes())
    answer = await client.get("/api/v1/busy")
    assert (answer.status_code, answer.json()["retry"], answer.headers["Retry-After"]) == (503, "later", "5")


@pytest.mark.asvs("3.2.1", "3.4.2", "3.4.4", "3.4.5")
async def test_every_answer_carries_the_security_headers(anonymous: httpx2.AsyncClient) -> None:
    for path in ("/healthz", "/api/v1/session", "/signin", "/no-such-page", "/docs"):
        answer = await anonymous.get(path)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.asvs("3.5.2", "1.1.1", "15.3.7")
async def test_a_body_names_each_field_once_and_says_that_it_is_json(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    seen = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "application/json" not in operation.get("requestBody", {}).get("content", {}):
                continue
            seen += 1
            address = re.sub(r"\{region\}", "790101", path)
            twice = await client.request(
                method, address, content=b'{"a":{"b":1,"b":2}}', headers={"Content-Type": "application/json"}
            )
            assert (twice.status_code, twice.json()["errors"]) == (
                422,
                [{"field": "body", "message": "A field stands twice."}],
            ), path
            for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
                other = await client.request(method, address, content=b"{}", headers={"Content-Type": kind})
                assert (other.status_code, other.json()["type"]) == (415, "/problems/unsupported_media_type"), path
    assert seen > 30


@pytest.mark.asvs("4.1.1")
@pytest.mark.parametrize("content", [b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b'{"version": NaN}', b"9" * 5000])
async def test_json_is_utf_8_with_numbers_that_are_some(client: httpx2.AsyncClient, content: bytes) -> None:
    answer = await client.post("/api/v1/search", content=content, headers={"Content-Type": "application/json"})
    assert answer.json()["errors"] == [{"field": "body", "message": "The content is not JSON."}]


@pytest.mark.asvs("16.3.2")
async def test_whoever_asks_for_what_is_not_their_roles_stands_in_the_log_by_their_accounts_id(
    app: FastAPI, password_hash: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    clerk = add_account(app.state.node, password_hash, "李雷", frozenset({Role.CLERK}))
    cookies = {"tonglu_session": sign_in_as(app.state.node, clerk, "page")}
    async with (
        connect(app, sign_in_as(app.state.node, clerk)) as http,
        connect(app, headers={"Accept": "text/html"}, cookies=cookies) as browser,
    ):
        for client, path in ((http, "/api/v1/officers"), (browser, "/officers")):
            assert (await client.get(path)).status_code in {403, 404}
            logged = written(capsys, caplog)
            assert clerk.id in logged
            assert clerk.name not in logged
            caplog.clear()
        assert (await http.get("/api/v1/arrivals/01a20000-0000-7000-8000-000000000001")).status_code == 404
        assert (await http.get("/api/v1/session")).status_code == 200
        assert clerk.id not in written(capsys, caplog)


async def test_an_unknown_address_keeps_the_frame_of_who_is_signed_in(
    app: FastAPI, officer: Officer, clock: FakeClock
) -> None:
    page, unknown = {"Accept": "text/html"}, "/no-such-page"
    async with connect(app, headers=page) as visitor, connect(app, headers=page) as browser:
        token = sign_in_as(app.state.node, officer, "page")
        browser.cookies.set("tonglu_session", token, domain=browser.base_url.host)
        for language, place in (("zh-CN", "流入"), ("en", "Arrivals")):
            data = {"form_token": form_token(token), "to": language}
            assert (await browser.post("/language", data=data)).status_code == 303
            seen = await browser.get(unknown)
            assert seen.status_code == 404
            assert f">{place}</a>" in seen.text
            assert (await browser.put("/arrivals")).text.count("tl-nav__link") == seen.text.count("tl-nav__link")
        assert officer.name not in (await browser.get("/me/no-such-page")).text, (
            "the person's own pages are no officer's"
        )
        # A visitor, a made-up cookie and a locked session are told the same, and nothing.
        seen = await visitor.get(unknown)
        assert "tl-nav__link" not in seen.text
        visitor.cookies.set("tonglu_session", "nonsense", domain=visitor.base_url.host)
        made_up = (await visitor.get(unknown)).text
        assert re.sub(r'name="form_key" value="[^"]*"', "", made_up) == re.sub(
            r'name="form_key" value="[^"]*"', "", seen.text
        )
        clock.advance(minutes=11)
        locked = await browser.get(unknown)
        assert officer.name not in locked.text
        assert "tl-nav__link" not in locked.text
