"""Who may read the log, what they see of it, and that reading it is logged, too."""

import httpx2
import pytest
from fastapi import FastAPI

from service.context import Node
from service.jobs import make_tools, number_log
from service.log_verify import read_checkpoints
from service.officers.rules import Role
from tests.service.conftest import add_account, connect, sign_in_as

ARRIVAL = {
    "person": {"name": "韩晨曦", "document_type": "resident_id", "document_number": "790101199003071230"},
    "origin_region": "790101",
    "arrived_on": "2026-09-01",
    "notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"},
}


async def register(client: httpx2.AsyncClient) -> str:
    answer = await client.post("/api/v1/arrivals", json=ARRIVAL)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["person_id"])


async def test_a_persons_entries_say_who_looked_why_and_at_which_fields(client: httpx2.AsyncClient) -> None:
    person = await register(client)
    await client.get(f"/api/v1/people/{person}?full=1&purpose=counter")
    items = (await client.get(f"/api/v1/access-log?person_id={person}")).json()["items"]
    assert {item["officer"] for item in items} == {"王芳"}
    assert {item["office"] for item in items} == {"790303"}
    shown = next(item for item in items if item["purpose"] == "counter")
    assert shown["fields"]
    assert shown["at"] == "2026-11-23T02:00:00Z"
    assert set(shown) == {"index", "at", "office", "officer", "action", "purpose", "fields", "automatic"}
    again = (await client.get(f"/api/v1/access-log?person_id={person}")).json()["items"]
    assert "access_log.read" in {item["action"] for item in again}


async def test_the_whole_log_says_of_people_only_that_it_was_about_one(client: httpx2.AsyncClient) -> None:
    person = await register(client)
    await client.get(f"/api/v1/people/{person}")
    items = (await client.get("/api/v1/access-log")).json()["items"]
    about_people = [item for item in items if item["action"] == "person"]
    assert about_people
    for item in about_people:
        assert (item["purpose"], item["fields"], item["automatic"]) == (None, [], False)
    assert {item["action"] for item in items} <= {"person", "officer.signed_in", "access_log.read"}
    assert person not in str(items)
    assert [item["purpose"] for item in items if item["action"] == "officer.signed_in"] == ["password"]


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.CLERK, 403), (Role.ADMINISTRATOR, 403), (Role.AUDITOR, 200), (Role.SUPERVISOR, 200)],
)
async def test_the_whole_log_is_for_auditors_and_supervisors(
    app: FastAPI, password_hash: str, role: Role, status: int
) -> None:
    node: Node = app.state.node
    officer = add_account(node, password_hash, "李雷", frozenset({role}))
    async with connect(app, sign_in_as(node, officer)) as http:
        assert (await http.get("/api/v1/access-log")).status_code == status


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ((Role.CLERK, "790303"), 200),
        ((Role.CLERK, "790303001"), 404),
        ((Role.AUDITOR, "790303"), 200),
        ((Role.AUDITOR, "790303001"), 404),
        ((Role.ADMINISTRATOR, "790303"), 404),
    ],
)
async def test_a_persons_entries_are_for_auditors_and_those_who_may_open_the_record(
    app: FastAPI, client: httpx2.AsyncClient, password_hash: str, who: tuple[Role, str], status: int
) -> None:
    person = await register(client)
    node: Node = app.state.node
    role, area = who
    officer = add_account(node, password_hash, "李雷", frozenset({role}), area=area)
    async with connect(app, sign_in_as(node, officer)) as http:
        assert (await http.get(f"/api/v1/access-log?person_id={person}")).status_code == status


async def test_an_auditor_reads_the_log_of_a_record_and_nothing_else_of_it(
    app: FastAPI, client: httpx2.AsyncClient, password_hash: str
) -> None:
    person = await register(client)
    node: Node = app.state.node
    auditor = add_account(node, password_hash, "李雷", frozenset({Role.AUDITOR}))
    cookies = {"tonglu_session": sign_in_as(node, auditor, "page")}
    async with connect(app, sign_in_as(node, auditor)) as http, connect(app, cookies=cookies) as browser:
        path = f"/api/v1/access-log?person_id={person}"
        items = (await http.get(path)).json()["items"]
        assert [(item["officer"], item["action"]) for item in items] == [("王芳", "arrival.registered")]
        items = (await http.get(path)).json()["items"]
        assert (items[0]["officer"], items[0]["action"], items[0]["purpose"]) == ("李雷", "access_log.read", "audit")
        assert (await http.get(f"/api/v1/people/{person}")).status_code == 404
        assert 'name="person_id"' in (await browser.get("/access-log")).text
        page = await browser.get(f"/access-log?person_id={person}")
        assert page.status_code == 200
        assert "王芳" in page.text
        assert "韩晨曦" not in page.text
        assert (await browser.get(f"/people/{person}/log")).status_code == 404
        nobody = "01a20000-0000-7000-8000-000000000001"
        assert (await browser.get(f"/access-log?person_id={nobody}")).status_code == 404
        # The protected are their supervisors' alone, and look like nobody.
        protect = {"reason": "threat", "until": "2027-01-31"}
        assert (await client.post(f"/api/v1/people/{person}/protect", json=protect)).status_code == 204
        hidden, absent = await http.get(path), await http.get(f"/api/v1/access-log?person_id={nobody}")
        assert (hidden.status_code, hidden.content) == (absent.status_code, absent.content) == (404, absent.content)
    for role in (Role.CLERK, Role.ADMINISTRATOR):
        other = add_account(node, password_hash, f"李{role}", frozenset({role}))
        async with connect(app, cookies={"tonglu_session": sign_in_as(node, other, "page")}) as browser:
            assert (await browser.get(f"/access-log?person_id={person}")).status_code == 403


async def test_officers_of_one_township_do_not_read_what_another_one_does(
    app: FastAPI, client: httpx2.AsyncClient, password_hash: str
) -> None:
    node: Node = app.state.node
    for number, role in (("790303001", Role.CLERK), ("790303002", Role.CLERK)):
        clerk = add_account(node, password_hash, f"专干{number}", frozenset({role}), area=number)
        async with connect(app, sign_in_as(node, clerk)) as http:
            await register(http)
    supervisor = add_account(node, password_hash, "李雷", frozenset({Role.SUPERVISOR}), area="790303002")
    async with connect(app, sign_in_as(node, supervisor)) as http:
        items = (await http.get("/api/v1/access-log")).json()["items"]
    cookies = {"tonglu_session": sign_in_as(node, supervisor, "page")}
    async with connect(app, cookies=cookies) as http:
        page = await http.get("/access-log")
    assert {item["officer"] for item in items} == {"专干790303002", "李雷"}
    assert "专干790303002" in page.text
    assert "专干790303001" not in page.text
    whole = (await client.get("/api/v1/access-log")).json()["items"]
    assert {"专干790303001", "专干790303002"} <= {item["officer"] for item in whole}


async def test_pages_follow_each_other_to_the_end(client: httpx2.AsyncClient) -> None:
    for _ in range(4):
        await client.get("/api/v1/access-log")
    page = (await client.get("/api/v1/access-log?limit=2")).json()
    assert len(page["items"]) == 2
    seen = 0
    while page["next"] is not None:
        seen += len(page["items"])
        page = (await client.get(f"/api/v1/access-log?limit=2&after={page['next']}")).json()
    assert seen + len(page["items"]) == 5


async def test_the_signed_head_is_given_out_once_there_is_one(app: FastAPI, client: httpx2.AsyncClient) -> None:
    node: Node = app.state.node
    await number_log(node, make_tools(node, lambda: pytest.fail("nothing is sent")))
    answer = await client.get("/api/v1/log/checkpoint")
    assert answer.headers["Content-Type"].startswith("text/plain")
    (checkpoint,) = read_checkpoints(answer.text)
    assert checkpoint.origin == "tonglu/790303/access-log"
    assert answer.text in node.settings.checkpoints_path.read_text("utf-8")
