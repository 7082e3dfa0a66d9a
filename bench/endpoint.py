"""Row 1: a POST endpoint behind the whole middleware stack, against bare uvicorn."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.load import load
from bench.servers import serving
from bench.slices import Result, compare

BODY = json.dumps(
    {
        "name": "罗景行",
        "document_type": "resident_id",
        "document_number": "790101196811023310",
        "origin_region": "790101201",
        "arrived_on": "2026-04-26",
    },
    ensure_ascii=False,
).encode()


def measure(*, pairs: int = 15, seconds: float = 0.6) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        command = [sys.executable, "-m", "service.cli", "init", str(directory / "node"), "--region", "790303"]
        command += ["--name", "澜江市", "--base-url", "https://node.example", "--json"]
        subprocess.run(command, check=True, capture_output=True)
        with (
            serving("bench.own_endpoint", str(directory / "node"), directory=directory) as own,
            serving("bench.bare_echo", directory=directory) as bare,
        ):
            return [
                compare(
                    "POST endpoint, pydantic in and out, whole middleware stack",
                    "bare uvicorn ASGI echo",
                    0.30,
                    lambda: load("127.0.0.1", own, "/api/v1/bench", BODY, seconds=seconds),
                    lambda: load("127.0.0.1", bare, "/", BODY, seconds=seconds),
                    pairs=pairs,
                )
            ]


if __name__ == "__main__":
    print(measure())
