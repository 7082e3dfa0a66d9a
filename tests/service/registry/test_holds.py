"""A legal hold: two officers, a document, six months at most; seen by the person, and by nobody else in anything."""

from datetime import date

import pytest
from sqlmodel import select

from service.officers.rules import Role
from service.registry.holds.rules import latest_end, reference_of
from service.registry.tables import LegalHold, Person
from service.web import csrf
from tests.service.conftest import add_account, connect, sign_in_as
from tests.service.two_regions import HAN

TOWN, OTHER_TOWN = "790303001", "790303002"
HOLD = {"code": "court_order", "reference": "（2026）青0101民初123号", "until": "2027-03-31"}
LATER = {"code": "investigation", "reference": "青公调〔2027〕12号", "until": "2027-08-31"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("（2026）青0101民初123号", "(2026)青0101民初123号"),
        (" 青公调〔2026〕１２号", "青公调〔2026〕12号"),
        ("ab-2026/0012", "AB-2026/0012"),
        ("青司鉴[2026]7-1号", "青司鉴[2026]7-1号"),
    ],
)
def test_a_document_is_known_by_its_number(typed, kept):
    assert reference_of(typed, "韩晨曦") == (kept, [])


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "他欠钱不还",
        "韩晨曦〔2026〕1号",
        "79010119900307123X",
        "13900001234",
        "青公调〔2026〕79010119900307号",
        "12号",
    ],
)
def test_no_free_text_no_name_and_no_number_of_a_person_is_one(typed):
    assert reference_of(typed, "韩晨曦")[1]


def test_six_months_end_on_the_last_day_of_a_shorter_month():
    assert [latest_end(date(2026, month, 31)) for month in (8, 3, 12)] == [
        date(2027, 2, 28),
        date(2026, 9, 30),
        date(2027, 6, 30),
    ]


async def everything_seen(region, one):
    """What an officer sees of the register, apart from the opened record."""
    seen = [
        await one.get("/arrivals"),
        await one.post("/search", {"q": "韩晨曦"}),
        await one.get("/work-items"),
        await one.get("/work-items/counts"),
        await one.get("/departures"),
    ]
    return [str(part) for part in seen]


@pytest.mark.by_turns
async def test_a_hold_takes_two_officers_and_shows_nowhere_but_in_the_record(region):
    proposer = await region.as_officer("主管甲", Role.SUPERVISOR, area=TOWN)
    second = await region.as_officer("主管乙", Role.SUPERVISOR, area=TOWN)
    clerk = await region.as_officer("专干", Role.CLERK, area=TOWN)
    auditor = await region.as_officer("审计", Role.AUDITOR)
    administrator = await region.as_officer("管理员", Role.ADMINISTRATOR)
    elsewhere = await region.as_officer("邻镇主管", Role.SUPERVISOR, area=OTHER_TOWN)
    made = await (await region.as_officer("登记", area=TOWN)).arrives()
    path = f"/people/{made['person_id']}"
    seen = await everything_seen(region, clerk)
    # Refused: who may not, and what may not be said.
    for one in (clerk, auditor, administrator):
        await one.refused(f"{path}/legal-holds", HOLD, "forbidden")
        await one.get(f"{path}/legal-holds", 403)
    await elsewhere.refused(f"{path}/legal-holds", HOLD, "not_found")
    for wrong in ("2026-11-23", "2026-01-01", "2027-05-24", "2036-01-01"):
        problem = await proposer.refused(f"{path}/legal-holds", HOLD | {"until": wrong}, "invalid_input")
        assert problem["errors"][0]["field"] == "until"
    for wrong in ({"code": "because"}, {"reference": "韩晨曦欠债"}, {"reference": ""}, {"note": "x"}):
        await proposer.refused(f"{path}/legal-holds", HOLD | wrong, "invalid_input")
    # Proposed: nothing is held yet, and the task is for another supervisor.
    hold = await proposer.post(f"{path}/legal-holds", HOLD, 201)
    assert (hold["state"], hold["reference"]) == ("proposed", "(2026)青0101民初123号")
    await proposer.refused(f"{path}/legal-holds", LATER, "wrong_state")
    assert (await region.get(path))["legal_hold"] is None
    steps = f"{path}/legal-holds/{hold['id']}"
    assert await everything_seen(region, clerk) == seen
    (item,) = (await second.get("/work-items", kind="legal_hold"))["items"]
    assert (item["about"], item["not_for"], item["area"]) == (made["person_id"], "主管甲", TOWN)
    await proposer.refused(f"/work-items/{item['id']}/take", None, "wrong_state")
    assert (await elsewhere.get("/work-items"))["items"] == []
    await proposer.refused(f"{steps}/confirm", None, "forbidden")
    for one in (clerk, auditor, administrator):
        await one.refused(f"{steps}/confirm", None, "forbidden")
    for step in ("confirm", "refuse", "lift", "undo"):
        await elsewhere.refused(f"{steps}/{step}", None, "not_found")
        await second.refused(f"{path}/legal-holds/01a20000-0000-7000-8000-000000000001/{step}", None, "not_found")
    # Agreed to; taken back; agreed to again.
    assert (await second.post(f"{steps}/confirm"))["confirmed_by"] == "主管乙"
    await second.refused(f"{steps}/confirm", None, "wrong_state")
    assert (await second.get("/work-items", kind="legal_hold"))["items"] == []
    await proposer.refused(f"{steps}/undo", None, "wrong_state")
    assert (await second.post(f"{steps}/undo"))["state"] == "proposed"
    assert len((await second.get("/work-items", kind="legal_hold"))["items"]) == 1
    await second.post(f"{steps}/confirm")
    assert (await clerk.get(path))["legal_hold"] == {"code": "court_order", "until": "2027-03-31"}
    assert await everything_seen(region, clerk) == seen
    region.clock.advance(minutes=11)
    await second.refused(f"{steps}/undo", None, "wrong_state")
    # No silent extension: another document, and again two officers.
    await proposer.refused(f"{path}/legal-holds", HOLD | {"until": "2027-05-01"}, "invalid_input")
    declined = await proposer.post(f"{path}/legal-holds", LATER | {"until": "2027-05-01"}, 201)
    assert (await second.post(f"{path}/legal-holds/{declined['id']}/refuse"))["state"] == "refused"
    region.clock.set(region.clock.now().replace(year=2027, month=3, day=30))
    longer = await proposer.post(f"{path}/legal-holds", LATER, 201)
    await second.post(f"{path}/legal-holds/{longer['id']}/confirm")
    assert (await region.get(path))["legal_hold"]["until"] == "2027-08-31"
    assert (await second.post(f"{path}/legal-holds/{longer['id']}/undo"))["state"] == "proposed"
    assert (await region.get(path))["legal_hold"]["until"] == "2027-03-31"
    await second.post(f"{path}/legal-holds/{longer['id']}/confirm")
    states = [one["state"] for one in (await second.get(f"{path}/legal-holds"))["items"]]
    assert states == ["standing", "refused", "replaced"]
    # Lifted by one; taken back; over by itself on its day; forgotten a year later.
    lift = f"{path}/legal-holds/{longer['id']}"
    assert (await proposer.post(f"{lift}/lift"))["state"] == "lifted"
    assert (await region.get(path))["legal_hold"] is None
    assert (await proposer.post(f"{lift}/undo"))["state"] == "standing"
    region.clock.set(region.clock.now().replace(month=8, day=31))
    assert (await region.get(path))["legal_hold"]
    region.clock.advance(days=1)
    assert (await region.get(path))["legal_hold"] is None
    await region.run("purge")
    assert (await second.get(f"{path}/legal-holds"))["items"][0]["state"] == "ended"
    await region.get(path)
    region.clock.advance(days=366)
    await region.run("purge")
    assert (await second.get(f"{path}/legal-holds"))["items"] == []


@pytest.mark.by_turns
async def test_who_asks_to_be_erased_meanwhile_is_erased_when_it_is_over(region):
    second = await region.as_officer("主管乙", Role.SUPERVISOR)

    async def held(until="2026-12-31", **person):
        made = await region.arrives(**person)
        path = f"/people/{made['person_id']}"
        hold = await region.post(f"{path}/legal-holds", HOLD | {"until": until}, 201)
        await second.post(f"{path}/legal-holds/{hold['id']}/confirm")
        return path, f"{path}/legal-holds/{hold['id']}"

    path, _ = await held()
    lifted, lift = await held(document_number="790101199003071248")
    stays, _ = await held(document_number="790101199003071256")
    for one in (path, lifted, stays):
        assert await region.send("DELETE", one, None, 202) == {"held_until": "2026-12-31"}
        assert await region.send("DELETE", one, None, 202) == {"held_until": "2026-12-31"}
        await region.get(one)
    await region.post(f"{stays}/keep", None, 204)
    await region.refused(f"{stays}/keep", None, "wrong_state")
    # Lifted early, erased when that cannot be taken back any more.
    await region.post(f"{lift}/lift")
    await region.run("purge")
    await region.get(lifted)
    region.clock.advance(minutes=11)
    await region.run("purge")
    await region.get(lifted, 404)
    # Moves that would be cleared away stay as well, and what is held goes into no other record.
    other = await region.arrives(document_number="790101199003071264")
    into = f"/people/{other['person_id']}/merge"
    await region.refused(into, {"other_id": path.removeprefix("/people/")}, "wrong_state")
    region.clock.set(region.clock.now().replace(month=12, day=31))
    await region.run("purge")
    await region.get(path)
    region.clock.advance(days=1)
    await region.run("purge")
    await region.get(path, 404)
    await region.get(stays)
    people = region.node.database.read_sync(lambda s: set(s.exec(select(LegalHold.person_id)).all()))
    assert people == {stays.removeprefix("/people/")}
    # Not held any more: erased at once.
    await region.send("DELETE", stays, None, 204)
    assert not region.node.database.read_sync(lambda s: s.exec(select(LegalHold)).all())


@pytest.mark.by_turns
async def test_the_person_reads_it_and_is_answered(region):
    second = await region.as_officer("主管乙", Role.SUPERVISOR)
    made = await region.arrives()
    path = f"/people/{made['person_id']}"
    code = (await region.post(f"{path}/access-code", None, 201))["code"]
    async with connect(region.app) as http:
        body = {"code": code, "date_of_birth": HAN["date_of_birth"], "pin": "271828"}
        token = (await http.post("/api/v1/me/session", json=body)).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        assert (await http.get("/api/v1/me")).json()["hold"] is None
        # Asked before the hold: the promise stands when the hold comes.
        assert (await http.post("/api/v1/me/requests", json={"kind": "erase"})).status_code == 201
        hold = await region.post(f"{path}/legal-holds", HOLD, 201)
        assert (await http.get("/api/v1/me")).json()["hold"] is None
        await second.post(f"{path}/legal-holds/{hold['id']}/confirm")
        mine = (await http.get("/api/v1/me")).json()
        assert mine["held_until"] == "2027-03-31"
        assert {name: mine["hold"][name] for name in ("code", "reference", "office_name")} == {
            "code": "court_order",
            "reference": "(2026)青0101民初123号",
            "office_name": "澜江市",
        }
        assert mine["hold"]["erase_asked_at"]
        told = [line["action"] for line in (await http.get("/api/v1/me/access-log")).json()["items"]]
        assert {"person.hold_proposed", "person.hold_confirmed", "person.erasure_noted"} <= set(told)
        assert (await http.post("/api/v1/me/keep")).status_code == 204
        assert (await http.post("/api/v1/me/keep")).status_code == 409
        assert (await http.get("/api/v1/me")).json()["hold"]["erase_asked_at"] is None
        assert (await http.post("/api/v1/me/requests", json={"kind": "erase"})).status_code == 201


@pytest.mark.by_turns
async def test_parted_records_are_both_held_where_the_hold_came_between(region):
    second = await region.as_officer("主管乙", Role.SUPERVISOR)
    kept, other = await region.arrives(), await region.arrives()
    merge = f"/people/{kept['person_id']}/merge"
    pair = await region.post(merge, {"other_id": other["person_id"]})
    region.clock.advance(minutes=1)
    path = f"/people/{kept['person_id']}/legal-holds"
    hold = await region.post(path, HOLD, 201)
    await second.post(f"{path}/{hold['id']}/confirm")
    await region.post(f"{merge}/undo", {"pair_id": pair["pair_id"]})
    held = region.node.database.read_sync(lambda s: s.exec(select(Person.hold_until)).all())
    assert held == [date(2027, 3, 31)] * 2
    (copy,) = (await second.get(f"/people/{other['person_id']}/legal-holds"))["items"]
    assert (copy["reference"], copy["state"]) == ("(2026)青0101民初123号", "standing")


async def test_on_pages_too(region):
    second = add_account(region.node, region.password_hash, "主管乙", frozenset({Role.SUPERVISOR}))
    clerk = add_account(region.node, region.password_hash, "专干", frozenset({Role.CLERK}))
    made = await region.arrives()
    path = f"/people/{made['person_id']}"
    forms = {one.name: sign_in_as(region.node, one, "page") for one in (region.officer, second, clerk)}

    async def page(who, address, **typed):
        async with connect(region.app) as http:
            http.headers |= {"Cookie": f"tonglu_session={forms[who]}", "Accept": "text/html", "Accept-Language": "en"}
            if not typed:
                return await http.get(address)
            return await http.post(address, data=typed | {"form_token": csrf.form_token(forms[who])})

    assert "/hold" not in (await page("专干", path)).text
    assert (await page("专干", f"{path}/hold")).status_code == 404
    wrong = await page("王芳", f"{path}/hold", code="court_order", reference="他欠钱不还", until="20360101")
    assert wrong.status_code == 422
    assert "他欠钱不还" in wrong.text, "nothing that was typed is lost"
    assert all(f'href="#{field}"' in wrong.text for field in ("reference", "until")), "all that is wrong, at once"
    sent = await page("王芳", f"{path}/hold", code="court_order", reference="青公调〔2026〕12号", until="20270131")
    assert sent.headers["location"] == f"{path}/hold"
    (hold,) = (await region.get(f"{path}/legal-holds"))["items"]
    step = f"{path}/hold/{hold['id']}"
    assert (await page("王芳", f"{step}/confirm", x="1")).status_code == 404
    assert (await page("主管乙", f"{step}/void", x="1")).status_code == 404
    assert (await page("主管乙", f"{step}/confirm", x="1")).status_code == 303
    assert (await page("主管乙", f"{step}/confirm", x="1")).status_code == 409
    assert "2027" in (await page("专干", path)).text
    assert (await page("专干", f"{path}/erase", x="1")).headers["location"] == path
    assert (await page("专干", f"{path}/keep", x="1")).status_code == 303
    assert (await page("王芳", f"{step}/lift", x="1")).status_code == 303
    assert (await page("王芳", f"{step}/undo", x="1")).status_code == 303
    assert (await region.get(path))["legal_hold"]["until"] == "2027-01-31"
