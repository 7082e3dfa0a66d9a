"""What an officer says of a ledger: its columns, whose it is; and what becomes of an import that was built on."""

import pytest

from service.registry.tables import Person
from tests.service.conftest import add_account, connect, sign_in_as

pytestmark = [pytest.mark.anyio, pytest.mark.by_turns]

LEDGER = "被登记者,证件,从哪来,哪天到,情况备注,电话,电话\n甲乙,,云台县,2026-01-01,勿存,13830166131,13830166132\n"
KNOWN = "姓名,身份证号码,户籍地,流入日期,性别\n甲乙,,云台县,2026-01-01,勿\n丙丁,,青禾县,2026-01-02,勿\n"
NAMED = {"被登记者": "name", "从哪来": "region", "哪天到": "moved_on"}


async def upload(client, text, **fields):
    return await client.post("/api/v1/ledgers", files={"file": ("a.csv", text.encode())}, data=fields)


def refusals(answer):
    return answer.status_code, [one["field"] for one in answer.json().get("errors", [])]


async def test_columns_are_shown_with_reasons_corrected_and_remembered_for_this_sender(client):
    assert (await upload(client, LEDGER, kind="arrivals")).json()["type"] == "/problems/ledger_unreadable"
    named = '{"被登记者": "name", "从哪来": "region", "哪天到": "moved_on"}'
    told = (await upload(client, LEDGER, kind="arrivals", columns=named)).json()
    assert {one["header"]: (one["field"], one["why"]) for one in told["columns"]} == {
        "被登记者": ("name", "chosen"),
        "证件": (None, "unknown"),
        "从哪来": ("region", "chosen"),
        "哪天到": ("moved_on", "chosen"),
        "情况备注": (None, "forbidden"),
        "电话": ("phone", "known"),
        "电话#2": (None, "spare"),
    }
    assert (told["counts"]["ok"], told["source"]) == (1, "own_ledger")
    path = f"/api/v1/ledgers/{told['id']}"
    # Never what a register may not hold, never a field that it has not, never a column that is not there.
    for wrong in ({"情况备注": "address"}, {"无": "name"}, {"证件": "phone", "电话#2": "phone"}):
        assert refusals(await client.post(f"{path}/columns", json={"columns": wrong})) == (422, ["columns"]), wrong
    for field in ("sex", "remarks", "outcome"):
        assert (await client.post(f"{path}/columns", json={"columns": {"证件": field}})).status_code == 422
    assert refusals(await client.post(f"{path}/columns", json={"columns": {"从哪来": None}})) == (422, ["columns"])
    changed = (await client.post(f"{path}/columns", json={"columns": {"电话": None, "电话#2": "phone"}})).json()
    assert (changed["id"], changed["state"], changed["counts"]["ok"]) == (told["id"], "checked", 1)
    assert (await client.post(f"{path}/commit")).json()["registered"] == 1
    late = await client.post(f"{path}/columns", json={"columns": {"电话": None}})
    assert late.json()["type"] == "/problems/wrong_state"
    # The next ledger of this sender is understood by itself, in any order of its columns; another sender's is not.
    again = "哪天到,被登记者,证件,从哪来,情况备注,电话,电话\n2026-01-02,丙丁,,云台县,勿存,13830166133,13830166134\n"
    next_one = (await upload(client, again, kind="arrivals")).json()
    whys = {one["header"]: one["why"] for one in next_one["columns"]}
    assert (whys["被登记者"], whys["电话#2"], next_one["counts"]["ok"]) == ("remembered", "remembered", 1)
    other = await upload(client, again, kind="arrivals", source="other_office", source_region="790101")
    assert other.status_code == 422


async def test_a_ledger_comes_from_this_office_or_another_and_from_nobody_else(client, app):
    for source in ("employer", "landlord", "informant", "police"):
        answer = await upload(client, KNOWN, source=source)
        assert refusals(answer) == (422, ["source"])
        assert "informants are no source" in answer.text
    for region in (None, "999999", "x"):
        fields = {"source": "other_office"} | ({"source_region": region} if region else {})
        assert refusals(await upload(client, KNOWN, **fields)) == (422, ["source_region"])
    told = (await upload(client, KNOWN, source="other_office", source_region="790101", dry_run="false")).json()
    assert (told["source"], told["source_region"], told["registered"]) == ("other_office", "790101", 2)
    listed = (await client.get("/api/v1/ledgers")).json()["items"]
    assert [(one["source"], one["source_region"]) for one in listed] == [("other_office", "790101")]
    found = await client.get("/api/v1/arrivals", params={"source_ledger": told["id"]})
    assert len(found.json()["items"]) == 2
    node = app.state.node
    assert node.held.get(told["id"], node.now()) is None, "an upload is forgotten at its commit"


async def test_an_upload_is_held_for_half_an_hour_and_then_asked_for_again(client, clock):
    told = (await upload(client, KNOWN)).json()
    clock.advance(minutes=31)
    answer = await client.post(f"/api/v1/ledgers/{told['id']}/columns", json={"columns": {"身份证号码": None}})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/upload_gone")


async def test_an_import_is_undone_as_one_step_while_nothing_was_built_on_it(client, app):
    told = (await upload(client, KNOWN, dry_run="false")).json()
    path, node = f"/api/v1/ledgers/{told['id']}", app.state.node
    first = (await client.get("/api/v1/arrivals")).json()["items"][0]

    def change(session):
        person = session.get_one(Person, first["person_id"])
        person.version += 1
        session.add(person)

    await node.database.write(change)
    refused = await client.post(f"{path}/undo")
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "/problems/import_built_upon")
    assert (problem["count"], problem["told"], problem["changed"]) == (1, 0, 1)
    assert (await client.get(path)).json()["state"] == "committed"
    assert len((await client.get("/api/v1/arrivals")).json()["items"]) == 2
    undone = (await client.post(f"{path}/undo", json={"keep_worked_with": True})).json()
    assert (undone["undone"], undone["kept"]) == (1, 1)
    assert len((await client.get("/api/v1/arrivals")).json()["items"]) == 1
    assert (await client.post(f"{path}/undo")).json()["type"] == "/problems/wrong_state"


async def test_numbers_leave_masked_or_whole_only_when_two_officers_agree(client, app, officer, password_hash):
    people = "吴强华,790202196807145976,云台县,2025-02-08,13830166131\n=1+1,,云台县,2025-02,\n"
    ledger = f"姓名,身份证号码,户籍地,流入日期,联系电话\n{people}"
    assert (await upload(client, ledger, dry_run="false")).json()["registered"] == 2
    node = app.state.node
    second = connect(app, sign_in_as(node, add_account(node, password_hash, "李强")))
    wish = {"kind": "arrivals", "purpose": "task", "columns": ["phone", "document_number", "name", "moved_on"]}
    for wrong in ({"purpose": "curiosity"}, {"columns": ["date_of_birth"]}, {"columns": []}, {"extra": 1}):
        assert (await client.post("/api/v1/ledger-exports", json=wish | wrong)).status_code == 422, wrong
    async with second:
        asked = (await client.post("/api/v1/ledger-exports", json=wish | {"file_type": "csv"})).json()
        assert (asked["state"], asked["rows"]) == ("ready", 2)
        path = f"/api/v1/ledger-exports/{asked['id']}"
        file = await client.get(f"{path}/file", params={"language": "en"})
        lines = file.content.decode("utf-8-sig").splitlines()
        assert lines == [
            "Name,Document number,Arrival date,Phone",
            "'=1+1,,2025-02,",
            "吴强华,790202********59**,2025-02-08,138****6131",
        ]
        assert file.headers["cache-control"] == "no-store"
        assert (await second.get(f"{path}/file")).status_code == 404, "only who asked may fetch it"
        assert (await second.post(f"{path}/confirm")).json()["type"] == "/problems/wrong_state"
        whole = (await client.post("/api/v1/ledger-exports", json=wish | {"full": True, "file_type": "csv"})).json()
        path = f"/api/v1/ledger-exports/{whole['id']}"
        assert whole["state"] == "waiting"
        assert (await client.get(f"{path}/file")).json()["type"] == "/problems/wrong_state"
        assert (await client.post(f"{path}/confirm")).status_code == 403, "nobody agrees with themselves"
        waiting = (await second.get("/api/v1/ledger-exports")).json()["items"]
        assert [one["id"] for one in waiting] == [whole["id"]]
        for _ in range(2):
            assert (await second.post(f"{path}/confirm")).json()["confirmed_by"] == "李强"
        assert "790202196807145976" in (await client.get(f"{path}/file")).content.decode("utf-8-sig")
        person = next(one for one in (await client.get("/api/v1/arrivals")).json()["items"])["person_id"]
        log = (await client.get("/api/v1/access-log", params={"person_id": person})).json()["items"]
        actions = {one["action"]: (one["purpose"], one["fields"]) for one in log}
        assert actions["ledger.exported"] == ("task", ["contact", "identity", "moves"])
        assert actions["ledger.exported_in_full"] == ("task", ["contact", "identity", "moves"])
        protected = await client.post(
            f"/api/v1/people/{person}/protect", json={"reason": "own_wish", "until": "2026-12-31"}
        )
        assert protected.status_code < 300, protected.text
        asked = (await client.post("/api/v1/ledger-exports", json=wish)).json()
        assert asked["rows"] == 1
