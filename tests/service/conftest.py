"""A node as it is served: real settings, keys, database and application; only clock and randomness are ours."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy, uuid7
from service.app import build_node, create_app
from service.context import Node
from service.founding import found
from service.officers.passwords import hash_password
from service.officers.queries import officer_from
from service.officers.rules import Officer, Role
from service.officers.sessions import open_session
from service.officers.tables import OfficerAccount
from service.settings import Settings

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""A Monday, 10:00 in Shanghai."""
REGION = "790303"
PASSWORD = "invented-password"
EVERYTHING = frozenset(Role)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of `PASSWORD`."""
    return hash_password(PASSWORD)


@pytest.fixture
def new_settings(tmp_path: Path, new_database_url: Callable[..., str]) -> Callable[..., Settings]:
    """Lays out a node's directory, with a database that has its tables."""

    def make(region: str = REGION, name: str = "澜江市", **changes: Any) -> Settings:
        directory = tmp_path / f"node-{region}"
        base_url = changes.pop("base_url", f"http://{region}.example")
        # A peer's bound counts real seconds: a test on a fast machine must not run into it unasked.
        changes = {"requests_per_second": 1000, "concurrent": 50} | changes
        found(directory, region=region, name=name, base_url=base_url, entropy=SeededEntropy(region))
        return Settings.load(directory, database_url=new_database_url(), allow_private_peers=True, **changes)

    return make


@pytest.fixture
def settings(new_settings: Callable[..., Settings]) -> Settings:
    return new_settings()


@pytest.fixture
def node(settings: Settings, clock: FakeClock) -> Iterator[Node]:
    """A node on which nothing runs: actions and queries are called by hand."""
    built = build_node(settings, clock=clock, entropy=SeededEntropy("node"))
    yield built
    built.database.close()


@pytest.fixture
async def app(settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FastAPI]:
    """The application of a node, started; no job runs by itself: starting them all costs more than most tests."""
    monkeypatch.setattr("service.app._working", standing_still)
    async with started(create_app(settings, clock=clock, entropy=SeededEntropy("node"))) as running:
        yield running


@asynccontextmanager
async def started(app: FastAPI) -> AsyncIterator[FastAPI]:
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def standing_still(*_: Any) -> AsyncIterator[None]:
    """The clockwork of a node where a test says when something happens (`run_job`)."""
    yield


@pytest.fixture
def officer(request: pytest.FixtureRequest, password_hash: str) -> Officer:
    """An officer with every role, in the node or the app of this test."""
    names = request.fixturenames
    owner: Node = request.getfixturevalue("app").state.node if "app" in names else request.getfixturevalue("node")
    return add_account(owner, password_hash, "王芳")


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that has not signed in; it accepts English."""
    async with connect(app) as http:
        yield http


@pytest.fixture
async def client(app: FastAPI, officer: Officer) -> AsyncIterator[httpx2.AsyncClient]:
    """A client signed in as an officer with every role; it accepts English."""
    async with connect(app, sign_in_as(app.state.node, officer)) as http:
        yield http


def connect(app: FastAPI, token: str | None = None, **changes: Any) -> httpx2.AsyncClient:
    headers = {"Accept-Language": "en"} | ({"Authorization": f"Bearer {token}"} if token else {})
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=("192.0.2.7", 50000))
    return httpx2.AsyncClient(transport=transport, base_url=app.state.node.base_url, **({"headers": headers} | changes))


def sign_in_as(node: Node, officer: Officer, door: Any = "api") -> str:
    """A session without the password being typed."""
    return node.database.write_sync(lambda session: open_session(session, node, officer.id, door))


def add_account(
    node: Node,
    password_hash: str,
    name: str,
    roles: frozenset[Role] = EVERYTHING,
    *,
    area: str | None = None,
    must_change_password: bool = False,
) -> Officer:
    account = OfficerAccount(
        id=uuid7(node.now(), node.entropy),
        name=name,
        password_hash=password_hash,
        roles=" ".join(sorted(roles)),
        area=area or node.region,
        must_change_password=must_change_password,
        created_at=node.now(),
    )
    node.database.write_sync(lambda session: session.add(account))
    return officer_from(account)
