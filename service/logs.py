"""The process log: one JSON object a line on standard error, from our code and from libraries alike.

Its keys are few and listed, and none holds a person: no name, number, address, token, request body, query string, nor a
path with an id in it (the route's pattern stands for it). Exceptions' texts may quote what was worked on, so only their
class and the lines they passed through are written.
"""

import json
import logging
import sys
from contextlib import suppress
from typing import Any, Final

import structlog

from service.settings import Settings

KEYS: Final = frozenset(
    {
        "event",
        "level",
        "logger",
        "timestamp",
        "method",
        "route",
        "status",
        "milliseconds",
        "reference",
        "exception",
        "at",
        "code",
        "job",
        "notice",
    }
)
"""Every key that a line may have."""


class _StandardError(logging.Handler):
    """Writes to whatever is the standard error when a line is written."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a log that nobody reads any more (a broken pipe, a full disk) stops no request."""
        line = self.format(record)
        # ValueError: the stream is closed.
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


class _Lines(structlog.stdlib.ProcessorFormatter):
    """Writes our own lines as they are, and those of libraries by way of their processors."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; one of ours is finished but for its brackets (a copy of it is a tenth of a request)."""
        if isinstance(record.msg, dict) and hasattr(record, "_logger"):
            return json.dumps(record.msg, ensure_ascii=False, default=repr)
        return super().format(record)


def configure_logging(settings: Settings) -> None:
    """Set up the log of this process; called once where a process starts to serve."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        drop_exception_text,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _StandardError()
    handler.setFormatter(
        _Lines(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    # No line says them; asking for each record costs more than writing it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "apscheduler"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # One line a run of every job, at their most talkative: the job's own line says more.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    for name in ("httpx", "httpx2", "httpcore", "httpcore2"):
        # They write whole addresses.
        logging.getLogger(name).setLevel(logging.WARNING)


def drop_exception_text(_logger: Any, _name: str, line: dict[str, Any]) -> dict[str, Any]:
    """Replace an exception by its class: a traceback's last line may quote a value."""
    found = line.pop("exc_info", None)
    record = line.get("_record")
    if record is not None and record.exc_info:
        found = record.exc_info
        record.exc_info = None
        record.exc_text = None
    if found is True:
        found = sys.exc_info()
    if found:
        kind = found[0] if isinstance(found, tuple) else type(found) if isinstance(found, BaseException) else None
        line["exception"] = kind.__name__ if kind is not None else "unknown"
    return line
