"""Servers that a benchmark measures, each a process of its own on a free port of 127.0.0.1."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(module: str, *arguments: str, directory: Path) -> Iterator[int]:
    """Run `python -m MODULE PORT ARGUMENTS…` until the block ends; yields the port once it listens."""
    port = free_port()
    with (directory / f"{module}.log").open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", module, str(port), *arguments], stdout=output, stderr=output)
        try:
            await_port(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)


def await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server on port {port} did not start")
