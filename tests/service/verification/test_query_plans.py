"""No question to the database goes through all of a table that grows with the register, on the way that messages take.

A million people make that the difference between a millisecond and a second, while others wait for the writer.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from service.jobs import JOBS, run_job
from tests.service.two_regions import ANSWERER, Regions

GROWING = (
    "access_log_entry|arrival|consent|departure|exchange|given_answer|inbox_message|outbox_message|peer_message|person"
    "|receipt|received_departure|search_token|verification_request"
)
SMALL = ("ix_received_departure_waiting",)
"""Indexes that hold only the rows that are looked for."""
SHARE_HOME = f"share_with_peer:{ANSWERER}"


@contextmanager
def plans() -> Iterator[dict[str, list[str]]]:
    """Collects, for each statement that runs, what SQLite says of how it will run it."""
    seen: dict[str, list[str]] = {}

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if many or statement in seen or not statement.startswith(("SELECT", "UPDATE", "DELETE")):
            return
        raw = connection.connection.dbapi_connection.cursor()
        seen[statement] = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", explain)


def through_all(seen: dict[str, list[str]]) -> list[str]:
    """Statements that look at every row of a growing table, or order all of it."""
    scan = re.compile(rf"SCAN (?:{GROWING})\b(?! USING (?:COVERING )?INDEX (?:{'|'.join(SMALL)})$)")
    return [f"{step}: {statement[-200:]}" for statement, steps in seen.items() for step in steps if scan.match(step)]


@pytest.mark.one_database("sqlite", "SQLite says how it runs a statement whatever the tables hold")
async def test_messages_and_jobs_find_their_rows_by_an_index(regions: Regions):
    with plans() as seen:
        await regions.answerer.leaves()
        arrival = await regions.asker.arrives(SHARE_HOME)
        await regions.asker.asks(arrival["person_id"])
        await regions.settle()
        for side in (regions.asker, regions.answerer):
            for job in JOBS:
                await run_job(job, side.node, side.tools)
    assert len(seen) > 100
    assert through_all(seen) == []


def test_a_scan_is_noticed():
    assert through_all({"SELECT 1": ["SCAN person"]})
    assert through_all({"SELECT 1": ["SCAN arrival USING INDEX sqlite_autoindex_arrival_1"]})
    assert through_all({"SELECT 1": ["SCAN arrival USING COVERING INDEX ix_arrival_moved"]})
    assert not through_all({"SELECT 1": ["SEARCH person USING INDEX ix_person_document (document_index=?)"]})
    assert not through_all({"SELECT 1": ["SCAN received_departure USING INDEX ix_received_departure_waiting"]})
