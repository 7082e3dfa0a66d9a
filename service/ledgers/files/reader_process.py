"""A ledger is read in a process of its own.

Parsers of foreign files may eat memory or crash, and a workbook holds more about people than may be kept. So another
Python process opens the file, under limits of its own, and hands back the cells of mapped columns alone, as JSON lines
on its standard output: first what the ledger is and how its columns are understood; then, once it was told on its
standard input whether some of them are to be read otherwise (and, if so, said again what they are), one line a person;
last the columns that were dropped (or, at any time, why the file cannot be read).
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import IO, Any

from schemas.problems import LedgerUnreadable
from service.ledgers.files.fields import (
    Chosen,
    Field,
    KeptColumn,
    LedgerKind,
    RawRow,
    ToldColumn,
    Why,
    row_from_json,
    row_to_json,
)

MEMORY_MEGABYTES = 128
"""Address space of the reader, libraries included. 300 rows need 30 MB, 30,000 rows (3 MB) 80, 200,000 (20 MB) 400."""
MEMORY_MEGABYTES_PER_MEGABYTE = 16
MOST_MEMORY_MEGABYTES = 1536
CPU_SECONDS = 4
"""Time on a processor: 300 rows need 0.2 s, 30,000 rows (3 MB) 2 s, 200,000 (20 MB) 10 s."""
CPU_SECONDS_PER_MEGABYTE = 3
PATIENCE = 5
"""So many times the processor's time may pass on a busy machine."""
_ROOT = Path(__file__).resolve().parents[2]
_DAMAGED = "The workbook is damaged; open it in Excel and save it again."
_TOO_LARGE = "The sheet is too large: split the ledger."
_OUT_OF_BOUNDS = frozenset({-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGABRT})
"""How the reader ends when it needs more time or memory than any ledger of the file's size (Rust aborts)."""


class LedgerReader(AbstractContextManager["LedgerReader"]):
    """A ledger being read by another process.

    `kind`, `columns` and `kept` are known at once, `rows` gives the people one by one, `dropped` is complete after the
    last one. `refusal` says why no journey can be made of the columns, until `choose` has changed that.
    """

    kind: LedgerKind
    columns: tuple[ToldColumn, ...]
    kept: tuple[KeptColumn, ...]
    refusal: LedgerUnreadable | None

    def __init__(self, source: Path | bytes, kind: LedgerKind | None = None) -> None:
        """Start reading a file, or an upload's bytes, which are never written to a disk.

        Raises `LedgerUnreadable` where it is no ledger (of this kind), `OSError` where it cannot be opened.
        """
        self.dropped: tuple[str, ...] = ()
        self._answered = False
        descriptor = _in_memory(source) if isinstance(source, bytes) else _opened(source)
        size = os.fstat(descriptor).st_size
        command = [sys.executable, "-m", "service.ledgers.files.reader_process", f"/dev/fd/{descriptor}", kind or "-"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module; the path is an argument, not a command
            command,
            cwd=_ROOT,
            env={"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", "")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(descriptor,),
        )
        os.close(descriptor)
        self._asked, self._closed = False, Event()
        Thread(target=self._watch, args=(PATIENCE * _cpu_seconds(size),), name="tonglu-reader", daemon=True).start()
        try:
            self._take_head()
        except BaseException:
            self.close()
            raise

    def choose(self, chosen: Chosen, kind: LedgerKind | None = None) -> None:
        """Have some columns read otherwise than their headers say, before the first row is taken.

        Raises `LedgerUnreadable` where the file breaks off.
        """
        if self._answered:
            raise RuntimeError("columns are chosen once, before the rows")
        self._answered = True
        self._say({"chosen": dict(chosen), "kind": kind})
        if chosen or kind:
            self._take_head()

    @property
    def rows(self) -> Iterator[RawRow]:
        """The people, in the order of the file. Raises `LedgerUnreadable` where it breaks off or lacks columns."""
        if not self._answered:
            self.choose({})
        if self.refusal is not None:
            raise self.refusal
        while True:
            line = self._line()
            if isinstance(line, dict):
                self.dropped = tuple(line["dropped"])
                return
            yield row_from_json(line)

    def close(self) -> None:
        """End the other process, whether or not it was done."""
        self._closed.set()
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        self.close()

    def _take_head(self) -> None:
        head = self._line()
        self.kind = LedgerKind(head["kind"])
        self.columns = tuple(
            ToldColumn(header, Field(name) if name else None, Why(why)) for header, name, why in head["columns"]
        )
        self.kept = tuple(KeptColumn(Field(name), header) for name, header in head["kept"])
        self.refusal = LedgerUnreadable(head["refusal"]) if head["refusal"] else None

    def _say(self, value: object) -> None:
        stdin = self._process.stdin
        # A process that has ended says why on its own way out.
        with suppress(BrokenPipeError):
            if stdin:
                stdin.write(json.dumps(value).encode() + b"\n")
                stdin.flush()

    def _watch(self, seconds: int) -> None:
        """End the reader once it has let us wait for so long; while we do something else it waits for us."""
        while not self._closed.wait(1):
            seconds -= self._asked
            if seconds <= 0:
                self._process.kill()
                return

    def _line(self) -> Any:
        stdout = self._process.stdout
        self._asked = True
        line = stdout.readline() if stdout else b""
        self._asked = False
        if not line.endswith(b"\n"):
            # It crashed, or ran out of memory or time: whatever the file is, it is no ledger that can be read.
            raise LedgerUnreadable(_TOO_LARGE if self._process.wait() in _OUT_OF_BOUNDS else _DAMAGED)
        read = json.loads(line)
        if isinstance(read, dict) and "unreadable" in read:
            raise LedgerUnreadable(read["unreadable"], **read["facts"])
        return read


def _cpu_seconds(size: int) -> int:
    return CPU_SECONDS + CPU_SECONDS_PER_MEGABYTE * (size >> 20)


def _opened(path: Path) -> int:
    # Without waiting: nobody may ever write into a pipe that was given for a file.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def _in_memory(content: bytes) -> int:
    """Give a descriptor of a file that is on no disk (Linux), or at least has no name (elsewhere)."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("ledger")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _write(out: IO[str], value: object) -> None:
    # Halves of surrogate pairs, which a broken workbook may hold, travel escaped.
    out.write(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def _serve(path: Path, kind: LedgerKind | None, out: IO[str], told: IO[str]) -> None:
    # The parsers are imported under the limits, and in this process alone.
    from service.ledgers.files.extraction import Extraction, Incomplete, extract_chosen  # noqa: PLC0415 - see above

    def open_it(kind: LedgerKind | None, chosen: Chosen) -> Extraction | None:
        try:
            found = extract_chosen(path, kind, chosen)
        except Incomplete as error:
            columns = [[one.header, one.field, one.why] for one in error.columns]
            _write(out, {"kind": error.kind, "kept": [], "columns": columns, "refusal": error.refusal.msgid})
            return None
        kept = [[column.field, column.header] for column in found.kept]
        columns = [[one.header, one.field, one.why] for one in found.columns]
        _write(out, {"kind": found.kind, "kept": kept, "columns": columns, "refusal": None})
        return found

    try:
        extraction = open_it(kind, {})
        out.flush()
        answer = json.loads(told.readline() or "{}")
        if answer.get("chosen") or answer.get("kind"):
            chosen = {header: Field(name) if name else None for header, name in answer["chosen"].items()}
            extraction = None
            extraction = open_it(LedgerKind(answer["kind"]) if answer["kind"] else kind, chosen)
            out.flush()
        if extraction is None:
            return
        for row in extraction.rows:
            _write(out, row_to_json(row))
        _write(out, {"dropped": extraction.dropped})
    except LedgerUnreadable as error:
        _write(out, {"unreadable": error.msgid, "facts": error.facts})
    except MemoryError:
        _write(out, {"unreadable": _TOO_LARGE, "facts": {}})


def main(arguments: list[str]) -> None:
    """Read the ledger at the first argument as the kind of the second (`-`: to be told), onto standard output."""
    size = Path(arguments[0]).stat().st_size
    megabytes = min(MEMORY_MEGABYTES + MEMORY_MEGABYTES_PER_MEGABYTE * (size >> 20), MOST_MEMORY_MEGABYTES)
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (_cpu_seconds(size), _cpu_seconds(size) + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kind = None if arguments[1] == "-" else LedgerKind(arguments[1])
    _serve(Path(arguments[0]), kind, sys.stdout, sys.stdin)


if __name__ == "__main__":
    main(sys.argv[1:])
