"""One region's application and a programmable peer, with the pages opened as a browser without scripts does."""

import html
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import httpx2
from sqlmodel import Session

from federation import pairing
from federation.fingerprint import words
from federation.mock_peer import AsgiWire, MockPeer
from federation.outbox import enqueue
from schemas.clock import FakeClock
from schemas.descriptor import Limits
from schemas.entropy import SeededEntropy
from schemas.envelope import Outgoing
from service.context import Node
from service.officers.rules import Officer, Role
from service.officers.tables import OfficerAccount
from service.settings import Settings
from tests.service.conftest import EVERYTHING, add_account, connect, sign_in_as
from tests.service.two_regions import ANSWERER, ASKER, NAMES, Region, Wire, close_region, open_region


@dataclass
class Browser:
    """An officer's pages, read as text: what a page says, without its marks."""

    http: httpx2.AsyncClient
    node: Node
    officer: Officer
    signed_in_at: datetime | None = None

    async def gets(self, path: str) -> httpx2.Response:
        """Open a page, signed in anew when the clock was moved: sessions lock."""
        if self.signed_in_at != self.node.now():
            self.http.cookies.set("tonglu_session", sign_in_as(self.node, self.officer, "page"))
            self.signed_in_at = self.node.now()
        return await self.http.get(path)

    async def reads(self, path: str) -> str:
        answer = await self.gets(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return said(answer.text)

    async def sends(self, form_on: str, action: str, status: int = 303, **fields: str) -> httpx2.Response:
        """Send the form with this action from a page, as a browser would."""
        page = (await self.gets(form_on)).text
        form = re.search(rf'<form method="post" action="{re.escape(action)}".*?</form>', page, re.DOTALL)
        assert form is not None, f"no form {action} on {form_on}"
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[0]))
        answer = await self.http.post(action, data=hidden | fields)
        assert answer.status_code == status, f"{action}: {answer.status_code} {said(answer.text)[:600]}"
        return answer


def said(page: str) -> str:
    """The words of a page's main part, one space between."""
    main = re.search(r"<main.*?</main>", page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main[0] if main else page)).split())


@dataclass
class PeerWorld:
    """澜江, and a peer that does what a test tells it."""

    region: Region
    peer: MockPeer
    wire: Wire
    clock: FakeClock
    browsers: tuple[Browser, Browser]
    peer_clock: "OffClock"

    @property
    def browser(self) -> Browser:
        return self.browsers[0]

    @property
    def path(self) -> str:
        return f"/peers/{self.peer.region}"

    async def deliver(self) -> None:
        await self.region.tools.delivery.tick(self.clock.now())

    async def retry(self) -> None:
        await self.region.post(f"{self.path}/retry")

    async def api(self) -> Any:
        return await self.region.get(self.path)

    def own_words(self) -> list[list[str]]:
        mark = pairing.own_fingerprint(self.region.node.fed)
        return [words(mark, language) for language in ("zh-CN", "en")]

    def invite(self) -> dict[str, Any]:
        node = self.region.node
        return node.database.write_sync(lambda session: pairing.invite(session, node.fed))

    def accept(self, document: dict[str, Any] | None = None) -> None:
        """Take the peer's invitation, as `tonglu peer accept` does."""
        node = self.region.node
        introduction = pairing.read_invitation(node.fed, document or self.peer.invitation())
        node.database.write_sync(lambda session: pairing.accept(session, node.fed, introduction))

    async def pair(self) -> None:
        """Carry both invitations, and let the node find that it is known."""
        self.peer.accept(self.invite(), probe=False)
        self.accept()
        await self.deliver()

    def queue(self, kind: str = "node.returned", data: dict[str, Any] | None = None) -> str:
        """Queue a message that needs no agreement."""
        node = self.region.node
        outgoing = Outgoing(self.peer.region, f"tonglu.{kind}.v1", "node", data or {"restored": False, "held": {}})
        return str(node.database.write_sync(lambda session: enqueue(session, node.fed, outgoing)))


async def said_in(world: PeerWorld, path: str, *told: tuple[str, str]) -> None:
    """A page says each of these: the first to who reads English, the second to who reads Chinese."""
    for place, browser in enumerate(world.browsers):
        page = await browser.reads(path)
        for words_of in told:
            assert words_of[place] in page, f"{words_of[place]!r} is not on {path}: {page}"


class OffClock(FakeClock):
    """The peer's clock: ours, and as much as a test says besides."""

    def __init__(self, ours: FakeClock) -> None:
        super().__init__(ours.now())
        self._ours = ours
        self.ahead = timedelta()

    def now(self) -> datetime:
        return self._ours.now() + self.ahead


def browser_of(region: Region, name: str, language: str, *roles: Role) -> Browser:
    """The browser, without scripts, of an officer who reads a language; it follows no redirect."""
    officer = add_account(region.node, region.password_hash, name, frozenset(roles) or EVERYTHING)

    def prefer(session: Session) -> None:
        account = session.get_one(OfficerAccount, officer.id)
        account.language = language
        session.add(account)

    region.node.database.write_sync(prefer)
    http = connect(region.app, headers={"Accept": "text/html"}, follow_redirects=False)
    region.clients.append(http)
    return Browser(http, region.node, officer)


@asynccontextmanager
async def peer_world(new_settings: Callable[..., Settings], clock: FakeClock, password_hash: str) -> AsyncIterator[Any]:
    """Open the region and its peer, which do not know each other yet."""
    wire = Wire()
    region = open_region(new_settings(ASKER, NAMES[ASKER]), wire, clock, password_hash)
    peer_clock = OffClock(clock)
    peer = MockPeer(
        ANSWERER,
        f"http://{ANSWERER}.example",
        name=NAMES[ANSWERER],
        wire=AsgiWire({f"{ASKER}.example": region.app}),
        clock=peer_clock,
        entropy=SeededEntropy("peer"),
        # Its bound counts real seconds, and no test here is about it.
        limits=Limits(requests_per_second=1000, concurrent=50),
    )
    wire.apps[f"{ANSWERER}.example"] = httpx.ASGITransport(app=peer.app)
    browsers = browser_of(region, "赵敏", "en"), browser_of(region, "钱立", "zh-CN")
    yield PeerWorld(region, peer, wire, clock, browsers, peer_clock)
    await close_region(region)
