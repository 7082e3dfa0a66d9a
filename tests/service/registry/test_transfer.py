"""A record found anywhere in the node by three exact facts, and taken over with the person present."""

import pytest
from sqlmodel import select

from service.access_log import entries
from service.officers.rules import Role
from service.registry.searching import limits
from service.registry.tables import DailySearch
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
