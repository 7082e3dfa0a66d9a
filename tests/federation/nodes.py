"""Two federation nodes with databases of their own, joined by a wire that tests can cut, delay and read."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from fastapi import FastAPI
from sqlmodel import Session, func, select

from federation import outbox, pairing, peers
from federation.client import PeerClient
from federation.delivery import Delivery, Outcome
from federation.keys import NodeKeys
from federation.node import EVENTS_PATH, FederationNode, Limits
from federation.routes import federation_router
from federation.signatures import sign_request
from federation.tables import Destination, Invitation, Peer
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy, uuid4
from schemas.envelope import CONTENT_TYPE, Envelope, Incoming, Outgoing
from schemas.identity import PersonIdentity
from schemas.problems import MessageRefused
from service.database import Database

START = datetime(2026, 11, 2, 1, 30, tzinfo=UTC)
REMINDED = "tonglu.verification.reminded.v1"
REQUESTED = "tonglu.verification.requested.v1"
ANSWERED = "tonglu.verification.answered.v1"
AGREEMENT = "0192f0c1-0000-7000-8000-000000000001"
PERSON = PersonIdentity.model_validate(
    {
        "name": "\u97e9\u6668\u66e6",
        "document_type": "resident_id",
        "document_number": "790101199003071230",
        "date_of_birth": "1990-03-07",
    }
)


class Wire(httpx.AsyncBaseTransport):
    """The network between the nodes: host names lead to applications, and may be cut or bent."""

    def __init__(self) -> None:
        self.apps: dict[str, httpx.ASGITransport] = {}
        self.cut: set[str] = set()
        self.lost_answers = 0
        self.bend_request: Callable[[httpx.Request], httpx.Request] | None = None
        self.instead: Callable[[httpx.Request], httpx.Response | None] | None = None
        self.log: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.log.append(request)
        host = request.url.host
        if host in self.cut or host not in self.apps:
            raise httpx.ConnectError("cut", request=request)
        if self.instead is not None and (answer := self.instead(request)) is not None:
            return answer
        if self.bend_request is not None:
            request = self.bend_request(request)
        response = await self.apps[host].handle_async_request(request)
        if self.lost_answers:
            self.lost_answers -= 1
            await response.aread()
            raise httpx.ReadError("the answer was lost", request=request)
        return response


class Gate:
    """Every agreement covers everything, unless a test says otherwise."""

    refuses: MessageRefused | None = None

    def check(self, session: Session, envelopes: Sequence[Envelope], peer: Peer, now: datetime) -> None:
        if self.refuses is not None:
            raise self.refuses


@dataclass
class Side:
    """One node: its federation, its database, and what its handlers saw."""

    fed: FederationNode
    database: Database
    wire: Wire
    gate: Gate = field(default_factory=Gate)
    handlers: dict[str, Any] = field(default_factory=dict)
    seen: list[Incoming] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    woken: list[str | None] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.handlers |= {REMINDED: self.keep, REQUESTED: self.keep, ANSWERED: self.keep}
        app = FastAPI()
        app.include_router(federation_router(self.fed, self.database, self.handlers, self.gate, wake=self.wake))
        self.wire.apps[self.host] = httpx.ASGITransport(app)
        self.delivery = self.new_delivery()

    def wake(self, region: str | None) -> None:
        self.woken.append(region)
        self.heard.set()

    @property
    def host(self) -> str:
        return self.fed.base_url.removeprefix("http://")

    @property
    def region(self) -> str:
        return self.fed.region

    def new_delivery(self) -> Delivery:
        def note(session: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
            self.outcomes.extend(outcomes)

        return Delivery(self.fed, self.database, lambda: PeerClient(self.fed, self.wire), on_outcome=note)

    def keep(self, session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        """A handler whose effect is a row, so that effects can be counted."""
        session.add(Invitation(id=incoming.envelope.id, direction="effect", region=peer.region, expires_at=now))
        self.seen.append(incoming)
        return []

    def write(self, fn: Callable[[Session], Any]) -> Any:
        return self.database.write_sync(fn)

    def read(self, fn: Callable[[Session], Any]) -> Any:
        return self.database.read_sync(fn)

    def queue(self, outgoing: Outgoing) -> str:
        return str(self.write(lambda session: outbox.enqueue(session, self.fed, outgoing)))

    def remind(self, other: "Side", case: str | None = None, **more: Any) -> str:
        """Queue the smallest message there is."""
        case = case or uuid4(self.fed.entropy)
        return self.queue(Outgoing(other.region, REMINDED, case, {"case": case}, AGREEMENT, purpose(), **more))

    async def send(self, other: "Side", body: bytes, **changes: Any) -> httpx.Response:
        """Send a signed batch by hand; ``changes`` bend the request after it was signed."""
        return await self.call(other, "POST", EVENTS_PATH, body, **changes)

    async def call(
        self,
        other: "Side",
        method: str,
        path: str,
        body: bytes = b"",
        *,
        at: datetime | None = None,
        base_url: str | None = None,
        content_type: str = CONTENT_TYPE,
        headers: dict[str, str | None] | None = None,
        content: bytes | None = None,
        to: str | None = None,
    ) -> httpx.Response:
        signed = sign_request(
            self.fed.keys,
            method,
            (base_url or other.fed.base_url) + path,
            content_type=content_type if body else "",
            body=body,
            now=at or self.fed.clock.now(),
            entropy=self.fed.entropy,
        )
        fields = {**signed.headers(), **(headers or {})}
        return await self.bare(
            other,
            method,
            to or path,
            content or body,
            {name: value for name, value in fields.items() if value is not None},
        )

    async def bare(self, other: "Side", method: str, path: str, body: bytes, headers: Any) -> httpx.Response:
        transport = self.wire.apps[other.host]
        async with httpx.AsyncClient(transport=transport, base_url=other.fed.base_url) as client:
            return await client.request(method, path, content=body or None, headers=headers)


def purpose() -> Any:
    from schemas.claims import Purpose

    return Purpose("confirm_journey")


def message(side: Side, other: Side, **changes: Any) -> dict[str, Any]:
    """A message of ``side`` to ``other`` as its peer would write it."""
    case = changes.pop("case", None) or uuid4(side.fed.entropy)
    from schemas.entropy import uuid7

    document = {
        "specversion": "1.0",
        "id": uuid7(side.fed.clock.now(), side.fed.entropy),
        "source": f"/regions/{side.region}",
        "type": REMINDED,
        "subject": case,
        "time": "2026-11-02T01:30:00Z",
        "datacontenttype": "application/json",
        "data": {"case": case},
        "recipient": f"/regions/{other.region}",
        "stream": str(uuid.UUID(int=7, version=4)),
        "streamseq": 1,
        "agreement": AGREEMENT,
        "purpose": "confirm_journey",
    }
    return document | changes


@dataclass
class Pair:
    """澜江 and 青禾."""

    lan: Side
    qing: Side
    wire: Wire
    clock: FakeClock


def make_side(wire: Wire, clock: FakeClock, database: Database, region: str, name: str) -> Side:
    entropy = SeededEntropy(f"{region} {name}")
    fed = FederationNode(
        region,
        name,
        f"http://{region}.example",
        NodeKeys.generate(entropy),
        clock,
        entropy,
        limits=Limits(requests_per_second=1000, concurrent=50),
        allow_private_peers=True,
    )
    return Side(fed, database, wire)


def introduce(one: Side, other: Side) -> None:
    """Carry one's invitation to the other."""
    document = one.write(lambda session: pairing.invite(session, one.fed))
    introduction = pairing.read_invitation(other.fed, document)
    other.write(lambda session: pairing.accept(session, other.fed, introduction))


def ask(one: Side, other: Side, **more: Any) -> str:
    """Queue a verification request about the invented person."""
    case = uuid4(one.fed.entropy)
    data = {
        "case": case,
        "claims": ["identity"],
        "due_on": "2026-11-16",
        "urgency": "normal",
        "consent": {
            "purpose": f"share_with_peer:{other.region}",
            "given_at": "2026-11-02T01:00:00Z",
            "way": "screen",
            "notice_version": "2026-11",
        },
    }
    return one.queue(Outgoing(other.region, REQUESTED, case, data, AGREEMENT, purpose(), person=PERSON, **more))


def destination(side: Side, other: Side) -> Destination:
    found: Destination = side.read(lambda session: peers.destination_of(session, other.region))
    return found


def state(side: Side, message_id: str) -> str:
    return str(side.read(lambda session: outbox.find_message(session, message_id)).state)


def effects(side: Side) -> int:
    wanted = select(func.count()).select_from(Invitation).where(Invitation.direction == "effect")
    return int(side.read(lambda session: session.exec(wanted).one()))
