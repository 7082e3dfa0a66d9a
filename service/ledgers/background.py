"""Long work on a ledger goes on in a thread of its own, whether or not anybody looks on.

A page waits a moment for it, because most ledgers are short, and then shows how far it is. What was cut off by the end
of the process is taken up by a job (registering, undoing) or is said to have been cut off (reading).
"""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Final

import structlog

from schemas.problems import LedgerUnreadable, TongluError
from service.context import Node
from service.ledgers import actions
from service.ledgers.importing import Opened, read_rows
from service.ledgers.sealed_rows import Columns
from service.officers.rules import Officer

PATIENCE_SECONDS: Final = 1.5
_log = structlog.stdlib.get_logger(__name__)
_running: set[asyncio.Future[None]] = set()


async def begin_work(work: Callable[[], object]) -> bool:
    """Start work in a thread; returns whether it was done at once. What it raised by then is raised."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.run_in_executor(None, partial(_run, copy_context().run, work))
    _running.add(future)
    future.add_done_callback(_settle)
    done, _ = await asyncio.wait({future}, timeout=PATIENCE_SECONDS)
    if not done:
        return False
    await future
    return True


def read_to_the_end(node: Node, opened: Opened, import_id: str, *, by: Officer) -> None:
    """Read a ledger's rows; where the file breaks off, the import says so."""
    with opened.reader:
        try:
            read_rows(node, opened, import_id, by=by)
        except LedgerUnreadable as error:
            columns = opened.columns
            told = Columns(columns.columns, columns.kept, columns.dropped, error.msgid, dict(error.facts))
            node.database.write_sync(lambda session: actions.fail_reading(session, node, import_id, told))


def _run(run: Callable[[Callable[[], object]], object], work: Callable[[], object]) -> None:
    run(work)


def _settle(future: asyncio.Future[None]) -> None:
    _running.discard(future)
    if future.cancelled():
        return
    error = future.exception()
    if error is not None and not isinstance(error, TongluError):
        _log.error("ledger_work_failed", exception=type(error).__name__)
