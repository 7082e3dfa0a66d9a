"""The own page as it is read: one thing a page, the way out always in sight, forms that only it can send."""

import json
import re

import pypdfium2
import pytest
import zxingcpp
from sqlmodel import select

from service.certificates import sd_jwt
from service.portal.pages import ELSEWHERE
from service.reminders.plans import open_plan
from service.reminders.tables import ReminderPlan
from service.web.csrf import form_token
from tests.service.conftest import connect
from tests.service.portal.conftest import BORN, HAN, PIN
from tests.service.portal.test_own_record import CERTIFICATE, PLAN

PAGES = ("/me", "/me/information", "/me/looked", "/me/consents", "/me/holdings", "/me/requests")


@pytest.fixture
async def visitor(app):
    async with connect(app, headers={"Accept": "text/html"}) as http:
        yield http


@pytest.fixture
async def inside(visitor, code):
    """A visitor whose person has come in."""
    answer = await _enter(visitor, code)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me"), answer.text
    return visitor


async def test_the_way_in_asks_for_three_things_and_shows_the_way_out(visitor):
    page = await visitor.get("/me")
    assert page.status_code == 200
    assert re.findall(r'<input class="govuk-input[^"]*" id="(\w+)"', page.text) == ["code", "date_of_birth", "pin"]
    assert "快速离开" in page.text
    assert 'type="password"' in page.text


async def test_five_cards_and_a_greeting(inside):
    page = await inside.get("/me")
    assert HAN["name"] in page.text
    for card in ("我的信息", "谁看过我的信息", "我的同意", "凭证和提醒", "我的申请"):
        assert f"<strong>{card}</strong>" in page.text


async def test_every_page_has_the_way_out_large_type_and_is_kept_by_nobody(inside):
    for path in PAGES:
        page = await inside.get(path)
        assert page.status_code == 200, path
        assert "快速离开" in page.text
        assert "tl-body--own" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "tl-search" not in page.text, "no officer's search"


async def test_without_a_visit_every_page_leads_to_the_way_in(visitor):
    for path in PAGES[1:]:
        page = await visitor.get(path)
        assert (page.status_code, page.headers["location"]) == (303, "/me"), path


async def test_a_wrong_code_keeps_what_was_typed_and_never_the_pin(visitor, code):
    page = await _enter(visitor, code, date_of_birth="19910307")
    assert page.status_code == 401
    assert "访问码、出生日期或 PIN 不正确。" in page.text
    assert code in page.text
    assert PIN not in page.text


async def test_my_information_is_in_clear(inside):
    page = await inside.get("/me/information")
    for part in (HAN["document_number"], HAN["phone"], HAN["email"], "临港街道 8 号", "青禾县", "2026年9月1日"):
        assert part in page.text


async def test_who_looked_is_told_by_month_in_the_readers_language(inside, client, person_id):
    await client.get(f"/api/v1/people/{person_id}/certificates")
    page = await inside.get("/me/looked")
    assert "2026年11月" in page.text
    assert "查看了您的凭证" in page.text
    await _post(inside, "/language", to="en", next="/me/looked")
    page = await inside.get("/me/looked")
    assert "looked at your certificates" in page.text
    assert "Nov 2026" in page.text


async def test_one_tap_withdraws_and_one_takes_it_back(inside):
    purpose = "remind:quarterly_check"
    answer = await _post(inside, "/me/consents/off", purpose=purpose)
    assert answer.status_code == 303
    page = await inside.get("/me/consents")
    assert "已撤回" in page.text
    assert (await _post(inside, "/me/consents/on", purpose=purpose)).status_code == 303
    page = await inside.get("/me/consents")
    assert page.text.count('action="/me/consents/off"') == 2
    assert (await _post(inside, "/me/consents/off", purpose="everything")).status_code == 422


async def test_a_form_from_elsewhere_changes_nothing(inside):
    bare = await inside.post("/me/consents/off", data={"purpose": "remind:quarterly_check"})
    assert bare.status_code == 403
    foreign = await inside.post(
        "/me/consents/off",
        data={"purpose": "remind:quarterly_check", "form_token": _token(inside)},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert foreign.status_code == 403
    assert "已撤回" not in (await inside.get("/me/consents")).text


async def test_the_holder_ticks_what_the_code_shows(inside, client, person_id):
    made = (await client.post("/api/v1/certificates", json=CERTIFICATE | {"person_id": person_id})).json()
    page = await inside.get(f"/me/certificates/{made['id']}?chosen=1&show=name")
    (picture,) = re.findall(r'<img src="([^"]+)"', page.text)
    assert (await inside.get(picture.replace("&amp;", "&"))).text.startswith("<svg")
    slip = await inside.get(f"/me/certificates/{made['id']}/slip.pdf?chosen=1&show=name&show=kind")
    with pypdfium2.PdfDocument(slip.content) as document:
        (code,) = zxingcpp.read_barcodes(document[0].render(scale=5).to_pil())
    shown = sd_jwt.reveal(sd_jwt.parse(code.text))
    assert (shown["name"], shown["kind"]) == (HAN["name"], "general_health")
    assert "date_of_birth" not in shown
    assert (await inside.get(f"/me/certificates/{person_id}")).status_code == 404


async def test_reminders_are_paused_and_stopped(inside, client, person_id):
    plan = (await client.post("/api/v1/reminder-plans", json=PLAN | {"person_id": person_id})).json()
    assert "下一条在 2026年12月17日" in (await inside.get("/me/holdings")).text
    for step in ("pause", "resume", "done", "stop"):
        assert (await _post(inside, f"/me/plans/{plan['id']}/{step}")).status_code == 303
    assert "没有提醒" in (await inside.get("/me/holdings")).text
    assert (await _post(inside, f"/me/plans/{plan['id']}/stop")).status_code == 404


async def test_requests_are_made_and_their_day_is_told(inside):
    assert (await _post(inside, "/me/requests")).status_code == 422
    assert (await _post(inside, "/me/requests", kind="erase")).status_code == 303
    page = await inside.get("/me/requests")
    assert "我们应在 2026年12月14日 前答复您" in page.text
    assert "15 个工作日" in page.text


async def test_the_download_is_all_that_is_held(inside):
    answer = await inside.get("/me/download")
    assert answer.headers["content-disposition"].startswith("attachment")
    record = json.loads(answer.content)
    assert record["person"]["name"] == HAN["name"]
    assert {"moves", "notices", "consents", "certificates", "reminder_plans", "requests"} <= set(record)


async def test_leaving_quickly_ends_the_visit_and_goes_somewhere_dull(inside):
    answer = await inside.get("/me/exit")
    assert (answer.status_code, answer.headers["location"]) == (303, ELSEWHERE)
    assert answer.headers["referrer-policy"] == "no-referrer"
    page = await inside.get("/me")
    assert HAN["name"] not in page.text


async def test_the_mails_page_stops_a_reminder_without_code_or_pin(app, visitor, client, person_id):
    await client.post("/api/v1/reminder-plans", json=PLAN | {"person_id": person_id})
    secret = _secret(app)
    page = await visitor.get(f"/me/reminders/{secret}")
    for hint in ("健康", HAN["name"], "季度"):
        assert hint not in page.text.partition("<main")[2].partition("</main>")[0]
    await visitor.get("/me")
    done = await _post(visitor, f"/me/reminders/{secret}", step="done")
    assert "本期不再提醒" in done.text
    assert (await _post(visitor, f"/me/reminders/{secret}", step="stop")).status_code == 200
    assert (await client.get(f"/api/v1/people/{person_id}/reminder-plans")).json()["items"] == []
    again = await visitor.get(f"/me/reminders/{secret}")
    assert "不会再发送这类提醒" in again.text


async def test_a_mail_program_stops_a_reminder_in_one_click(app, visitor, client, person_id):
    await client.post("/api/v1/reminder-plans", json=PLAN | {"person_id": person_id})
    answer = await visitor.post(f"/me/reminders/{_secret(app)}", data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await client.get(f"/api/v1/people/{person_id}/reminder-plans")).json()["items"] == []
    unknown = await visitor.post("/me/reminders/nothing", data={"List-Unsubscribe": "One-Click"})
    assert unknown.status_code == 200, "whether there is such a secret is not told"


async def _enter(visitor, code, **changes):
    await visitor.get("/me")
    typed = {"code": code, "date_of_birth": BORN.replace("-", ""), "pin": PIN} | changes
    return await _post(visitor, "/me", **typed)


async def _post(visitor, path, **fields):
    return await visitor.post(path, data=fields | {"form_token": _token(visitor)})


def _token(visitor):
    return form_token(visitor.cookies["tonglu_form"])


def _secret(app):
    node = app.state.node
    return node.database.read_sync(lambda session: open_plan(node, session.exec(select(ReminderPlan)).one()).stop)
