"""Everything that the node does by itself, in one table, and the scheduler that only ticks.

Rows are the truth: a job looks for rows that are due, claims them, works, and records. So it may run in any number of
processes at once, may be killed anywhere, and missing a tick costs a delay and nothing else. APScheduler keeps no job
store; it calls, and a job that is still running is not started a second time in this process.

``wake(name)`` runs a job at once after something gave it work. It may be called inside a writing transaction: before
the job looks, it waits behind that write, so that it sees what was committed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlmodel import Session

from federation.client import PeerClient
from federation.delivery import Delivery
from federation.pulling import pull_due
from federation.purging import purge as purge_federation
from schemas.clock import SystemClock
from schemas.entropy import uuid4
from schemas.problems import Unavailable
from service.agreements.directories import fetch_due_directories
from service.agreements.renewing import note_endings
from service.agreements.trust import destroy_old_seals
from service.certificates.peer_lists import fetch_due_lists
from service.certificates.receiving import file_received
from service.certificates.receiving import purge as purge_certificates
from service.consents.refusals import purge_refusals
from service.context import Node
from service.copies import purge_copies
from service.evidence import is_kept, keep_evidence
from service.handlers import Gate, make_handlers, make_on_outcome, make_remake
from service.idempotency import purge_answers
from service.leases import drop_lease, take_lease
from service.ledgers.actions import purge_uploads
from service.ledgers.importing import finish_imports
from service.log_tree import BATCH_ENTRIES, append_to_file, latest_checkpoint, sequence
from service.officers.sessions import purge_sessions
from service.portal.codes import purge as purge_codes
from service.registry.doubles.merging import purge_merged
from service.registry.doubles.pairs import find_duplicates
from service.registry.holds.ending import run_holds
from service.registry.life.settling import run_settling
from service.registry.parked import purge_parked
from service.registry.purging import purge_register
from service.registry.searching.indexing import index_anew
from service.registry.searching.limits import purge_openings
from service.registry.undoing.history import purge_changes
from service.reminders.receiving import purge as purge_plans
from service.reminders.receiving import take_on_plans
from service.reminders.run import run_reminders
from service.reports.closing import close_due
from service.request_notices.sending import send_request_notices
from service.request_notices.waiting import purge_notices
from service.routes.errors import where
from service.routes.metrics import Counts
from service.verification.deadlines import run_deadlines
from service.verification.leaving import release_due
from service.verification.matching import run_matching
from service.verification.moving import move_to_line
from service.verification.purging import purge_cases
from service.witnesses import show_checkpoints

LOG_LEASE_SECONDS: Final = 10
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Tools:
    """What jobs need besides the node: the sender of messages, and a client for peers' public documents."""

    delivery: Delivery
    client: Callable[[], PeerClient]
    holder: str


Work = Callable[[Node, Tools], Awaitable[int]]
"""Does what is due at ``node.now()`` and returns how much it was."""


@dataclass(frozen=True)
class Job:
    """One line of the table: how often the scheduler looks, and what it runs, in order."""

    every_seconds: int
    works: tuple[Work, ...]


async def number_log(node: Node, tools: Tools) -> int:
    """Number the log's new entries, sign its head, and keep the head outside the database, too."""
    total = 0

    def number(session: Session) -> int:
        # Leases are between processes: they go by the machine's clock, whatever time the node works at.
        if not take_lease(session, "log", tools.holder, SystemClock().now(), LOG_LEASE_SECONDS):
            return 0
        done = sequence(session, keys=node.fed.keys, region=node.region, now=node.now(), point=node.point)
        if done < BATCH_ENTRIES:
            drop_lease(session, "log", tools.holder)
        return done

    while (done := await node.database.write(number)) > 0:
        total += done
        if done < BATCH_ENTRIES:
            break
    newest = await node.database.read(latest_checkpoint)
    if newest is not None:
        await asyncio.to_thread(append_to_file, node.settings.checkpoints_path, newest.text)
    return total


async def keep(node: Node, _tools: Tools) -> int:
    """Put the evidence of the days that are over under the log."""
    return await keep_evidence(node)


async def show_log(node: Node, _tools: Tools) -> int:
    """Let peers witness the log's head, once a day."""
    if not await node.database.read(lambda session: is_kept(session, node)):
        # The head that goes is the first under which yesterday's evidence lies.
        return 0
    return await node.database.write(lambda session: show_checkpoints(session, node))


async def deliver(node: Node, tools: Tools) -> int:
    """Send what is due to every peer."""
    return await tools.delivery.tick(node.now())


async def pull(node: Node, tools: Tools) -> int:
    """Ask peers for what is missing here: a number that does not come, what a restored node forgot."""
    client = tools.client()
    try:
        return await pull_due(node.fed, node.database, client, make_handlers(node), Gate(node), at=node.now())
    finally:
        await client.aclose()


async def remind(node: Node, _tools: Tools) -> int:
    """Send the reminders that are due."""
    return await run_reminders(node)


async def tell_of_requests(node: Node, _tools: Tools) -> int:
    """Tell people of the requests about them."""
    return await send_request_notices(node)


async def fetch_status_lists(node: Node, tools: Tools) -> int:
    """Fetch peers' status lists ahead of need."""
    client = tools.client()
    try:
        return await fetch_due_lists(node, client)
    finally:
        await client.aclose()


async def fetch_directories(node: Node, tools: Tools) -> int:
    """Fetch the lists of the directories that are followed."""
    client = tools.client()
    try:
        return await fetch_due_directories(node, client)
    finally:
        await client.aclose()


async def file_certificates(node: Node, _tools: Tools) -> int:
    """Put delivered certificates into their people's folders."""
    return await node.database.write(lambda session: file_received(session, node))


async def take_on(node: Node, _tools: Tools) -> int:
    """Go on with plans that other regions hand over."""
    return await node.database.write(lambda session: take_on_plans(session, node))


async def match(node: Node, _tools: Tools) -> int:
    """Look up whom peers speak of."""
    return await run_matching(node)


async def release_answers(node: Node, _tools: Tools) -> int:
    """Let answers leave whose time has come."""
    return await node.database.write(lambda session: release_due(session, node))


async def settle(node: Node, _tools: Tools) -> int:
    """Do what follows from moves that ended or were voided more than ten minutes ago."""
    return await run_settling(node)


async def keep_deadlines(node: Node, _tools: Tools) -> int:
    """Remind, mark and end questions between offices; say in time that an agreement runs out; leave paper behind."""
    done = await node.database.write(lambda session: run_deadlines(session, node))
    done += await node.database.write(lambda session: note_endings(session, node))
    return done + await node.database.write(lambda session: move_to_line(session, node))


async def complete_index(node: Node, _tools: Tools) -> int:
    """After an upgrade, let everyone be found by what newer versions look for."""
    return await index_anew(node)


async def compare_people(node: Node, _tools: Tools) -> int:
    """Look for records that may be of the same person."""
    return await find_duplicates(node)


async def close_months(node: Node, _tools: Tools) -> int:
    """Count the months whose day has come, once for all."""
    return await close_due(node)


async def end_imports(node: Node, _tools: Tools) -> int:
    """Finish ledgers whose import was interrupted."""
    return await asyncio.to_thread(finish_imports, node)


async def purge(node: Node, _tools: Tools) -> int:
    """Delete what is no longer needed (rule 9), each room's own in its own transaction."""
    today = node.today()
    rooms: tuple[Callable[[Session], Any], ...] = (
        lambda session: purge_sessions(session, node),
        lambda session: purge_answers(session, node),
        lambda session: purge_uploads(session, node),
        lambda session: purge_openings(session, today),
        lambda session: purge_refusals(session, today),
        lambda session: purge_cases(session, node),
        lambda session: run_holds(session, node),
        lambda session: purge_register(session, node),
        lambda session: purge_changes(session, node),
        lambda session: purge_merged(session, node),
        lambda session: purge_parked(session, node),
        lambda session: purge_certificates(session, node),
        lambda session: purge_plans(session, node),
        lambda session: purge_codes(session, node),
        lambda session: purge_federation(session, node.now()),
        purge_copies,
        lambda session: purge_notices(session, node),
        lambda session: destroy_old_seals(session, node),
    )
    done = sum([int(await node.database.write(room) or 0) for room in rooms])
    await asyncio.to_thread(node.database.empty_wal)
    return done


JOBS: Final[Mapping[str, Job]] = {
    "matching": Job(5, (match, file_certificates, take_on)),
    "releases": Job(10, (release_answers, settle)),
    "deadlines": Job(600, (keep_deadlines,)),
    "duplicates": Job(600, (end_imports, complete_index, compare_people)),
    "reports": Job(600, (close_months,)),
    "reminders": Job(60, (remind,)),
    "notices": Job(60, (tell_of_requests,)),
    "status_lists": Job(60, (fetch_status_lists, fetch_directories)),
    "streams": Job(60, (pull, show_log)),
    "purge": Job(3600, (purge,)),
    "delivery": Job(60, (deliver,)),
    "log": Job(2, (keep, number_log)),
}
"""Every job by name, in the order in which `tick` runs them. Delivery also runs by itself as long as the node serves
(``federation.delivery``)."""


async def run_job(name: str, node: Node, tools: Tools) -> int:
    """Run one job once and return how much it did. Raises KeyError for an unknown name, and what the job raises."""
    return sum([await work(node, tools) for work in JOBS[name].works])


def make_tools(node: Node, client: Callable[[], PeerClient]) -> Tools:
    """The tools of one process; ``client`` makes what speaks HTTP to peers."""
    return Tools(
        Delivery(node.fed, node.database, client, on_outcome=make_on_outcome(node), remake=make_remake(node)),
        client,
        holder=uuid4(node.entropy),
    )


class Scheduler:
    """Runs the jobs of one process on its event loop: by the clock, and when they are woken."""

    def __init__(self, node: Node, tools: Tools, counts: Counts) -> None:
        self._node = node
        self._tools = tools
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._apscheduler: Any = AsyncIOScheduler(timezone=node.zone)
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_running(self) -> bool:
        """Whether the jobs tick."""
        return bool(self._apscheduler.running)

    def start(self) -> None:
        """Start to tick; every job also runs once at once, for what was left behind."""
        for name, job in JOBS.items():
            if name != "delivery":
                self._apscheduler.add_job(
                    self._run, "interval", args=[name], id=name, seconds=job.every_seconds, coalesce=True
                )
                self._begin(name)
        self._apscheduler.start()

    async def stop(self) -> None:
        """Stop, and wait for what is running to be cancelled."""
        self._apscheduler.shutdown(wait=False)
        # It does so when the loop comes round to it.
        await asyncio.sleep(0)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, name: str) -> None:
        """Run a job soon, from any thread, also from inside the transaction that gave it work.

        Raises KeyError for an unknown name.
        """
        if name not in JOBS:
            raise KeyError(name)
        # A loop that was closed has nothing left to wake.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._begin, name)

    def _begin(self, name: str) -> None:
        task = self._loop.create_task(self._run(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, name: str) -> None:
        if name in self._running:
            self._again.add(name)
            return
        self._running.add(name)
        try:
            self._again.add(name)
            while name in self._again:
                self._again.discard(name)
                await self._once(name)
        finally:
            self._running.discard(name)

    async def _once(self, name: str) -> None:
        try:
            # Behind whatever is being written, so that a job that was woken inside a transaction sees it.
            await self._node.database.write(_nothing)
            if name == "delivery":
                self._tools.delivery.wake(None)
            else:
                await run_job(name, self._node, self._tools)
        except Unavailable:
            _log.warning("job_waits", job=name)
            self._counts.job(name, "failed")
        except Exception as fault:  # noqa: BLE001 - one job's fault stops neither the others nor its own next run
            _log.error("job_failed", job=name, exception=type(fault).__name__, at=where(fault))
            self._counts.job(name, "failed")
        else:
            self._counts.job(name, "done")


def tick(node: Node, job: str | None = None) -> dict[str, int]:
    """Run one job, or all, once, as if it were ``node.now()``; returns how much each did.

    For a process of its own (``tonglu tick``). Requests to peers are signed at the machine's time, or they would be
    refused. Raises KeyError for an unknown job.
    """
    return asyncio.run(_tick(node, list(JOBS) if job is None else [job]))


async def _tick(node: Node, names: list[str]) -> dict[str, int]:
    signing = replace(node, fed=replace(node.fed, clock=SystemClock()))
    tools = make_tools(signing, lambda: PeerClient(signing.fed))
    try:
        return {name: await run_job(name, node, tools) for name in names}
    finally:
        await tools.delivery.aclose()


def _nothing(_session: Session) -> None:
    """Write nothing, behind all that was to be written before."""
