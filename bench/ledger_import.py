"""A ledger of 200,000 people taken in and registered, beside the same sealing, indexing and inserts in a bare loop.

Ours is all of it: another process reads the text, every row is judged and compared with the register, kept sealed for
its preview, and registered in batches that hold the write lock for a moment each. The bare loop gets people that are
checked already, seals and indexes them with nothing but the cryptographic functions themselves, and inserts with
`executemany`, a commit for a thousand of them. Both write to a database of the same tables, with the same settings, and
both grow to 200,000 people while they are measured.

Four times a second another officer writes while ours goes on; the note says how long such a write took.
"""

import csv
import hmac
import json
import resource
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.invented import invented
from bench.slices import Result, Work, compare
from schemas.calendar import PartialDate
from schemas.clock import SystemClock
from schemas.entropy import SystemEntropy, uuid4, uuid7
from schemas.identity import fold_name
from service.building import build_node
from service.context import Node
from service.engines import LOG_PAGES, WRITER_CACHE_KIB, sqlite_driver
from service.founding import found
from service.leases import take_lease
from service.ledgers.importing import operator, register_all, take_in
from service.registry.doubles.likeness import sound_of
from service.registry.people import NewPerson, number_check
from service.registry.searching.tokens import pieces_of
from service.settings import Settings

ROWS: Final = 10_000
PAIRS: Final = 20
REGION: Final = "790303"
CACHE: Final = f"cache_size=-{WRITER_CACHE_KIB}"
LOG: Final = f"wal_autocheckpoint={LOG_PAGES}"
HEADER: Final = ("姓名", "身份证号码", "出生日期", "户籍地", "流入日期", "联系电话", "现居住地址")

People = Iterator[tuple[int, NewPerson, PartialDate]]


def measure() -> list[Result]:
    """The row of the table; its note says how long the whole ledger took."""
    folder = Path(tempfile.mkdtemp(prefix="tonglu-ledger-"))
    try:
        ours, bare = _Ours(folder), _Bare(folder)
        result = compare(
            "ledger import, 200 k rows: read, judged, compared, sealed, indexed, registered",
            "the same sealing, indexing and inserts in a bare loop with `executemany`",
            0.5,
            ours,
            bare,
            pairs=PAIRS,
        )
        waits = sorted(ours.waits)
        note = (
            f"{ours.people:,} people in {ours.seconds:.0f} s, {ours.processor / ours.people * 1e6:.0f} µs of processor "
            f"time a person (bare loop: {bare.seconds:.0f} s, {bare.processor / ours.people * 1e6:.0f} µs); another "
            f"officer's write took {statistics.median(waits) * 1000:.0f} ms, p95 "
            f"{waits[len(waits) * 95 // 100] * 1000:.0f} ms, the longest of {len(waits)} {waits[-1] * 1000:.0f} ms"
        )
        return [Result(**{**result.__dict__, "note": note})]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Ours:
    """Each slice imports a ledger of its own into one register that grows."""

    def __init__(self, folder: Path) -> None:
        self.node = open_node(folder / "ours")
        self.file = folder / "ledger.csv"
        self.source = invented((PAIRS + 1) * ROWS, seed=7)
        self.people, self.seconds, self.processor = 0, 0.0, 0.0
        self.waits: list[float] = []

    def __call__(self) -> Work:
        write_ledger(self.file, islice(self.source, ROWS))
        by = operator(self.node)
        done = Event()
        officer = Thread(target=self._write_meanwhile, args=(done,))
        officer.start()
        begun, used = time.perf_counter(), _processor_seconds()
        import_id = take_in(self.node, self.file, None, by=by)
        register_all(self.node, import_id, by=by)
        taken, used = time.perf_counter() - begun, _processor_seconds() - used
        done.set()
        officer.join()
        self.people, self.seconds, self.processor = self.people + ROWS, self.seconds + taken, self.processor + used
        return Work(ROWS, taken)

    def _write_meanwhile(self, done: Event) -> None:
        holder = uuid4(SystemEntropy())
        while not done.wait(0.25):
            begun = time.perf_counter()
            self.node.database.write_sync(lambda session: take_lease(session, "bench", holder, self.node.now(), 60))
            self.waits.append(time.perf_counter() - begun)


class _Bare:
    """The plainest way to the same rows."""

    def __init__(self, folder: Path) -> None:
        node = open_node(folder / "bare")
        file = node.settings.database.removeprefix("sqlite:///")
        node.database.close()
        self.connection: Any = sqlite_driver().connect(file)
        self.connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", CACHE, LOG):
            self.connection.execute(f"PRAGMA {pragma}")
        self.statements = {
            table: _insert(self.connection, table)
            for table in ("person", "search_token", "arrival", "access_log_entry")
        }
        self.master, self.blind, self.area = AESGCM(secrets.token_bytes(32)), *(secrets.token_bytes(32) for _ in "ab")
        self.source = invented((PAIRS + 1) * ROWS, seed=8)
        self.seconds, self.processor = 0.0, 0.0

    def __call__(self) -> Work:
        people = list(islice(self.source, ROWS))
        begun, used = time.perf_counter(), _processor_seconds()
        for start in range(0, ROWS, 1000):
            self._insert(people[start : start + 1000])
        taken = time.perf_counter() - begun
        self.seconds, self.processor = self.seconds + taken, self.processor + _processor_seconds() - used
        return Work(ROWS, taken)

    def _insert(self, part: Iterable[tuple[int, NewPerson, PartialDate]]) -> None:
        rows: dict[str, list[dict[str, Any]]] = {table: [] for table in self.statements}
        now, entropy = SystemClock().now(), SystemEntropy()
        at = now.isoformat(sep=" ").removesuffix("+00:00")
        for _, new, moved in part:
            person_id, key = uuid7(now, entropy), secrets.token_bytes(32)
            seal = AESGCM(hmac.digest(key, b"seal", "sha256"))
            identity, phone = new.identity, new.contact.phone
            born = identity.date_of_birth
            told = {"name": identity.name, "number": identity.document_number, "born": born and born.isoformat()}
            rows["person"].append(
                {
                    "id": person_id,
                    "area": REGION,
                    "wrapped_key": _sealed(self.master, json.dumps(key.hex()), b"key"),
                    "identity": _sealed(seal, json.dumps(told, ensure_ascii=False), person_id.encode()),
                    "contact": _sealed(seal, json.dumps({"phone": phone}), person_id.encode()),
                    "address": _sealed(seal, json.dumps(new.address, ensure_ascii=False), person_id.encode()),
                    "language": "zh-CN",
                    "state": "active",
                    "version": 1,
                    "document_index": self._index(identity.document_number),
                    "name_birth_index": self._index(f"{fold_name(identity.name)}{born}"),
                    "sound_birth_index": self._index(f"{sound_of(identity.name)}{born}"),
                    "number_check": number_check(identity),
                }
            )
            tokens = {
                hmac.digest(self.area, f"{kind}\0{one}".encode(), "sha256")[:16]
                for kind, one in pieces_of(identity, phone)
            }
            rows["search_token"] += [{"token": token, "person_id": person_id} for token in tokens]
            rows["arrival"].append(
                {
                    "id": uuid7(now, entropy),
                    "person_id": person_id,
                    "area": REGION,
                    "state": "to_be_told",
                    "origin_region": "790101",
                    "arrived_on": str(moved),
                    "journey": uuid4(entropy),
                    "registered_by": "operator",
                    "source_ledger": "bare",
                    "entered_at": at,
                }
            )
            rows["access_log_entry"].append(
                {
                    "id": uuid7(now, entropy),
                    "at": at,
                    "actor": "officer",
                    "office": REGION,
                    "officer": "operator",
                    "action": "person",
                    "automatic": False,
                    "subject": hmac.digest(key, b"access_log", "sha256")[:16],
                    "sealed": _sealed(seal, '{"action":"arrival.imported"}'.ljust(256), b"log"),
                }
            )
        self.connection.execute("BEGIN IMMEDIATE")
        for table, many in rows.items():
            columns, statement = self.statements[table]
            self.connection.executemany(statement, [tuple(row.get(name) for name in columns) for row in many])
        self.connection.execute("COMMIT")

    def _index(self, value: str | None) -> bytes | None:
        return hmac.digest(self.blind, value.encode(), "sha256")[:16] if value else None


def open_node(directory: Path) -> Node:
    """A new node with an empty register."""
    found(directory, region=REGION, name="澜江市", base_url="http://790303.example", entropy=SystemEntropy())
    return build_node(Settings.load(directory, allow_private_peers=True), clock=SystemClock())


def write_ledger(path: Path, people: People) -> None:
    """Write invented people as a township would keep them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file).writerow
        write(HEADER)
        for _, new, moved in people:
            identity = new.identity
            number, born, phone = identity.document_number or "", identity.date_of_birth, new.contact.phone or ""
            write([identity.name, number, born, "青禾县", moved, phone, new.address])


def memory(rows: int) -> tuple[int, int]:
    """Import a ledger by command in a process of its own; returns the MiB of the node and of its reader, at most."""
    with tempfile.TemporaryDirectory(prefix="tonglu-ledger-") as name:
        folder = Path(name)
        open_node(folder / "node").database.close()
        write_ledger(folder / "ledger.csv", invented(rows, seed=9))
        command = [sys.executable, "-m", "bench.ledger_import", str(folder / "node"), str(folder / "ledger.csv")]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        ours, reader = told.stdout.split()[-2:]
        return int(ours), int(reader)


def _processor_seconds() -> float:
    """What this process and those that it waited for have used."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _insert(connection: Any, table: str) -> tuple[list[str], str]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(f'"{name}"' for name in columns)
    return columns, f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' for _ in columns)})"


def _sealed(box: AESGCM, text: str, context: bytes) -> bytes:
    nonce = secrets.token_bytes(12)
    return b"\x01" + nonce + box.encrypt(nonce, text.encode(), context)


def _import_here(directory: str, file: str) -> None:
    node = build_node(Settings.load(Path(directory), allow_private_peers=True), clock=SystemClock())
    by = operator(node)
    register_all(node, take_in(node, Path(file), None, by=by), by=by)
    node.database.close()
    for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        print(resource.getrusage(whose).ru_maxrss // 1024)


if __name__ == "__main__":
    _import_here(sys.argv[1], sys.argv[2])
