"""The stages of a question with their clocks, and the task that a stage makes which takes too long: one, once."""

from datetime import date
from typing import Any

from sqlmodel import Session

from service.officers.rules import Role
from service.registry.tables import Person
from tests.service.two_regions import ANSWERER, ASKER, IDENTITY_AND_DEPARTURE, Region, Regions
from tests.service.verification.test_dialogue import SHARE_HOME, received

NO_RECORD = dict.fromkeys(IDENTITY_AND_DEPARTURE, "no_record")


async def stages(region: Region, request_id: str, **query: Any) -> dict[str, str | None]:
    view = await region.get(f"/verifications/{request_id}", **query)
    return {name: at and at[11:16] for name, at in view["stages"].items()}


async def unanswered(region: Region, state: str = "open") -> list[dict[str, Any]]:
    items = (await region.get("/work-items", kind="request_unanswered", state=state))["items"]
    return list(items)


async def ask(regions: Regions) -> dict[str, Any]:
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked: dict[str, Any] = await regions.asker.asks(arrival["person_id"])
    return asked


async def test_each_stage_shows_its_clock_on_the_side_that_knows_it(regions):
    asked = await ask(regions)
    assert await stages(regions.asker, asked["id"]) == {
        "queued_at": "02:00",
        "delivered_at": None,
        "opened_at": None,
        "answered_at": None,
    }
    regions.clock.advance(minutes=10)
    await regions.settle()
    regions.clock.advance(minutes=10)
    there = await received(regions, asked["case"])
    assert there["stages"]["opened_at"] is None, "a list opens nothing"
    regions.clock.advance(minutes=10)
    opened = await stages(regions.answerer, there["id"])
    assert opened["delivered_at"] == "02:10"
    regions.clock.advance(minutes=10)
    await regions.answerer.post(f"/verifications/{there['id']}/answer", {"answers": NO_RECORD})
    regions.clock.set(regions.clock.now().replace(hour=4, minute=0))  # 12:00 in Shanghai: answers leave
    await regions.answerer.run("releases")
    regions.clock.advance(minutes=5)
    await regions.settle()
    assert await stages(regions.answerer, there["id"]) == {
        "queued_at": None,
        "delivered_at": "02:10",
        "opened_at": "02:30",
        "answered_at": "04:00",
    }
    # When the other office opened it is not said to the asker by any message.
    assert await stages(regions.asker, asked["id"]) == {
        "queued_at": "02:00",
        "delivered_at": "02:10",
        "opened_at": None,
        "answered_at": "04:00",
    }


async def test_who_answers_without_having_looked_has_opened_it_too(regions):
    for number, act in enumerate(("answer", "decline")):
        arrival = await regions.asker.arrives(SHARE_HOME, document_number=f"79010119900307{number:03}0")
        asked = await regions.asker.asks(arrival["person_id"])
        await regions.settle()
        there = await received(regions, asked["case"])
        body = {"answers": NO_RECORD} if act == "answer" else {"reason": "no_capacity"}
        done = await regions.answerer.post(f"/verifications/{there['id']}/{act}", body)
        assert done["stages"]["opened_at"] == "2026-11-23T02:00:00Z"


async def test_what_is_answered_by_itself_was_opened_by_nobody(regions):
    await regions.answerer.leaves()
    asked = await ask(regions)
    await regions.settle()
    there = await received(regions, asked["case"])
    assert (await stages(regions.answerer, there["id"]))["opened_at"] is None
    assert (await stages(regions.asker, asked["id"]))["answered_at"] == "02:00"


async def test_a_question_that_is_under_way_for_too_long_is_one_task_and_a_late_answer_another(regions):
    regions.wire.cut.add(f"{ANSWERER}.example")
    asked = await ask(regions)
    for day, expected in ((25, 0), (26, 1), (26, 1), (27, 1)):  # asked on Monday 23: Wednesday is in time
        regions.clock.set(regions.clock.now().replace(day=day))
        await regions.settle()
        await regions.asker.run("deadlines")
        assert len(await unanswered(regions.asker)) == expected, day
    (task,) = await unanswered(regions.asker)
    assert (task["about"], task["due_on"]) == (asked["id"], "2026-11-26")
    regions.wire.cut.clear()
    await regions.asker.post(f"/peers/{ANSWERER}/retry")
    await regions.settle()
    assert await unanswered(regions.asker) == []
    due = date.fromisoformat(asked["due_on"])
    for day, expected in ((due.day, 0), (due.day + 1, 1), (due.day + 1, 1)):
        regions.clock.set(regions.clock.now().replace(month=due.month, day=day))
        await regions.asker.run("deadlines")
        assert len(await unanswered(regions.asker)) == expected, day
    assert len(await unanswered(regions.asker, "done")) == 1
    await regions.asker.post(f"/verifications/{asked['id']}/cancel", {"reason": "no_longer_needed"})
    assert await unanswered(regions.asker) == []


async def test_the_task_belongs_to_the_office_that_asked_and_goes_with_the_record(regions):
    asker = regions.asker
    here = await asker.as_officer("临港专干", Role.CLERK, area=f"{ASKER}001")
    there = await asker.as_officer("邻镇专干", Role.CLERK, area=f"{ASKER}002")
    arrival = await here.arrives(SHARE_HOME)
    asked = await here.asks(arrival["person_id"])
    regions.wire.cut.add(f"{ANSWERER}.example")
    regions.clock.set(regions.clock.now().replace(day=26))
    await asker.run("deadlines")
    (task,) = await unanswered(here)
    assert (task["about"], await unanswered(there)) == (asked["id"], [])
    assert len(await unanswered(asker)) == 1, "who sees the whole region sees it, too"
    await here.post(f"/work-items/{task['id']}/take")

    def transfer(session: Session) -> None:
        session.get_one(Person, arrival["person_id"]).area = f"{ASKER}002"

    asker.node.database.write_sync(transfer)
    await asker.run("deadlines")
    (moved,) = await unanswered(there)
    assert (moved["id"], moved["assignee"], await unanswered(here)) == (task["id"], None, [])
