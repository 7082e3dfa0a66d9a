"""Two regions with their whole applications, joined by a wire; jobs and delivery run when a test says so."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import httpx2
from fastapi import FastAPI

from federation import pairing
from federation.client import PeerClient
from federation.keys import NodeKeys
from federation.routes import federation_router
from federation.tables import Peer, PeerState
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy
from service.app import build_node, create_app
from service.context import Node
from service.handlers import Gate, make_handlers
from service.jobs import Tools, make_tools, run_job
from service.officers.passwords import PasswordChecks
from service.officers.queries import find_officer
from service.officers.rules import Officer, Role
from service.settings import Settings
from service.verification.reconciling import Answering
from service.web.templating import Pages
from tests.service.conftest import EVERYTHING, START, add_account, connect, sign_in_as

ASKER, ANSWERER, STRANGER = "790303", "790101", "790202"
NAMES = {ASKER: "澜江市", ANSWERER: "青禾县", STRANGER: "云台县"}
HAN = {
    "name": "韩晨曦",
    "document_type": "resident_id",
    "document_number": "79010119900307123X",
    "date_of_birth": "1990-03-07",
    "phone": "13900001234",
}
IDENTITY_AND_DEPARTURE = ["identity", "departure_declared"]


class Wire(httpx.AsyncBaseTransport):
    """The network between the regions: host names lead to applications; a host may be cut off."""

    def __init__(self) -> None:
        self.apps: dict[str, httpx.ASGITransport] = {}
        self.cut: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host in self.cut or request.url.host not in self.apps:
            raise httpx.ConnectError("cut", request=request)
        return await self.apps[request.url.host].handle_async_request(request)


def lose_seal_key(node: Node) -> None:
    """The node has another seal key from now on, and nothing of the old one; its descriptor shows it."""
    others = [key for key in node.fed.keys.all() if key.use != "seal"]
    fresh = NodeKeys.generate(SeededEntropy("another seal key")).current("seal")
    node.fed.keys.take(NodeKeys([*others, fresh]))


@dataclass
class Region:
    """One region: its node, its application, and an officer's client."""

    node: Node
    app: FastAPI
    tools: Tools
    clock: FakeClock
    officer: Officer
    http: httpx2.AsyncClient
    password_hash: str
    clients: list[httpx2.AsyncClient] = field(default_factory=list)
    signed_in_at: datetime | None = None

    @property
    def code(self) -> str:
        return self.node.region

    async def request(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Send as the officer, signed in anew when the clock was moved: sessions end."""
        if self.signed_in_at != self.clock.now():
            self.http.headers["Authorization"] = f"Bearer {sign_in_as(self.node, self.officer)}"
            self.signed_in_at = self.clock.now()
        return await self.http.request(method, f"/api/v1{path}", **content)

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = await self.request("GET", path, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return await self.send("POST", path, body, status)

    async def send(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def refused(self, path: str, body: Any, code: str, method: str = "POST") -> Any:
        """Send what is refused, and give the problem."""
        answer = await self.request(method, path, json=body)
        assert answer.status_code >= 400, answer.text
        problem = answer.json()
        assert problem["type"] == f"/problems/{code}", problem
        return problem

    async def run(self, job: str) -> int:
        return await run_job(job, self.node, self.tools)

    async def as_officer(self, name: str, *roles: Role, area: str | None = None) -> "Region":
        """The same region through another officer's client."""
        officer = add_account(self.node, self.password_hash, name, frozenset(roles) or EVERYTHING, area=area)
        client = connect(self.app)
        self.clients.append(client)
        return replace(self, officer=officer, http=client, signed_in_at=None)

    def told(self, *consents: str, refused: tuple[str, ...] = ()) -> dict[str, Any]:
        """The part of a registration that says what the person was told, allows and refuses."""
        return {
            "notice": {"version": "2026-11", "way": "spoken", "given_at": self.clock.now().isoformat()},
            "consents": [{"purpose": one, "way": "spoken", "witness": "李伟"} for one in consents],
            "refused": list(refused),
        }

    async def arrives(self, *consents: str, origin: str = ANSWERER, **person: Any) -> Any:
        body = {"person": HAN | person, "origin_region": origin, "arrived_on": "2026-09-01", **self.told(*consents)}
        return await self.post("/arrivals", body, 201)

    async def leaves(self, *consents: str, destination: str = ASKER, **person: Any) -> Any:
        body = {
            "person": HAN | person,
            "destination_region": destination,
            "departed_on": "2026-08-28",
            **self.told(*consents),
        }
        return await self.post("/departures", body, 201)

    async def asks(self, person_id: str, peer: str = ANSWERER, status: int = 201, **changes: Any) -> Any:
        body = {"person_id": person_id, "peer": peer, "claims": IDENTITY_AND_DEPARTURE, "purpose": "confirm_journey"}
        return await self.post("/verifications", body | changes, status)


@dataclass
class Regions:
    """Both ends of a question."""

    asker: Region
    answerer: Region
    wire: Wire
    clock: FakeClock

    async def settle(self) -> None:
        """Let both regions send and look up until nothing is left to do."""
        for _ in range(12):
            done = 0
            for region in (self.asker, self.answerer):
                done += await region.run("matching")
                done += await region.tools.delivery.tick(self.clock.now())
            if not done:
                return
        raise AssertionError("the regions never come to rest")

    async def past_undoing(self) -> None:
        """Let the ten minutes go by in which a save can be taken back, and what waited for that happen."""
        self.clock.advance(minutes=11)
        for region in (self.asker, self.answerer):
            await region.run("releases")

    async def deliver(self) -> None:
        """Let both regions send what is due once, without looking anybody up."""
        for region in (self.asker, self.answerer):
            await region.tools.delivery.tick(self.clock.now())


def open_region(settings: Settings, wire: Wire, clock: FakeClock, password_hash: str, seed: str = "region") -> Region:
    """A region's application as it is served, without the clockwork that would run jobs by itself."""
    node = build_node(settings, clock=clock, entropy=SeededEntropy(f"{seed} {settings.region}"))
    app = create_app(settings, only="officers")
    tools = make_tools(node, lambda: PeerClient(node.fed, wire))
    app.state.node = node
    app.state.delivery = tools.delivery
    app.state.password_checks = PasswordChecks()
    app.state.pages = _pages()
    doors = federation_router(node.fed, node.database, make_handlers(node), Gate(node), reconciler=Answering(node))
    app.include_router(doors)
    wire.apps[f"{settings.region}.example"] = httpx.ASGITransport(app=app)
    officer, _ = (_account(node, password_hash, name) for name in ("王芳", "李伟"))
    client = connect(app)
    return Region(node, app, tools, clock, officer, client, password_hash, [client])


def _account(node: Node, password_hash: str, name: str) -> Officer:
    """An officer's account, made unless a backup brought it."""
    known = node.database.read_sync(lambda session: find_officer(session, name))
    return known or add_account(node, password_hash, name)


@cache
def _pages() -> Pages:
    """The texts of problems: reading the catalogues takes longer than a test."""
    return Pages(
        region=ASKER,
        region_name=NAMES[ASKER],
        zone=ZoneInfo("Asia/Shanghai"),
        now=FakeClock(START).now,
        region_full_name=NAMES.__getitem__,
        secure=False,
    )


async def close_region(region: Region) -> None:
    for client in region.clients:
        await client.aclose()
    await region.tools.delivery.aclose()
    region.node.database.close()


def introduce(one: Region, other: Region) -> None:
    """Pair two regions as two files carried by hand do."""
    for here, there in ((one, other), (other, one)):
        invitation = there.node.database.write_sync(lambda session, node=there.node: pairing.invite(session, node.fed))

        def take(session, node=here.node, document=invitation, region=there.code):
            pairing.accept(session, node.fed, pairing.read_invitation(node.fed, document))
            peer = session.get_one(Peer, region)
            peer.state, peer.activated_at = PeerState.ACTIVE, node.now()
            session.add(peer)

        here.node.database.write_sync(take)


async def agree(regions: Regions, **terms: Any) -> str:
    """Let the asker's region propose an agreement and the answerer's sign it, over the line."""
    proposed = await regions.asker.post("/agreements", {"peer": regions.answerer.code, **terms}, 201)
    await regions.settle()
    await regions.answerer.post(f"/agreements/{proposed['id']}/sign")
    await regions.settle()
    return str(proposed["id"])
