"""What a node with five million people holds in memory while nobody works with it: the real process, all its jobs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.servers import await_port, free_port
from bench.siblings import TIMES, register_of_siblings
from bench.slices import Result

PEOPLE = 1_000_000
MOST_MEGABYTES = 300.0
IDLE_SECONDS = 30.0


def measure(*, people: int = PEOPLE, idle_seconds: float = IDLE_SECONDS) -> list[Result]:
    directory = register_of_siblings(people)
    with _served(directory) as process:
        highest = 0.0
        ends_at = time.monotonic() + idle_seconds
        while time.monotonic() < ends_at:
            highest = max(highest, _resident_megabytes(process.pid))
            time.sleep(0.5)
    return [
        Result(
            row=f"memory of a node with {people * TIMES:,} people, idle",
            baseline=f"{MOST_MEGABYTES:.0f} MB",
            bar=1.0,
            ratio=MOST_MEGABYTES / highest,
            lowest=MOST_MEGABYTES / highest,
            highest=MOST_MEGABYTES / highest,
            ours_per_second=highest,
            baseline_per_second=MOST_MEGABYTES,
            note=(
                f"the columns of rates hold megabytes; resident set of `tonglu serve`, highest of {idle_seconds:.0f} s "
                "with all jobs running"
            ),
        )
    ]


@contextmanager
def _served(directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "serve", str(directory), "--port", str(port)]
    environment = os.environ | {"TONGLU_ALLOW_PRIVATE_PEERS": "true"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_port(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


if __name__ == "__main__":
    print(measure())
