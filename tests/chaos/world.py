"""Three regions as real processes, each behind a fault proxy, with people to ask about; any of them may be killed."""

import contextlib
import http.client
import io
import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy
from sqlmodel import Session

from federation import pairing
from schemas.identity import resident_id_check_digit
from service.app import build_node
from service.consents.notices import CURRENT_VERSION
from service.context import Node
from service.database import Database
from service.officers.actions import account_of, add_officer
from service.officers.passwords import FirstPassword
from service.officers.queries import officer_from
from service.officers.rules import Role
from service.officers.sessions import open_session
from service.registry.drafts import ArrivalDraft
from service.registry.register import register_arrival
from service.settings import Settings
from tests.acceptance import crash_node
from tests.acceptance.crash_world import Databases, database_url
from tests.acceptance.processes import ProcessNode, Refused, free_ports, patience, request
from tests.chaos.proxy import FaultProxy, ProxyThread
from tests.databases import WORKER

REGIONS = {"790101": "青禾县", "790202": "云台县", "790303": "澜江市"}
PAIRS = tuple(itertools.permutations(REGIONS, 2))
"""Who asks whom: every region each other one."""
SETTLED_SECONDS = 60.0
GIVEN = "晨曦文华丽伟春杰怡然军子梓静涛勇刚兰洋磊斌霞明"
_BORN = date(1950, 1, 1)


@dataclass
class BehindProxy(ProcessNode):
    """A node that its peers reach by a proxy, and its own officers directly."""

    public_url: str = ""

    def initialise(self, name: str) -> str:
        """`tonglu init` under the proxy's address; returns the first officer's one-time password."""
        at = ("--base-url", self.public_url)
        made = self.told("init", self.directory, "--region", self.region, "--name", name, *at, "--json")
        return str(json.loads(made)["password"])


@dataclass(frozen=True)
class Traveller:
    """Someone who left `home` and lives at `here`, with a record there."""

    here: str
    home: str
    facts: dict[str, str]
    person_id: str


def invented(home: str, number: int) -> dict[str, str]:
    """An invented person; no two of a region have one number."""
    born = _BORN + timedelta(days=number % 18_000)
    stem = f"{home}{born:%Y%m%d}{number // 18_000:03d}"
    return {
        "name": "罗" + GIVEN[number % len(GIVEN)] + GIVEN[(number // len(GIVEN)) % len(GIVEN)],
        "document_type": "resident_id",
        "document_number": stem + resident_id_check_digit(stem),
        "date_of_birth": born.isoformat(),
    }


def told(peer: str) -> dict[str, Any]:
    """The part of a registration that says what the person was told and allows."""
    given_at = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "notice": {"version": CURRENT_VERSION, "way": "spoken", "given_at": given_at},
        "consents": [{"purpose": f"share_with_peer:{peer}", "way": "spoken", "witness": "second"}],
        "refused": [],
    }


@dataclass
class World:
    """The nodes, their proxies, and those who look and ask."""

    nodes: dict[str, BehindProxy]
    proxies: ProxyThread
    tokens: dict[str, str] = field(default_factory=dict)
    travellers: list[Traveller] = field(default_factory=list)
    by_keyid: dict[str, str] = field(default_factory=dict)
    repeated_calls: int = 0
    _databases: dict[str, Database] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def proxy(self, region: str) -> FaultProxy:
        """The proxy before a region's node."""
        return self.proxies.proxies[list(self.nodes).index(region)]

    def start(self, region: str) -> None:
        """Begin to serve; the process is forked from one that has imported everything."""
        self.nodes[region].fork(crash_node.serve_plainly, str(self.nodes[region].directory))

    def restart_killed(self, region: str) -> None:
        """SIGKILL, and start again at once."""
        node = self.nodes[region]
        assert node.is_running, f"{region} died by itself: {node.log.read_text('utf-8', 'replace')[-3000:]}"
        node.kill()
        self.start(region)

    def call(self, region: str, path: str, body: Any) -> Any:
        """One call of an officer under one Idempotency-Key, sent again until it is answered."""
        url, key = f"{self.nodes[region].base_url}/api/v1{path}", str(uuid4())
        for _ in patience(120, f"{region} answers {path}"):
            try:
                return json.loads(request("POST", url, body, token=self.tokens[region], key=key))
            except Refused as refusal:
                if refusal.status != 503:
                    raise
            except (OSError, io.UnsupportedOperation, EOFError, http.client.HTTPException):
                pass
            with self._lock:
                self.repeated_calls += 1
        raise AssertionError

    # --- looking, past the API ------------------------------------------------------------------------------------

    def database(self, region: str) -> Database:
        if region not in self._databases:
            self._databases[region] = Database(database_url(self.nodes[region]), readers=1)
        return self._databases[region]

    def rows(self, region: str, query: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        wanted = sqlalchemy.text(query)
        return self.database(region).read_sync(lambda session: [tuple(row) for row in session.execute(wanted)])

    def value(self, region: str, query: str) -> Any:
        """The first value that a query gives."""
        return self.rows(region, query)[0][0]

    def until(self, query: str, wanted: Any, seconds: float = SETTLED_SECONDS) -> None:
        """Wait until a query gives a value on every node."""
        for _ in patience(seconds, f"{query} gives {wanted} everywhere"):
            if all(self.value(region, query) == wanted for region in self.nodes):
                return

    def lapse_leases(self, region: str) -> None:
        """Let the leases of a dead process run out now, as they do by themselves after 15 seconds."""
        lapse = sqlalchemy.text("UPDATE destination SET lease_until = NULL, lease_holder = NULL")
        self.database(region).write_sync(lambda session: session.execute(lapse) and None)

    def close(self) -> None:
        """Stop everything."""
        self.proxies.stop()
        for node in self.nodes.values():
            node.kill()
        for database in self._databases.values():
            database.close()


@contextlib.contextmanager
def three_regions(directory: Path, databases: Databases, travellers: int) -> Iterator[World]:
    """Set three nodes up as their operators would, with agreements and `travellers` people of each pair of regions."""
    proxies = ProxyThread()
    nodes = {}
    for region, port in zip(REGIONS, free_ports(len(REGIONS)), strict=True):
        proxy = proxies.add(("127.0.0.1", port))
        settings = databases.settings(f"chaos_{WORKER}_{region}") | {"TONGLU_RELEASE_TIMES": "always"}
        public = f"http://127.0.0.1:{proxy.port}"
        nodes[region] = BehindProxy(directory / region, region, port, settings, public_url=public)
    world = World(nodes, proxies)
    try:
        _found(world)
        for region in nodes:
            _register(world, region, travellers)
            world.start(region)
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(BehindProxy.await_ready, nodes.values()))
        _agree(world, max(50, travellers))
        yield world
    finally:
        world.close()


@contextlib.contextmanager
def _opened(process: BehindProxy) -> Iterator[Node]:
    """A node's parts within this process: a command for each step would hash passwords and words for seconds."""
    setting = process.settings.get("TONGLU_DATABASE_URL")
    more = {"database_url": setting} if setting else {}
    node = build_node(Settings.load(process.directory, allow_private_peers=True, **more))
    try:
        yield node
    finally:
        node.database.close()


def _found(world: World) -> None:
    """Found the nodes, let an officer sign in on each, and carry each one's invitation to each other one."""
    with contextlib.ExitStack() as opened:
        nodes = {}
        for region, process in world.nodes.items():
            process.initialise(REGIONS[region])
            node = nodes[region] = opened.enter_context(_opened(process))
            world.by_keyid[node.fed.keys.kid("transport")] = region
            world.tokens[region] = node.database.write_sync(partial(_sign_in, node=node))
        for here, there in PAIRS:
            inviting, taking = nodes[there], nodes[here]
            file = inviting.database.write_sync(partial(pairing.invite, fed=inviting.fed))
            introduction = pairing.read_invitation(taking.fed, file)
            taking.database.write_sync(partial(pairing.accept, fed=taking.fed, introduction=introduction))


def _sign_in(session: Session, node: Node) -> str:
    """Add the second officer, who witnesses consents, and open a session for the first one."""
    add_officer(session, node, "second", frozenset({Role.CLERK}), password=FirstPassword.one_time(node.entropy))
    first = account_of(session, "first")
    first.must_change_password = False
    session.add(first)
    session.flush()
    return open_session(session, node, first.id, "api")


def _register(world: World, here: str, count: int) -> None:
    """Register the people who came to a region, in one transaction of its own node."""
    homes = [home for asker, home in PAIRS if asker == here]

    def write(session: Session, node: Node) -> list[Traveller]:
        officer = officer_from(account_of(session, "first"))
        made = []
        for number, home in itertools.product(range(count), homes):
            facts = invented(home, number * len(REGIONS) + list(REGIONS).index(here))
            arrival = {"person": facts, "origin_region": home, "arrived_on": node.today().isoformat(), **told(home)}
            done = register_arrival(session, node, ArrivalDraft.model_validate(arrival), by=officer)
            made.append(Traveller(here, home, facts, done.move.person_id))
        return made

    with _opened(world.nodes[here]) as node:
        world.travellers += node.database.write_sync(partial(write, node=node))


def _agree(world: World, per_month: int) -> None:
    world.until("SELECT count(*) FROM peer WHERE state = 'active'", 2)
    for here, there in itertools.combinations(REGIONS, 2):
        node = world.nodes[here]
        node.told("agreement", "propose", node.directory, "--peer", there, "--per-month", str(per_month))
    world.until("SELECT count(*) FROM agreement", 2)
    for region, node in world.nodes.items():
        for (agreement,) in world.rows(region, "SELECT id FROM agreement WHERE NOT proposed_here"):
            node.told("agreement", "sign", node.directory, agreement)
    world.until("SELECT count(*) FROM agreement WHERE state = 'signed'", 2)
