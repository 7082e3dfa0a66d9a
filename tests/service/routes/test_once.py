"""A request that is sent twice takes effect once, and gets its first answer twice."""

import asyncio
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from sqlmodel import Session, func, select

from schemas.clock import FakeClock
from schemas.problems import IdempotencyMismatch, WrongState
from service.access_log import AccessLogEntry, Actor, record
from service.context import Node
from service.idempotency import IdempotencyKey, form_once, purge_answers, write_once
from service.officers.doors import CurrentOfficer
from service.officers.rules import Officer
from tests.service.conftest import add_account, connect, sign_in_as


class Made(BaseModel):
    """What was made, told apart by a number of its own."""

    number: str


def counting_routes(node: Node) -> APIRouter:
    """Routes whose effect can be counted: an entry of the log each."""
    router = APIRouter(prefix="/api/v1")

    def make(session: Session) -> Made:
        record(session, node, Actor.node(node.region), "made")
        return Made(number=node.entropy.token_bytes(8).hex())

    @router.post("/made", status_code=201)
    async def made(_officer: CurrentOfficer) -> Made:
        return await write_once(node, make)

    @router.post("/kept-after", status_code=202)
    async def kept_after(_officer: CurrentOfficer) -> Made:
        return await node.database.write(make)

    @router.post("/refused")
    async def refused(_officer: CurrentOfficer) -> Made:
        def refuse(session: Session) -> Made:
            make(session)
            raise WrongState

        return await write_once(node, refuse)

    @router.post("/gone", status_code=204)
    async def gone(_officer: CurrentOfficer) -> None:
        await node.database.write(make)

    return router


@pytest.fixture
def counted(app: FastAPI) -> Node:
    node: Node = app.state.node
    app.include_router(counting_routes(node))
    return node


def effects(node: Node) -> int:
    wanted = select(func.count()).select_from(AccessLogEntry).where(AccessLogEntry.action == "made")
    return node.database.read_sync(lambda session: session.exec(wanted).one())


def key(value: str = "0193b000-0000-7000-8000-000000000001") -> dict[str, str]:
    return {"Idempotency-Key": value}


@pytest.mark.parametrize(("path", "status"), [("made", 201), ("kept-after", 202), ("gone", 204)])
async def test_the_second_time_nothing_happens_and_the_first_answer_is_given(
    counted: Node, client: httpx2.AsyncClient, path: str, status: int
) -> None:
    first = await client.post(f"/api/v1/{path}", json={"a": 1}, headers=key())
    second = await client.post(f"/api/v1/{path}", json={"a": 1}, headers=key())
    assert first.status_code == second.status_code == status
    assert first.content == second.content
    assert first.headers.get("Content-Type") == second.headers.get("Content-Type")
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert effects(counted) == 1


async def test_without_a_key_each_request_counts(counted: Node, client: httpx2.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post("/api/v1/made")).status_code == 201
    assert effects(counted) == 2


@pytest.mark.parametrize("other", ["body", "path", "query"])
async def test_another_request_under_the_same_key_is_refused(
    counted: Node, client: httpx2.AsyncClient, other: str
) -> None:
    await client.post("/api/v1/made", json={"a": 1}, headers=key())
    path = {"path": "/api/v1/kept-after", "query": "/api/v1/made?x=1"}.get(other, "/api/v1/made")
    answer = await client.post(path, json={"a": 2 if other == "body" else 1}, headers=key())
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency_mismatch")
    assert effects(counted) == 1


async def test_a_refusal_is_not_kept(counted: Node, client: httpx2.AsyncClient) -> None:
    assert (await client.post("/api/v1/refused", headers=key())).status_code == 409
    assert (await client.post("/api/v1/made", headers=key())).status_code == 201
    assert effects(counted) == 1


async def test_keys_of_two_officers_never_meet(
    app: FastAPI, counted: Node, client: httpx2.AsyncClient, password_hash: str
) -> None:
    await client.post("/api/v1/made", headers=key())
    async with connect(app, sign_in_as(counted, add_account(counted, password_hash, "李雷"))) as other:
        answer = await other.post("/api/v1/made", headers=key())
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert effects(counted) == 2


async def test_the_first_answer_is_given_to_a_new_sign_in_of_the_same_officer(
    app: FastAPI, counted: Node, client: httpx2.AsyncClient, officer: Officer
) -> None:
    first = await client.post("/api/v1/made", headers=key())
    async with connect(app, sign_in_as(counted, officer)) as again:
        assert (await again.post("/api/v1/made", headers=key())).json() == first.json()


async def test_a_stranger_gets_nothing_repeated(app: FastAPI, counted: Node, client: httpx2.AsyncClient) -> None:
    await client.post("/api/v1/made", headers=key())
    async with connect(app) as stranger:
        assert (await stranger.post("/api/v1/made", headers=key())).status_code == 401


@pytest.mark.asvs("2.3.4")
async def test_two_at_once_take_effect_once(counted: Node, client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/api/v1/made", headers=key()) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["number"] for answer in answers}) == 1
    assert effects(counted) == 1


@pytest.mark.asvs("14.2.2")
async def test_answers_are_sealed_and_gone_after_a_day(
    counted: Node, client: httpx2.AsyncClient, clock: FakeClock
) -> None:
    number = (await client.post("/api/v1/made", headers=key())).json()["number"]
    (row,) = counted.database.read_sync(lambda session: session.exec(select(IdempotencyKey)).all())
    assert number.encode() not in row.answer
    clock.advance(hours=1)
    assert (await client.post("/api/v1/made", headers=key())).json()["number"] == number
    for _ in range(10):
        clock.advance(hours=1)
        await client.get("/api/v1/session")
    clock.advance(hours=13)
    counted.database.write_sync(lambda session: purge_answers(session, counted))
    assert counted.database.read_sync(lambda session: session.exec(select(IdempotencyKey)).all()) == []


@pytest.mark.parametrize("value", ["", "x" * 256, "with space", "ümlaut".encode("latin-1").decode("latin-1")])
async def test_a_key_that_is_none_is_refused(counted: Node, client: httpx2.AsyncClient, value: str) -> None:
    answer = await client.post("/api/v1/made", headers={"Idempotency-Key": value.encode("latin-1")})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert effects(counted) == 0


async def test_a_token_is_told_once_whatever_the_key(anonymous: httpx2.AsyncClient, officer: Officer) -> None:
    body = {"name": officer.name, "password": "invented-password"}
    tokens = {(await anonymous.post("/api/v1/session", json=body, headers=key())).json()["token"] for _ in range(2)}
    assert len(tokens) == 2


# --- pages ------------------------------------------------------------------------------------------------------------


async def test_a_form_sent_twice_leads_to_the_same_place(node: Node, officer: Officer) -> None:
    def make(session: Session) -> str:
        record(session, node, officer.as_actor, "made")
        return f"/people/{node.entropy.token_bytes(4).hex()}/saved"

    typed: dict[str, Any] = {"name": ["韩晨曦"]}
    first = await form_once(node, officer, "key-1", typed, make)
    assert await form_once(node, officer, "key-1", typed, make) == first
    assert effects(node) == 1
    with pytest.raises(IdempotencyMismatch):
        await form_once(node, officer, "key-1", {"name": ["韩晨"]}, make)
    assert await form_once(node, officer, "key-2", typed, make) != first
    assert await form_once(node, officer, "", typed, make) != first
    assert effects(node) == 3
