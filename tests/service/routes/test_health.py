"""Alive, ready, and figures for this machine only."""

import json
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from schemas.clock import FakeClock
from service.app import create_app
from service.settings import Settings
from tests.service.conftest import connect, started


def from_loopback(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 50000))
    return httpx2.AsyncClient(transport=transport, base_url=app.state.node.base_url)


async def test_alive_and_ready(anonymous: httpx2.AsyncClient) -> None:
    assert (await anonymous.get("/healthz")).json() == {"status": "ok"}
    assert (await anonymous.get("/readyz")).json() == {"status": "ready", "waiting_for": []}


async def test_not_ready_before_the_start(settings: Settings) -> None:
    app = create_app(settings)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x.example") as http:
        assert (await http.get("/healthz")).status_code == 200
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()["waiting_for"]) == (503, ["start"])


async def test_not_ready_without_a_database(app: FastAPI, anonymous: httpx2.AsyncClient) -> None:
    app.state.node.database.close()
    answer = await anonymous.get("/readyz")
    assert (answer.status_code, answer.json()["waiting_for"]) == (503, ["database"])


@pytest.mark.asvs("13.4.5")
async def test_figures_are_for_this_machine_only(app: FastAPI, anonymous: httpx2.AsyncClient) -> None:
    assert (await anonymous.get("/metrics")).status_code == 404
    async with from_loopback(app) as http:
        assert (await http.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})).status_code == 404
        text = (await http.get("/metrics")).text
    assert 'tonglu_requests_total{door="pages",status="4xx"} 2.0' in text
    assert "tonglu_log_unnumbered" in text
    assert "_created" not in text


async def test_visits_to_the_own_page_are_neither_counted_nor_logged(
    app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    async with from_loopback(app) as http:
        before = (await http.get("/metrics")).text
        body = {"code": "x", "date_of_birth": "1990-03-07", "pin": "1234"}
        await http.post("/api/v1/me/session", json=body)
        await http.get("/me")
        await http.get("/api/v1/me")
        after = (await http.get("/metrics")).text
    counts = [[line for line in text.splitlines() if "requests_total{" in line] for text in (before, after)]
    assert counts[0] == [line.replace("2.0", "1.0") for line in counts[1] if "3.0" not in line] or len(counts[1]) == 1
    assert "/me" not in "".join(capsys.readouterr()).replace("/metrics", "")


@pytest.mark.parametrize(
    ("only", "there", "missing"),
    [
        ("officers", ["/api/v1/session", "/signin", "/docs"], ["/.well-known/tonglu", "/federation/v1/events"]),
        ("federation", ["/.well-known/tonglu"], ["/api/v1/session", "/signin", "/docs"]),
        ("worker", ["/healthz"], ["/api/v1/session", "/signin", "/.well-known/tonglu"]),
    ],
)
async def test_a_process_with_one_part_serves_no_other(
    settings: Settings, clock: FakeClock, only: str, there: list[str], missing: list[str]
) -> None:
    async with started(create_app(settings, clock=clock, only=only)) as app, connect(app) as http:
        for path in there:
            assert (await http.get(path)).status_code != 404, path
        for path in missing:
            assert (await http.get(path)).status_code == 404, path
        assert (app.state.scheduler is not None) == (only == "worker")
        assert (await http.get("/readyz")).status_code == 200


@pytest.mark.asvs("15.3.3")
async def test_no_body_of_the_api_takes_a_field_that_it_does_not_name(anonymous: httpx2.AsyncClient) -> None:
    document = (await anonymous.get("/openapi.json")).json()
    shapes = document["components"]["schemas"]
    bodies = [
        (f"{method} {path}", operation["requestBody"]["content"]["application/json"]["schema"])
        for path, ways in document["paths"].items()
        for method, operation in ways.items()
        if path.startswith("/api/") and "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    assert len(bodies) > 40
    open_ones, seen = [], set()

    def look(where: str, shape: Any) -> None:
        if isinstance(shape, list):
            for one in shape:
                look(where, one)
        elif isinstance(shape, dict):
            name = str(shape.get("$ref", "")).rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                look(f"{where} {name}", shapes[name])
            if "properties" in shape and shape.get("additionalProperties") is not False:
                open_ones.append(where)
            for key, one in shape.items():
                if key not in {"examples", "example", "default"}:
                    look(where, one)

    for where, shape in bodies:
        look(where, shape)
    assert open_ones == []


@pytest.mark.asvs("2.1.1")
async def test_the_interface_is_described_without_anything_from_elsewhere(anonymous: httpx2.AsyncClient) -> None:
    document = (await anonymous.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/session", "/api/v1/arrivals", "/api/v1/access-log", "/federation/v1/events"} <= set(
        document["paths"]
    )
    operations = [(path, method, one) for path, all_ in document["paths"].items() for method, one in all_.items()]
    for path, method, operation in operations:
        assert operation["responses"]["default"]["content"].keys() == {"application/problem+json"}, path
        carried = [one["name"] for one in operation.get("parameters", [])].count("Idempotency-Key")
        secret = path.endswith(("/session", "/session/password", "/access-code")) or "/federation/" in path
        assert carried == (method != "get" and not secret), (method, path)
    assert "HTTPValidationError" not in json.dumps(document)
    refused = (await anonymous.post("/api/v1/session", json={})).json()
    assert set(document["components"]["schemas"]["Problem"]["properties"]) >= set(refused), refused
    page = (await anonymous.get("/docs")).text
    assert "POST /api/v1/arrivals" in page
    assert "http://" not in page.replace(json.dumps(document), "") or "cdn" not in page
    assert "<script" not in page
