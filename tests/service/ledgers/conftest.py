"""Ledgers made for a test, a node that imports them, and an officer."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import xlsxwriter

from federation.keys import NodeKeys
from federation.node import FederationNode
from schemas.calendar import WorkingCalendar
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy
from schemas.points import pass_by
from schemas.regions import Divisions
from service.context import Node
from service.ledgers.checking import CheckedRow, check_rows
from service.ledgers.extraction import extract
from service.officers.rules import Officer, Role
from service.settings import Settings
from service.vault import Vault

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
def divisions():
    return Divisions.load()


@pytest.fixture
def make_workbook(tmp_path: Path) -> Callable[..., Path]:
    """Write rows of cells into a workbook; `merges` are ranges such as `A1:P1`; more sheets as keyword arguments."""

    def make(rows, *, merges=(), name="ledger.xlsx", hidden=(), **more):
        path = tmp_path / name
        book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for title, lines in {"台账": rows, **more}.items():
            sheet = book.add_worksheet(title)
            for line, cells in enumerate(lines):
                for column, cell in enumerate(cells):
                    if isinstance(cell, date):
                        sheet.write_datetime(line, column, cell, day)
                    elif cell is not None:
                        sheet.write(line, column, cell)
            if lines is rows:
                for merged in merges:
                    sheet.merge_range(merged, None)
                for line, cells in enumerate(rows):
                    for column, cell in enumerate(cells):
                        if isinstance(cell, str) and cell and merges:
                            sheet.write(line, column, cell)
            if title in hidden:
                sheet.hide()
        book.close()
        return path

    return make


@pytest.fixture
def make_text(tmp_path: Path) -> Callable[..., Path]:
    def make(text: str, *, encoding="utf-8", name="ledger.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return make


@pytest.fixture
def judged(divisions) -> Callable[..., list[CheckedRow]]:
    """Read a ledger in this process and judge its rows."""

    def judge(path, kind=None):
        extraction = extract(path, kind)
        return list(check_rows(extraction.rows, extraction.kind, today=TODAY, divisions=divisions))

    return judge


@pytest.fixture
def clock():
    return FakeClock(datetime(2026, 11, 22, 2, 0, tzinfo=UTC))


@pytest.fixture
def make_node(database, clock, divisions, tmp_path) -> Callable[..., Node]:
    """Build the node of 澜江市 on the test's database; `point` may end what passes it."""

    def make(point=pass_by):
        entropy = SeededEntropy(7)
        settings = Settings(region="790303", name="澜江市", base_url="http://127.0.0.1:1", allow_private_peers=True)
        keys = NodeKeys.generate(entropy)
        fed = FederationNode("790303", "澜江市", "http://127.0.0.1:1", keys, clock, entropy)
        return Node(
            region="790303",
            name="澜江市",
            base_url="http://127.0.0.1:1",
            settings=settings,
            clock=clock,
            entropy=entropy,
            zone=ZoneInfo("Asia/Shanghai"),
            calendar=WorkingCalendar.load(),
            divisions=divisions,
            vault=Vault(bytes(range(32)), entropy),
            fed=fed,
            database=database,
            point=point,
        )

    return make


@pytest.fixture
def node(make_node) -> Node:
    return make_node()


@pytest.fixture
def officer() -> Officer:
    return Officer("1", "first", frozenset({Role.CLERK, Role.SUPERVISOR}), "790303", "zh-CN")


@pytest.fixture
def elsewhere() -> Officer:
    """A clerk of one street: what is outside it looks absent."""
    return Officer("2", "street", frozenset({Role.CLERK}), "790303001", "en")
