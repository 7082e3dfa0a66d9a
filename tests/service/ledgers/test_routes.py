"""Ledgers over the JSON API, on the application as it is served."""

import io
import json
from pathlib import Path

import openpyxl
import pytest
from starlette.formparsers import MultiPartParser

from service.ledgers.routes import MAX_UPLOAD_BYTES
from service.officers.rules import Role
from tests.service.conftest import add_account, connect, sign_in_as

VECTORS = Path(__file__).parents[2] / "vectors" / "ledgers"
TRUTH = json.loads((VECTORS / "truth.json").read_text("utf-8"))
COUNTS = {"ok": 262, "warning": 15, "error": 10, "duplicate": 13}

pytestmark = pytest.mark.anyio


async def upload(client, content, **fields):
    return await client.post("/api/v1/ledgers", files={"file": ("a.xlsx", content)}, data=fields)


async def test_upload_look_commit_report_and_undo(client):
    name, kind = "departures-county.csv", "departures"
    answer = await upload(client, (VECTORS / name).read_bytes(), kind=kind, dry_run="true")
    draft = answer.json()
    assert (answer.status_code, draft["state"], draft["counts"], draft["registered"]) == (201, "checked", COUNTS, 0)
    assert [row["row"] for row in draft["rows"]] == [truth["row"] for truth in TRUTH]
    path = f"/api/v1/ledgers/{draft['id']}"
    assert (await client.get(f"/api/v1/{kind}")).json()["items"] == []
    for _ in range(2):
        done = (await client.post(f"{path}/commit")).json()
        assert (done["state"], done["counts"], done["registered"]) == ("committed", COUNTS, 277)
    items = (await client.get(f"/api/v1/{kind}", params={"limit": 5})).json()["items"]
    assert {item["state"] for item in items} == {"to_be_told"}
    report = await client.get(f"{path}/report.xlsx")
    assert len(list(openpyxl.load_workbook(io.BytesIO(report.content)).worksheets[0].iter_rows())) == 1 + 38
    assert report.headers["cache-control"] == "no-store"
    assert (await client.post(f"{path}/undo")).json() == {
        "id": draft["id"],
        "state": "undone",
        "undone": 277,
        "kept": 0,
    }
    again = await client.post(f"{path}/undo")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/wrong_state")
    listed = (await client.get("/api/v1/ledgers")).json()["items"]
    assert [(item["id"], item["state"], item["rows"]) for item in listed] == [(draft["id"], "undone", [])]


async def test_without_a_dry_run_the_good_rows_are_registered_at_once(client):
    answer = await upload(client, (VECTORS / "arrivals-plain.csv").read_bytes(), dry_run="false")
    assert (answer.json()["state"], answer.json()["registered"]) == ("committed", 277)


@pytest.mark.parametrize("content", [b"", b"junk\x00", b"a,b\n1,2\n", b"PK\x03\x04junk"])
async def test_a_file_that_is_no_ledger_is_a_problem_and_leaves_nothing(client, content):
    answer = await upload(client, content, kind="arrivals")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/ledger_unreadable")
    assert (await client.get("/api/v1/ledgers")).json()["items"] == []


async def test_a_missing_file_and_a_wrong_kind_are_invalid_input(client):
    assert (await client.post("/api/v1/ledgers", data={"kind": "arrivals"})).status_code == 422
    assert (await upload(client, b"x", kind="births")).json()["type"] == "/problems/invalid_input"


async def test_a_file_is_not_even_opened_for_who_may_not_import(app, password_hash):
    for role in (Role.ADMINISTRATOR, Role.AUDITOR):
        officer = add_account(app.state.node, password_hash, role.value, frozenset({role}))
        async with connect(app, sign_in_as(app.state.node, officer)) as http:
            answer = await upload(http, b"no ledger", kind="arrivals")
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")


async def test_a_stranger_is_asked_to_sign_in_and_an_unknown_import_is_not_found(client, anonymous):
    assert (await upload(anonymous, b"x")).status_code == 401
    for method, rest in (("GET", ""), ("GET", "/report.xlsx"), ("POST", "/commit"), ("POST", "/undo")):
        path = f"/api/v1/ledgers/0192f0c1-0000-7000-8000-000000000001{rest}"
        assert (await client.request(method, path)).status_code == 404


@pytest.mark.asvs("5.3.1")
@pytest.mark.usefixtures("app")
async def test_no_upload_is_spooled_to_a_disk():
    assert MultiPartParser.spool_max_size > MAX_UPLOAD_BYTES


async def test_an_upload_of_any_length_is_cut_off_at_the_bound_and_leaves_nothing(client):
    start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}

    async def pieces():
        yield start
        for _ in range(40):
            yield b"a,b\n" * (256 * 1024)

    # It announces no length, so that only what really comes can tell.
    answer = await client.post("/api/v1/ledgers", content=pieces(), headers=form)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too_large")
    announced = form | {"Content-Length": str(200 * 1024 * 1024)}
    answer = await client.post("/api/v1/ledgers", content=start, headers=announced)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too_large")
    assert (await client.get("/api/v1/ledgers")).json()["items"] == []


async def test_an_upload_whose_line_is_cut_leaves_nothing(app, client):
    sent = [
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n',
        "姓名,户籍地,流入日期\n甲乙,云台县,2026-01-01\n".encode(),
    ]
    names = {"Authorization": client.headers["Authorization"], "Content-Type": "multipart/form-data; boundary=x"}
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/api/v1/ledgers", "query_string": b"",
        "raw_path": b"/api/v1/ledgers", "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2), "headers": [(b"host", b"127.0.0.1"),
        *((name.lower().encode(), value.encode()) for name, value in names.items())],
    }  # fmt: skip
    answered = []

    async def receive():
        return {"type": "http.request", "body": sent.pop(0), "more_body": True} if sent else {"type": "http.disconnect"}

    async def send(message):
        answered.append(message)

    await app(scope, receive, send)
    assert all(message.get("status", 400) < 500 for message in answered)
    assert (await client.get("/api/v1/ledgers")).json()["items"] == []
