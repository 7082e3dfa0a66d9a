"""Someone who arrived, and the code of their own page."""

import pytest

from tests.service.conftest import connect

HAN = {
    "name": "韩晨曦",
    "document_type": "resident_id",
    "document_number": "790101199003071230",
    "phone": "13900001234",
    "email": "chenxi@example.net",
}
BORN, PIN = "1990-03-07", "271828"


@pytest.fixture
async def person_id(client):
    body = {
        "person": HAN,
        "origin_region": "790101",
        "arrived_on": "2026-09-01",
        "address": "临港街道 8 号",
        "notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"},
        "consents": [
            {"purpose": "remind:quarterly_check", "way": "spoken"},
            {"purpose": "certificate_home:790101", "way": "paper"},
        ],
    }
    answer = await client.post("/api/v1/arrivals", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["person_id"]


@pytest.fixture
async def code(client, person_id):
    answer = await client.post(f"/api/v1/people/{person_id}/access-code")
    assert answer.status_code == 201, answer.text
    return answer.json()["code"]


@pytest.fixture
async def me(app, code):
    """A client of the person, who has come in."""
    async with connect(app) as http:
        answer = await http.post("/api/v1/me/session", json=credentials(code))
        assert answer.status_code == 200, answer.text
        http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield http


def credentials(code, **changes):
    return {"code": code, "date_of_birth": BORN, "pin": PIN} | changes
