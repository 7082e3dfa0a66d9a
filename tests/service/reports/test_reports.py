"""A month is counted once, shown to each office as far as it may be, frozen, and corrected by differences."""

import re
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import openpyxl
import pytest
from sqlmodel import delete, select

from federation.peers import add_paper_peer
from service.officers.rules import Role
from service.registry.tables import Arrival, DuplicatePair, Person
from service.reports.closing import close_due
from service.reports.counting import count_month
from service.reports.months import Month
from service.reports.tables import ReportCell
from service.verification.tables import VerificationRequest
from service.web import csrf
from tests.service.conftest import add_account, connect, sign_in_as
from tests.service.reports.world import FAR, HILLS, HOME, PAPER, TOWN, VILLAGE, Rows

CLERK = frozenset({Role.CLERK})
OCTOBER = datetime(2026, 10, 12, 2, 0, tzinfo=UTC)


@pytest.fixture
def register(app, officer):
    """October 2026 in 澜江: three townships, two peers, some questions."""
    node = app.state.node

    def peers(session):
        for region, name in ((HOME, "青禾县"), (PAPER, "云台县")):
            add_paper_peer(session, node.fed, region, name)

    node.database.write_sync(peers)
    rows = Rows(node)
    asked = rows.arrive(24, TOWN, HOME, "2026-10-09")
    rows.arrive(12, TOWN, PAPER, "2026-10")
    rows.arrive(15, VILLAGE, HOME, "2026-10-31")
    rows.arrive(11, VILLAGE, PAPER, "2026-10-01")
    rows.arrive(3, HILLS, FAR, "2026-10-15")
    rows.arrive(2, HILLS, HOME, "2026-10-15", state="voided")
    rows.arrive(40, TOWN, HOME, "2026-11-01")
    rows.arrive(40, TOWN, HOME, "2026-09")
    rows.depart(30, TOWN, PAPER, "2026-10-20")
    rows.depart(
        14, TOWN, PAPER, "2026-03-01", state="ended", ended_on="2026-10-08", ended_reason="returned", ended_at=OCTOBER
    )
    rows.depart(
        14, TOWN, PAPER, "2026-03-01", state="ended", ended_on="2026-10-08", ended_reason="deceased", ended_at=OCTOBER
    )
    # Asked on a Monday, answered on the Thursday: three working days.
    rows.ask(asked[:16], HOME, OCTOBER, timedelta(days=3))
    rows.ask(asked[16:], HOME, OCTOBER, None)
    rows.ask(asked[:11], HOME, OCTOBER, timedelta(days=16), direction="received", person_id=None, record_id=None)
    rows.ask(asked[:12], HOME, OCTOBER, timedelta(days=1), direction="received", person_id=None, record_id=None)
    for changes in ({"document_index": None}, {"number_check": "checksum"}, {"name_birth_index": None}):
        for _ in range(20):
            rows.person(VILLAGE, **changes)
    for _ in range(50):
        rows.person(VILLAGE, protection_until=date(2027, 6, 1))
    rows.keep()
    pair = {"kept_id": asked[0].person_id, "other_id": asked[1].person_id}
    node.database.write_sync(lambda session: session.add(DuplicatePair(id="pair", **pair)))
    return rows


async def an_open_month_is_told_in_tens(client):
    """Nothing exact, no total that tells more than its line, nothing on paper; the month to come has no numbers."""
    running = (await client.get("/api/v1/reports/monthly_flows")).json()
    assert (running["month"], running["closed_at"], running["corrections"]) == ("2026-11", None, [])
    report = (await client.get("/api/v1/reports/monthly_flows", params={"month": "2026-10"})).json()
    by_office = {row["code"]: row["values"] for row in report["tables"][0]["rows"]}
    assert by_office[TOWN] == [30, 30, 10, 20, 10, "-"]
    assert by_office[VILLAGE][0] == 20
    assert by_office[HILLS][0] == "<10"
    assert by_office[""] == [50, 30, 10, 20, 10, "-"], "65 arrivals are told as the sum of the tens in the line"
    by_peer = {row["code"]: row["values"][0] for row in report["tables"][1]["rows"]}
    assert by_peer == {HOME: 30, PAPER: 20, "other": "<10", "": 50}
    for name in ("response_times", "register_quality", "privacy"):
        tables = (await client.get(f"/api/v1/reports/{name}", params={"month": "2026-10"})).json()["tables"]
        told = {value for table in tables for row in table["rows"] for value in row["values"]}
        assert all(value % 10 == 0 and value >= 10 for value in told if not isinstance(value, str)), name
    await a_large_register_is_counted_once_a_minute(client)
    for month, status in (("2026-12", 409), ("2024-10", 409), ("2026-00", 422)):
        assert (await client.get("/api/v1/reports/monthly_flows", params={"month": month})).status_code == status


async def a_large_register_is_counted_once_a_minute(client):
    """Each office gets its own row of the one count, with its time."""
    node = client._transport.app.state.node
    small, node.counted._worth_keeping_seconds = node.counted._worth_keeping_seconds, 0
    october = {"month": "2026-10"}
    first = (await client.get("/api/v1/reports/monthly_flows", params=october)).json()
    rows = Rows(node)
    late = rows.arrive(20, VILLAGE, HOME, "2026-10-30")
    rows.keep()
    town = (await client.get("/api/v1/reports/monthly_flows", params=october | {"area": TOWN})).json()
    assert [row["values"][0] for row in town["tables"][0]["rows"]] == [20, 10, "<10", 30]
    again = (await client.get("/api/v1/reports/monthly_flows", params=october)).json()
    assert (again["tables"], again["counted_at"]) == (first["tables"], first["counted_at"])
    node.clock.advance(minutes=1)
    new = (await client.get("/api/v1/reports/monthly_flows", params=october)).json()
    assert new["tables"][0]["rows"][-1]["values"][0] == first["tables"][0]["rows"][-1]["values"][0] + 20
    assert datetime.fromisoformat(new["counted_at"]) - datetime.fromisoformat(first["counted_at"]) == timedelta(
        minutes=1
    )
    gone = [move.person_id for move in late]
    for table, key in ((Arrival, Arrival.person_id), (Person, Person.id)):
        node.database.write_sync(lambda session, table=table, key=key: session.exec(delete(table).where(key.in_(gone))))
    node.counted._worth_keeping_seconds = small
    node.clock.advance(minutes=1)


@pytest.mark.by_turns
async def test_a_month_from_count_to_paper(app, client, officer, register, password_hash):
    node = app.state.node
    await an_open_month_is_told_in_tens(client)
    for month, status in (("2026-11", 409), ("2020-01", 409), ("2026-13", 422), ("october", 422)):
        refused = await client.post("/api/v1/reports/closings", json={"month": month})
        assert refused.status_code == status, month
    assert (await client.post("/api/v1/reports/closings", json={"month": "2026-10"})).json() == {"months": ["2026-10"]}
    assert (await client.post("/api/v1/reports/closings", json={"month": "2026-10"})).status_code == 409

    report = (await client.get("/api/v1/reports/monthly_flows")).json()
    assert (report["month"], report["area"], report["closed_by"]) == ("2026-10", "790303", "王芳")
    office, peer = report["tables"]
    assert office["head"] == ["arrivals", "departures", "returns", "asked", "answered", "days:answered"]
    by_office = {row["code"]: row["values"] for row in office["rows"]}
    # The three of one township are hidden, and so is the next smallest; what is left of the total is ten and more.
    assert by_office[TOWN][0] == 36
    assert by_office[HILLS][0] == "<10"
    assert by_office[VILLAGE][0] == "…"
    assert by_office[""] == [65, 30, 14, 24, 16, 3.0]
    by_peer = {row["code"]: row["values"] for row in peer["rows"]}
    assert list(by_peer) == [HOME, PAPER, "other", ""]
    assert by_peer["other"][0] == "<10"
    assert by_peer[""][0] == 65
    assert [by_peer[HOME][0], by_peer[PAPER][0]].count("…") == 1

    times = (await client.get("/api/v1/reports/response_times")).json()
    given = {row["code"]: row["values"] for row in times["tables"][0]["rows"]}
    assert given[""] == [12, 11, 23, 1.0]
    quality = (await client.get("/api/v1/reports/register_quality")).json()["tables"][0]
    total = {row["code"]: row["values"] for row in quality["rows"]}[""]
    assert dict(zip(quality["head"], total, strict=True))["no_document"] == 20
    assert dict(zip(quality["head"], total, strict=True))["number_doubtful"] == 20
    assert dict(zip(quality["head"], total, strict=True))["pairs"] == "<10"
    privacy = (await client.get("/api/v1/reports/privacy")).json()
    assert privacy["tables"][0]["rows"][0]["code"] == "people"
    assert (await client.get("/api/v1/reports/overdue_people")).status_code == 422

    await each_sees_their_own(app, password_hash)

    await later_entries_are_a_difference(client, officer, register, report)

    # Nothing personal is kept of it.
    kept = node.database.read_sync(lambda session: session.exec(select(ReportCell)).all())
    people = node.database.read_sync(lambda session: set(session.exec(select(Person.id)).all()))
    assert {cell.row for cell in kept} | {cell.column for cell in kept} & people == {cell.row for cell in kept}
    assert len(kept) < 600


async def each_sees_their_own(app, password_hash):
    node = app.state.node
    # A township sees its own row, in its own numbers, and nobody else's.
    clerk = add_account(node, password_hash, "李伟", CLERK, area=TOWN)
    async with connect(app, sign_in_as(node, clerk)) as theirs:
        own = (await theirs.get("/api/v1/reports/monthly_flows")).json()
        assert own["area"] == TOWN
        assert [table["title"] for table in own["tables"]] == ["by_peer"]
        assert {row["code"]: row["values"] for row in own["tables"][0]["rows"]}[""][0] == 36
        for area in ("790303", VILLAGE, "790101"):
            refused = await theirs.get("/api/v1/reports/monthly_flows", params={"area": area})
            assert refused.status_code == 404, area
        assert (await theirs.get("/api/v1/reports/response_times")).status_code == 403
        assert (await theirs.get("/api/v1/reports/privacy")).status_code == 403
        assert (await theirs.post("/api/v1/reports/closings", json={"month": "2026-09"})).status_code == 403
    auditor = add_account(node, password_hash, "审计", frozenset({Role.AUDITOR}))
    async with connect(app, sign_in_as(node, auditor)) as theirs:
        assert (await theirs.get("/api/v1/reports/monthly_flows")).status_code == 403
        assert (await theirs.get("/api/v1/reports/privacy")).status_code == 200


async def later_entries_are_a_difference(client, officer, register, report):
    app, node, clock = client._transport.app, register.node, register.node.clock
    # Later entries: the closed month stays as it is; the next closing tells the difference, if it may.
    register.arrive(25, TOWN, HOME, "2026-10-20")
    register.arrive(31, VILLAGE, HOME, "2026-10-21")
    register.arrive(4, HILLS, HOME, "2026-10-21")
    register.keep()
    again = (await client.get("/api/v1/reports/monthly_flows")).json()
    assert again["tables"] == report["tables"]
    assert again["corrections"] == []
    clock.set(datetime(2026, 12, 6, 2, 0, tzinfo=UTC))
    assert await close_due(node) == 0
    clock.set(datetime(2026, 12, 7, 2, 0, tzinfo=UTC))
    assert await close_due(node) == 1, "November, on its fifth working day"
    assert await close_due(node) == 0
    async with connect(app, sign_in_as(node, officer)) as later:
        november = (await later.get("/api/v1/reports/monthly_flows")).json()
        assert (november["month"], november["closed_by"]) == ("2026-11", None)
        assert november["months"] == ["2026-11", "2026-10"]
        corrected = (await later.get("/api/v1/reports/monthly_flows", params={"month": "2026-10"})).json()
        assert corrected["tables"] == report["tables"]
        (correction,) = corrected["corrections"]
        told = {row["code"]: row["values"][0] for row in correction["tables"][0]["rows"]}
        assert told[""] == 60
        assert HILLS not in told, "a difference of four is not told"
        assert told.keys() <= {"", TOWN, VILLAGE}
        await pages_show_it(app, officer)


async def pages_show_it(app, officer):
    node = app.state.node
    token = sign_in_as(node, officer, "page")
    cookies = {"tonglu_session": token}
    async with connect(app, headers={"Accept": "text/html"}, cookies=cookies, follow_redirects=True) as http:
        page = (await http.get("/reports")).text
        assert "2026年11月" in page
        assert "关账后的更正" in page
        october = (await http.get("/reports/monthly_flows?month=2026-10")).text
        assert "由王芳关账" in october
        assert "data-chart=" in october
        drawn = re.findall(r'<rect class="tl-chart__bar[^>]* width="([0-9.]+)%"', october)
        assert max(map(float, drawn)) == 82, "the longest bar is there without a script"
        assert len(drawn) == len(re.findall(r'<text class="tl-chart__value"[^>]*>[0-9]+</text>', october))
        assert "&lt;10" in october
        assert "（本级）" in october
        assert '<th scope="col" class="govuk-table__header">单位</th>' in october
        town = (await http.get(f"/reports/monthly_flows?month=2026-10&area={TOWN}")).text
        assert "按登记单位" not in town
        for name in ("response_times", "register_quality", "privacy"):
            assert (await http.get(f"/reports/{name}?month=2026-10")).status_code == 200
        assert (await http.get("/reports/nobody")).status_code == 404
        running = (await http.get("/reports/monthly_flows?month=2026-12")).text
        assert "尚未关账" in running
        assert "2026年12月将于2027年1月" in running
        assert "workbook.xlsx" not in running
        for past in ("2026-08", "2026-13", "2024-08", "2027-01"):
            shown = await http.get(f"/reports/monthly_flows?month={past}")
            assert (shown.status_code, "月将于" in shown.text) == (422 if past == "2026-13" else 200, False), past
        assert "没有2027年1月的报表。" in shown.text
        for paper in ("workbook.xlsx", "print.pdf"):
            refused = await http.get(f"/reports/monthly_flows/{paper}?month=2026-12")
            assert refused.status_code == 409, "what changes is not printed"
        paper = await http.get("/reports/monthly_flows/print.pdf?month=2026-10")
        assert paper.content.startswith(b"%PDF")
        book = await http.get("/reports/monthly_flows/workbook.xlsx?month=2026-10")
        sheet = openpyxl.load_workbook(BytesIO(book.content)).worksheets[0]
        values = [cell.value for row in sheet.iter_rows() for cell in row]
        assert 65 in values
        assert "<10" in values
        assert [sheet["A3"].value, sheet["B3"].value] == ["单位", "流入"]
        assert sheet["A2"].value.endswith("关账，数字以当时统计为准。")
        assert (sheet.page_setup.paperSize, sheet.page_setup.orientation) == (9, "landscape")
        node.database.write_sync(lambda session: add_paper_peer(session, node.fed, "790505", "云外县"))
        assert "790505" not in (named := (await http.get("/reports/monthly_flows?month=2026-12")).text)
        assert "云外县" in named, "a region that no table of divisions holds is called what it calls itself"
        form = {"form_token": csrf.form_token(token), "month": "2026-09"}
        closed = await http.post("/reports/close", data=form)
        assert "该月已关账" in closed.text
        assert "2026年9月" in closed.text


def test_who_is_hidden_is_in_no_number(node, officer, clock):
    """The same months whether somebody is hidden or was never there (rules 7 and 10)."""
    counted = []
    for hidden in (0, 5):
        rows = Rows(node)
        rows.arrive(12, TOWN, HOME, "2026-10-09")
        rows.ask(rows.arrive(12, VILLAGE, HOME, "2026-10-09"), HOME, OCTOBER, timedelta(days=1))
        if hidden:
            secret = rows.arrive(hidden, VILLAGE, HOME, "2026-10-09")
            rows.ask(secret, HOME, OCTOBER, timedelta(days=9))
            for person in rows.made:
                if isinstance(person, Person) and person.id in {move.person_id for move in secret}:
                    person.protection_until = date(2027, 1, 1)
        rows.keep()
        month = Month.parse("2026-10")
        counted.append(node.database.read_sync(lambda session, month=month: count_month(session, node, month)))
        for table in (VerificationRequest, Arrival, Person):
            node.database.write_sync(lambda session, table=table: session.execute(delete(table)))
    assert counted[0] == counted[1]


def test_a_month_ends_at_the_nodes_own_midnight_and_holidays_are_no_working_days(node, officer):
    """Asked or answered at 16:00 UTC is of the next day in Shanghai; so is a term that ended the day before."""
    rows, midnight, due = Rows(node), datetime(2026, 10, 31, 16, 0, tzinfo=UTC), date(2026, 10, 31)
    second = timedelta(seconds=1)
    arrived = rows.arrive(4, TOWN, HOME, "2026-10-31") + rows.arrive(3, TOWN, HOME, "2026-11-01")
    rows.ask(arrived[:2], HOME, midnight - second, None)
    rows.ask(arrived[2:5], HOME, midnight, None)
    asked = midnight - timedelta(days=1)
    nobody = {"direction": "received", "person_id": None, "record_id": None, "due_on": due}
    rows.ask(arrived[:2], HOME, asked, timedelta(days=1) - second, **nobody)
    rows.ask(arrived[:3], HOME, asked, timedelta(days=1), **nobody)
    # Asked on the day before the National Day, answered on the Friday after: the 8th and the 9th.
    rows.ask(arrived[:1], HOME, datetime(2026, 9, 30, 2, 0, tzinfo=UTC), timedelta(days=9))
    rows.keep()
    node.database.write_sync(lambda session: add_paper_peer(session, node.fed, HOME, "青禾县"))
    counted = {
        month: node.database.read_sync(lambda session, month=month: count_month(session, node, Month.parse(month)))
        for month in ("2026-10", "2026-11")
    }
    october, november = counted["2026-10"], counted["2026-11"]
    assert (october["arrivals"].counts, november["arrivals"].counts) == ({(TOWN, HOME): 4}, {(TOWN, HOME): 3})
    assert (october["asked"].counts, november["asked"].counts) == ({(TOWN, HOME): 2}, {(TOWN, HOME): 3})
    assert october["answers_given"].counts == {(HOME, "in_time"): 2}
    assert november["answers_given"].counts == {(HOME, "late"): 3}
    assert october["answered"].days[TOWN, HOME] == 20
