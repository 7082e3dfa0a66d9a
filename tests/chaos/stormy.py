"""Three regions in one process that Hypothesis plays with: everything that may happen between two nodes, as a step.

Each region has a database file of its own, keys, and a clock that may be wrong; a wire in memory passes requests as the
next step has it. A crash is an exception at one of the named points, after which everything in memory is built anew.
"""

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from sqlmodel import Session, col, select, update

from federation import peers, returning, rotation
from federation.client import PeerClient
from federation.keys import NodeKeys
from federation.node import FederationNode, Limits
from federation.pulling import pull_due
from federation.tables import Destination, Invitation, OutboxMessage, Peer
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy, uuid4
from schemas.envelope import Incoming, Outgoing
from service.database import Database
from service.engines import sqlite_driver
from tests.federation.nodes import REMINDED, START, Side, Wire, introduce
from tests.federation.test_rotation import listen

REGIONS = {"790101": "青禾县", "790202": "云台县", "790303": "澜江市"}
MOST_LATE = 4


class CrashError(Exception):
    """The process died here."""


class SkewedClock:
    """A clock that is wrong by a constant."""

    def __init__(self, right: FakeClock) -> None:
        self._right = right
        self.off = timedelta()

    def now(self) -> datetime:
        return self._right.now() + self.off


class StormyWire(Wire):
    """Does to the next request what `mode` says; keeps the bytes of every message that was ever sent."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = "pass"
        self.late: list[httpx.Request] = []
        self.frozen: dict[str, bytes] = {}
        self.numbers: dict[tuple[str, int], dict[str, str]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._note(request)
        mode, self.mode = self.mode, "pass"
        if mode == "cut":
            raise httpx.ConnectError("cut", request=request)
        if mode == "late":
            self.late = [*self.late, request][-MOST_LATE:]
            raise httpx.ReadTimeout("late", request=request)
        answer = await self.reach(request)
        if mode == "twice":
            answer = await self.reach(request)
        if mode == "lost":
            raise httpx.ReadError("the answer was lost", request=request)
        return answer

    async def reach(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self.apps[request.url.host].handle_async_request(request)
        except CrashError:
            raise httpx.ReadError("the peer died", request=request) from None

    def _note(self, request: httpx.Request) -> None:
        if request.method != "POST":
            return
        for message in json.loads(request.content):
            body = json.dumps(message, sort_keys=True).encode()
            assert self.frozen.setdefault(message["id"], body) == body or self._is_new_life(message), "frozen bytes"
            kinds = self.numbers.setdefault((message["stream"], message["streamseq"]), {})
            kinds[message["id"]] = message["type"]
            others = [one for one, kind in kinds.items() if "message.voided" not in kind]
            assert len(others) <= 1, f"number {message['streamseq']} was given twice: {kinds}"

    def _is_new_life(self, message: dict[str, Any]) -> bool:
        """A restored node gives a number on its new stream to what had none in the backup."""
        earlier = json.loads(self.frozen[message["id"]])
        self.frozen[message["id"]] = json.dumps(message, sort_keys=True).encode()
        numbers = ("stream", "streamseq")
        return earlier["stream"] != message["stream"] and all(
            earlier[name] == value for name, value in message.items() if name not in numbers
        )


@dataclass(frozen=True)
class Seen:
    """What one region's rows say: messages by peer and id.

    `proven` are those that the peer proved to have taken and that were not said to be lost since; `taken` those in the
    inbox; `effects` the ids of those that took effect.
    """

    proven: set[tuple[str, str]]
    taken: set[tuple[str, str]]
    effects: set[str]


_LOOKS = (
    f"""SELECT r.peer, r.message_id FROM receipt r JOIN outbox_message m ON m.id = r.message_id
    WHERE r.direction = 'sent' AND r.result = 'accepted' AND m.state = 'receipted' AND m.type = '{REMINDED}'""",
    "SELECT peer, id FROM inbox_message WHERE result = 'accepted'",
    "SELECT id FROM invitation WHERE direction = 'effect'",
)


@dataclass
class Region:
    """One region: what lasts (file, keys), and what a crash takes (`side`)."""

    code: str
    path: Path
    keys: NodeKeys
    wire: StormyWire
    clock: SkewedClock
    entropy: SeededEntropy
    doubled: list[str] = field(default_factory=list)
    dies_at: str | None = None
    backup: Path | None = None
    side: Side = field(init=False)

    def __post_init__(self) -> None:
        self.build()

    def build(self) -> None:
        """Everything in memory, from what lasts."""
        fed = FederationNode(
            self.code,
            REGIONS[self.code],
            f"http://{self.code}.example",
            self.keys,
            self.clock,
            self.entropy,
            limits=Limits(requests_per_second=1000, concurrent=50),
            allow_private_peers=True,
            point=self._point,
        )
        self.side = Side(fed, Database(f"sqlite:///{self.path}", readers=1), self.wire)
        self.side.handlers |= {REMINDED: self._take, returning.RETURNED: self._take_returned}
        listen(self.side)

    def crash(self) -> None:
        """Forget everything in memory."""
        self.dies_at = None
        self.side.database.close()
        self.build()

    def save(self) -> None:
        """Keep a backup of the database."""
        self.backup = self.path.with_suffix(".backup")
        self.backup.unlink(missing_ok=True)
        # The library that has the file open, too: two of them in one process break each other's locks.
        connect = sqlite_driver().connect
        with closing(connect(self.path)) as source, closing(connect(self.backup)) as target:
            source.backup(target)

    def restore(self) -> None:
        """Go back to the backup, as `tonglu restore` does: on new streams, and telling every peer."""
        assert self.backup is not None
        self.side.database.close()
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self.backup, self.path)
        self.build()

        def return_from_backup(session: Session) -> None:
            for region in session.exec(select(Destination.region)).all():
                fresh = {"stream": uuid4(self.entropy), "next_streamseq": 1, "lease_holder": None, "lease_until": None}
                session.exec(update(Destination).where(col(Destination.region) == region).values(**fresh))
            returning.come_back(session, self.side.fed, restored=True)

        self.side.write(return_from_backup)

    def close(self) -> None:
        self.side.database.close()

    # --- looking ------------------------------------------------------------------------------------------------------

    def messages(self, to: str) -> list[OutboxMessage]:
        """Everything that was queued for a region, news of the node left out."""
        wanted = select(OutboxMessage).where(OutboxMessage.region == to, OutboxMessage.type == REMINDED)
        return list(self.side.read(lambda session: session.exec(wanted).all()))

    def look(self) -> "Seen":
        """What is proven, taken and done here."""

        def read(session: Session) -> Seen:
            proven, taken, effects = (session.execute(text(query)).all() for query in _LOOKS)
            return Seen({tuple(row) for row in proven}, {tuple(row) for row in taken}, {one for (one,) in effects})

        return self.side.read(read)

    # --- what happens inside ------------------------------------------------------------------------------------------

    def _take(self, session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        name = incoming.envelope.id
        if session.get(Invitation, name) is not None:
            self.doubled.append(name)
            return []
        session.add(Invitation(id=name, direction="effect", region=peer.region, expires_at=now))
        return []

    def _take_returned(self, session: Session, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
        returning.take_returned(session, self.side.fed, incoming, peer, now)
        return []

    def _point(self, name: str) -> None:
        if name == self.dies_at:
            self.dies_at = None
            raise CrashError(name)


@dataclass
class Template:
    """Three paired regions, stopped; each run starts from a copy of their files."""

    folder: Path
    keys: dict[str, NodeKeys]

    @classmethod
    def make(cls, folder: Path, empty: Path) -> "Template":
        """Pair all with all."""
        keys = {code: NodeKeys.generate(SeededEntropy(f"keys of {code}")) for code in REGIONS}
        template = cls(folder, keys)
        for code in REGIONS:
            shutil.copyfile(empty, folder / f"{code}.sqlite")
        with template.opened(folder) as (regions, _wire, _clock), asyncio.Runner() as runner:
            sides = [region.side for region in regions.values()]
            for one in sides:
                for other in sides:
                    if one is not other:
                        introduce(one, other)
            for side in sides:
                runner.run(side.delivery.tick())
                runner.run(side.delivery.aclose())
        return template

    @contextmanager
    def opened(self, folder: Path) -> Iterator[tuple[dict[str, Region], StormyWire, FakeClock]]:
        """The regions whose files lie in `folder`."""
        wire, clock = StormyWire(), FakeClock(START)
        regions = {
            code: Region(
                code,
                folder / f"{code}.sqlite",
                NodeKeys(list(keys.all())),
                wire,
                SkewedClock(clock),
                SeededEntropy(f"{folder.name} {code}"),
            )
            for code, keys in self.keys.items()
        }
        try:
            yield regions, wire, clock
        finally:
            for region in regions.values():
                region.close()

    def copy(self, folder: Path) -> None:
        """Lay the files out once more."""
        for code in REGIONS:
            shutil.copyfile(self.folder / f"{code}.sqlite", folder / f"{code}.sqlite")


async def look_around(region: Region) -> None:
    """One round of a node: send what is due, and ask for what is missing."""
    with suppress(CrashError):
        await region.side.delivery.tick()
    await region.side.delivery.aclose()
    client = PeerClient(region.side.fed, region.wire)
    with suppress(CrashError):
        await pull_due(region.side.fed, region.side.database, client, region.side.handlers, region.side.gate)
    await client.aclose()


def new_keys(region: Region) -> None:
    """Rotate the keys and queue the news of it."""
    region.keys.take(region.keys.rotated(region.entropy, region.clock.now()))
    region.side.write(lambda session: rotation.announce(session, region.side.fed))


def state_of(region: Region, peer: str) -> str:
    """How a region stands to a peer."""
    found = region.side.read(lambda session: peers.find_peer(session, peer))
    return str(found.state)
