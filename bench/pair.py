"""Two real nodes in one process, joined by a wire that carries bytes, with people to ask about."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
from fastapi import FastAPI

from federation import pairing
from federation.client import PeerClient
from federation.routes import federation_router
from federation.tables import Peer, PeerState
from schemas.clock import SystemClock
from schemas.entropy import SystemEntropy
from schemas.identity import resident_id_check_digit
from service.agreements.actions import propose_agreement, sign_agreement
from service.app import build_node
from service.consents.notices import current
from service.context import Node
from service.founding import found
from service.handlers import Gate, make_handlers
from service.jobs import Tools, make_tools, run_job
from service.officers.actions import account_of, add_officer
from service.officers.passwords import FirstPassword
from service.officers.queries import officer_from
from service.officers.rules import Officer, Role
from service.registry.drafts import ArrivalDraft, DepartureDraft
from service.registry.register import register_arrival, register_departure
from service.settings import Settings
from service.verification.asking import Ask, AskDraft, AskTogether

ASKER, ANSWERER = "790303", "790101"
BASIC_RATE = 1000
GIVEN = "晨曦文华丽伟春杰怡然军子梓静涛勇刚兰洋磊斌霞明"


class Wire(httpx.AsyncBaseTransport):
    """Host names lead to applications of this process."""

    def __init__(self) -> None:
        self.apps: dict[str, httpx.ASGITransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.apps[request.url.host].handle_async_request(request)


def identities() -> Iterator[dict[str, str]]:
    """Invented people without end, each once."""
    for number in itertools.count():
        born = date(1950, 1, 1) + timedelta(days=number % 18_000)
        stem = f"{ANSWERER}{born:%Y%m%d}{number // 18_000:03d}"
        name = "罗" + GIVEN[number % len(GIVEN)] + GIVEN[(number // len(GIVEN)) % len(GIVEN)]
        yield {
            "name": name,
            "document_type": "resident_id",
            "document_number": stem + resident_id_check_digit(stem),
            "date_of_birth": born.isoformat(),
        }


class Side:
    """One region: its node, its jobs, and an officer."""

    def __init__(self, directory: Path, region: str, name: str, wire: Wire) -> None:
        found(directory, region=region, name=name, base_url=f"http://{region}.example", entropy=SystemEntropy())
        settings = Settings.load(directory, allow_private_peers=True, requests_per_second=BASIC_RATE)
        self.node: Node = build_node(settings, clock=SystemClock())
        self.tools: Tools = make_tools(self.node, lambda: PeerClient(self.node.fed, wire))
        app = FastAPI()
        app.include_router(
            federation_router(self.node.fed, self.node.database, make_handlers(self.node), Gate(self.node))
        )
        wire.apps[f"{region}.example"] = httpx.ASGITransport(app=app)
        self.officer = self._officer("first")
        self._officer("second")

    def _officer(self, name: str) -> Officer:
        def add(session):
            add_officer(session, self.node, name, frozenset(Role), password=FirstPassword.one_time(self.node.entropy))
            return officer_from(account_of(session, name))

        return self.node.database.write_sync(add)

    def told(self, peer: str) -> dict[str, object]:
        given_at = datetime.now(UTC).isoformat()
        return {
            "notice": {"version": current().version, "way": "spoken", "given_at": given_at},
            "consents": [{"purpose": f"share_with_peer:{peer}", "way": "spoken", "witness": "second"}],
        }


def introduce(one: Side, other: Side) -> None:
    """Pair two regions, as two files carried by hand do."""
    for here, there in ((one, other), (other, one)):
        invitation = there.node.database.write_sync(lambda s, there=there: pairing.invite(s, there.node.fed))

        def take(session, here=here, there=there, invitation=invitation):
            pairing.accept(session, here.node.fed, pairing.read_invitation(here.node.fed, invitation))
            peer = session.get_one(Peer, there.node.region)
            peer.state, peer.activated_at = PeerState.ACTIVE, here.node.now()
            session.add(peer)

        here.node.database.write_sync(take)


class Pair:
    """Both nodes, paired and agreed; `prepare` registers people on both, `round_trips` asks about all of them."""

    def __init__(self, directory: Path) -> None:
        self.wire = Wire()
        self.asker = Side(directory / ASKER, ASKER, "澜江市", self.wire)
        self.answerer = Side(directory / ANSWERER, ANSWERER, "青禾县", self.wire)
        self._people = identities()
        introduce(self.asker, self.answerer)

    def prepare(self, count: int) -> list[str]:
        """Register `count` people on both sides; returns their ids at the asker."""
        today = datetime.now(self.asker.node.zone).date().isoformat()
        people = list(itertools.islice(self._people, count))
        leaving, coming = self.answerer.told(ASKER), self.asker.told(ANSWERER)

        def leave(session):
            for person in people:
                draft = DepartureDraft(person=person, destination_region=ASKER, departed_on=today, **leaving)
                register_departure(session, self.answerer.node, draft, by=self.answerer.officer)

        def come(session):
            for person in people:
                draft = ArrivalDraft(person=person, origin_region=ANSWERER, arrived_on=today, **coming)
                yield register_arrival(session, self.asker.node, draft, by=self.asker.officer).move.person_id

        self.answerer.node.database.write_sync(leave)
        return self.asker.node.database.write_sync(lambda session: list(come(session)))

    async def agree(self, per_month: int) -> None:
        """Sign an agreement over the line. The answerer's open journeys must cover the quota."""
        node = self.asker.node
        made = node.database.write_sync(
            lambda s: propose_agreement(s, node, ANSWERER, by=self.asker.officer, per_month=per_month)
        )
        await self.settle()
        other = self.answerer.node
        other.database.write_sync(lambda s: sign_agreement(s, other, made.id, by=self.answerer.officer))
        await self.settle()

    async def round_trips(self, ids: list[str]) -> None:
        """Ask about everyone; returns when every answer stands in the asker's register."""
        node, officer = self.asker.node, self.asker.officer
        claims = ("identity", "departure_declared")
        drafts = [AskDraft(person_id=one, peer=ANSWERER, claims=claims, purpose="confirm_journey") for one in ids]
        await asyncio.gather(
            *(node.database.write_together(AskTogether(node), Ask(draft, officer)) for draft in drafts)
        )
        await self.settle()

    async def settle(self) -> None:
        done = 1
        while done:
            done = 0
            for side in (self.asker, self.answerer):
                done += await run_job("matching", side.node, side.tools)
                done += await side.tools.delivery.tick(side.node.now())

    async def close(self) -> None:
        for side in (self.asker, self.answerer):
            await side.tools.delivery.aclose()
            side.node.database.close()
