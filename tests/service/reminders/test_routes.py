"""Reminder plans through the API: made on consent for adults, stopped at once, only ever one person's."""

import pytest
from sqlmodel import select

from service.reminders.plans import open_plan
from service.reminders.tables import ReminderPlan

HAN = {
    "name": "韩晨曦",
    "document_type": "resident_id",
    "document_number": "790101199003071230",
    "email": "chenxi@example.net",
}
ALL = ("remind:quarterly_check", "remind:residence_permit")


async def test_a_plan_is_made_listed_and_stopped(client):
    person_id = await _arrive(client)
    made = await _ask(client, person_id)
    assert made.status_code == 201, made.text
    plan = made.json()
    assert (plan["kind"], plan["cadence"], plan["lead_days"], plan["state"], plan["next_on"]) == (
        "quarterly_check", "quarterly", [14, 3], "active", "2026-12-17",
    )  # fmt: skip
    assert (await client.get(f"/api/v1/people/{person_id}/reminder-plans")).json()["items"] == [plan]
    reminders = (await client.get(f"/api/v1/reminders?person_id={person_id}")).json()["items"]
    assert [(one["step"], one["due_on"], one["state"]) for one in reminders] == [
        (1, "2026-12-17", "waiting"),
        (2, "2026-12-28", "waiting"),
    ]
    path = f"/api/v1/reminder-plans/{plan['id']}"
    assert (await client.delete(path)).status_code == 404
    assert (await client.delete(f"{path}?person_id={plan['id']}")).status_code == 404
    assert (await client.delete(f"{path}?person_id={person_id}")).status_code == 204
    assert (await client.delete(f"{path}?person_id={person_id}")).status_code == 404
    assert (await client.get(f"/api/v1/reminders?person_id={person_id}")).json()["items"] == []


async def test_a_yearly_plan_has_its_day(client):
    person_id = await _arrive(client)
    yearly = {"kind": "residence_permit", "cadence": "yearly", "lead_days": [30], "anchor_on": "2027-03-15"}
    plan = (await _ask(client, person_id, **yearly)).json()
    assert (plan["anchor_on"], plan["period"], plan["next_on"]) == ("2027-03-15", "2027-03-15", "2027-02-15")


async def test_what_cannot_be_asked_for_is_refused(client):
    person_id = await _arrive(client)
    for changes, code, status in (
        ({"kind": "vaccination"}, "no_consent", 409),
        ({"kind": "pregnancy_check"}, "invalid_input", 422),
        ({"channel": "sms"}, "invalid_input", 422),
        ({"cadence": "weekly"}, "invalid_input", 422),
        ({"lead_days": []}, "invalid_input", 422),
        ({"lead_days": [3, 14]}, "invalid_input", 422),
        ({"lead_days": [14, 7, 3]}, "invalid_input", 422),
        ({"anchor_on": "2027-01-01"}, "invalid_input", 422),
        ({"remark": "calls often"}, "invalid_input", 422),
        ({"person_id": "nobody"}, "not_found", 404),
    ):
        answer = await _ask(client, person_id, **changes)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}"), changes
    assert (await _ask(client, person_id)).status_code == 201
    again = await _ask(client, person_id)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/wrong_state")


@pytest.mark.parametrize(
    ("person", "code", "status"),
    [
        ({"document_number": "790101200903071230"}, "under_age", 422),
        ({"document_type": "none", "document_number": None}, "date_of_birth_missing", 409),
        ({"email": None}, "invalid_input", 422),
    ],
    ids=["seventeen", "no date of birth", "no address to write to"],
)
async def test_reminders_are_for_adults_who_can_be_reached(client, person, code, status):
    person_id = await _arrive(client, **person)
    answer = await _ask(client, person_id)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


async def test_withdrawing_at_the_counter_ends_the_plan(client):
    person_id = await _arrive(client)
    await _ask(client, person_id)
    answer = await client.post(f"/api/v1/people/{person_id}/withdrawals", json={"purpose": "remind:quarterly_check"})
    assert answer.status_code == 204, answer.text
    assert (await client.get(f"/api/v1/people/{person_id}/reminder-plans")).json()["items"] == []


async def test_a_corrected_address_is_the_one_written_to(app, client):
    person_id = await _arrive(client)
    await _ask(client, person_id)
    for email, state in (("new@example.net", "active"), ("", "paused")):
        answer = await client.patch(f"/api/v1/people/{person_id}", json={"email": email, "language": "en"})
        assert answer.status_code == 200, answer.text
        (plan,) = (await client.get(f"/api/v1/people/{person_id}/reminder-plans")).json()["items"]
        assert plan["state"] == state
    node = app.state.node
    content = node.database.read_sync(lambda session: open_plan(node, session.exec(select(ReminderPlan)).one()))
    assert (content.email, content.language) == ("new@example.net", "en")


async def _arrive(client, **changes):
    person = {name: value for name, value in (HAN | changes).items() if value is not None}
    body = {
        "person": person,
        "origin_region": "790101",
        "arrived_on": "2026-09-01",
        "notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"},
        "consents": [{"purpose": purpose, "way": "spoken"} for purpose in ALL],
    }
    answer = await client.post("/api/v1/arrivals", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["person_id"]


async def _ask(client, whose, **changes):
    body = {
        "person_id": whose,
        "kind": "quarterly_check",
        "cadence": "quarterly",
        "channel": "email",
        "lead_days": [14, 3],
    }
    return await client.post("/api/v1/reminder-plans", json=body | changes)
