"""A node with one of everything, and by which name requests speak of it."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from service.officers.rules import Officer
from tests.service.conftest import add_account, connect, sign_in_as

NOTICE = {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"}
HAN = {
    "name": "韩晨曦",
    "document_type": "resident_id",
    "document_number": "790101199003071230",
    "email": "chenxi@example.net",
}


async def _made(http: httpx2.AsyncClient, path: str, body: Any) -> dict[str, Any]:
    answer = await http.post(f"/api/v1{path}", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
async def known(app: FastAPI, client: httpx2.AsyncClient, officer: Officer, password_hash: str) -> dict[str, Any]:
    """One of everything, and by which name requests speak of it."""
    return await one_of_everything(app, client, client, password_hash)


async def one_of_everything(
    app: FastAPI, client: httpx2.AsyncClient, office: httpx2.AsyncClient, password_hash: str
) -> dict[str, Any]:
    """What the whole region has (by `client`: peers, agreements), and what one office has (by `office`: people)."""
    second = add_account(app.state.node, password_hash, "李静")
    given = [
        {"purpose": "share_with_peer:790202", "way": "spoken", "witness": second.name},
        {"purpose": "remind:quarterly_check", "way": "spoken"},
    ]
    move = {"person": HAN, "notice": NOTICE, "consents": given, "address": "临港街道 8 号"}
    arrival = await _made(office, "/arrivals", move | {"origin_region": "790202", "arrived_on": "2026-09-01"})
    person = arrival["person_id"]
    leaving = {"person": HAN | {"name": "韩晨"}, "notice": NOTICE}
    departure = await _made(
        office, "/departures", leaving | {"destination_region": "790202", "departed_on": "2026-09-01"}
    )
    await _made(client, "/peers", {"region": "790202", "name": "云台县", "paper": True})
    agreement = await _made(client, "/agreements", {"peer": "790202", "document_reference": "云政发 12 号"})
    async with connect(app, sign_in_as(app.state.node, second)) as other:
        assert (await other.post(f"/api/v1/agreements/{agreement['id']}/sign")).status_code == 200
    asked = {"person_id": person, "peer": "790202", "claims": ["identity"], "purpose": "confirm_journey"}
    case = await _made(office, "/verifications", asked)
    issued = {"kind": "general_health", "quarter": "2026Q4", "attended_on": "2026-11-20", "valid_until": "2027-02-20"}
    certificate = await _made(office, "/certificates", issued | {"person_id": person})
    reminding = {"kind": "quarterly_check", "cadence": "quarterly", "channel": "email", "lead_days": [14, 3]}
    plan = await _made(office, "/reminder-plans", reminding | {"person_id": person})
    code = (await _made(office, f"/people/{person}/access-code", None))["code"]
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
