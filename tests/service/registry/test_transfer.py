"""A record found anywhere in the node by three exact facts, and taken over with the person present."""

import pytest
from sqlmodel import select

from service.access_log import entries
from service.officers.rules import Role
from service.registry.searching import limits
from service.registry.tables import DailySearch
from tests.service.conftest import connect
from tests.service.two_regions import HAN

FACTS = {name: HAN[name] for name in ("name", "document_number", "date_of_birth")}
TOWN, OTHER_TOWN = "790303001", "790303002"


@pytest.mark.by_turns
async def test_a_record_is_found_by_three_facts_and_taken_over(region):
    old = await region.as_officer("专干甲", area=TOWN)
    new = await region.as_officer("专干乙", area=OTHER_TOWN)
    made = await old.arrives()
    path, notice = f"/people/{made['person_id']}", region.told()["notice"]
    taken = FACTS | {"present": True, "notice": notice}
    assert (await new.post("/search", {"q": "韩晨曦"}))["items"] == []
    typed = FACTS | {"name": " 韩 晨曦 ", "document_number": "79010119900307123x"}
    assert await new.post("/people/find", typed) == {"area": TOWN, "person_id": None}
    assert await old.post("/people/find", FACTS) == {"area": TOWN, "person_id": made["person_id"]}
    # Refused: without the person or the notice, by whoever has it already, and by roles that see nobody.
    for missing in ("present", "notice", "name"):
        body = {name: value for name, value in taken.items() if name != missing}
        await new.refused("/people/transfer", body, "invalid_input")
    await new.refused("/people/transfer", taken | {"present": False}, "invalid_input")
    await new.refused("/people/transfer", taken | {"notice": notice | {"version": "1999"}}, "invalid_input")
    await old.refused("/people/transfer", taken, "wrong_state")
    auditor = await region.as_officer("审计", Role.AUDITOR)
    for route in ("/people/find", "/people/transfer"):
        await auditor.refused(route, taken if route.endswith("transfer") else FACTS, "forbidden")
    await old.get(path)
    # Taken over: whoever had it lost it, whoever has it now finds it by its tokens.
    done = await new.post("/people/transfer", taken)
    assert (done["person_id"], done["area"]) == (made["person_id"], OTHER_TOWN)
    await old.get(path, 404)
    await old.get(f"/arrivals/{made['id']}", 404)
    assert (await old.get("/arrivals"))["items"] == (await old.post("/search", {"q": "hcx"}))["items"] == []
    assert [one["id"] for one in (await new.get("/arrivals"))["items"]] == [made["id"]]
    assert (await new.post("/search", {"q": "hcx"}))["items"][0]["area"] == OTHER_TOWN
    assert len((await new.get(path))["notices"]) == 2
    await new.refused("/people/transfer", taken, "wrong_state")
    items = (await region.get("/access-log", person_id=made["person_id"]))["items"]
    acts = [(one["action"], one["officer"]) for one in items]
    assert ("person.located", "专干乙") in acts
    assert ("person.transferred_in", "专干乙") in acts
    # Taken back within ten minutes, by whoever did it; not by whoever had it.
    undo = {"change_id": done["change_id"]}
    await old.refused(f"{path}/undo", undo, "not_found")
    await new.post(f"{path}/undo")
    await new.get(path, 404)
    await old.get(path)
    assert (await old.post("/search", {"q": "hcx"}))["items"][0]["area"] == TOWN
    again = await new.post("/people/transfer", taken)
    region.clock.advance(minutes=11)
    await new.refused(f"{path}/undo", {"change_id": again["change_id"]}, "wrong_state")


@pytest.mark.by_turns
async def test_absent_wrong_protected_and_voided_answer_alike(region, monkeypatch):
    old = await region.as_officer("专干甲", area=TOWN)
    new = await region.as_officer("专干乙", area=OTHER_TOWN)
    await old.arrives()
    hidden = {"name": "单雨桐", "document_number": "790101200104120288", "date_of_birth": "2001-04-12"}
    person = await old.arrives(**hidden)
    await old.post(f"/people/{person['person_id']}/protect", {"reason": "threat", "until": "2027-06-30"}, 204)
    voided = {"name": "欧阳文博", "document_number": "790101197809250113", "date_of_birth": "1978-09-25"}
    made = await old.arrives(**voided)
    await old.post(f"/people/{made['person_id']}/void", {}, 204)
    misses = [
        FACTS | {"name": "韩晨"},
        FACTS | {"document_number": "790101199003071221"},
        FACTS | {"date_of_birth": "1990-03-08"},
        FACTS | {"document_number": "无"},
        hidden,
        voided,
    ]
    answers = set()
    for facts in misses:
        for route, more in (("find", {}), ("transfer", {"present": True, "notice": region.told()["notice"]})):
            answer = await new.request("POST", f"/people/{route}", json=facts | more)
            assert answer.status_code == 404
            answers.add((route, answer.text.replace(answer.json().get("instance", ""), "")))
    assert len({text for _, text in answers}) == 1
    logged = region.node.database.read_sync(lambda s: entries(s, area=OTHER_TOWN, limit=200))
    assert [one.action for one in logged if one.officer == "专干乙"].count("person") == len(misses) * 2
    told = (await region.get("/access-log", person_id=person["person_id"]))["items"]
    assert sum(one["action"] == "person.sought" for one in told) == 2
    # Tries are few a day, found or not.
    counted = region.node.database.read_sync(lambda s: s.exec(select(DailySearch.count)).all())
    monkeypatch.setitem(limits.MOST_SEARCHES_A_DAY, "node", max(counted))
    for facts in (FACTS, misses[0]):
        await new.refused("/people/find", facts, "daily_limit")


@pytest.mark.by_turns
async def test_tasks_follow_a_record_that_another_township_keeps(region):
    old = await region.as_officer("专干甲", area=TOWN)
    new = await region.as_officer("专干乙", area=OTHER_TOWN)
    made, twin = await old.arrives(), await old.arrives(document_type="none", document_number=None)
    path = f"/people/{made['person_id']}"
    code = (await old.post(f"{path}/access-code", None, 201))["code"]
    async with connect(region.app) as me:
        entry = {"code": code, "date_of_birth": HAN["date_of_birth"], "pin": "271828"}
        me.headers["Authorization"] = f"Bearer {(await me.post('/api/v1/me/session', json=entry)).json()['token']}"
        assert (await me.post("/api/v1/me/requests", json={"kind": "copy"})).status_code == 201

    async def tasks(one):
        items = (await one.get("/work-items"))["items"]
        return {item["kind"]: (item["area"], item["assignee"]) for item in items}

    mate = await region.as_officer("同事", area=TOWN)
    (asked,) = (await mate.get("/work-items", kind="persons_request"))["items"]
    await mate.post(f"/work-items/{asked['id']}/take")
    here = {"persons_request": (TOWN, "同事"), "duplicate": (TOWN, None)}
    assert (await tasks(old), await tasks(new)) == (here, {})
    # Moved within the region: what the person asked goes along, untaken; the pair is the office's above both.
    assert await old.post(f"{path}/address", {"address": "西街 2 号", "area": OTHER_TOWN}) == {"area": OTHER_TOWN}
    there = {"persons_request": (OTHER_TOWN, None)}
    assert (await tasks(old), await tasks(new)) == ({}, there)
    assert (await tasks(region))["duplicate"] == ("790303", None)
    await mate.refused(f"/work-items/{asked['id']}/take", None, "not_found")
    # Taken back: the old office has them again, in its pool.
    await old.post(f"{path}/undo")
    assert await tasks(old) == {"persons_request": (TOWN, None), "duplicate": (TOWN, None)}
    # The same where the new township takes the record over; and both records together are its own pair again.
    await new.post("/people/transfer", FACTS | {"present": True, "notice": region.told()["notice"]})
    assert (await tasks(old), await tasks(new)) == ({}, there)
    await old.post(f"/people/{twin['person_id']}/address", {"address": "西街 2 号", "area": OTHER_TOWN})
    assert await tasks(new) == there | {"duplicate": (OTHER_TOWN, None)}


async def test_two_people_are_told_apart_by_their_records(region):
    first, second = await region.arrives(), await region.arrives()
    third = await region.arrives(name="贺知秋", document_number="790101199003071248")
    path, other = f"/people/{first['person_id']}/apart", {"other_id": second["person_id"]}
    clerk = await region.as_officer("邻镇", Role.CLERK, area=TOWN)
    auditor = await region.as_officer("审计", Role.AUDITOR)
    await clerk.refused(path, other, "not_found")
    await auditor.refused(path, other, "forbidden")
    await region.refused(path, {"other_id": first["person_id"]}, "invalid_input")
    await region.refused(path, {"other_id": "01a20000-0000-7000-8000-000000000001"}, "not_found")
    done = await region.post(path, other)
    assert done["state"] == "not_same"
    assert (await region.get("/work-items"))["items"] == []
    await region.refused(path, other, "wrong_state")
    await region.refused(path.replace("apart", "merge"), other, "wrong_state")
    assert (await region.post(f"{path}/undo", {"pair_id": done["pair_id"]}))["state"] == "open"
    assert len((await region.get("/work-items", kind="duplicate"))["items"]) == 1
    # Two whom the node never put together can be told apart, too, so that it never asks.
    assert (await region.post(path, {"other_id": third["person_id"]}))["state"] == "not_same"
    await region.post(path.replace("apart", "merge"), other)
    await region.refused(f"/people/{third['person_id']}/apart", {"other_id": first["person_id"]}, "wrong_state")
    await region.refused(f"/people/{third['person_id']}/apart", other, "not_found")
