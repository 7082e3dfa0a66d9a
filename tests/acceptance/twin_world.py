"""A node that can be lived twice: clock, ids and nonces come from seeds, jobs run when they are told to.

`Twin` is a whole application (`create_app`) with a peer beside it. A script lives through it and then `look`s: at every
GET route that there is, found through the application itself, as officers of each role, by API and by page. What was
seen is a transcript; two transcripts of twins that differ in one secret must be the same bytes (rule 10).
"""

import asyncio
import contextlib
import difflib
import io
import os
import re
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from threading import Lock
from typing import Any

import httpx
import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from federation.delivery import Delivery
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy
from service.app import create_app
from service.cli import run
from service.context import Node
from service.jobs import JOBS, Scheduler, run_job
from service.officers.rules import Officer, Role
from service.settings import Settings
from service.web import templating
from tests.service.conftest import EVERYTHING, START, add_account, sign_in_as
from tests.service.two_regions import Region, Regions, Wire, agree, close_region, introduce, open_region

HERE, HOME = "790303", "790101"
NAMES = {HERE: "澜江市", HOME: "青禾县"}
OFFICERS: dict[str, frozenset[Role]] = {
    "王芳": EVERYTHING,
    "李伟": frozenset({Role.CLERK}),
    "赵敏": frozenset({Role.AUDITOR}),
    "钱进": frozenset({Role.ADMINISTRATOR}),
}
COMMANDS = (
    ("log", "verify"),
    ("privacy", "report"),
    ("privacy", "report", "--json"),
    ("doctor",),
    ("report", "monthly_flows", "--month", "2026-09"),
    ("officer", "list"),
    ("peer", "list"),
    ("peer", "show", "790101"),
    ("agreement", "list"),
    ("keys", "list"),
)
SHOWN_HEADERS = frozenset({"content-type", "content-length", "location", "cache-control", "etag", "set-cookie"})


class Reseeded:
    """Seeded randomness that starts over at every step, with a source for each size that is drawn.

    A secret act draws more nonces than a neutral one. What is drawn after it must not differ for that alone: an id
    (8 bytes), a nonce (12) and a key (32) come from different sources, and each request or job starts all of them anew.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.step = 0
        self._sources: dict[int, SeededEntropy] = {}

    def next_step(self, step: int | None = None) -> None:
        with self._lock:
            self.step = self.step + 1 if step is None else step
            self._sources.clear()

    def token_bytes(self, n: int) -> bytes:
        return self._source(n).token_bytes(n)

    def uniform(self, a: float, b: float) -> float:
        return self._source(-1).uniform(a, b)

    def below(self, n: int) -> int:
        return self._source(-2).below(n)

    def _source(self, kind: int) -> SeededEntropy:
        with self._lock:
            if kind not in self._sources:
                self._sources[kind] = SeededEntropy(f"step {self.step}, size {kind}")
            return self._sources[kind]


@dataclass
class Tapped(Wire):
    """The network, and all that the node said to its peer: its requests, and its answers to the peer's."""

    entropy: Reseeded
    sent: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = f"{request.method} {request.url}\n{_lines(request.headers)}\n".encode() + await request.aread()
        if request.url.host.startswith(HOME):
            self.sent.append(asked)
            return await super().handle_async_request(request)
        self.entropy.next_step()
        answer = await super().handle_async_request(request)
        self.sent.append(f"{answer.status_code}\n{_lines(answer.headers)}\n".encode() + await answer.aread())
        return answer


def _lines(headers: httpx.Headers) -> str:
    return "\n".join(f"{name}: {value}" for name, value in sorted(headers.items()))


def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing run by itself, and let pages draw their form keys from a constant: both come from the machine."""

    def start(self: Scheduler) -> None:
        self._apscheduler.start()

    async def wait(self: Delivery) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Scheduler, "start", start)
    monkeypatch.setattr(Scheduler, "_begin", lambda *_: None)
    monkeypatch.setattr(Delivery, "run", wait)
    monkeypatch.setattr(templating.secrets, "token_urlsafe", lambda n=32: "k" * n)


class Twin:
    """One of two nodes that should be told apart by nobody."""

    def __init__(self, app: FastAPI, clock: FakeClock, entropy: Reseeded, wire: Tapped, peer: Region) -> None:
        self.app, self.clock, self.entropy, self.wire, self.peer = app, clock, entropy, wire, peer
        self.node: Node = app.state.node
        self.tools = app.state.scheduler._tools
        self.transcript: list[tuple[str, bytes]] = []
        self.known: dict[str, list[str]] = {}
        self.written = 0
        self._officers: dict[str, Officer] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=("127.0.0.1", 50000))
        self.http = httpx2.AsyncClient(transport=transport, base_url=self.node.base_url)

    # --- living -------------------------------------------------------------------------------------------------------

    async def call(
        self, method: str, path: str, *, by: str | None = "王芳", door: str = "api", **content: Any
    ) -> httpx2.Response:
        """One request by an officer (or by nobody); a moment passes."""
        self.clock.advance(milliseconds=250)
        self.entropy.next_step()
        headers = {"Accept-Language": "zh-CN"}
        if by is not None and door == "api":
            headers["Authorization"] = f"Bearer {self._tokens[by, door]}"
        elif by is not None:
            headers["Cookie"] = f"tonglu_session={self._tokens[by, door]}"
        self.http.cookies.clear()
        return await self.http.request(method, path, headers=headers | content.pop("headers", {}), **content)

    async def do(self, method: str, path: str, body: Any = None, *, by: str = "王芳") -> Any:
        """An act through the API that must be taken; what it answered."""
        answer = await self.call(method, f"/api/v1{path}", by=by, json=body)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def told(self, label: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The same, and its answer belongs to what the twins must agree in."""
        answer = await self.call(method, f"/api/v1{path}", json=body, **more)
        self.note(label, answer)
        return answer.json() if answer.content else None

    async def settle(self) -> None:
        """Let both regions send, look up and release until nothing is left."""
        for _ in range(12):
            done = 0
            for job in ("matching", "releases"):
                self.entropy.next_step()
                done += await run_job(job, self.node, self.tools)
                done += await self.peer.run(job)
            self.entropy.next_step()
            done += await self.tools.delivery.tick(self.clock.now())
            done += await self.peer.tools.delivery.tick(self.clock.now())
            if not done:
                return
        raise AssertionError("the regions never come to rest")

    async def live_until(self, moment: datetime) -> None:
        """Let time pass, and every job run."""
        self.clock.set(moment)
        self.open_sessions()
        await self.run_all_jobs()

    async def run_all_jobs(self) -> None:
        """Run every job once."""
        for name in JOBS:
            self.entropy.next_step()
            if name in {"reminders", "purge"}:  # they make no ids, so the command may do it, and print what it prints
                await self.command("tick", name, "--at", self.clock.now().isoformat())
            elif name != "status_lists":  # which are the peer's, and it serves none here
                await run_job(name, self.node, self.tools)

    def entries(self) -> int:
        """How many entries the access log has."""
        from sqlmodel import func, select

        from service.access_log import AccessLogEntry

        return self.node.database.read_sync(
            lambda session: session.exec(select(func.count()).select_from(AccessLogEntry)).one()
        )

    # --- looking ------------------------------------------------------------------------------------------------------

    def note(self, label: str, answer: httpx2.Response) -> None:
        head = [f"{name}: {value}" for name, value in sorted(answer.headers.items()) if name in SHOWN_HEADERS]
        # Starlette takes a cookie away with the machine's time of day.
        head = [re.sub(r"expires=[^;]+; HttpOnly; Max-Age=0", "taken away", line) for line in head]
        if "report.xlsx" in label:
            head = [line for line in head if not line.startswith("content-length")]
        text = "\n".join([str(answer.status_code), *head, ""]).encode()
        self.transcript.append((label, text + masked(label, answer.content)))

    async def look(self) -> None:
        """Open every GET route as every officer, and run the commands that show something."""
        for path, queries in self.addresses():
            door = "api" if path.startswith(("/api/", "/federation/", "/.well-known/")) else "page"
            for officer in (*OFFICERS, None):
                # Who sees all tries every query; the others see less of the same.
                for query in queries if officer == "王芳" else queries[:1]:
                    seen = await self.call("GET", path + query, by=officer, door=door)
                    self.note(f"{officer} GET {path}{query}", seen)
        for query in SEARCHES:
            for officer in ("王芳", "李伟"):
                await self.told(f"{officer} searches {query}", "POST", "/search", {"q": query}, by=officer)
        for command in COMMANDS:
            await self.command(*command)
        self.transcript += [(f"message {number} to the peer", text) for number, text in enumerate(self.wire.sent)]

    def addresses(self) -> Iterator[tuple[str, list[str]]]:
        """Every GET route with every known value of its path, and the queries to open it with.

        A parameter that is not known here fails: whoever adds a route says what it should be opened with.
        """
        for context in iter_route_contexts(self.app.routes):
            route: Any = context
            if "GET" not in (getattr(route, "methods", None) or ()):
                continue
            path = str(route.path)
            names = re.findall(r"{(\w+)(?::\w+)?}", path)
            unknown = [name for name in names if name not in self.known]
            assert not unknown, f"{path}: say in tests/acceptance/test_twins.py what {unknown} stands for"
            for values in product(*(self.known[name] for name in names)):
                pieces = re.split(r"{\w+(?::\w+)?}", path)
                filled = "".join(part for pair in zip(pieces, (*values, ""), strict=True) for part in pair)
                first = {name: known[0] for name, known in self.known.items()}
                yield filled, [query.format(**first) for query in QUERIES.get(path, ("",))]

    async def command(self, *command: str) -> None:
        """What `tonglu` prints about the node, as a process of its own would."""
        directory = str(self.node.settings.dir)
        place = 1 if command[0] in {"tick", "doctor", "report"} else 2
        arguments = [*command[:place], directory, *command[place:]]
        environment = {"TONGLU_DATABASE_URL": self.node.settings.database, "TONGLU_ALLOW_PRIVATE_PEERS": "true"}
        if self.node.settings.smtp_url:
            environment["TONGLU_SMTP_URL"] = self.node.settings.smtp_url
        out, err = io.StringIO(), io.StringIO()
        with changed_environment(environment), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = await asyncio.to_thread(run, arguments)
        said = f"{code}\n{out.getvalue()}\n{err.getvalue()}"
        assert code == 0, said
        assert out.getvalue(), said
        label = f"tonglu {' '.join(command)}"
        self.transcript.append((label, masked(label, said.replace(directory, "DIR").encode())))

    def sign_in(self, password_hash: str) -> None:
        """Add the officers and open their sessions, at the API and at the pages."""
        self._officers = {name: add_account(self.node, password_hash, name, roles) for name, roles in OFFICERS.items()}
        self.open_sessions()

    def open_sessions(self) -> None:
        """Sign everybody in anew, as they do every morning."""
        for name, officer in self._officers.items():
            for door in ("api", "page"):
                self._tokens[name, door] = sign_in_as(self.node, officer, door)


SEARCHES = ("韩晨曦", "晨曦", "hanchenxi", "hcx", "7130", "吴", "li", "12345", "不在")
"""By name, pinyin, initials and phone tail of the one with the secret and of others; never by the number."""

QUERIES: dict[str, tuple[str, ...]] = {
    "/api/v1/arrivals": (
        "?limit=200",
        "?limit=2",
        "?order=moved&limit=3",
        *(f"?state={state}" for state in ("to_be_told", "declared", "verifying", "confirmed", "unconfirmed", "ended")),
        "?area=790303",
        "?peer=790101",
        "?moved_from=2026-09-01&moved_to=2026-09-30",
        "?registered_by=%E7%8E%8B%E8%8A%B3",
    ),
    "/api/v1/departures": ("", "?order=moved", "?state=declared", "?state=confirmed"),
    "/api/v1/verifications": (
        "",
        "?direction=received",
        *(f"?state={state}" for state in ("queued", "delivered", "answered")),
        *(f"?direction=received&state={state}" for state in ("received", "answering", "answered")),
    ),
    "/api/v1/work-items": ("", "?state=done", "?whose=mine", "?whose=pool", "?kind=answer_request", "?kind=duplicate"),
    "/api/v1/access-log": ("?limit=200",),
    "/api/v1/certificates/{certificate_id}": ("?person_id={person_id}", ""),
    "/api/v1/certificates/{certificate_id}/qr.svg": ("?person_id={person_id}",),
    "/api/v1/certificates/{certificate_id}/slip.pdf": ("?person_id={person_id}",),
    "/api/v1/reminders": ("?person_id={person_id}",),
    "/api/v1/receipts": ("?message={message}",),
    "/api/v1/people/{person_id}": ("", "?full=1&purpose=counter"),
    "/api/v1/reports/{report_name}": tuple(f"?month=2026-{month}" for month in ("09", "10", "11")),
    "/reports/{report_name}": ("?month=2026-09", "?month=2026-09&area=790303001"),
    **dict.fromkeys(("/reports/{report_name}/workbook.xlsx", "/reports/{report_name}/print.pdf"), ("?month=2026-09",)),
    "/regions": ("?q=qh", "?q=%E9%9D%92"),
    "/arrivals": ("", "?state=declared", "?order=moved"),
    "/verifications": ("", "?direction=received", "?direction=sent"),
}
"""With which queries a route is opened; plainly, where it is not here."""


def masked(label: str, content: bytes) -> bytes:
    """Without what differs between twins although it tells nothing.

    A tree head covers the sealed bytes of every entry, hence also those under which the secret's own act is sealed: its
    hash and signature differ, its size must not. A workbook says when it was written, by the machine's clock.
    """
    if "checkpoint" in label or label == "tonglu log verify":
        content = re.sub(rb"(?m)^\xe2\x80\x94 .*$", b"SIGNATURE", content)
        content = re.sub(rb"[A-Za-z0-9+/]{43}=", b"ROOT", content)
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as workbook:
            members = [workbook.read(name) for name in workbook.namelist()]
        content = re.sub(rb"<dcterms:[^/]*</dcterms", b"WRITTEN", b"\n".join(members))
    return content


@contextlib.contextmanager
def changed_environment(changes: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@asynccontextmanager
async def twin(lay_out: Callable[[str, str], Settings], password_hash: str) -> AsyncIterator[Twin]:
    """One twin: a node and its peer, paired and agreed, at the same moment and with the same seeds each time."""
    clock, entropy = FakeClock(START), Reseeded()
    wire = Tapped(entropy)
    peer = open_region(lay_out(HOME, NAMES[HOME]), wire, clock, password_hash)
    app = create_app(lay_out(HERE, NAMES[HERE]), clock=clock, entropy=entropy, peer_transport=wire)
    async with app.router.lifespan_context(app):
        wire.apps[f"{HERE}.example"] = httpx.ASGITransport(app=app)
        one = Twin(app, clock, entropy, wire, peer)
        try:
            one.sign_in(password_hash)
            officer = add_account(one.node, password_hash, "周全")
            here = Region(one.node, app, one.tools, clock, officer, one.http, password_hash)
            introduce(here, peer)
            await agree(Regions(here, peer, wire, clock))
            del one.http.headers["Authorization"]
            wire.sent.clear()
            clock.advance(minutes=1)
            yield one
        finally:
            await one.http.aclose()
            await close_region(peer)


def differences(one: Twin, other: Twin) -> list[str]:
    """Where two transcripts differ, in a few lines each."""
    mine, theirs = ([label for label, _ in seen.transcript] for seen in (one, other))
    if mine != theirs:
        return [line for line in difflib.unified_diff(mine, theirs, lineterm="", n=1) if len(line) < 200][:40]
    found = []
    for (label, mine), (_, theirs) in zip(one.transcript, other.transcript, strict=True):
        if mine != theirs:
            place = next(
                (n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), min(len(mine), len(theirs))
            )
            around = slice(max(0, place - 80), place + 80)
            found.append(f"{label}: {mine[around]!r} | {theirs[around]!r}")
    return found
