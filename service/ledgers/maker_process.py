"""A long ledger's people are made ready in a process of their own, beside the one that inserts them.

The other process is ours alone and opens neither files nor the database: it gets the master key and the sealed batches
through its standard input, and gives back what is to be inserted through its standard output. A short ledger is made
ready at once where it is registered, sooner than another interpreter has started.
"""

import fcntl
import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from schemas.entropy import Entropy, SystemEntropy
from service.context import Node
from service.ledgers.making import Making, Ready, SealedBatch, made_ready
from service.vault import Vault

ROWS_OF_ITS_OWN: Final = 3000
"""Rows of the shortest ledger for which another process is started: two seconds' work."""
_ROOT: Final = Path(__file__).resolve().parents[2]
_PIPE_BYTES: Final = 1 << 20
"""Room for some batches, so that neither process waits for every step of the other."""
_POOL_BYTES: Final = 1 << 16
_NICER: Final = 5
"""Officers who are being served come first."""


class MakerEnded(Exception):
    """The other process was ended, by whoever needed its memory perhaps: what it had in hand is to be made here."""


@contextmanager
def made_for(
    node: Node, making: Making, windows: Iterator[Sequence[SealedBatch]], rows: int
) -> Iterator[Iterator[Ready]]:
    """Make an import of so many rows ready, here or in another process, which ends with the block.

    What comes raises `MakerEnded` where the other process ends before its time.
    """
    if rows < ROWS_OF_ITS_OWN:
        yield made_ready(node, making, windows)
        return
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.ledgers.maker_process"],
            cwd=_ROOT,
            env={"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", "")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        raise MakerEnded from None
    try:
        if process.stdin is None or process.stdout is None:
            raise MakerEnded
        yield _asked(process.stdin, process.stdout, node, making, windows)
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        process.wait()


def _asked(
    out: IO[bytes], back: IO[bytes], node: Node, making: Making, windows: Iterator[Sequence[SealedBatch]]
) -> Iterator[Ready]:
    with suppress(OSError, AttributeError):  # where a pipe's size cannot be changed it is shorter
        fcntl.fcntl(back.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    try:
        _say(out, (node.settings.read_master_key(), making))
        while (told := _hear(back)) is not None:
            if told is _MORE:
                _say(out, (node.now(), next(windows, ())))
            else:
                yield told
    except BrokenPipeError:
        raise MakerEnded from None


_MORE: Final = True
"""Says that the next window is wanted; `None` says that nothing is left."""


def _hear(back: IO[bytes]) -> Any:
    try:
        return pickle.load(back)  # noqa: S301 - our own process said it
    except (EOFError, pickle.UnpicklingError, AttributeError, ImportError, IndexError):
        # It ended, or is of a newer version that was installed while this process ran.
        raise MakerEnded from None


def _say(out: IO[bytes], value: object) -> None:
    pickle.dump(value, out, pickle.HIGHEST_PROTOCOL)
    out.flush()


class _Pooled(SystemEntropy):
    """The operating system's randomness, fetched for some hundred people at once: in one thread that never forks."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._pool = b""
        self._place = 0

    def token_bytes(self, n: int) -> bytes:
        """`n` random bytes, each given once."""
        if self._place + n > len(self._pool):
            self._pool, self._place = super().token_bytes(max(n, _POOL_BYTES)), 0
        self._place += n
        return self._pool[self._place - n : self._place]


@dataclass
class _Bench:
    """What sealing needs of a node."""

    vault: Vault
    entropy: Entropy
    at: datetime

    def now(self) -> datetime:
        """When the node asked."""
        return self.at


def _serve(told: IO[bytes], out: IO[bytes]) -> None:
    read: Any = lambda: pickle.load(told)  # noqa: E731, S301 - the node's own process says it
    master_key, making = read()
    entropy = _Pooled()
    bench = _Bench(Vault(master_key, entropy), entropy, making.began)

    def windows() -> Iterator[Sequence[SealedBatch]]:
        while True:
            _say(out, _MORE)
            bench.at, window = read()
            if not window:
                return
            yield window

    for one in made_ready(bench, making, windows()):
        _say(out, one)
    _say(out, None)


if __name__ == "__main__":
    os.nice(_NICER)
    # What is made goes at once and holds nothing that points back at it: looking for circles finds none.
    gc.disable()
    # Whoever closes the pipes wants nothing more.
    with suppress(EOFError, BrokenPipeError):
        _serve(sys.stdin.buffer, sys.stdout.buffer)
