"""What an agreement allows is what happens: dates, quota, terms, retention, renewal, and its end."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from service.agreements.queries import find_agreement
from service.agreements.rules import a_year_after
from service.cli import run
from service.verification.tables import ReceivedDeparture
from tests.service.two_regions import ANSWERER, Region, Regions, agree
from tests.service.verification.test_dialogue import SHARE_HOME, received


def on(regions: Regions, year: int, month: int, day: int) -> None:
    regions.clock.set(datetime(year, month, day, 2, 0, tzinfo=UTC))


async def endings(region: Region, state: str = "open") -> list[str]:
    items = (await region.get("/work-items", kind="agreement_ending", state=state))["items"]
    return [item["about"] for item in items]


async def people(regions: Regions, many: int) -> list[str]:
    arrivals = [
        await regions.asker.arrives(SHARE_HOME, document_number=f"79010119900307{number:03}0") for number in range(many)
    ]
    return [arrival["person_id"] for arrival in arrivals]


async def test_what_both_agreed_is_all_that_may_be_asked(strangers):
    await agree(strangers, purposes=["persons_request"], claims=["identity"], answer_working_days=4)
    (person,) = await people(strangers, 1)
    body = {"person_id": person, "peer": ANSWERER, "claims": ["identity"], "purpose": "persons_request"}
    await strangers.asker.refused("/verifications", body | {"purpose": "confirm_journey"}, "no_agreement")
    await strangers.asker.refused("/verifications", body | {"claims": ["identity", "registered_here"]}, "no_agreement")
    asked = await strangers.asker.post("/verifications", body, 201)
    assert asked["due_on"] == "2026-11-27"


async def test_an_agreement_covers_its_days_and_no_other(strangers):
    await agree(strangers, valid_from="2026-12-01", valid_until="2026-12-31")
    (person,) = await people(strangers, 1)
    body = {"person_id": person, "peer": ANSWERER, "claims": ["identity"], "purpose": "confirm_journey"}
    await strangers.asker.refused("/verifications", body, "no_agreement")
    on(strangers, 2026, 12, 31)
    await strangers.asker.post("/verifications", body, 201)
    on(strangers, 2027, 2, 1)
    await strangers.asker.refused("/verifications", body, "no_agreement")


@pytest.mark.parametrize(
    "terms",
    [
        {"valid_from": "2026-11-22"},
        {"valid_from": "2028-01-01"},
        {"valid_from": "2026-12-02", "valid_until": "2026-12-01"},
    ],
)
async def test_dates_that_cannot_be_are_refused(strangers, terms):
    await strangers.asker.refused("/agreements", {"peer": ANSWERER} | terms, "invalid_input")


async def test_the_cap_is_the_answerers_when_it_signs(strangers):
    node = strangers.asker.node
    node.callbacks.open_journeys = lambda *_: 60
    proposed = await strangers.asker.post("/agreements", {"peer": ANSWERER, "per_month": 60}, 201)
    await strangers.settle()
    path = f"/agreements/{proposed['id']}/sign"
    problem = await strangers.answerer.refused(path, None, "invalid_input")
    assert (problem["most"], problem["errors"][0]["field"]) == (50, "per_month")
    strangers.answerer.node.callbacks.open_journeys = lambda *_: 60
    assert (await strangers.answerer.post(path))["state"] == "signed"


async def test_past_the_quota_one_message_waits_and_what_ends_something_goes_on(strangers):
    await agree(strangers, per_month=1)
    first, second = await people(strangers, 2)
    one = await strangers.asker.asks(first)
    await strangers.settle()
    two = await strangers.asker.asks(second)
    await strangers.settle()
    assert (await strangers.asker.get(f"/verifications/{two['id']}"))["state"] == "queued"
    await strangers.asker.post(f"/verifications/{one['id']}/cancel", {"reason": "asked_in_error"})
    await strangers.asker.post(f"/people/{first}/withdrawals", {"purpose": SHARE_HOME}, 204)
    await strangers.settle()
    assert (await received(strangers, one["case"]))["state"] == "cancelled"
    on(strangers, 2026, 12, 1)
    await strangers.settle()
    assert (await strangers.asker.get(f"/verifications/{two['id']}"))["state"] == "delivered"


async def test_what_was_received_goes_when_the_agreement_says(strangers):
    await agree(strangers, retention_days=7)
    await strangers.asker.leaves(SHARE_HOME, destination=ANSWERER)
    (person,) = await people(strangers, 1)
    asked = await strangers.asker.asks(person)
    await strangers.settle()
    there = await received(strangers, asked["case"])
    await strangers.answerer.post(f"/verifications/{there['id']}/decline", {"reason": "no_capacity"})
    strangers.clock.advance(hours=6)
    await strangers.answerer.run("releases")
    node = strangers.answerer.node

    def told() -> int:
        return len(node.database.read_sync(lambda session: session.exec(select(ReceivedDeparture)).all()))

    async def shows(region: Region, request_id: str) -> Any:
        return (await region.get(f"/verifications/{request_id}"))["subject"]

    strangers.clock.advance(days=6, hours=20)
    await strangers.answerer.run("purge")
    assert (await shows(strangers.answerer, there["id"])) is not None
    strangers.clock.advance(hours=5)
    await strangers.answerer.run("purge")
    assert (await shows(strangers.answerer, there["id"])) is None
    assert told() == 0


async def test_an_agreement_that_runs_out_is_one_task_and_its_successor_begins_where_it_ends(regions):
    old = (await regions.asker.get("/agreements"))["items"][0]
    on(regions, 2027, 10, 23)
    await regions.asker.run("deadlines")
    assert await endings(regions.asker) == []
    for day in (24, 25, 25):
        on(regions, 2027, 10, day)
        for region in (regions.asker, regions.answerer):
            await region.run("deadlines")
            assert await endings(region) == [old["id"]]
    new = await regions.answerer.post(f"/agreements/{old['id']}/renew", {"per_month": 40}, 201)
    assert (new["valid_from"], new["valid_until"]) == ("2027-11-24", "2028-11-24")
    assert (new["per_month"], new["claims"], new["purposes"]) == (40, old["claims"], old["purposes"])
    await regions.answerer.refused(f"/agreements/{old['id']}/renew", {}, "wrong_state")
    await regions.settle()
    await regions.asker.post(f"/agreements/{new['id']}/sign")
    await regions.settle()
    for region in (regions.asker, regions.answerer):
        await region.run("deadlines")
        assert (await endings(region), await endings(region, "done")) == ([], [old["id"]])
        await region.refused(f"/agreements/{old['id']}/renew", {}, "wrong_state")
    (person,) = await people(regions, 1)
    for day, expected in ((23, old), (24, new)):
        on(regions, 2027, 11, day)
        body = {"person_id": person, "peer": ANSWERER, "claims": ["identity"]}
        purpose = "confirm_journey" if day == 23 else "persons_request"
        asked = await regions.asker.post("/verifications", body | {"purpose": purpose}, 201)
        assert asked["agreement"] == expected["id"]


async def test_whoever_ends_an_agreement_has_no_task_left(regions):
    old = (await regions.asker.get("/agreements"))["items"][0]
    on(regions, 2027, 11, 1)
    for region in (regions.asker, regions.answerer):
        await region.run("deadlines")
    await regions.answerer.post(f"/agreements/{old['id']}/end")
    await regions.settle()
    assert [await endings(region) for region in (regions.asker, regions.answerer)] == [[], []]
    await regions.asker.refused(f"/agreements/{old['id']}/renew", {}, "wrong_state")


async def test_a_proposal_is_withdrawn_by_who_made_it(strangers):
    proposed = await strangers.asker.post("/agreements", {"peer": ANSWERER}, 201)
    await strangers.settle()
    await strangers.answerer.refused(f"/agreements/{proposed['id']}/end", None, "wrong_state")
    assert (await strangers.asker.post(f"/agreements/{proposed['id']}/end"))["state"] == "ended"
    await strangers.settle()
    await strangers.answerer.refused(f"/agreements/{proposed['id']}/sign", None, "wrong_state")


async def test_an_operator_agrees_renews_and_ends(regions, capsys, monkeypatch):
    settings = regions.asker.node.settings
    monkeypatch.setenv("TONGLU_DATABASE_URL", settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")

    def tonglu(command: str, *more: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(["agreement", command, str(settings.dir), *more]) == code, capsys.readouterr().err
        return str(capsys.readouterr().out).strip()

    old = json.loads(tonglu("list", "--json"))[0]["id"]
    until = (datetime.now(UTC) + timedelta(days=700)).date().isoformat()
    new = tonglu("renew", old, "--per-month", "12", "--until", until)
    found = {one["id"]: one for one in json.loads(tonglu("list", "--json"))}
    assert (found[new]["state"], found[new]["per_month"]) == ("proposed", 12)
    tonglu("renew", old, code=1)
    assert tonglu("end", new).endswith("ended")
    tonglu("end", new, code=1)
    other = tonglu("propose", "--peer", ANSWERER, "--claim", "identity", "--purpose", "correct_record")
    row = regions.asker.node.database.read_sync(lambda session: find_agreement(session, other))
    assert (row.claims, row.purposes) == ("identity", "correct_record")
    tonglu("propose", "--peer", ANSWERER, "--claim", "pregnancy", code=2)


def test_a_year_after_the_29th_of_february_is_the_28th():
    assert a_year_after(date(2028, 2, 29)) == date(2029, 2, 28)
