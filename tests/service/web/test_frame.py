"""The frame of the pages: language, forms, notes of what was done, headers, dates."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import jinja2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from schemas.problems import CsrfFailed, Forbidden, NotFound, SessionLocked, SignInRequired, TooManyAttempts
from service.officers.pages_help import help_page
from service.web import csrf, dates
from service.web.errors import error_page, fault_page, local_path, wants_page
from service.web.flash import Done
from service.web.forms import Form, public_form
from service.web.headers import CONTENT_SECURITY_POLICY, SecurityHeaders
from service.web.languages import LANGUAGE_COOKIE
from service.web.templating import Pages, pages_of
from service.web.viewer import Viewer

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 9, 30, 2, 5, tzinfo=UTC)


def new_pages(**changes):
    values = {
        "region": "790303",
        "region_name": "澜江市",
        "zone": SHANGHAI,
        "now": lambda: NOW,
        "region_full_name": {"790101": "青禾县", "790303": "澜江市"}.get,
        "secure": False,
    } | changes
    return Pages(**values)


async def take(request: Request):
    form = await public_form(request)
    return pages_of(request).see_other(request, "/help", Done(form.text("done")))


async def fail(request: Request):
    raise {
        "absent": NotFound,
        "forbidden": Forbidden,
        "signin": SignInRequired,
        "locked": SessionLocked,
        "wait": TooManyAttempts,
    }[request.path_params["how"]](**({"retry_after": 30} if request.path_params["how"] == "wait" else {}))


async def handled(request: Request, error):
    return error_page(request, error)


@pytest.fixture
def app():
    app = Starlette(
        routes=[
            Route("/help", help_page),
            Route("/take", take, methods=["POST"]),
            Route("/fail/{how}", fail, methods=["GET", "POST"]),
            Route("/fault", lambda request: fault_page(request, "ABCD1234")),
            Route("/kept", lambda _request: PlainTextResponse("x", headers={"Cache-Control": "public"})),
        ],
        exception_handlers=dict.fromkeys(
            (NotFound, Forbidden, SignInRequired, SessionLocked, TooManyAttempts, CsrfFailed), handled
        ),
    )
    app.state.pages = new_pages()
    return app


@pytest.fixture
def client(app):
    return TestClient(app, follow_redirects=False)


def form_token_of(response):
    return csrf.form_token(response.cookies[csrf.ANONYMOUS_COOKIE])


def test_chinese_is_the_default_and_a_cookie_chooses_english(client):
    page = client.get("/help")
    assert 'lang="zh-CN"' in page.text
    assert "快捷键" in page.text
    client.cookies.set(LANGUAGE_COOKIE, "en")
    page = client.get("/help")
    assert '<html lang="en"' in page.text
    assert "Keys" in page.text
    assert '<span lang="zh-CN">澜江市</span>' in page.text


def test_an_officers_own_language_stands_above_the_cookie(client):
    request = Request(
        {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", "app": client.app}
    )
    request.state.viewer = Viewer("王敏", "澜江市", "secret", language="en", roles=frozenset({"clerk"}))
    page = pages_of(request).render(request, "web/help.html").body.decode()
    assert '<html lang="en"' in page
    assert 'action="/search"' in page
    assert 'href="/access-log"' not in page


def test_a_form_passes_with_its_token_and_what_was_done_is_said_once(client):
    first = client.get("/help")
    sent = client.post("/take", data={"form_token": form_token_of(first), "done": "saved"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/help")
    assert "已保存。" in client.get("/help").text
    assert "已保存。" not in client.get("/help").text


@pytest.mark.parametrize("token", ["", "wrong", csrf.form_token("another cookie")])
def test_a_form_without_the_right_token_is_refused(client, token):
    client.get("/help")
    answer = client.post("/take", data={"form_token": token, "done": "saved"}, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "location" not in answer.headers


def test_a_form_sent_by_another_site_is_refused(client):
    token = form_token_of(client.get("/help"))
    answer = client.post("/take", data={"form_token": token, "done": "saved"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_form_sent_by_the_script_gets_its_way_in_a_header(client):
    token = form_token_of(client.get("/help"))
    answer = client.post("/take", data={"form_token": token, "done": "saved"}, headers={"X-Tonglu-Fetch": "1"})
    assert (answer.status_code, answer.headers["x-tonglu-location"]) == (204, "/help")


@pytest.mark.asvs("14.3.3")
@pytest.mark.parametrize("cookie", ["unknown", "saved://evil.example", "saved:/a b", "saved:javascript:x"])
def test_a_forged_note_says_nothing(client, cookie):
    client.cookies.set("tonglu_done", cookie)
    assert "tl-done" not in client.get("/help").text


def test_forbidden_and_absent_look_the_same(client):
    absent, forbidden = client.get("/fail/absent"), client.get("/fail/forbidden")
    assert absent.status_code == forbidden.status_code == 404
    assert (
        absent.text.replace("/fail/absent", "/fail/forbidden").count("未找到，或不在您的区域")
        == forbidden.text.count("未找到，或不在您的区域")
        > 0
    )


def test_who_is_not_signed_in_is_led_to_signing_in_and_back(client):
    assert client.get("/fail/signin").headers["location"] == "/signin?next=/fail/signin"
    assert client.post("/fail/signin").headers["location"] == "/signin?next=/"
    assert client.get("/fail/locked").headers["location"] == "/lock?next=/fail/locked"
    by_script = client.post("/fail/locked", headers={"X-Tonglu-Fetch": "1"})
    assert (by_script.status_code, by_script.headers["x-tonglu-locked"]) == (401, "1")


def test_an_error_has_its_words_its_status_and_when_to_come_again(client):
    answer = client.get("/fail/wait")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert "尝试次数过多" in answer.text


def test_a_fault_of_ours_has_a_reference_number(client):
    answer = client.get("/fault")
    assert answer.status_code == 500
    assert "ABCD1234" in answer.text


@pytest.mark.asvs("3.7.2", "1.2.2")
@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil", "/a?b=c", "", "javascript:x"])
def test_nobody_is_sent_elsewhere_after_signing_in(path):
    assert local_path(path) == "/"


def test_a_path_of_ours_is_kept():
    assert local_path("/people/019a-b/certificates") == "/people/019a-b/certificates"


@pytest.mark.asvs("3.4.3", "3.4.6", "14.3.2")
def test_security_headers_stand_on_every_answer_and_nothing_is_stored(app):
    client = TestClient(SecurityHeaders(app, https=True))
    answer = client.get("/help")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/kept").headers["cache-control"] == "public"
    assert "strict-transport-security" not in TestClient(SecurityHeaders(app, https=False)).get("/help").headers


@pytest.mark.asvs("1.2.3")
def test_pages_have_no_inline_script_or_style(client):
    page = client.get("/help").text
    assert "<style" not in page
    assert " style=" not in page
    assert "onclick" not in page
    assert page.count("<script") == page.count("<script src=")


@pytest.mark.asvs("3.2.2", "1.1.2", "1.2.1")
def test_a_value_that_was_not_given_is_an_error_and_what_is_given_is_escaped():
    pages = new_pages()
    environment = pages._environments["zh-CN"]
    with pytest.raises(jinja2.UndefinedError):
        environment.from_string("{{ nothing }}").render()
    assert environment.from_string("{{ it }}").render(it="<b>") == "&lt;b&gt;"
    spelt = '<span lang="zh-CN">陈秀兰</span> <span class="tl-spelt">Chen Xiulan</span>'
    english = pages._environments["en"].from_string("{{ it | person_name }}")
    assert english.render(it="陈秀兰") == spelt
    assert environment.from_string("{{ it | person_name }}").render(it="陈秀兰") == "陈秀兰"
    assert environment.from_string("{{ it | person_name }}").render(it="<b>") == "&lt;b&gt;"


def test_which_answers_are_pages():
    def asks(path, accept="text/html"):
        return wants_page(Request({"type": "http", "path": path, "headers": [(b"accept", accept.encode())]}))

    assert asks("/arrivals")
    assert not asks("/arrivals", "application/json")
    assert not asks("/api/v1/arrivals")
    assert not asks("/federation/v1/events")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("20260930", "2026-09-30"),
        (" ２０２６０９３０ ", "2026-09-30"),
        ("2026-9-30", "2026-09-30"),
        ("2026.09.30", "2026-09-30"),
        ("2026/9/30", "2026-09-30"),
        ("2026年9月30日", "2026-09-30"),
        ("2026年 9月", "2026-09"),
        ("202609", "2026-09"),
        ("2026-09", "2026-09"),
    ],
)
def test_days_are_taken_as_they_are_typed(typed, read):
    assert dates.typed_date(typed) == read


@pytest.mark.parametrize("typed", ["", "春节", "2026", "20260931", "2026-13", "30092026", "2026--09"])
def test_what_is_no_day_is_refused(typed):
    with pytest.raises(ValueError):
        dates.typed_date(typed)


def test_days_and_moments_are_shown_in_the_readers_language():
    assert dates.shown_date(date(2026, 9, 30), "zh-CN") == "2026年9月30日"
    assert dates.shown_date("2026-09", "zh-CN") == "2026年9月"
    assert dates.shown_date("2026-09-30", "en") == "30 Sep 2026"
    assert dates.shown_moment(NOW, "zh-CN", SHANGHAI) == "2026年9月30日 10:05"
    assert dates.shown_quarter("2026Q4", "zh-CN") == "2026年第四季度"
    assert dates.shown_quarter("2026Q4", "en") == "Q4 2026"


def test_a_form_keeps_what_was_typed_and_says_what_is_wrong():
    form = Form.of(name=" 王敏 ", day="昨天", kind="other", purposes=["a", "b"])
    assert form.needed("name") == "王敏"
    assert form.date("day") is None
    assert form.choice("kind", ["a"]) == "other"
    assert form.needed("absent") == ""
    assert [error.field for error in form.errors] == ["day", "kind", "absent"]
    assert form.text("day") == "昨天"
    assert form.has("purposes", "b")
