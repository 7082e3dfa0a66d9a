"""Reading a township's workbook to rows of cells, beside openpyxl.

Ours is what a node does with a file before it looks for people: the format is recognised, with the bounds that keep
bombs out, sheets, merged cells and month formats are looked up, and rows come out as texts, numbers and days. openpyxl
reads the same file in its fast mode (`read_only`, `values_only`), without any bound. Both run in this process.

The note says what finding the people costs besides (the header, whose each row is, the mapped cells), and how fast they
come out of the process of its own in which a node does all that (`service/ledgers/files/reader_process.py`).
"""

import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import openpyxl
import xlsxwriter

from bench.invented import invented
from bench.slices import Result, Work, compare
from service.ledgers.files.extraction import extract
from service.ledgers.files.formats import recognise
from service.ledgers.files.reader_process import LedgerReader
from service.ledgers.files.workbooks import read_workbook

ROWS = 3_000
PAIRS = 15
HEADER = ("序号", "姓名", "性别", "身份证号码", "出生日期", "户籍地", "流入日期", "联系电话", "现居住地址", "备注")


def measure() -> list[Result]:
    """The row of the table."""
    with tempfile.TemporaryDirectory(prefix="tonglu-workbook-") as folder:
        path = Path(folder) / "ledger.xlsx"
        write_workbook(path, ROWS)
        people, apart = _rate(lambda: sum(1 for _ in extract(path).rows)), _rate(lambda: _apart(path))
        return [
            compare(
                f"`.xlsx` reading, {ROWS:,} rows of {len(HEADER)} cells",
                "openpyxl, `read_only`, without bounds",
                8.0,
                lambda: _ours(path),
                lambda: _openpyxl(path),
                pairs=PAIRS,
                note=f"to people with mapped cells {people:,.0f} a second, by the process of its own {apart:,.0f}",
            )
        ]


def write_workbook(path: Path, rows: int) -> None:
    """Write invented people as a township would keep them: days as days, columns that are dropped among them."""
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet, day = book.add_worksheet("台账"), book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, HEADER)
    for place, (_, new, moved) in enumerate(islice(invented(rows, seed=5), rows), start=1):
        identity = new.identity
        texts = {1: identity.name, 2: "男", 3: identity.document_number, 5: "青禾县", 6: str(moved)}
        texts |= {7: new.contact.phone, 8: new.address, 9: "租房"}
        sheet.write_number(place, 0, place)
        for column, text in texts.items():
            sheet.write_string(place, column, text or "")
        if identity.date_of_birth is not None:
            sheet.write_datetime(place, 4, identity.date_of_birth, day)
    book.close()


def _ours(path: Path) -> Work:
    begun = time.perf_counter()
    read = sum(1 for sheet in read_workbook(path, recognise(path)) for _ in sheet.rows)
    return Work(read, time.perf_counter() - begun)


def _openpyxl(path: Path) -> Work:
    begun = time.perf_counter()
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    read = sum(1 for _ in book.worksheets[0].iter_rows(values_only=True))
    book.close()
    return Work(read, time.perf_counter() - begun)


def _apart(path: Path) -> int:
    with LedgerReader(path) as reader:
        return sum(1 for _ in reader.rows)


def _rate(read: Callable[[], int]) -> float:
    """Rows a second, the median of three."""
    rates = []
    for _ in range(3):
        begun = time.perf_counter()
        rates.append(read() / (time.perf_counter() - begun))
    return sorted(rates)[1]


if __name__ == "__main__":
    print(measure())
