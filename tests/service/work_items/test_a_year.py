"""No task comes from time passing on a person (rule 11): a year goes by in a register, and nobody is to be chased."""

from datetime import date, timedelta

import pytest
from sqlmodel import select

from schemas.clock import FakeClock
from service.jobs import JOBS, make_tools, run_job
from service.officers.queries import all_accounts
from service.work_items.tables import WorkItem
from tests.service.reports.world import HOME, PAPER, TOWN, VILLAGE, Rows

ALL_BUT = {"delivery", "status_lists", "streams", "log"}
"""Jobs that only speak to peers, of whom there are none here, or number what is logged."""


@pytest.mark.by_turns
async def test_a_year_passes_and_asks_nothing_of_anybody(node, officer):
    clock = node.clock
    assert isinstance(clock, FakeClock)
    rows = Rows(node, sealed=True)
    rows.arrive(6, TOWN, HOME, "2026-10-09")
    rows.arrive(3, VILLAGE, PAPER, "2026-01", state="to_be_told", source_ledger="old")
    rows.arrive(2, VILLAGE, PAPER, "2026-01", state="unconfirmed")
    rows.depart(4, TOWN, PAPER, "2026-03-01", expected_return_on="2026-12-01")
    rows.person(TOWN, protection_until=date(2027, 1, 15))
    rows.keep()
    tools = make_tools(node, client=lambda: None)
    ran = set()
    for _ in range(9):
        clock.advance(days=42)
        for name in JOBS.keys() - ALL_BUT:
            await run_job(name, node, tools)
            ran.add(name)
    assert {"deadlines", "duplicates", "reminders", "purge", "reports"} <= ran
    assert clock.now() - timedelta(days=365) > officer_began(node)
    assert node.database.read_sync(lambda session: list(session.exec(select(WorkItem)))) == []


def officer_began(node):
    return node.database.read_sync(lambda session: all_accounts(session)[0].created_at)
