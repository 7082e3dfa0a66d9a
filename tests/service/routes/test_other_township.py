"""To an officer of one township, another one's people do not exist: no answer of any route tells them from nobody."""

import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from service.officers.rules import Role
from tests.service.conftest import add_account, connect, sign_in_as
from tests.service.routes.bad_requests import BadRequests, Sent

PEOPLES = ("person_id", "other_id", "arrival_id", "departure_id", "move_id", "request_id", "certificate_id", "plan_id")
"""What belongs to one person; agreements, peers and officers belong to the region."""

NOBODY = "01a20000-0000-7000-8000-{:012}"


@pytest.mark.asvs("8.2.2", "8.4.1")
async def test_another_townships_people_are_like_nobody(
    app: FastAPI, client: httpx2.AsyncClient, known: dict[str, Any], password_hash: str
) -> None:
    document = (await client.get("/openapi.json")).json()
    ids = sorted({one for name in PEOPLES for one in known[name]})
    absent = {one: NOBODY.format(number) for number, one in enumerate(ids)}
    stranger = add_account(
        app.state.node, password_hash, "邻镇专干", frozenset({Role.CLERK, Role.SUPERVISOR}), area="790303001"
    )
    requests = BadRequests(document, known | {"q": ["韩晨曦"], "limit": [50]}, seed="another township")
    not_found = 0
    async with connect(app, sign_in_as(app.state.node, stranger)) as http:
        for method, path in requests.operations():
            if path.startswith(("/api/v1/session", "/api/v1/me", "/federation")):
                continue
            for _ in range(2):
                sent = requests.good_one(method, path)
                if path.endswith(("/arrivals", "/departures")) and sent.content is not None:
                    sent = replace(sent, content=_to_a_record(sent.content, known["person_id"][0]))
                there = await _send(http, sent)
                told = f"{method} {sent.path} {sent.content!r}: {there.status_code} {there.text[:400]}"
                assert not any(one in there.text for one in [*ids, "韩晨"]), told
                if not _asks(sent, ids):
                    continue
                nowhere = await _send(http, _replaced(sent, absent))
                assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content), told
                assert there.status_code >= 400, told
                not_found += there.status_code == 404
    assert not_found > 40


def _to_a_record(content: bytes, person_id: str) -> bytes:
    """A move to be added to a record there is: the stranger registers nobody."""
    body = {name: value for name, value in json.loads(content).items() if name != "person"}
    return json.dumps(body | {"person_id": person_id}).encode()


def _asks(sent: Sent, ids: list[str]) -> bool:
    """Whether a request names one of these ids."""
    return any(one in sent.path or one.encode() in (sent.content or b"") for one in ids)


def _replaced(sent: Sent, absent: dict[str, str]) -> Sent:
    path, content = sent.path, sent.content
    for there, nowhere in absent.items():
        path = path.replace(there, nowhere)
        content = content.replace(there.encode(), nowhere.encode()) if content is not None else None
    return replace(sent, path=path, content=content)


async def _send(http: httpx2.AsyncClient, sent: Sent) -> httpx2.Response:
    return await http.request(sent.method, sent.path, headers=dict(sent.headers), content=sent.content)
