"""Registering arrivals and departures, as an officer's program does."""

import pytest
from sqlmodel import select

from service.officers.rules import Role
from service.registry.tables import Person
from tests.service.two_regions import ANSWERER, ASKER, HAN, Region

SHARE = f"share_with_peer:{ANSWERER}"
REMIND = "remind:quarterly_check"


def arrival_body(region: Region, *consents: str, refused: tuple[str, ...] = (), **changes) -> dict:
    person = HAN | changes.pop("person", {})
    body = {"person": person, "origin_region": ANSWERER, "arrived_on": "2026-09"}
    return body | region.told(*consents, refused=refused) | changes


async def test_an_arrival_is_registered_and_shown_masked(region):
    made = await region.arrives()
    assert (made["state"], made["origin_region"], made["arrived_on"]) == ("declared", ANSWERER, "2026-09-01")
    assert made["possible_duplicates"] == []
    listed = (await region.get("/arrivals"))["items"]
    assert [item["id"] for item in listed] == [made["id"]]
    person = listed[0]["person"]
    assert (person["name"], person["document_number"]) == ("韩晨曦", "790101********12**")
    one = await region.get(f"/arrivals/{made['id']}")
    assert (one["journey"], one["person_id"]) == (made["journey"], made["person_id"])


async def test_a_record_is_masked_until_a_purpose_is_said(region):
    made = await region.post("/arrivals", arrival_body(region, address="临港街道 8 号"), 201)
    path = f"/people/{made['person_id']}"
    masked = await region.get(path)
    assert masked["document_number"] == "790101********12**"
    assert (masked["date_of_birth"], masked["phone"], masked["address"]) == ("****-**-**", "139****1234", None)
    await region.get(path, 422, full="1")
    await region.get(path, 422, full="1", purpose="curiosity")
    full = await region.get(path, full="1", purpose="counter")
    assert full["document_number"] == HAN["document_number"]
    assert (full["date_of_birth"], full["phone"], full["address"]) == ("1990-03-07", HAN["phone"], "临港街道 8 号")


async def test_no_row_holds_a_person_in_clear(region):
    await region.post("/arrivals", arrival_body(region, address="临港街道 8 号"), 201)
    rows = region.node.database.read_sync(lambda session: session.exec(select(Person)).all())
    kept = b"".join(row.identity + row.contact + row.address for row in rows)
    for secret in ("韩晨曦", HAN["document_number"], HAN["phone"], "临港"):
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"arrived_on": "2026-11-24"}, 422, "date_in_future"),
        ({"arrived_on": "2026-12"}, 422, "date_in_future"),
        ({"arrived_on": "yesterday"}, 422, "invalid_input"),
        ({"arrived_on": "2026-02-30"}, 422, "invalid_input"),
        ({"origin_region": ASKER}, 422, "invalid_input"),
        ({"origin_region": "7903"}, 422, "invalid_input"),
        ({"origin_region": "青禾"}, 422, "invalid_input"),
        ({"person": {"name": ""}}, 422, "invalid_input"),
        ({"person": {"name": "甲" * 51}}, 422, "invalid_input"),
        ({"person": {"name": "甲\x00乙"}}, 422, "invalid_input"),
        ({"person": {"document_type": "none"}}, 422, "invalid_input"),
        ({"person": {"sex": "f"}}, 422, "invalid_input"),
        ({"person": {"date_of_birth": "2013-01-01"}}, 422, "under_age"),
        ({"person": {"date_of_birth": "2030-01-01"}}, 422, "date_in_future"),
        ({"person": {"phone": "12"}}, 422, "invalid_input"),
        ({"person": {"email": "nobody"}}, 422, "invalid_input"),
        ({"remarks": "secret"}, 422, "invalid_input"),
        ({"notice": {"version": "1999-01", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"}}, 422, "invalid_input"),
        (
            {"notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T03:00:00Z"}},
            422,
            "date_in_future",
        ),
        (
            {"notice": {"version": "2026-11", "way": "own_page", "given_at": "2026-11-23T01:00:00Z"}},
            422,
            "invalid_input",
        ),
        ({"notice": None}, 422, "invalid_input"),
        ({"consents": [{"purpose": SHARE, "way": "spoken"}]}, 422, "witness_required"),
        ({"consents": [{"purpose": SHARE, "way": "spoken", "witness": "王芳"}]}, 422, "witness_required"),
        ({"consents": [{"purpose": SHARE, "way": "spoken", "witness": "无人"}]}, 422, "witness_required"),
        ({"consents": [{"purpose": SHARE, "way": "spoken", "witness": "赵审"}]}, 422, "witness_required"),
        ({"consents": [{"purpose": SHARE, "way": "spoken", "code": "123456"}]}, 422, "invalid_input"),
        (
            {"consents": [{"purpose": f"share_with_peer:{ASKER}", "way": "spoken", "witness": "李伟"}]},
            422,
            "invalid_input",
        ),
        ({"consents": [{"purpose": SHARE, "way": "own_page", "witness": "李伟"}]}, 422, "invalid_input"),
        ({"consents": [{"purpose": "sell_data", "way": "spoken"}]}, 422, "invalid_input"),
        ({"consents": [{"purpose": REMIND, "way": "spoken"}], "refused": [REMIND]}, 422, "invalid_input"),
        ({"person_id": "0192f0c1-0000-7000-8000-000000000001"}, 422, "invalid_input"),
    ],
)
async def test_what_cannot_be_registered_changes_nothing(region, changes, status, code):
    # Who only audits was not at the counter, and is no witness.
    await region.as_officer("赵审", Role.AUDITOR)
    answer = await region.request("POST", "/arrivals", json=arrival_body(region, **changes))
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}"), answer.text
    for secret in ("韩晨曦", HAN["document_number"], "secret", "sell_data"):
        assert secret not in answer.text
    assert (await region.get("/arrivals"))["items"] == []
    assert not region.node.database.read_sync(lambda session: session.exec(select(Person)).all())


async def test_warnings_are_told_and_kept(region):
    made = await region.post("/arrivals", arrival_body(region, person={"document_number": "790101199003071230"}), 201)
    assert made["warnings"] == ["checksum"]
    nobody = {"document_type": "none", "document_number": None, "date_of_birth": None}
    made = await region.post("/arrivals", arrival_body(region, person=nobody), 201)
    assert made["warnings"] == ["no_document"]


async def test_a_departure_keeps_what_is_known_of_the_return(region):
    body = {
        "person": HAN,
        "destination_region": "790101003",
        "departed_on": "2026-09",
        "expected_return_on": "2027-02",
        **region.told(),
    }
    made = await region.post("/departures", body, 201)
    assert (made["departed_on"], made["expected_return_on"], made["state"]) == ("2026-09", "2027-02", "declared")
    await region.refused("/departures", body | {"expected_return_on": "2026-08"}, "invalid_input")
    back = await region.post(f"/departures/{made['id']}/return", {"returned_on": "2026-11-22"})
    assert (back["state"], back["ended_on"], back["ended_reason"]) == ("ended", "2026-11-22", "returned")
    await region.refused(f"/departures/{made['id']}/return", {"returned_on": "2026-11-22"}, "wrong_state")


async def test_an_arrival_ends_once_and_not_in_the_future(region):
    made = await region.arrives()
    path = f"/arrivals/{made['id']}/end"
    await region.refused(path, {"ended_on": "2026-11-24"}, "date_in_future")
    await region.refused(path, {"ended_on": "2026-08-31"}, "invalid_input")
    assert (await region.post(path, {"ended_on": "2026-11"}))["state"] == "ended"
    await region.refused(path, {"ended_on": "2026-11-20"}, "wrong_state")


async def test_refusing_everything_gives_the_same_answer(region):
    yes = await region.request("POST", "/arrivals", json=arrival_body(region, REMIND))
    no = await region.request("POST", "/arrivals", json=arrival_body(region, refused=(REMIND, SHARE)))
    never = await region.request("POST", "/arrivals", json=arrival_body(region))
    assert yes.status_code == no.status_code == never.status_code == 201
    own = {"id", "person_id", "journey", "possible_duplicates"}
    bodies = [{k: v for k, v in answer.json().items() if k not in own} for answer in (yes, no, never)]
    assert bodies[0] == bodies[1] == bodies[2]


async def test_after_a_refusal_nobody_asks_for_twelve_months(region):
    made = await region.post("/arrivals", arrival_body(region, refused=(REMIND,)), 201)
    path = f"/people/{made['person_id']}"
    asking = {"consents": [{"purpose": REMIND, "way": "spoken"}]}
    problem = await region.refused(f"{path}/consents", asking, "do_not_ask_before")
    assert problem["date"] == "2027-11-23"
    assert (await region.get(path))["do_not_ask"] == {REMIND: "2027-11-23"}
    region.clock.set(region.clock.now().replace(year=2027))
    assert (await region.get(path))["do_not_ask"] == {}
    given = await region.post(f"{path}/consents", asking)
    assert [one["purpose"] for one in given["consents"]] == [REMIND]


async def test_a_consent_is_withdrawn_in_one_step(region):
    made = await region.post("/arrivals", arrival_body(region, REMIND), 201)
    path = f"/people/{made['person_id']}"
    await region.post(f"{path}/withdrawals", {"purpose": REMIND}, 204)
    consents = (await region.get(path))["consents"]
    assert [one["withdrawn_at"] is not None for one in consents] == [True]
    await region.refused(f"{path}/withdrawals", {"purpose": REMIND}, "wrong_state")
    await region.refused(f"{path}/withdrawals", {"purpose": "remind:everything"}, "invalid_input")


async def test_a_second_journey_joins_the_record(region):
    made = await region.arrives()
    body = {"person_id": made["person_id"], "destination_region": "790202", "departed_on": "2026-11-01"}
    second = await region.post("/departures", body | region.told(), 201)
    record = await region.get(f"/people/{made['person_id']}")
    assert [one["id"] for one in record["arrivals"]] == [made["id"]]
    assert [one["id"] for one in record["departures"]] == [second["id"]]


async def test_townships_see_their_own_people_only(region):
    east = await region.as_officer("东乡专干", Role.CLERK, area=f"{ASKER}001")
    west = await region.as_officer("西乡专干", Role.CLERK, area=f"{ASKER}002")
    made = await east.arrives()
    assert (await west.get("/arrivals"))["items"] == []
    await west.get(f"/arrivals/{made['id']}", 404)
    await west.get(f"/people/{made['person_id']}", 404)
    await west.refused(f"/arrivals/{made['id']}/end", {"ended_on": "2026-11-20"}, "not_found")
    assert (await west.post("/search", {"q": "韩晨曦"}))["items"] == []
    assert (await west.arrives())["possible_duplicates"] == []
    assert len((await region.get("/arrivals"))["items"]) == 2
    assert len((await region.post("/search", {"q": "韩晨曦"}))["items"]) == 2


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
async def test_who_has_no_work_with_people_sees_none(region, role):
    made = await region.arrives()
    other = await region.as_officer("旁观者", role)
    for path in ("/arrivals", "/departures"):
        await other.get(path, 403)
    await other.get(f"/people/{made['person_id']}", 404)
    await other.refused("/search", {"q": "韩晨曦"}, "forbidden")
    await other.refused("/arrivals", arrival_body(region), "forbidden")
