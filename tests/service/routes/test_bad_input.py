"""Whatever is sent to whichever route: the right refusal, never a 5xx, nothing of what was sent in it."""

import json
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from schemas.problems import TongluError
from service.officers.rules import Officer
from tests.service.conftest import add_account, connect, sign_in_as
from tests.service.routes.bad_requests import CANARY, BadRequests, Sent

EACH = 6
"""So many bad requests to each operation on each database; seeded, five hundred altogether."""

LAST = ("DELETE", "/session", "/access-code", "/void", "/revoke", "/merge", "/end", "/undo", "/suspend", "/withdrawals")
"""What takes away what the other requests are about comes in the end."""

NOTICE = {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"}
HAN = {
    "name": "韩晨曦",
    "document_type": "resident_id",
    "document_number": "790101199003071230",
    "email": "chenxi@example.net",
}


def _codes(error: type[TongluError]) -> set[str]:
    return {error.code}.union(*(_codes(one) for one in error.__subclasses__()))


async def _made(http: httpx2.AsyncClient, path: str, body: Any) -> dict[str, Any]:
    answer = await http.post(f"/api/v1{path}", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
async def known(app: FastAPI, client: httpx2.AsyncClient, officer: Officer, password_hash: str) -> dict[str, Any]:
    """One of everything, and by which name requests speak of it."""
    second = add_account(app.state.node, password_hash, "李静")
    given = [
        {"purpose": "share_with_peer:790202", "way": "spoken", "witness": second.name},
        {"purpose": "remind:quarterly_check", "way": "spoken"},
    ]
    move = {"person": HAN, "notice": NOTICE, "consents": given, "address": "临港街道 8 号"}
    arrival = await _made(client, "/arrivals", move | {"origin_region": "790202", "arrived_on": "2026-09-01"})
    person = arrival["person_id"]
    leaving = {"person": HAN | {"name": "韩晨"}, "notice": NOTICE}
    departure = await _made(
        client, "/departures", leaving | {"destination_region": "790202", "departed_on": "2026-09-01"}
    )
    await _made(client, "/peers", {"region": "790202", "name": "云台县", "paper": True})
    agreement = await _made(client, "/agreements", {"peer": "790202", "document_reference": "云政发 12 号"})
    async with connect(app, sign_in_as(app.state.node, second)) as other:
        assert (await other.post(f"/api/v1/agreements/{agreement['id']}/sign")).status_code == 200
    asked = {"person_id": person, "peer": "790202", "claims": ["identity"], "purpose": "confirm_journey"}
    case = await _made(client, "/verifications", asked)
    issued = {"kind": "general_health", "quarter": "2026Q4", "attended_on": "2026-11-20", "valid_until": "2027-02-20"}
    certificate = await _made(client, "/certificates", issued | {"person_id": person})
    reminding = {"kind": "quarterly_check", "cadence": "quarterly", "channel": "email", "lead_days": [14, 3]}
    plan = await _made(client, "/reminder-plans", reminding | {"person_id": person})
    code = (await _made(client, f"/people/{person}/access-code", None))["code"]
    return {
        "person_id": [person],
        "other_id": [departure["person_id"]],
        "arrival_id": [arrival["id"]],
        "departure_id": [departure["id"]],
        "move_id": [arrival["id"], departure["id"]],
        "request_id": [case["id"]],
        "certificate_id": [certificate["id"]],
        "certificate": [certificate["certificate"]],
        "plan_id": [plan["id"]],
        "agreement_id": [agreement["id"]],
        "region": ["790202", "790404"],
        "peer": ["790202"],
        "origin_region": ["790202"],
        "destination_region": ["790202"],
        "name": ["李静", "王芳"],
        "witness": ["李静"],
        "password": ["wrong password"],
        "new_password": ["a new password"],
        "code": [code],
        "pin": ["271828"],
        "date_of_birth": ["1990-03-07"],
        "NoticeDraft.version": ["2026-11"],
        "PersonDraft.name": ["韩晨曦"],
        "PersonDraft.phone": ["13900001234"],
        "PersonDraft.email": ["chenxi@example.net"],
        "PersonChanges.name": ["韩晨曦"],
        "PersonChanges.phone": ["13900001234"],
        "PersonChanges.email": ["chenxi@example.net"],
        "ConsentDraft.purpose": ["share_with_peer:790202", "remind:quarterly_check"],
        "ConsentDraft.way": ["spoken"],
        "ConsentDraft.code": [None],
        "Withdrawal.purpose": ["share_with_peer:790202", "remind:quarterly_check"],
        "PurposeRequest.purpose": ["remind:quarterly_check"],
        "answers": [{"identity": "confirmed"}],
        "claims": [["identity"]],
        "claims[]": ["identity"],
        "lead_days": [[14, 3]],
        "given_at": ["2026-11-23T01:00:00Z"],
        "attended_on": ["2026-11-20"],
        "ended_on": ["2026-11-20"],
        "returned_on": ["2026-11"],
        "expected_return_on": ["2027-01"],
        "refused": [["remind:vaccination"], []],
        "cadence": ["quarterly"],
        "anchor_on": [None],
        "channel": ["email"],
        "paper": [True],
        "from": ["2026-11-24T01:00:00+08:00"],
        "to": ["2026-11-24T03:00:00+08:00"],
        "quarter": ["2026Q4"],
        "arrived_on": ["2026-09-01", "2026-09"],
        "departed_on": ["2026-09-01"],
        "valid_until": ["2027-02-20"],
        "document_type": ["resident_id", "none"],
        "document_number": ["790101199003071230"],
        "q": ["韩晨曦", "hanchenxi", "1230"],
        "limit": [1, 50],
        "step": ["pause", "resume", "done", "1"],
        "number": ["1"],
        "until": ["2027-01-31"],
    }


async def test_no_bad_request_makes_a_healthy_node_fail(
    app: FastAPI, client: httpx2.AsyncClient, officer: Officer, known: dict[str, Any]
) -> None:
    document = (await client.get("/openapi.json")).json()
    requests = BadRequests(document, known, seed="bad requests")
    visit = {"code": known["code"][0], "date_of_birth": "1990-03-07", "pin": "271828"}
    entered = await client.post("/api/v1/me/session", json=visit)
    assert entered.status_code == 200, entered.text
    operations = sorted(requests.operations(), key=lambda one: any(word in " ".join(one) for word in LAST))
    refused = 0
    for method, path in operations:
        own = path.startswith("/api/v1/me")
        token = entered.json()["token"] if own else sign_in_as(app.state.node, officer)
        client.headers["Authorization"] = f"Bearer {token}"
        for sent in requests.of(method, path, EACH):
            answer = await _send(client, sent)
            refused += answer.status_code >= 400
            _check(path, sent, answer)
    assert refused > len(operations) * EACH / 3, "most of them are refused, or they are not bad"


async def _send(client: httpx2.AsyncClient, sent: Sent) -> httpx2.Response:
    headers = [(name.encode(), value) for name, value in sent.headers.items()]
    return await client.request(sent.method, sent.path, headers=headers, content=sent.content)


def _check(path: str, sent: Sent, answer: httpx2.Response) -> None:
    asked = f"{sent.method} {sent.path[:300]} {sent.headers} {(sent.content or b'')[:300]!r}"
    told = f"{asked}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, told
    if answer.status_code < 400:
        return
    assert CANARY not in answer.text, told
    if path.startswith("/federation"):
        return
    assert answer.headers["Content-Type"] == "application/problem+json", told
    problem = answer.json()
    assert problem["type"].removeprefix("/problems/") in _codes(TongluError), told
    assert problem["status"] == answer.status_code, told
    assert problem["retry"] in {"now", "later", "after_fixing", "never"}, told
    assert problem["title"], told
    if problem["type"] == "/problems/invalid_input":
        assert all(error["field"] and error["message"] for error in problem["errors"]), told
        assert json.dumps(problem, allow_nan=False)
