"""Ledgers made for a test, a node that imports them, and an officer."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter

from schemas.entropy import SeededEntropy
from schemas.points import pass_by
from schemas.regions import Divisions
from service.app import build_node
from service.context import Node
from service.ledgers.files.extraction import extract
from service.ledgers.judging.checking import CheckedRow, check_rows
from service.officers.rules import Officer, Role

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
def make_node(settings, clock) -> Iterator[Callable[..., Node]]:
    """Build the test's node anew, as after a restart; `point` may end what passes it."""
    built: list[Node] = []

    def make(point=pass_by):
        built.append(build_node(settings, clock=clock, entropy=SeededEntropy(str(len(built))), point=point))
        return built[-1]

    yield make
    for node in built:
        node.database.close()


@pytest.fixture
def elsewhere() -> Officer:
    """A clerk of one street: what is outside it looks absent."""
    return Officer("2", "street", frozenset({Role.CLERK}), "790303001", "en")
