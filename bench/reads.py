"""Reads by HTTP, 16 in flight: logged (committed before the answer) and unsealed, against the same without both."""

import random
import tempfile
from pathlib import Path

from bench.full_register import REGION, full_register, officer_of, open_register
from bench.load import load_requests
from bench.servers import serving
from bench.slices import Result, Slice, compare
from service.engines import sqlite_driver
from service.officers.sessions import open_session

PEOPLE = 1_000_000
REQUESTS = 500


def measure(*, people: int = PEOPLE, pairs: int = 9, seconds: float = 2.0) -> list[Result]:
    directory = full_register(people)
    node = open_register(directory)
    officer = officer_of(node, REGION)
    token = node.database.write_sync(lambda session: open_session(session, node, officer.id, "api"))
    node.database.close()
    arrivals = _arrivals(directory)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("bench.reading_node", str(directory), directory=Path(folder)) as port,
    ):

        def reading(path: str) -> Slice:
            head = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
            requests = [f"GET /api/v1{path}/{one}{head}".encode() for one in arrivals]
            return lambda: load_requests("127.0.0.1", port, requests, seconds=seconds)

        return [
            compare(
                f"reads by HTTP, 16 in flight, logged and unsealed, {people:,} people",
                "the same without log and sealing",
                0.6,
                reading("/arrivals"),
                reading("/bench/arrivals"),
                pairs=pairs,
            )
        ]


def _arrivals(directory: Path) -> list[str]:
    pick = random.Random(3)
    database = sqlite_driver().connect(directory / "tonglu.sqlite")
    (last,) = database.execute("SELECT max(rowid) FROM arrival").fetchone()
    places = [pick.randint(1, last) for _ in range(REQUESTS)]
    found = [database.execute("SELECT id FROM arrival WHERE rowid = ?", (one,)).fetchone()[0] for one in places]
    database.close()
    return found


if __name__ == "__main__":
    print(measure())
