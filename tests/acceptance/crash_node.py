"""A node that ends itself with SIGKILL at a named point, once it is told to.

Nothing happens until the file ARMED exists. The first time that the program then passes POINT (schemas/points.py), it
writes the point's name to REACHED and kills its own process: no destructor, no flush and no rollback runs.
"""

import os
import signal
import threading
from datetime import datetime
from pathlib import Path

from schemas.points import POINTS
from service.app import build_node, create_app
from service.cli.opening import FixedClock
from service.jobs import tick
from service.listening import serve
from service.settings import Settings


class KillAt:
    """A point (`schemas.points.Point`) at which the process dies."""

    def __init__(self, name: str, armed: Path, reached: Path) -> None:
        assert name in POINTS, name
        self._name, self._armed, self._reached = name, armed, reached
        self._dying = threading.Lock()

    def __call__(self, name: str) -> None:
        if name != self._name or not self._armed.exists():
            return
        self._dying.acquire()  # never released: a second thread that comes here waits for the end
        with self._reached.open("w") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        os.kill(os.getpid(), signal.SIGKILL)


def serve_until(point: str, armed: str, reached: str, directory: str) -> None:
    """Serve a node that dies at `point` once the file `armed` is there."""
    settings = Settings.load(Path(directory))
    serve(create_app(settings, point=KillAt(point, Path(armed), Path(reached))), settings, only=None, ready=print)


def serve_plainly(directory: str) -> None:
    """Serve a node as `tonglu serve` does."""
    settings = Settings.load(Path(directory))
    serve(create_app(settings), settings, only=None, ready=print)


def tick_until(point: str, armed: str, reached: str, directory: str, *job_at: str) -> None:
    """Run a job once, as `tonglu tick --at` does (its name, the time), and die at `point`."""
    job, at = job_at
    kill = KillAt(point, Path(armed), Path(reached))
    node = build_node(Settings.load(Path(directory)), clock=FixedClock(datetime.fromisoformat(at)), point=kill)
    try:
        tick(node, job)
    finally:
        node.database.close()
