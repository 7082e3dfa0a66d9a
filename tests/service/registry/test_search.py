"""One box: who is found by what, in which order, how many, at which price to the database, and what the log keeps."""

import re
from contextlib import nullcontext

import pytest
from sqlmodel import col, select

from service.access_log import entries_of_person
from service.officers.rules import Role
from service.registry.people import areas_below
from service.registry.searching import limits
from service.registry.tables import DailySearch, Person, SearchToken
from tests.service.verification.test_query_plans import plans

TOWN, OTHER_TOWN = "790303001", "790303002"
PEOPLE = {
    "单雄信": {"document_number": "790101198001010019", "phone": "13900000019"},
    "尉迟恭": {"document_number": "790101198001010027", "phone": "13900000027"},
    "万俟兴": {"document_number": "790101198001010035", "phone": "13900000035"},
    "仇解": {"document_number": "790101198001010043", "phone": "13900000043"},
    "吕茜": {"document_number": "790101198001010051", "phone": "13900000051"},
    "诺布・卓玛": {"document_number": "790101198001010060", "phone": "13900000060"},
    "𠮷𪚥龘": {"document_number": "790101198001010078", "phone": "13900000078"},
    "Anna María O’Brien": {"document_type": "passport", "document_number": "E1234567", "phone": "13900004321"},
}


async def _found(region, query: str) -> list[str]:
    return [one["name"] for one in (await region.post("/search", {"q": query}))["items"]]


async def test_people_are_found_by_all_that_an_officer_may_type(region):
    for name, person in PEOPLE.items():
        await region.arrives(name=name, **person, date_of_birth="1980-01-01")
    hits = {
        "单雄信": ["shan", "dan", "shanxiong", "dan xiong xin", "sxx", "dxx", "单雄", "雄信", "dān xióng xìn", "0019"],
        "尉迟恭": ["yuchi", "weichi", "ycg", "尉迟", "迟恭", "yu2chi2"],
        "万俟兴": ["moqi", "mo qi xing", "mqx", "万俟"],
        "仇解": ["qiu", "chou", "仇解", "qj"],
        "吕茜": ["lv", "lü", "lǚ qiàn", "lvxi", "lvqian", "lu:qian", "ｌｖｑ"],
        "诺布・卓玛": ["诺布·卓玛", "诺布•卓玛", "诺布‧卓玛", "诺布．卓玛", "卓玛", "nuobu", "nbzm"],
        "𠮷𪚥龘": ["𠮷𪚥", "𪚥龘", "𠮷𪚥龘"],
        "Anna María O’Brien": ["anna", "maria", "obrien", "o'brien", "O’BRIEN anna", "amo", "4567", "E1234567", "4321"],
    }
    for name, queries in hits.items():
        for query in queries:
            assert await _found(region, query) == [name], query
    assert await _found(region, "790101198001010019") == ["单雄信"]
    assert await _found(region, "139 0000 0019") == ["单雄信"]
    assert await _found(region, "单 0019") == ["单雄信"]
    assert await _found(region, "sxx 0019") == ["单雄信"]
    for miss in ("单 0027", "moqi 0019", "790101198001010018", "xiong", "mo qi gong", "lu", "恭 0027"):
        assert await _found(region, miss) == [], miss
    problem = await region.refused("/search", {"q": "019"}, "invalid_input")
    assert problem["errors"][0]["message"] == "Of a number, enter the last four digits."


@pytest.mark.by_turns
async def test_twenty_of_the_own_area_the_newest_first_each_in_their_log(region, monkeypatch):
    town = await region.as_officer("专干甲", area=TOWN)
    other = await region.as_officer("专干乙", area=OTHER_TOWN)
    made = [await town.arrives(document_number=f"79010119900307{number:03}0") for number in range(20)]
    hidden = await town.arrives(document_number="790101199003078880")
    await town.post(f"/people/{hidden['person_id']}/protect", {"reason": "threat", "until": "2027-01-31"}, 204)
    region.clock.advance(seconds=1)
    made.append(await town.arrives(document_number="79010119900307999X"))
    region.clock.advance(seconds=1)
    far = await other.arrives(document_number="790101199003079990")
    region.clock.advance(seconds=1)
    await other.arrives(name="韩晨", document_number="790101199003079991")
    newest = sorted((one["person_id"] for one in made), reverse=True)
    assert newest[0] == made[-1]["person_id"]
    for query in ("韩晨曦", "hanchenxi", "hcx", "韩 hcx", "hcx 1234", "晨曦 1234"):
        with plans() if region.node.database.dialect == "sqlite" else nullcontext({}) as seen:
            found = await town.post("/search", {"q": query})
        assert ([one["person_id"] for one in found["items"]], found["narrow"]) == (newest[:20], True), query
        _walks_alone(seen)
    # The whole region: both towns' newest, in one order.
    found = await region.post("/search", {"q": "hanchen"})
    assert [one["name"] for one in found["items"]][:2] == ["韩晨", "韩晨曦"]
    assert found["items"][1]["person_id"] == far["person_id"]
    assert (await other.post("/search", {"q": "韩晨曦"}))["items"][0]["area"] == OTHER_TOWN
    assert region.node.database.read_sync(lambda s: areas_below(s, "7903")) == [TOWN, OTHER_TOWN]
    assert region.node.database.read_sync(lambda s: areas_below(s, OTHER_TOWN)) == [OTHER_TOWN]

    # Each who was shown reads it, once a search; who was not shown does not.
    def reads(session):
        for person_id, times in ((newest[0], 6), (newest[20], 0), (hidden["person_id"], 0)):
            person = session.get_one(Person, person_id)
            items = entries_of_person(session, region.node, person, limit=200)
            yield sum(one.action == "person.found" and one.officer == "专干甲" for one in items) == times

    assert all(region.node.database.read_sync(lambda session: list(reads(session))))
    # A heavy token is walked no further than a bound, and then the officer is asked to narrow it.
    monkeypatch.setattr("service.registry.searching.search.LONGEST_WALK", 5)
    found = await town.post("/search", {"q": "hcx 1234"})
    assert (len(found["items"]), found["narrow"]) == (5, True)
    # What a day allows, found or not; then a supervisor lets more through.
    monkeypatch.setitem(limits.MOST_SEARCHES_A_DAY, "area", 8)
    await town.post("/search", {"q": "nobody"})
    await town.refused("/search", {"q": "nobody"}, "daily_limit")
    await region.post("/officers/专干甲/release", None, 204)
    await town.post("/search", {"q": "nobody"})
    region.clock.advance(days=1)
    await region.run("purge")
    assert region.node.database.read_sync(lambda s: s.exec(select(DailySearch)).all()) == []


async def test_who_sees_no_people_searches_none(region):
    auditor = await region.as_officer("审计", Role.AUDITOR)
    await auditor.refused("/search", {"q": "韩晨曦"}, "forbidden")


async def test_no_token_stays_behind(region):
    """Tokens are taken away by making them anew, whatever was in the record."""
    for name, person in PEOPLE.items():
        made = await region.arrives(name=name, **person, date_of_birth="1980-01-01")
        await region.send("PATCH", f"/people/{made['person_id']}", {"name": "韩晨曦", "phone": ""})

        def names(session, person_id=made["person_id"]):
            return len(session.exec(select(SearchToken).where(col(SearchToken.person_id) == person_id)).all())

        assert region.node.database.read_sync(names) < 20
        await region.request("DELETE", f"/people/{made['person_id']}")
    assert region.node.database.read_sync(lambda s: s.exec(select(SearchToken)).all()) == []


def _walks_alone(seen: dict[str, list[str]]) -> None:
    """Every look at tokens is by key, and nothing that grows is scanned or sorted whole."""
    steps = [step for statement, all_steps in seen.items() if "search_token" in statement for step in all_steps]
    if not steps:
        return
    assert any("SEARCH search_token USING" in step and "token=?" in step for step in steps), steps
    assert not [step for step in steps if re.search(r"SCAN (search_token|person)\b", step)], steps
