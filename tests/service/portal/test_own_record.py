"""What the person sees and does on their own page, through the API; and that nobody else sees it."""

import json

import pytest
from sqlmodel import func, select

from service.access_log import AccessLogEntry
from service.portal.sentences import DID, FIELDS
from service.reminders.tables import ReminderPlan
from tests.service.conftest import connect
from tests.service.portal.conftest import BORN, HAN, credentials

PLAN = {"kind": "quarterly_check", "cadence": "quarterly", "channel": "email", "lead_days": [14, 3]}
CERTIFICATE = {
    "kind": "general_health",
    "quarter": "2026Q4",
    "attended_on": "2026-11-20",
    "valid_until": "2027-02-20",
}


async def test_everything_held_is_shown_in_clear(client, me, person_id):
    await client.post("/api/v1/certificates", json=CERTIFICATE | {"person_id": person_id})
    await client.post("/api/v1/reminder-plans", json=PLAN | {"person_id": person_id})
    mine = (await me.get("/api/v1/me")).json()
    assert mine["person"] == {
        "name": HAN["name"],
        "document_type": "resident_id",
        "document_number": HAN["document_number"],
        "date_of_birth": BORN,
        "phone": "13900001234",
        "email": HAN["email"],
        "address": "临港街道 8 号",
        "language": "zh-CN",
        "office": "790303",
        "office_name": "澜江市",
    }
    assert [(move["direction"], move["region"], move["moved_on"]) for move in mine["moves"]] == [
        ("arrival", "790101", "2026-09-01")
    ]
    assert {consent["purpose"] for consent in mine["consents"]} == {
        "remind:quarterly_check",
        "certificate_home:790101",
    }
    assert [one["state"] for one in mine["certificates"]] == ["issued"]
    assert [one["next_on"] for one in mine["reminder_plans"]] == ["2026-12-17"]


async def test_who_looked_stands_in_plain_sentences_of_both_languages(client, me, person_id):
    await client.get(f"/api/v1/people/{person_id}?full=1&purpose=counter")
    await client.get(f"/api/v1/people/{person_id}/certificates")
    items = (await me.get("/api/v1/me/access-log")).json()["items"]
    told = [item["sentence"] for item in items]
    assert any("查看了您的凭证" in one["zh-CN"] for one in told)
    assert any("looked at your certificates" in one["en"] for one in told)
    assert all(one["zh-CN"].startswith("澜江市的 王芳 ") for one in told)
    assert all(set(one) == {"zh-CN", "en"} for one in told)
    assert {item["action"] for item in items} <= set(DID), "every action has words"
    assert {field for item in items for field in item["fields"]} <= set(FIELDS)
    first = (await me.get("/api/v1/me/access-log?limit=1")).json()
    second = (await me.get(f"/api/v1/me/access-log?limit=1&after={first['next']}")).json()
    assert [first["items"][0]["id"], second["items"][0]["id"]] == [items[0]["id"], items[1]["id"]]


async def test_looking_at_ones_own_page_leaves_no_trace(app, code):
    node = app.state.node

    def entries():
        return node.database.read_sync(lambda session: session.exec(select(func.count(AccessLogEntry.id))).one())

    before = entries()
    async with connect(app) as http:
        token = (await http.post("/api/v1/me/session", json=credentials(code))).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        for path in ("/me", "/me/access-log", "/me/consents"):
            assert (await http.get(f"/api/v1{path}")).status_code == 200
    assert entries() == before


async def test_what_the_person_does_there_stands_in_no_log_that_an_officer_reads(client, me, person_id):
    await me.post("/api/v1/me/withdrawals", json={"purpose": "remind:quarterly_check"})
    await me.post("/api/v1/me/requests", json={"kind": "copy"})
    mine = (await me.get("/api/v1/me/access-log")).json()["items"]
    own = {one["action"] for one in mine if one["sentence"]["zh-CN"].startswith("您本人")}
    assert own == {"person.consent_withdrawn", "own_request.copy"}
    read = (await client.get("/api/v1/access-log", params={"person_id": person_id})).json()["items"]
    assert "arrival.registered" in {one["action"] for one in read}
    assert own.isdisjoint(one["action"] for one in read)


async def test_one_step_withdraws_at_once_and_one_takes_it_back(app, client, me, person_id):
    await client.post("/api/v1/reminder-plans", json=PLAN | {"person_id": person_id})
    answer = await me.post("/api/v1/me/withdrawals", json={"purpose": "remind:quarterly_check"})
    live = [one["purpose"] for one in answer.json()["items"] if one["withdrawn_at"] is None]
    assert live == ["certificate_home:790101"]
    node = app.state.node
    assert node.database.read_sync(lambda session: session.exec(select(ReminderPlan)).all()) == []
    again = await me.post("/api/v1/me/withdrawals", json={"purpose": "remind:quarterly_check"})
    assert again.status_code == 200
    back = await me.post("/api/v1/me/consents", json={"purpose": "remind:quarterly_check"})
    given = next(one for one in back.json()["items"] if one["withdrawn_at"] is None and "remind" in one["purpose"])
    assert given["way"] == "own_page"


@pytest.mark.parametrize("purpose", ["remind:vaccination", "share_with_peer:790101"])
async def test_what_was_never_asked_cannot_be_given_here(me, purpose):
    answer = await me.post("/api/v1/me/consents", json={"purpose": purpose})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/wrong_state")


async def test_a_request_becomes_the_offices_task_with_a_day(client, me, person_id):
    made = (await me.post("/api/v1/me/requests", json={"kind": "erase"})).json()
    assert (made["kind"], made["due_on"], made["open"]) == ("erase", "2026-12-14", True)
    assert (await me.post("/api/v1/me/requests", json={"kind": "erase"})).json()["id"] == made["id"]
    tasks = (await client.get("/api/v1/work-items")).json()["items"]
    assert [(task["kind"], task["about"]) for task in tasks if task["kind"] == "persons_request"] == [
        ("persons_request", person_id)
    ]
    listed = (await client.get(f"/api/v1/people/{person_id}/requests")).json()["items"]
    assert [one["kind"] for one in listed] == ["erase"]
    mine = (await me.get("/api/v1/me")).json()["requests"]
    assert [one["kind"] for one in mine] == ["erase"]


async def test_reminders_are_done_paused_resumed_and_stopped_by_the_person(client, me, person_id):
    plan = (await client.post("/api/v1/reminder-plans", json=PLAN | {"person_id": person_id})).json()
    seen = []
    for step in ("pause", "resume", "done"):
        assert (await me.post(f"/api/v1/me/reminder-plans/{plan['id']}/{step}")).status_code == 204
        (shown,) = (await me.get("/api/v1/me")).json()["reminder_plans"]
        seen.append((shown["state"], shown["next_on"]))
    assert seen == [("paused", None), ("active", "2026-12-17"), ("active", None)]
    assert (await me.post(f"/api/v1/me/reminder-plans/{plan['id']}/skip")).status_code == 404
    assert (await me.delete(f"/api/v1/me/reminder-plans/{plan['id']}")).status_code == 204
    assert (await me.delete(f"/api/v1/me/reminder-plans/{plan['id']}")).status_code == 404


async def test_nobody_elses_plan_can_be_touched(app, client, me):
    other = {"name": "刘一", "document_type": "resident_id", "document_number": "790101198502021219"}
    body = {
        "person": other | {"email": "liu@example.net"},
        "origin_region": "790101",
        "arrived_on": "2026-09-01",
        "notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"},
        "consents": [{"purpose": "remind:quarterly_check", "way": "spoken"}],
    }
    their_id = (await client.post("/api/v1/arrivals", json=body)).json()["person_id"]
    plan = (await client.post("/api/v1/reminder-plans", json=PLAN | {"person_id": their_id})).json()
    assert (await me.delete(f"/api/v1/me/reminder-plans/{plan['id']}")).status_code == 404
    assert (await me.post(f"/api/v1/me/reminder-plans/{plan['id']}/done")).status_code == 404


async def test_an_erased_persons_page_is_closed_at_once(client, app, me, person_id, code):
    answer = await client.delete(f"/api/v1/people/{person_id}")
    assert answer.status_code in (200, 204), answer.text
    assert (await me.get("/api/v1/me")).status_code == 401
    async with connect(app) as http:
        assert (await http.post("/api/v1/me/session", json=credentials(code))).status_code == 401


async def test_a_consent_at_the_counter_may_rest_on_the_persons_code(client, person_id, code):
    body = {"consents": [{"purpose": "share_with_peer:790101", "way": "screen", "code": code}], "refused": []}
    assert (await client.post(f"/api/v1/people/{person_id}/consents", json=body)).status_code in (200, 201)
    body["consents"][0]["code"] = "AAAA-BBBB-CCCC"
    wrong = await client.post(f"/api/v1/people/{person_id}/consents", json=body)
    assert wrong.status_code == 422, json.dumps(wrong.json())
