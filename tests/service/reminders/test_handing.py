"""A reminder plan that moves along with its person, from the region they left to the one where they live."""

from datetime import timedelta

import pytest
from sqlmodel import select

from federation.outbox import enqueue, find_message
from federation.tables import MessageState, OutboxMessage
from schemas.claims import Purpose
from schemas.entropy import uuid4
from schemas.envelope import Outgoing
from schemas.identity import PersonIdentity
from service.officers.rules import Role
from service.reminders.handing import HANDED_OVER
from service.reminders.receiving import ACCEPTED
from service.reminders.tables import ReceivedPlan, Reminder, ReminderPlan
from tests.service.agreements.conftest import strangers
from tests.service.agreements.peer_world import Browser
from tests.service.conftest import connect
from tests.service.two_regions import ANSWERER, ASKER, HAN, STRANGER, Region, Regions, agree, lose_seal_key

AWAY, HOME, REMIND = f"share_with_peer:{ASKER}", f"share_with_peer:{ANSWERER}", "remind:quarterly_check"
OTHER = {"name": "柳若谷", "document_number": "790101198502142345", "date_of_birth": "1985-02-14"}
EMAIL = {"email": "han@example.invalid"}
ERASURE = "tonglu.erasure.requested.v1"

__all__ = ["strangers"]


@pytest.fixture
async def regions(strangers: Regions) -> Regions:
    await agree(strangers)
    return strangers


def rows(region: Region, table):
    return region.node.database.read_sync(lambda session: list(session.exec(select(table)).all()))


async def planned(regions: Regions, *consents: str) -> tuple[str, str]:
    """Someone who left the answerer's region has a plan there: the ids of the person and of the plan."""
    person = (await regions.answerer.leaves(*consents, REMIND, **EMAIL))["person_id"]
    body = {"person_id": person, "kind": "quarterly_check", "cadence": "quarterly", "channel": "email"}
    plan = await regions.answerer.post("/reminder-plans", body | {"lead_days": [14, 3]}, 201)
    return str(person), str(plan["id"])


async def hand_over(regions: Regions, person: str, plan: str):
    body = {"person_id": person, "peer": ASKER}
    return await regions.answerer.post(f"/reminder-plans/{plan}/hand-over", body)


async def plans_at(region: Region, person: str):
    return (await region.get(f"/people/{person}/reminder-plans"))["items"]


async def test_a_plan_moves_to_where_its_person_lives_and_ends_here(regions):
    person, plan = await planned(regions, AWAY)
    there = (await regions.asker.arrives(HOME, REMIND, **EMAIL))["person_id"]
    await hand_over(regions, person, plan)
    assert [one["id"] for one in await plans_at(regions.answerer, person)] == [plan], "it goes on until accepted"
    await regions.settle()
    await regions.settle()
    assert await plans_at(regions.answerer, person) == []
    taken = await plans_at(regions.asker, there)
    assert [(one["kind"], one["lead_days"], one["period"]) for one in taken] == [("quarterly_check", [14, 3], "2026Q4")]
    assert rows(regions.asker, ReceivedPlan) == []
    assert rows(regions.answerer, Reminder) == []
    assert len(rows(regions.asker, Reminder)) == 2
    actions = [one["action"] for one in (await regions.asker.get("/access-log", person_id=there))["items"]]
    assert "reminder_plan.offered" in actions


async def test_withdrawing_while_the_answer_is_on_its_way_leaves_one_plan(regions):
    """There, before the acceptance left: it never leaves, and the plan goes on where it was."""
    person, plan = await planned(regions, AWAY)
    there = (await regions.asker.arrives(HOME, REMIND, **EMAIL))["person_id"]
    await hand_over(regions, person, plan)
    await regions.deliver()
    regions.wire.cut.add(f"{ANSWERER}.example")
    await regions.asker.run("matching")
    assert len(await plans_at(regions.asker, there)) == 1
    await regions.asker.post(f"/people/{there}/withdrawals", {"purpose": HOME}, 204)
    regions.wire.cut.clear()
    await regions.settle()
    assert await plans_at(regions.asker, there) == []
    assert [one["id"] for one in await plans_at(regions.answerer, person)] == [plan]
    assert {row.state for row in rows(regions.asker, OutboxMessage) if row.type == ACCEPTED} == {"cancelled"}
    # Here, after it was taken on there: the person has it there, so that it ends here.
    other, second = await planned_again(regions)
    await hand_over(regions, other, second)
    await regions.deliver()
    regions.wire.cut.add(f"{ANSWERER}.example")
    elsewhere = await arrives_again(regions)
    await regions.asker.run("matching")
    await regions.answerer.post(f"/people/{other}/withdrawals", {"purpose": AWAY}, 204)
    regions.wire.cut.clear()
    await regions.settle()
    await regions.settle()
    assert await plans_at(regions.answerer, other) == []
    assert len(await plans_at(regions.asker, elsewhere)) == 1


async def planned_again(regions: Regions) -> tuple[str, str]:
    """The same of somebody else."""
    person = (await regions.answerer.leaves(AWAY, REMIND, **EMAIL, **OTHER))["person_id"]
    body = {"person_id": person, "kind": "quarterly_check", "cadence": "quarterly", "channel": "email"}
    plan = await regions.answerer.post("/reminder-plans", body | {"lead_days": [14, 3]}, 201)
    return str(person), str(plan["id"])


async def arrives_again(regions: Regions) -> str:
    """That person is registered where they live."""
    return str((await regions.asker.arrives(HOME, REMIND, **EMAIL, **OTHER))["person_id"])


async def test_a_plan_that_could_not_be_opened_is_sealed_anew(regions):
    person, plan = await planned(regions, AWAY)
    there = (await regions.asker.arrives(HOME, REMIND, **EMAIL))["person_id"]
    lose_seal_key(regions.asker.node)
    await hand_over(regions, person, plan)
    for _ in range(4):
        await regions.settle()
    assert await plans_at(regions.answerer, person) == []
    assert len(await plans_at(regions.asker, there)) == 1


async def test_of_a_period_that_was_reminded_of_already_the_rest_stays_here(regions):
    person, plan = await planned(regions, AWAY)
    there = (await regions.asker.arrives(HOME, REMIND, **EMAIL))["person_id"]

    def send_first(session) -> None:
        first = session.exec(select(Reminder).where(Reminder.step == 1)).one()
        first.state, first.sent_at = "sent", regions.clock.now()
        session.add(first)

    regions.answerer.node.database.write_sync(send_first)
    await hand_over(regions, person, plan)
    await regions.settle()
    await regions.settle()
    assert [one["state"] for one in await plans_at(regions.answerer, person)] == ["ending"]
    assert sorted(row.state for row in rows(regions.answerer, Reminder)) == ["sent", "waiting"]
    assert [one["next_on"] for one in await plans_at(regions.asker, there)] == [None], "nothing twice in one period"
    regions.clock.set(regions.clock.now().replace(year=2027, month=1, day=4))
    for region in (regions.answerer, regions.asker):
        await region.run("reminders")
    assert await plans_at(regions.answerer, person) == []
    assert [one["period"] for one in await plans_at(regions.asker, there)] == ["2027Q1"]
    assert len(rows(regions.asker, Reminder)) == 2


async def test_it_waits_until_the_person_is_registered_there_and_agrees(regions):
    person, plan = await planned(regions, AWAY)
    await hand_over(regions, person, plan)
    await regions.settle()
    assert len(rows(regions.asker, ReceivedPlan)) == 1
    arrived = await regions.asker.arrives(HOME, **EMAIL)
    await regions.settle()
    assert len(rows(regions.asker, ReceivedPlan)) == 1, "not without the consent to be reminded here"
    told = regions.asker.told(REMIND)
    consents = {"consents": told["consents"], "refused": []}
    await regions.asker.post(f"/people/{arrived['person_id']}/consents", consents)
    await regions.settle()
    await regions.settle()
    assert len(await plans_at(regions.asker, arrived["person_id"])) == 1
    assert await plans_at(regions.answerer, person) == []


@pytest.mark.parametrize("case", ["absent", "protected", "not shared", "no consent", "no address", "another place"])
async def test_otherwise_nothing_is_said_and_the_plan_goes_on(regions, case):
    person, plan = await planned(regions, AWAY)
    consents = {"not shared": (REMIND,), "no consent": (HOME,)}.get(case, (HOME, REMIND))
    if case != "absent":
        origin = STRANGER if case == "another place" else ANSWERER
        contact = {} if case == "no address" else EMAIL
        there = (await regions.asker.arrives(*consents, origin=origin, **contact))["person_id"]
        if case == "protected":
            until = (regions.clock.now() + timedelta(days=60)).date().isoformat()
            await regions.asker.post(f"/people/{there}/protect", {"reason": "threat", "until": until}, 204)
    await hand_over(regions, person, plan)
    await regions.settle()
    assert [row.type for row in rows(regions.asker, OutboxMessage) if row.type == ACCEPTED] == []
    assert len(rows(regions.asker, ReceivedPlan)) == 1
    assert [one["state"] for one in await plans_at(regions.answerer, person)] == ["active"]
    regions.clock.advance(days=36)
    await regions.asker.run("purge")
    assert rows(regions.asker, ReceivedPlan) == []


@pytest.mark.parametrize("act", ["withdrawn sharing", "withdrawn reminding", "stopped", "erased", "protected"])
async def test_what_is_taken_back_is_erased_there(regions, act):
    person, plan = await planned(regions, AWAY)
    await hand_over(regions, person, plan)
    await regions.settle()
    assert len(rows(regions.asker, ReceivedPlan)) == 1
    qing = regions.answerer
    if act.startswith("withdrawn"):
        await qing.post(f"/people/{person}/withdrawals", {"purpose": AWAY if "sharing" in act else REMIND}, 204)
    elif act == "stopped":
        await qing.send("DELETE", f"/reminder-plans/{plan}?person_id={person}", status=204)
    elif act == "erased":
        answer = await qing.request("DELETE", f"/people/{person}")
        assert answer.status_code < 300, answer.text
    else:
        until = (regions.clock.now() + timedelta(days=60)).date().isoformat()
        await qing.post(f"/people/{person}/protect", {"reason": "threat", "until": until}, 204)
    await regions.settle()
    assert rows(regions.asker, ReceivedPlan) == []
    left = [row.state for row in rows(qing, ReminderPlan)]
    assert left == {"withdrawn sharing": ["active"], "protected": ["paused"]}.get(act, [])


async def test_what_has_not_left_never_leaves(regions):
    person, plan = await planned(regions, AWAY)
    await hand_over(regions, person, plan)
    await regions.answerer.post(f"/people/{person}/withdrawals", {"purpose": AWAY}, 204)
    states = {row.type: row.state for row in rows(regions.answerer, OutboxMessage)}
    assert states[HANDED_OVER] == MessageState.CANCELLED
    assert ERASURE not in states


async def test_what_cannot_be_handed_over(regions):
    person, plan = await planned(regions)
    qing, path = regions.answerer, f"/reminder-plans/{plan}/hand-over"
    await qing.refused(path, {"person_id": person, "peer": ASKER}, "no_consent")
    await qing.refused(path, {"person_id": person, "peer": STRANGER}, "unknown_peer")
    await qing.refused(path, {"person_id": uuid4(qing.node.entropy), "peer": ASKER}, "not_found")
    await qing.refused("/reminder-plans/nothing/hand-over", {"person_id": person, "peer": ASKER}, "not_found")
    auditor = await qing.as_officer("auditor", Role.AUDITOR)
    await auditor.refused(path, {"person_id": person, "peer": ASKER}, "forbidden")
    told = qing.told(AWAY)
    await qing.post(f"/people/{person}/consents", {"consents": told["consents"], "refused": []})
    await hand_over(regions, person, plan)
    await qing.refused(path, {"person_id": person, "peer": ASKER}, "wrong_state")


async def test_an_officer_hands_it_over_on_a_page(regions):
    person, plan = await planned(regions, AWAY)
    qing = regions.answerer
    browser = Browser(connect(qing.app), qing.node, qing.officer)
    qing.clients.append(browser.http)
    path = f"/people/{person}/reminders/{plan}/hand-over"
    assert f'href="{path}"' in (await browser.gets(f"/people/{person}/reminders")).text
    assert (await browser.gets(path.replace(plan, person))).status_code == 404
    await browser.sends(path, path, 422, region="nowhere")
    await browser.sends(path, path, 422, region="云台县")
    done = await browser.sends(path, path, region="澜江市")
    assert done.headers["location"].startswith(f"/people/{person}/reminders")
    await browser.sends(path, path, 422, region="澜江市")
    offered = [row for row in rows(qing, OutboxMessage) if row.type == HANDED_OVER]
    assert [row.region for row in offered] == [ASKER]


# --- As other nodes may send it --------------------------------------------------------------------------------------


def offer(regions: Regions, agreement: str, **changes) -> str:
    """Send what a node may send as a plan; gives the message's id."""
    node = regions.answerer.node
    plan = changes.pop("plan", uuid4(node.entropy))
    data = {
        "plan": plan,
        "kind": "quarterly_check",
        "cadence": "quarterly",
        "lead_days": [14, 3],
        "language": "zh-CN",
        "next_period": "2026Q4",
        "consent": {"purpose": AWAY, "given_at": "2026-11-01T00:00:00Z", "way": "spoken", "notice_version": "2026-11"},
    }
    identity = {name: value for name, value in HAN.items() if name != "phone"} | changes.pop("person", {})
    person = PersonIdentity.model_validate({name: value for name, value in identity.items() if value is not None})
    outgoing = Outgoing(ASKER, HANDED_OVER, plan, data | changes, agreement, Purpose.PERSONS_REQUEST, person=person)
    return str(node.database.write_sync(lambda session: enqueue(session, node.fed, outgoing)))


async def outcome(regions: Regions, region: Region, message: str) -> str:
    await regions.settle()
    row = region.node.database.read_sync(lambda session: find_message(session, message))
    return str(row.problem_code or row.state)


async def agreement_of(regions: Regions) -> str:
    return str((await regions.answerer.get("/agreements"))["items"][0]["id"])


@pytest.mark.parametrize(
    "changes",
    [
        {"lead_days": [3, 14]},
        {"cadence": "yearly", "anchor_on": "2040-01-01"},
        {"consent": {"purpose": HOME, "given_at": "2026-11-01T00:00:00Z", "way": "spoken", "notice_version": "1"}},
        {
            "consent": {
                "purpose": "remind:vaccination",
                "given_at": "2026-11-01T00:00:00Z",
                "way": "spoken",
                "notice_version": "1",
            }
        },
    ],
)
async def test_a_plan_that_cannot_be_is_refused(regions, changes):
    message = offer(regions, await agreement_of(regions), **changes)
    assert await outcome(regions, regions.answerer, message) == "invalid_message"
    assert rows(regions.asker, ReceivedPlan) == []


async def test_a_plan_offered_twice_is_taken_on_once(regions):
    there = (await regions.asker.arrives(HOME, REMIND, **EMAIL))["person_id"]
    agreement, plan = await agreement_of(regions), uuid4(regions.answerer.node.entropy)
    for _ in range(2):
        assert await outcome(regions, regions.answerer, offer(regions, agreement, plan=plan)) == "receipted"
    assert len(await plans_at(regions.asker, there)) == 1
    accepted = [row for row in rows(regions.asker, OutboxMessage) if row.type == ACCEPTED]
    assert {row.state for row in accepted} == {MessageState.RECEIPTED}, "of a plan unknown there it changes nothing"


@pytest.mark.parametrize(("quarter", "expected"), [("2027Q3", "invalid_message"), ("2027Q1", "receipted")])
async def test_an_acceptance_leaves_no_period_out(regions, quarter, expected):
    person, plan = await planned(regions, AWAY)
    await hand_over(regions, person, plan)
    await regions.settle()
    node = regions.asker.node
    data = {"plan": plan, "from_period": quarter}
    outgoing = Outgoing(ANSWERER, ACCEPTED, plan, data, await agreement_of(regions), Purpose.PERSONS_REQUEST)
    message = node.database.write_sync(lambda session: enqueue(session, node.fed, outgoing))
    assert await outcome(regions, regions.asker, message) == expected
    states = [one["state"] for one in await plans_at(regions.answerer, person)]
    assert states == (["ending"] if expected == "receipted" else ["active"])


async def test_an_acceptance_by_someone_who_was_not_asked_changes_nothing(regions):
    person, plan = await planned(regions, AWAY)
    node = regions.asker.node
    data = {"plan": plan, "from_period": "2026Q4"}
    outgoing = Outgoing(ANSWERER, ACCEPTED, plan, data, await agreement_of(regions), Purpose.PERSONS_REQUEST)
    message = node.database.write_sync(lambda session: enqueue(session, node.fed, outgoing))
    assert await outcome(regions, regions.asker, message) == "receipted"
    assert [one["state"] for one in await plans_at(regions.answerer, person)] == ["active"]
