"""Nodes on trial in one process: the suite's mock peer on one side, somebody's node on the other."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from sqlmodel import Session

from federation.conformance import Outcome, Stand, examine
from federation.conformance.comparing import journey
from federation.conformance.people import JOURNEYS, KNOWN
from federation.mock_peer import AsgiWire, Lapse, MockPeer
from federation.node import Limits
from federation.pairing import accept, invite, read_invitation
from schemas.entropy import SeededEntropy
from service.agreements.actions import sign_agreement
from service.app import create_app
from service.consents.notices import CURRENT_VERSION
from service.context import Node
from service.registry.drafts import DepartureDraft
from service.registry.register import register_departure
from service.settings import Settings
from tests.service.conftest import add_account

SUITE, NODE = "799901", "790101"
SUITE_URL, NODE_URL = f"http://{SUITE}.example", f"http://{NODE}.example"
SUITE_LIMITS = Limits(max_messages=20, requests_per_second=1000, concurrent=100)
REQUESTS_PER_SECOND = 250


class MockOffice:
    """The people at a mock node, who do at once what they are asked."""

    def __init__(self, node: MockPeer) -> None:
        self.node = node

    async def accept(self, invitation: dict[str, Any], words: dict[str, list[str]]) -> None:
        self.node.accept(invitation)

    async def sign(self, agreement: str) -> None:
        """It signed when the agreement came."""


class OwnOffice:
    """The people at one of our own nodes."""

    def __init__(self, app: FastAPI) -> None:
        self.node: Node = app.state.node
        self.words: dict[str, list[str]] = {}

    async def accept(self, invitation: dict[str, Any], words: dict[str, list[str]]) -> None:
        introduction = read_invitation(self.node.fed, invitation)
        self.words = words
        assert introduction.words("en") == words["en"]
        await self.node.database.write(lambda session: accept(session, self.node.fed, introduction))

    async def sign(self, agreement: str) -> None:
        await self.node.database.write(lambda session: sign_agreement(session, self.node, agreement, by=None))


def suite(apps: dict[str, Any]) -> MockPeer:
    me = MockPeer(
        SUITE, SUITE_URL, wire=AsgiWire(apps), limits=SUITE_LIMITS, entropy=SeededEntropy(SUITE), signs_agreements=False
    )
    apps[f"{SUITE}.example"] = me.app
    return me


async def try_mock(*lapses: Lapse, chapters: Collection[str] = ()) -> list[Outcome]:
    """Try the suite on a mock node that does these things wrong."""
    apps: dict[str, Any] = {}
    me = suite(apps)
    node = MockPeer(
        NODE,
        NODE_URL,
        wire=AsgiWire(apps),
        # To go past the limit takes long where it is high.
        limits=Limits(requests_per_second=40 if "bounds" in chapters else REQUESTS_PER_SECOND, concurrent=2),
        entropy=SeededEntropy(NODE),
        lapses=lapses,
        patience_seconds=0.01,
    )
    node.memory.known_people.add(str(KNOWN.document_number))
    node.memory.journeys += [journey(person, NODE, SUITE) for person in JOURNEYS]
    apps[f"{NODE}.example"] = node.app
    async with me, node:
        stand = Stand(
            me,
            NODE_URL,
            node.invitation(),
            MockOffice(node),
            patience_seconds=0.5,
            operator_seconds=2,
            nudge_seconds=0.05,
            slow_seconds=0.05,
            quiet_seconds=0.05,
        )
        return [outcome async for outcome in examine(stand, chapters)]


@asynccontextmanager
async def own_node(settings: Settings, apps: dict[str, Any]) -> AsyncIterator[FastAPI]:
    """One of our nodes, whole and running, on the wire."""

    class ToApps(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await httpx.ASGITransport(apps[request.url.host]).handle_async_request(request)

    app = create_app(settings, peer_transport=ToApps())
    async with app.router.lifespan_context(app):
        apps[f"{settings.region}.example"] = app
        yield app


def register_journeys(node: Node) -> None:
    """Register the suite's people as gone to its region, so that comparing is tried in earnest."""
    officer, _ = (add_account(node, "no password", name) for name in ("王芳", "李伟"))
    consent = {"purpose": f"share_with_peer:{SUITE}", "way": "spoken", "witness": "李伟"}
    notice = {"version": CURRENT_VERSION, "way": "spoken", "given_at": node.now().isoformat()}

    def register(session: Session) -> None:
        for person in JOURNEYS:
            body = {
                "person": person.to_wire(),
                "destination_region": SUITE,
                "departed_on": str(node.today()),
                "notice": notice,
                "consents": [consent],
            }
            register_departure(session, node, DepartureDraft.model_validate(body), by=officer)

    node.database.write_sync(register)


async def try_own(app: FastAPI, apps: dict[str, Any], chapters: Collection[str] = ()) -> list[Outcome]:
    """Try the suite on one of our nodes."""
    me = suite(apps)
    node: Node = app.state.node
    register_journeys(node)
    invitation = await node.database.write(lambda session: invite(session, node.fed))
    async with me:
        stand = Stand(
            me,
            NODE_URL,
            invitation,
            OwnOffice(app),
            operator_seconds=10,
            nudge_seconds=0.05,
            slow_seconds=0.2,
            quiet_seconds=0.2,
        )
        return [outcome async for outcome in examine(stand, chapters)]
