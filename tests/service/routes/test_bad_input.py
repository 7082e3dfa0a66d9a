"""Whatever is sent to whichever route: the right refusal, never a 5xx, nothing of what was sent in it."""

import json
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from schemas.problems import TongluError
from service.officers.rules import Officer
from tests.service.conftest import sign_in_as
from tests.service.routes.bad_requests import CANARY, BadRequests, Sent

EACH = 4
"""So many bad requests to each operation on each database, from a seed: some four hundred altogether."""

LAST = ("DELETE", "/session", "/access-code", "/void", "/revoke", "/merge", "/end", "/undo", "/suspend", "/withdrawals")
"""What takes away what the other requests are about comes in the end."""


def _codes(error: type[TongluError]) -> set[str]:
    return {error.code}.union(*(_codes(one) for one in error.__subclasses__()))


@pytest.mark.asvs("2.2.1", "2.2.2", "1.2.4", "1.3.3", "1.4.2")
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
