"""The scheduler only ticks: jobs are woken, fail alone, and run in as many processes as one likes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import Session, col, func, select

from federation.client import PeerClient
from service import jobs
from service.access_log import AccessLogEntry, Actor, record
from service.context import Node
from service.jobs import JOBS, Job, Scheduler, Tools, make_tools, number_log, run_job, tick
from service.log_verify import Verdict, verify_log
from service.routes.metrics import Counts


def tools_of(node: Node) -> Tools:
    return make_tools(node, lambda: PeerClient(node.fed))


def log_something(node: Node, times: int = 1) -> None:
    def write(session: Session) -> None:
        for _ in range(times):
            record(session, node, Actor.node(node.region), "a")

    node.database.write_sync(write)


def unnumbered(node: Node) -> int:
    wanted = select(func.count()).select_from(AccessLogEntry).where(col(AccessLogEntry.index).is_(None))
    return node.database.read_sync(lambda session: session.exec(wanted).one())


def verified_with_its_file(node: Node) -> Verdict:
    file = node.settings.checkpoints_path.read_text("utf-8")
    return node.database.read_sync(lambda session: verify_log(session, node.fed.keys, node.region, file=file))


def test_the_table_names_every_job_of_the_contract() -> None:
    assert set(JOBS) == {
        "delivery",
        "matching",
        "releases",
        "deadlines",
        "reminders",
        "log",
        "purge",
        "duplicates",
        "status_lists",
        "streams",
        "notices",
        "reports",
    }


@pytest.mark.parametrize("name", sorted(JOBS))
async def test_every_job_runs_on_an_empty_node(node: Node, name: str) -> None:
    await run_job(name, node, tools_of(node))


def test_a_tick_runs_all_jobs_or_one_and_says_how_much_it_was(node: Node) -> None:
    log_something(node, 3)
    assert tick(node, "log") == {"log": 3}
    assert set(tick(node)) == set(JOBS)
    with pytest.raises(KeyError):
        tick(node, "nonsense")


async def test_numbering_keeps_the_head_outside_the_database_too(node: Node) -> None:
    log_something(node, jobs.BATCH_ENTRIES + 7)
    tools = tools_of(node)
    assert await number_log(node, tools) == jobs.BATCH_ENTRIES + 7
    assert await number_log(node, tools) == 0
    verdict = verified_with_its_file(node)
    assert (verdict.whole, verdict.notes, verdict.unnumbered) == (True, [], 0)


async def test_a_file_that_a_crash_left_behind_is_caught_up(node: Node) -> None:
    tools = tools_of(node)
    log_something(node)
    await number_log(node, tools)
    node.settings.checkpoints_path.unlink()
    await number_log(node, tools)
    assert node.settings.checkpoints_path.exists()


async def test_while_another_process_numbers_this_one_waits(node: Node) -> None:
    one, other = tools_of(node), tools_of(node)
    await node.database.write(lambda session: jobs.take_lease(session, "log", one.holder, jobs.SystemClock().now(), 60))
    log_something(node)
    assert await number_log(node, other) == 0
    assert await number_log(node, one) == 1
    log_something(node)
    assert await number_log(node, other) == 1


async def until(done: Any, seconds: float = 60) -> None:
    """Let the loop run until something is so; the test fails when it takes too long."""
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - what is waited for is other tasks' and tells nobody
            await asyncio.sleep(0.01)


async def test_a_job_that_was_woken_in_a_transaction_sees_what_it_committed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No tick comes in the time of this test.
    monkeypatch.setattr(jobs, "JOBS", {name: replace(job, every_seconds=3600) for name, job in JOBS.items()})
    scheduler = Scheduler(node, tools_of(node), Counts())
    awake = replace(node, wake=scheduler.wake)
    scheduler.start()
    try:
        await until(lambda: not scheduler._tasks)

        def write(session: Session) -> None:
            record(session, awake, Actor.node(node.region), "a")
            awake.wake("log")

        for _ in range(20):
            await node.database.write(write)
            await until(lambda: unnumbered(node) == 0)
    finally:
        await scheduler.stop()
    assert not scheduler.is_running


async def test_one_jobs_fault_stops_neither_the_others_nor_its_own_next_run(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs: list[str] = []

    async def fails(_node: Node, _tools: Tools) -> int:
        runs.append("failed")
        raise RuntimeError("canary")

    monkeypatch.setattr(jobs, "JOBS", {**JOBS, "matching": Job(3600, (fails,))})
    counts = Counts()
    scheduler = Scheduler(node, tools_of(node), counts)
    scheduler.start()
    try:
        log_something(node)
        await until(lambda: runs and not scheduler._tasks)
        scheduler.wake("matching")
        scheduler.wake("log")
        await until(lambda: len(runs) > 1 and unnumbered(node) == 0)
    finally:
        await scheduler.stop()
    assert unnumbered(node) == 0
    logged = "".join(capsys.readouterr())
    assert "RuntimeError" in logged
    assert "canary" not in logged
    with pytest.raises(KeyError):
        scheduler.wake("nonsense")
