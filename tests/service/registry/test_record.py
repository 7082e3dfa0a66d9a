"""One person's record: found, corrected, hidden, put together, voided, erased, and who looked."""

import pytest
from sqlmodel import select

from service.access_log import entries_of_person
from service.consents.tables import Consent, ConsentRefusal
from service.officers.rules import Role
from service.registry.tables import Arrival, Departure, Person, SearchToken
from tests.service.registry.test_register import arrival_body
from tests.service.two_regions import ANSWERER, HAN


@pytest.mark.parametrize("query", ["韩晨曦", "晨曦", "hanchenxi", "hcx", "123x", "1234", "韩 1234"])
async def test_people_are_found_by_what_is_in_the_hand(region, query):
    made = await region.arrives()
    found = await region.post("/search", {"q": query})
    assert [item["person_id"] for item in found["items"]] == [made["person_id"]]
    assert found["items"][0]["document_number"] == "790101********12**"
    assert "total" not in found


@pytest.mark.parametrize("query", ["", "韩", " h ", "，。"])
async def test_a_question_of_less_than_two_characters_is_refused(region, query):
    await region.refused("/search", {"q": query}, "invalid_input")


@pytest.mark.parametrize("query", ["".join(map(chr, range(0x4E00, 0x4E64))), "ab cd ef gh ij", "1a23 1b23 1c23 王五"])
async def test_a_long_question_is_answered(region, query):
    assert (await region.post("/search", {"q": query}))["items"] == []


@pytest.mark.parametrize("query", ["韩" * 101, "ab " * 33, "1234 " * 19 + "王"])
async def test_too_long_a_question_is_refused(region, query):
    await region.refused("/search", {"q": query}, "invalid_input")


async def test_a_search_shows_twenty_and_says_that_there_are_more(region):
    for number in range(22):
        await region.arrives(document_number=f"79010119900307{number:03}0")
    found = await region.post("/search", {"q": "韩晨曦"})
    assert (len(found["items"]), found["narrow"]) == (20, True)


async def test_a_correction_is_found_by_its_new_name_and_counted(region):
    made = await region.arrives()
    path = f"/people/{made['person_id']}"
    changed = await region.send("PATCH", path, {"version": 1, "name": "陈小禾", "email": "chen@example.net"})
    assert (changed["name"], changed["version"], changed["email"]) == ("陈小禾", 2, "c***@example.net")
    assert changed["phone"] == "139****1234"
    assert (await region.post("/search", {"q": "韩晨曦"}))["items"] == []
    assert len((await region.post("/search", {"q": "chenxiaohe"}))["items"]) == 1
    problem = await region.refused(path, {"version": 1, "name": "韩晨曦"}, "conflict", method="PATCH")
    assert problem["version"] == 2
    await region.refused(path, {"name": " "}, "invalid_input", method="PATCH")
    await region.refused(path, {"date_of_birth": "2020-01-01"}, "under_age", method="PATCH")
    assert (await region.send("PATCH", path, {}))["version"] == 2
    cleared = await region.send("PATCH", path, {"version": 2, "email": "", "document_type": "none"})
    assert (cleared["email"], cleared["document_number"]) == (None, None)


async def test_a_protected_person_is_nowhere_but_in_the_record_a_supervisor_opens(region):
    made = await region.arrives()
    path = f"/people/{made['person_id']}"
    clerk = await region.as_officer("专干", Role.CLERK)
    await clerk.post(f"{path}/protect", {"reason": "threat", "until": "2027-01-31"}, 204)
    await clerk.get(path, 404)
    await clerk.get(f"/arrivals/{made['id']}", 404)
    assert (await region.get(path))["protection"] == {"reason": "threat", "until": "2027-01-31"}
    for shown in (region, clerk):
        assert (await shown.get("/arrivals"))["items"] == []
        assert (await shown.post("/search", {"q": "韩晨曦"}))["items"] == []
    assert (await region.arrives())["possible_duplicates"] == []
    await clerk.refused(f"{path}/protect", {"reason": "threat", "until": "2026-11-01"}, "not_found")
    await region.refused(f"{path}/protect", {"reason": "because", "until": "2027-01-31"}, "invalid_input")
    await region.post(f"{path}/protect", {"reason": "own_wish", "until": "2026-11-22"}, 204)
    await clerk.get(path)
    region.clock.set(region.clock.now().replace(year=2027))
    assert len((await region.get("/arrivals"))["items"]) == 2


async def test_a_protection_ends_by_itself(region):
    made = await region.arrives()
    await region.post(f"/people/{made['person_id']}/protect", {"reason": "threat", "until": "2026-11-24"}, 204)
    region.clock.advance(days=1)
    assert (await region.get("/arrivals"))["items"] == []
    region.clock.advance(days=1)
    assert len((await region.get("/arrivals"))["items"]) == 1


async def test_a_double_is_told_merged_and_undone(region):
    first = await region.arrives()
    second = await region.arrives(phone="13700004321")
    assert second["possible_duplicates"] == [first["person_id"]]
    items = (await region.get("/work-items", kind="duplicate"))["items"]
    assert len(items) == 1
    path = f"/people/{first['person_id']}/merge"
    merged = await region.post(path, {"other_id": second["person_id"]})
    assert (merged["pair_id"], merged["state"]) == (items[0]["about"], "merged")
    await region.get(f"/people/{second['person_id']}", 404)
    record = await region.get(f"/people/{first['person_id']}")
    assert {one["id"] for one in record["arrivals"]} == {first["id"], second["id"]}
    assert (await region.get("/work-items", kind="duplicate"))["items"] == []
    # The undo is that of this decision about this record, and of nothing else.
    stranger = await region.arrives(name="贺知秋", document_number="790101199003071248")
    asked, apart = {"pair_id": merged["pair_id"]}, path.replace("merge", "apart")
    await region.refused(f"/people/{stranger['person_id']}/merge/undo", asked, "not_found")
    await region.refused(f"/people/{second['person_id']}/merge/undo", asked, "not_found")
    await region.refused(f"{apart}/undo", asked, "wrong_state")
    await region.refused(f"{path}/undo", {"pair_id": stranger["person_id"]}, "not_found")
    await region.post(f"{path}/undo", asked)
    await region.refused(f"{path}/undo", asked, "not_found")
    await region.post(apart, {"other_id": second["person_id"]})
    await region.refused(f"{path}/undo", asked, "wrong_state")
    await region.post(f"/people/{second['person_id']}/apart/undo", asked)
    record = await region.get(f"/people/{second['person_id']}")
    assert [one["id"] for one in record["arrivals"]] == [second["id"]]
    await region.refused(path, {"other_id": first["person_id"]}, "invalid_input")
    await region.refused(path, {"other_id": "0192f0c1-0000-7000-8000-000000000001"}, "not_found")


async def test_a_record_in_error_is_voided_and_a_fresh_save_taken_back(region):
    made = await region.arrives()
    await region.post(f"/arrivals/{made['id']}/undo", None, 204)
    await region.get(f"/arrivals/{made['id']}", 404)
    await region.get(f"/people/{made['person_id']}", 404)
    late = await region.arrives()
    region.clock.advance(minutes=11)
    await region.refused(f"/arrivals/{late['id']}/undo", None, "wrong_state")
    await region.post(f"/people/{late['person_id']}/void", {}, 204)
    assert (await region.get("/arrivals"))["items"] == []
    assert (await region.post("/search", {"q": "韩晨曦"}))["items"] == []


async def test_erasing_leaves_no_row_and_a_legal_hold_prevents_it(region):
    made = await region.post("/arrivals", arrival_body(region, "remind:vaccination"), 201)
    path = f"/people/{made['person_id']}"

    def hold(session):
        person = session.get_one(Person, made["person_id"])
        person.hold_code, person.hold_until = "court_order", region.node.today()
        session.add(person)

    region.node.database.write_sync(hold)
    await region.refused(path, None, "wrong_state", method="DELETE")
    region.clock.advance(days=1)
    await region.send("DELETE", path, None, 204)
    await region.get(path, 404)
    for table in (Person, Arrival, SearchToken, Consent, ConsentRefusal):
        assert not region.node.database.read_sync(lambda session, one=table: session.exec(select(one)).all())


async def test_every_reading_stands_in_the_persons_log(region):
    made = await region.arrives()
    person_id = made["person_id"]
    for method, path, body in (
        ("GET", "/arrivals", None),
        ("POST", "/search", {"q": "韩晨曦"}),
        ("GET", f"/people/{person_id}", None),
        ("GET", f"/people/{person_id}?full=1&purpose=correction", None),
        ("PATCH", f"/people/{person_id}", {"phone": "13700004321"}),
        ("POST", "/search", {"q": "陈小禾"}),
    ):
        region.clock.advance(seconds=1)
        await region.send(method, path, body)

    def read(session):
        return entries_of_person(session, region.node, session.get_one(Person, person_id))

    entries = region.node.database.read_sync(read)
    assert [(one.action, one.purpose) for one in reversed(entries)] == [
        ("arrival.registered", "counter"),
        ("arrival.listed", "task"),
        ("person.found", "counter"),
        ("person.shown", "counter"),
        ("person.shown_in_full", "correction"),
        ("person.corrected", "correction"),
    ]
    assert {one.officer for one in entries} == {"王芳"}
    assert entries[0].fields == ("phone",)


async def test_sixty_records_a_day_then_a_release(region):
    people = [
        (await region.arrives(name=f"韩晨{chr(0x4E00 + n)}", document_number=f"79010119900307{n:03}0"))["person_id"]
        for n in range(61)
    ]
    region.clock.advance(days=1)
    clerk = await region.as_officer("专干", Role.CLERK)
    for person_id in people[:60]:
        await clerk.get(f"/people/{person_id}")
    await clerk.get(f"/people/{people[0]}")
    await clerk.get(f"/people/{people[60]}", 403)
    await clerk.refused("/officers/专干/release", None, "forbidden")
    await region.refused("/officers/王芳/release", None, "forbidden")
    await region.refused("/officers/无人/release", None, "not_found")
    elsewhere = await region.as_officer("邻镇", Role.SUPERVISOR, area=f"{region.code}001")
    await elsewhere.refused("/officers/专干/release", None, "not_found")
    await region.post("/officers/专干/release", None, 204)
    await clerk.get(f"/people/{people[60]}")
    region.clock.advance(days=1)
    await region.run("purge")
    await clerk.get(f"/people/{people[60]}")


async def test_lists_go_on_page_by_page_in_both_orders(region):
    days = ["2026-03", "2026-05-02", "2026-05", "2026-01-01", "2026-05-02"]
    made = []
    for number, day in enumerate(days):
        body = arrival_body(region, person={"document_number": f"79010119900307{number:03}0"}, arrived_on=day)
        made.append((await region.post("/arrivals", body, 201))["id"])
        region.clock.advance(seconds=1)
    for order, wanted in (
        ("entered", [made[4], made[3], made[2], made[1], made[0]]),
        ("moved", [made[4], made[1], made[2], made[0], made[3]]),
    ):
        seen, after = [], None
        while True:
            query = {"order": order, "limit": 2} | ({"after": after} if after else {})
            page = await region.get("/arrivals", **query)
            seen += [item["id"] for item in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert seen == wanted
    may = (await region.get("/arrivals", moved_from="2026-05-02", moved_to="2026-05-31"))["items"]
    assert {item["id"] for item in may} == {made[1], made[2], made[4]}
    for query in ({"state": "confirmed"}, {"peer": "790202"}, {"registered_by": "李伟"}, {"area": "790101"}):
        assert (await region.get("/arrivals", **query))["items"] == []
    assert len((await region.get("/arrivals", peer=ANSWERER, state="declared"))["items"]) == 5
    for wrong in ("garbage", "2026-05", f"{made[0]}x", f"2026-05-02~{made[0]}", "\x00", "x" * 70):
        await region.get("/arrivals", 422, after=wrong)
    for wrong in ("garbage", made[0], f"garbage~{made[0]}"):
        await region.get("/arrivals", 422, order="moved", after=wrong)
    await region.get("/arrivals", 422, limit=-1)
    assert len((await region.get("/arrivals", after="", limit=""))["items"]) == 5
    await region.get("/arrivals", 422, order="name")
    await region.get("/arrivals", 422, state="overdue")


async def test_what_is_no_longer_needed_goes(region):
    ended = await region.arrives()
    await region.post(f"/arrivals/{ended['id']}/end", {"ended_on": "2026-11-20"})
    kept = await region.arrives(document_number="790101199003071248")
    await region.post(f"/people/{kept['person_id']}/protect", {"reason": "own_wish", "until": "2026-11-22"}, 204)
    region.clock.set(region.clock.now().replace(year=2028, day=21))
    await region.run("purge")
    people = region.node.database.read_sync(lambda session: session.exec(select(Person.id)).all())
    assert people == [kept["person_id"]]
    assert not region.node.database.read_sync(lambda session: session.exec(select(Departure)).all())
    assert HAN["name"] == (await region.get(f"/people/{kept['person_id']}"))["name"]
