"""Two paired nodes as real processes, one of which may be about to die, and a caller who does not give up.

The world is set up once (`Template`) and copied for every run, keys, ports, sessions and agreement included, so that
runs differ in nothing but where a node was killed.
"""

import contextlib
import io
import json
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy
from psycopg import sql

from service.database import Database
from service.demo.mail import MailSink
from tests.acceptance import crash_node
from tests.acceptance.processes import Forked, ProcessNode, free_ports, patience, request, sign_in
from tests.databases import WORKER

HERE, HOME = "790303", "790101"
NAMES = {HERE: "澜江市", HOME: "青禾县"}
CRASH = f"crash_{WORKER}"
"""How this worker's databases are called on the server that all workers share."""
BY_COMMAND = "database.before_commit"
"""After this point a node is started by the plain command itself; after the others by what the command does, which
spares the second that a new Python imports."""
SECONDS = 60.0
"""So soon all must be well again after a node is back (docs/protocol.md)."""


class Databases:
    """Makes the nodes' databases on SQLite or PostgreSQL, and copies of them."""

    def __init__(self, kind: str, server: str | None) -> None:
        self.kind, self._server = kind, server
        self._made: list[str] = []

    def settings(self, name: str, copy_of: str | None = None) -> dict[str, str]:
        """The setting of a node's database; SQLite's lies in the node's directory and is copied with it."""
        if self._server is None:
            return {}
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self._run("CREATE DATABASE {} TEMPLATE {}", name, copy_of or "template0")
        self._made.append(name)
        url = sqlalchemy.make_url(self._server).set(drivername="postgresql+psycopg", database=name)
        return {"TONGLU_DATABASE_URL": url.render_as_string(hide_password=False)}

    def drop(self, name: str) -> None:
        if self._server is not None:
            self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def close(self) -> None:
        for name in self._made:
            self.drop(name)

    def _run(self, statement: str, *names: str) -> None:
        assert self._server is not None
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


@dataclass
class Template:
    """Two nodes that were made, paired, agreed and stopped, and who is signed in there."""

    directory: Path
    ports: dict[str, int]
    databases: Databases
    sink: MailSink
    tokens: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def node(self, region: str, directory: Path, settings: dict[str, str]) -> ProcessNode:
        more = {"TONGLU_RELEASE_TIMES": "always", "TONGLU_SMTP_URL": self.sink.url}
        return ProcessNode(directory / region, region, self.ports[region], settings | more)

    @classmethod
    def make(cls, directory: Path, databases: Databases, sink: MailSink) -> "Template":
        """Set the nodes up as their operators would."""
        template = cls(directory, dict(zip((HERE, HOME), free_ports(2), strict=True)), databases, sink)
        nodes = {region: template.node(region, directory, databases.settings(f"{CRASH}_{region}")) for region in NAMES}
        passwords = {}
        for region, node in nodes.items():
            passwords[region] = node.initialise(NAMES[region])
            node.told("officer", "add", node.directory, "second", "--role", "clerk", "--role", "supervisor")
            (directory / f"{region}.invitation").write_text(node.told("peer", "invite", node.directory), "utf-8")
        for region, node in nodes.items():
            node.told("peer", "accept", node.directory, directory / f"{other(region)}.invitation", "--yes")
        with serving(nodes):
            for region, node in nodes.items():
                template.tokens[region] = sign_in(node, "first", passwords[region])
            world = World(template, nodes)
            for region in NAMES:
                world.until(region, "SELECT count(*) FROM peer WHERE state = 'active'", 1)
            agreement = nodes[HERE].told("agreement", "propose", nodes[HERE].directory, "--peer", HOME).split()[-1]
            world.until(HOME, "SELECT count(*) FROM agreement", 1)
            world.post(HOME, f"/agreements/{agreement}/sign")
            for region in NAMES:
                world.until(region, "SELECT count(*) FROM agreement WHERE state = 'signed'", 1)
            for region, node in nodes.items():
                # Each fetches the other's status list once, as it does every day: at no moment of its own in a run.
                node.told("tick", node.directory, "status_lists")
                world.until(region, "SELECT count(*) FROM peer_status_list WHERE token IS NOT NULL", 1)
            world.settle()
            world.close()
        return template

    def copy(self) -> "World":
        """The same world once more, stopped."""
        self.runs += 1
        name = f"run{self.runs}"
        directory = self.directory.with_name(name)
        nodes = {}
        for region in NAMES:
            shutil.copytree(self.directory / region, directory / region)
            settings = self.databases.settings(f"{CRASH}_{region}_{name}", copy_of=f"{CRASH}_{region}")
            nodes[region] = self.node(region, directory, settings)
        return World(self, nodes)


@dataclass
class Kill:
    """Which node dies, at which point, and the files that tell it to and that prove it did."""

    region: str
    point: str
    armed: Path
    reached: Path

    @classmethod
    def of(cls, world: "World", region: str, point: str) -> "Kill":
        folder = world.nodes[region].directory.parent
        return cls(region, point, folder / "armed", folder / "reached")


class World:
    """Two nodes, and the officers who work there by plain HTTP."""

    def __init__(self, template: Template, nodes: dict[str, ProcessNode]) -> None:
        self.template, self.nodes = template, nodes
        self.kill: Kill | None = None
        self._databases: dict[str, Database] = {}

    # --- starting, dying, coming back ---------------------------------------------------------------------------------

    def start(self, kill: Kill | None = None) -> None:
        """Serve on both sides; one of them will die at `kill` once it is armed."""
        self.kill = kill
        for region, node in self.nodes.items():
            if kill is not None and kill.region == region:
                node.fork(crash_node.serve_until, kill.point, str(kill.armed), str(kill.reached), str(node.directory))
            else:
                node.fork(crash_node.serve_plainly, str(node.directory))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(ProcessNode.await_ready, self.nodes.values()))

    def revive(self, region: str) -> bool:
        """Start a node again if it is dead; tell whether it was."""
        node, kill = self.nodes[region], self.kill
        if node.is_running:
            return False
        assert node.process is not None
        assert kill is not None
        assert kill.region == region, f"{region} died by itself: {node.log.read_text('utf-8', 'replace')[-3000:]}"
        assert node.process.poll() == -signal.SIGKILL, node.log.read_text("utf-8", "replace")[-3000:]
        assert kill.reached.read_text() == kill.point, "it died, but not where it should"
        kill.armed.unlink()
        self.lapse_leases(region)
        if kill.point == BY_COMMAND:
            node.start()
        else:
            node.fork(crash_node.serve_plainly, str(node.directory))
        node.await_ready()
        return True

    def await_death(self) -> None:
        """Wait for the armed node to reach its point, and start it again."""
        assert self.kill is not None
        for _ in patience(SECONDS, f"{self.kill.point} is reached"):
            if self.revive(self.kill.region):
                return
            if self.kill.reached.exists() and not self.kill.armed.exists():
                return

    def tick_until_death(self, job: str, at: str) -> int | None:
        """Run one job in a process of its own that dies at the point; its exit code."""
        kill = self.kill
        assert kill is not None
        node = self.nodes[kill.region]
        dying = Forked(
            crash_node.tick_until,
            (kill.point, str(kill.armed), str(kill.reached), str(node.directory), job, at),
            node.environment,
            node.log,
        )
        return dying.wait(SECONDS)

    def lapse_leases(self, region: str) -> None:
        """Let the leases of a dead process run out now, as they do by themselves 15 to 40 seconds later."""

        def lapse(session: Any) -> None:
            for statement in (
                "UPDATE destination SET lease_until = NULL, lease_holder = NULL",
                "UPDATE reminder SET locked_until = NULL, holder = NULL WHERE state = 'waiting'",
            ):
                session.execute(sqlalchemy.text(statement))

        self.database(region).write_sync(lapse)

    def end(self) -> None:
        """Stop both nodes at once: nothing is looked at any more but files and rows."""
        self.close()
        for node in self.nodes.values():
            node.kill()

    def close(self) -> None:
        """Close what looked into the databases."""
        for database in self._databases.values():
            database.close()
        self._databases.clear()

    # --- asking -------------------------------------------------------------------------------------------------------

    def post(self, region: str, path: str, body: Any = None, *, method: str = "POST") -> Any:
        """One call under one Idempotency-Key, sent again until it is answered, whatever happens to the node."""
        return self._call(region, method, path, {} if body is None else body, "application/json")

    def upload(self, region: str, path: str, content: bytes, **fields: str) -> Any:
        """The same for a file."""
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="ledger.csv"\r\n\r\n')
        whole = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self._call(region, "POST", path, whole, f"multipart/form-data; boundary={boundary}")

    def _call(self, region: str, method: str, path: str, body: Any, content_type: str) -> Any:
        url, key = f"{self.nodes[region].base_url}/api/v1{path}", str(uuid4())
        for _ in patience(SECONDS, f"{region} answers {method} {path}"):
            try:
                token = self.template.tokens[region]
                answer = request(method, url, body, token=token, key=key, content_type=content_type)
            except (OSError, io.UnsupportedOperation):
                self.revive(region)
                continue
            return json.loads(answer) if answer else None
        raise AssertionError

    # --- looking, past the API, which would write log entries ---------------------------------------------------------

    def database(self, region: str) -> Database:
        if region not in self._databases:
            self._databases[region] = Database(database_url(self.nodes[region]), readers=1)
        return self._databases[region]

    def value(self, region: str, query: str) -> Any:
        """The first value that a query gives."""
        return self.database(region).read_sync(lambda session: session.execute(sqlalchemy.text(query)).scalar())

    def until(self, region: str, query: str, wanted: Any) -> None:
        """Wait until a query gives a value, reviving whoever died meanwhile."""
        seen = None
        for _ in patience(SECONDS, f"{region}: {query} gives {wanted}"):
            seen = self.value(region, query)
            if seen == wanted:
                return
            if self.kill is not None:
                self.revive(self.kill.region)
        raise AssertionError(seen)

    def settle(self) -> None:
        """Wait until nothing is under way: all messages receipted, all log entries numbered."""
        for region in self.nodes:
            self.until(region, "SELECT count(*) FROM outbox_message WHERE state IN ('queued', 'waiting')", 0)
            self.until(region, 'SELECT count(*) FROM access_log_entry WHERE "index" IS NULL', 0)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many rows each table of each node has."""

        def count(session: Any) -> dict[str, int]:
            names = sqlalchemy.inspect(session.connection()).get_table_names()
            return {
                name: session.execute(sqlalchemy.text(f'SELECT count(*) FROM "{name}"')).scalar()
                for name in sorted(names)
            }

        return {region: self.database(region).read_sync(count) for region in self.nodes}


def database_url(node: ProcessNode) -> str:
    return node.settings.get("TONGLU_DATABASE_URL") or f"sqlite:///{node.directory / 'tonglu.sqlite'}"


def other(region: str) -> str:
    return HOME if region == HERE else HERE


@contextlib.contextmanager
def serving(nodes: dict[str, ProcessNode]) -> Iterator[None]:
    for node in nodes.values():
        node.fork(crash_node.serve_plainly, str(node.directory))
    try:
        for node in nodes.values():
            node.await_ready()
        yield
    finally:
        for node in nodes.values():
            node.end()
