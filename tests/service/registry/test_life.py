"""The life of a record: saved, taken back, moved, ended, reopened, corrected; and two officers at it at once."""

from dataclasses import replace

import pytest
from sqlmodel import select

from service.access_log import entries_of_person
from service.officers.rules import Role
from service.registry.tables import Arrival, Person, RecordChange
from service.vault import VaultError
from tests.service.two_regions import ANSWERER, HAN, STRANGER

EAST, WEST = "790303001", "790303002"


def actions(region, person_id):
    def read(session):
        return [one.action for one in entries_of_person(session, region.node, session.get_one(Person, person_id))]

    return region.node.database.read_sync(read)


async def test_every_save_is_taken_back_within_ten_minutes_and_no_later(region):
    made = await region.arrives(phone="13900001234")
    person, arrival = f"/people/{made['person_id']}", f"/arrivals/{made['id']}"
    whole = await region.get(person, full=1, purpose="correction")

    async def saves():
        await region.send("PATCH", person, {"phone": "13700004321", "name": "韩辰曦"})
        yield
        await region.post(f"{person}/address", {"address": "临港街道港前路 12 号"})
        yield
        await region.post(f"{person}/protect", {"reason": "own_wish", "until": "2027-01-31"}, 204)
        yield
        await region.post(f"{person}/consents", {"refused": ["remind:quarterly_check"]})
        yield
        await region.post(f"{arrival}/end", {"ended_on": "2026-11-20"})
        yield
        await region.send("PATCH", arrival, {"arrived_on": "2026-08", "origin_region": STRANGER})
        yield
        await region.post(f"{person}/void", {"move_id": made["id"]}, 204)
        yield

    async for _ in saves():
        undone = await region.post(f"{person}/undo")
        assert (undone["undone"], undone["undoable"]) == (True, False)
        now = await region.get(person, full=1, purpose="correction")
        assert {name: now[name] for name in whole if name != "version"} == {
            name: whole[name] for name in whole if name != "version"
        }
        assert len((await region.post("/search", {"q": "韩晨曦"}))["items"]) == 1
        region.clock.advance(seconds=1)
    # The last of all is the registration itself, which the move's own undo takes back.
    await region.refused(f"{person}/undo", None, "wrong_state")
    await region.send("PATCH", person, {"email": "han@example.net"})
    region.clock.advance(minutes=10, seconds=1)
    await region.refused(f"{person}/undo", None, "wrong_state")
    colleague = await region.as_officer("专干", Role.CLERK)
    change = (await colleague.get(f"{person}/changes"))["items"][0]
    assert (change["officer"], change["fields"], change["undoable"]) == ("王芳", ["email"], False)
    await colleague.refused(f"{person}/undo", {"change_id": change["id"]}, "not_found")
    await colleague.refused("/people/nobody/undo", None, "not_found")
    assert "person.undone" in actions(region, made["person_id"])
    await colleague.refused(f"{person}/undo", None, "wrong_state")
    await region.post(f"{person}/protect", {"reason": "threat", "until": "2027-01-31"}, 204)
    await colleague.refused(f"{person}/undo", None, "not_found")


async def test_what_somebody_changed_since_is_never_overwritten_by_undoing(region):
    made = await region.arrives()
    person = f"/people/{made['person_id']}"
    colleague = await region.as_officer("专干", Role.CLERK)
    await region.send("PATCH", person, {"phone": "13700004321"})
    first = (await region.get(f"{person}/changes"))["items"][0]["id"]
    await colleague.send("PATCH", person, {"phone": "13800009999"})
    await region.refused(f"{person}/undo", {"change_id": first}, "conflict")
    await colleague.post(f"{person}/undo")
    await region.post(f"{person}/undo", {"change_id": first})
    assert (await region.get(person))["phone"] == "139****1234"


async def test_the_second_officer_is_told_who_changed_what_and_loses_nothing(region):
    made = await region.arrives()
    person = f"/people/{made['person_id']}"
    colleague = await region.as_officer("王某", Role.CLERK)
    seen = (await region.get(person))["version"]
    await colleague.send("PATCH", person, {"version": seen, "phone": "13700004321", "address": "东街 1 号"})
    # Another field goes beside it …
    done = await region.send("PATCH", person, {"version": seen, "email": "han@example.net"})
    assert (done["phone"], done["email"]) == ("137****4321", "h***@example.net")
    # … the same value is no matter …
    await region.send("PATCH", person, {"version": seen, "phone": "137 0000 4321"})
    # … and another value of the same field is asked about.
    problem = await region.refused(
        person, {"version": seen, "phone": "13800009999", "language": "en"}, "conflict", method="PATCH"
    )
    (conflict,) = problem["conflicts"]
    assert conflict.pop("changed_at").startswith("2026-11-23T02:00")
    assert conflict == {"field": "phone", "theirs": "137****4321", "mine": "138****9999", "changed_by": "王某"}
    assert (await region.get(person))["language"] == "zh-CN"
    await region.send("PATCH", person, {"version": problem["version"], "phone": "13800009999"})
    assert (await region.get(person))["phone"] == "138****9999"
    # So it is with where they live, and with the facts of a move; what a colleague saved elsewhere is no matter.
    seen = (await region.get(person))["version"]
    await colleague.post(f"{person}/address", {"version": seen, "address": "西街 2 号"})
    left = await colleague.leaves(destination="790101", name="贺知秋", document_number="790101199003071248")
    await colleague.send("PATCH", f"/arrivals/{made['id']}", {"version": seen, "arrived_on": "2026-09-02"})
    await colleague.send("PATCH", f"/departures/{left['id']}", {"version": 1, "expected_return_on": "2027-02"})
    stale = {"version": seen, "address": "南街 3 号"}
    problem = await region.refused(f"{person}/address", stale, "conflict")
    assert [(one["field"], one["changed_by"]) for one in problem["conflicts"]] == [("address", "王某")]
    for path, known, changes, theirs in (
        (f"/arrivals/{made['id']}", seen, {"arrived_on": "2026-09-03", "declared_on": "2026-09-04"}, "2026-09-02"),
        (f"/departures/{left['id']}", 1, {"expected_return_on": None, "declared_on": "2026-09-04"}, "2027-02"),
    ):
        (mine, wanted), *_ = changes.items()
        problem = await region.refused(path, {"version": known} | changes, "conflict", method="PATCH")
        (conflict,) = problem["conflicts"]
        assert (conflict["field"], conflict["theirs"], conflict["mine"]) == (mine, theirs, wanted)
        assert (await region.get(path))["declared_on"] is None
        await region.send("PATCH", path, {"version": known, "declared_on": "2026-09-04"})
        assert ((await region.get(path))[mine], (await region.get(path))["declared_on"]) == (theirs, "2026-09-04")
    seen = (await region.get(person))["version"]
    await colleague.send("PATCH", person, {"version": seen, "phone": "13700004321"})
    await region.post(f"{person}/address", {"version": seen, "address": "南街 3 号"})


async def test_moving_house_replaces_the_address_and_may_change_the_office(region):
    made = await region.arrives()
    person = f"/people/{made['person_id']}"
    body = {"address": "东街 1 号"}
    await region.post(f"{person}/address", body)
    west = await region.as_officer("西镇", Role.CLERK, area=WEST)
    await west.get(person, 404)
    for wrong in ({"address": " "}, body | {"area": "790101001"}, body | {"area": "790303999"}, {}):
        await region.refused(f"{person}/address", wrong, "invalid_input")
    await west.refused(f"{person}/address", body, "not_found")
    moved = await region.post(f"{person}/address", {"address": "西街 2 号", "area": WEST})
    assert moved["area"] == WEST
    assert (await west.get(person, full=1, purpose="counter"))["address"] == "西街 2 号"
    assert [one["id"] for one in (await west.get("/arrivals"))["items"]] == [made["id"]]
    assert len((await west.post("/search", {"q": "韩晨曦"}))["items"]) == 1
    # An officer of the township that gives the record away does not see it any more, and may still undo.
    away = await west.post(f"{person}/address", {"address": "东街 1 号", "area": EAST})
    assert away == {"area": EAST}
    await west.get(person, 404)
    await west.post(f"{person}/undo")
    assert (await west.get(person, full=1, purpose="counter"))["address"] == "西街 2 号"
    region.clock.advance(days=31)
    await region.run("purge")
    assert region.node.database.read_sync(lambda session: session.exec(select(RecordChange)).all()) == []


async def test_an_end_entered_by_mistake_leaves_nothing_behind_when_a_colleague_reopens_the_stay(region):
    made = await region.arrives("remind:vaccination", email="han@example.net")
    person_id, path = made["person_id"], f"/arrivals/{made['id']}"
    plan = {"kind": "vaccination", "cadence": "quarterly", "channel": "email", "lead_days": [14]}
    await region.post("/reminder-plans", plan | {"person_id": person_id}, 201)
    await region.post(f"{path}/end", {"ended_on": "2026-11-20"})
    region.clock.advance(minutes=3)
    colleague = await region.as_officer("同事")
    await colleague.post(f"{path}/reopen")
    region.clock.advance(minutes=11)
    await region.run("releases")
    (left,) = (await region.get(f"/people/{person_id}/reminder-plans"))["items"]
    assert left["state"] == "active"
    assert (await region.get(path))["state"] == "declared"


async def test_a_stay_that_ended_is_reopened_and_one_goes_onward_in_one_step(region):
    made = await region.arrives()
    path = f"/arrivals/{made['id']}"
    await region.refused(f"{path}/reopen", None, "wrong_state")
    await region.post(f"{path}/end", {"ended_on": "2026-11"})
    region.clock.advance(minutes=11)
    await region.run("releases")
    again = await region.post(f"{path}/reopen")
    assert (again["state"], again["ended_on"], again["ended_reason"]) == ("declared", None, None)
    clerk = await region.as_officer("审计", Role.AUDITOR)
    await clerk.refused(f"{path}/reopen", None, "not_found")
    onward = {
        "person_id": made["person_id"],
        "destination_region": STRANGER,
        "departed_on": "2026-11-22",
        "declared_on": "2026-11-21",
        "onward_from": made["id"],
        **region.told(),
    }
    await region.refused("/departures", onward | {"departed_on": "2026-08-01"}, "invalid_input")
    await region.refused("/departures", onward | {"declared_on": "2026-11-24"}, "date_in_future")
    left = await region.post("/departures", onward, 201)
    assert left["declared_on"] == "2026-11-21"
    assert (await region.get(path))["ended_reason"] == "moved_on"
    await region.refused("/departures", onward, "wrong_state")
    await region.post(f"/departures/{left['id']}/undo", None, 204)
    assert (await region.get(path))["state"] == "declared"
    await region.get(f"/departures/{left['id']}", 404)


async def test_the_facts_of_a_move_are_corrected_and_refused_as_on_entry(region):
    made = await region.arrives()
    path = f"/arrivals/{made['id']}"
    fixed = await region.send("PATCH", path, {"arrived_on": "2026-08", "declared_on": "2026-09-02"})
    assert (fixed["arrived_on"], fixed["declared_on"], fixed["journey"]) == ("2026-08", "2026-09-02", made["journey"])
    elsewhere = await region.send("PATCH", path, {"origin_region": STRANGER})
    assert elsewhere["journey"] != made["journey"], "that is another journey"
    await region.refused(path, {"arrived_on": "2026-12-01"}, "date_in_future", method="PATCH")
    await region.refused(path, {"origin_region": f"{region.code}001"}, "invalid_input", method="PATCH")
    await region.refused(path, {"note": "x"}, "invalid_input", method="PATCH")
    west = await region.as_officer("西镇", Role.CLERK, area=WEST)
    await west.refused(path, {"arrived_on": "2026-08"}, "not_found", method="PATCH")
    await region.post(f"{path}/end", {"ended_on": "2026-11-20"})
    await region.refused(path, {"arrived_on": "2026-08"}, "wrong_state", method="PATCH")
    left = await region.leaves(document_number="790101199003071248", destination=ANSWERER)
    path = f"/departures/{left['id']}"
    fixed = await region.send("PATCH", path, {"expected_return_on": "2027-02", "departed_on": "2026-09"})
    assert (fixed["expected_return_on"], fixed["departed_on"]) == ("2027-02", "2026-09")
    await region.refused(path, {"expected_return_on": "2026-01"}, "invalid_input", method="PATCH")
    assert (await region.send("PATCH", path, {"expected_return_on": None}))["expected_return_on"] is None


async def test_what_follows_from_an_end_waits_until_it_cannot_be_undone(region):
    made = await region.arrives("remind:quarterly_check", email="han@example.net")
    plan = {"person_id": made["person_id"], "kind": "quarterly_check", "cadence": "quarterly", "channel": "email"}
    await region.post("/reminder-plans", plan | {"lead_days": [14]}, 201)
    plans = f"/people/{made['person_id']}/reminder-plans"

    def waiting():
        return region.node.database.read_sync(lambda session: session.get_one(Arrival, made["id"]).settle_at)

    await region.post(f"/arrivals/{made['id']}/end", {"ended_on": "2026-11-20"})
    assert len((await region.get(plans))["items"]) == 1
    await region.post(f"/arrivals/{made['id']}/undo", None, 204)
    assert waiting() is None
    await region.post(f"/arrivals/{made['id']}/end", {"ended_on": "2026-11-20"})
    region.clock.advance(minutes=11)
    await region.run("releases")
    assert (await region.get(plans))["items"] == []
    assert waiting() is None
    assert HAN["name"] == (await region.get(f"/people/{made['person_id']}"))["name"]


async def test_one_end_that_cannot_be_followed_holds_up_no_other(region):
    broken = await region.arrives()
    whole = await region.arrives(name="韩一", document_number=None, document_type="none", date_of_birth="1990-03-07")
    for made in (broken, whole):
        await region.post(f"/arrivals/{made['id']}/end", {"ended_on": "2026-11-20"})

    def damage(session):
        session.get_one(Person, broken["person_id"]).wrapped_key = b"damaged"

    region.node.database.write_sync(damage)
    region.clock.advance(minutes=11)
    with pytest.raises(VaultError):
        await region.run("releases")
    ends = region.node.database.read_sync(
        lambda session: [session.get_one(Arrival, made["id"]).settle_at is None for made in (broken, whole)]
    )
    assert ends == [False, True]


async def test_where_answers_leave_at_all_times_an_end_is_followed_by_the_next_run(region):
    settings = region.node.settings.model_copy(update={"release_times": "always"})
    region.node = region.app.state.node = replace(region.node, settings=settings)
    made = await region.arrives()
    await region.post(f"/arrivals/{made['id']}/end", {"ended_on": "2026-11-20"})
    await region.run("releases")
    settled = region.node.database.read_sync(lambda session: session.get_one(Arrival, made["id"]).settle_at)
    assert settled is None
    await region.refused(f"/arrivals/{made['id']}/undo", None, "conflict")
