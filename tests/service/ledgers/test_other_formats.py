"""Workbooks of other programs: the sample, saved as .xls and .ods, comes to the same; and what is refused of them."""

import io
import struct
import time
import zipfile
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl import load_workbook

from schemas.problems import LedgerUnreadable
from service.ledgers.files.reader_process import LedgerReader
from service.ledgers.judging.checking import check_rows
from tests.service.ledgers.conftest import TODAY
from tests.service.ledgers.test_samples import TRUTH, expected

SAMPLE = Path(__file__).parents[2] / "vectors" / "ledgers" / "arrivals-township.xlsx"
HEAD = ("姓名", "身份证号码", "户籍地", "流入日期", "备注")


def as_xls(lines, merges=(), *, from_1904=False):
    book = xlwt.Workbook()
    book.dates_1904 = from_1904
    sheet = book.add_sheet("台账")
    day = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    covered = {(row, place) for top, bottom, left, right in merges for row in range(top, bottom + 1)
               for place in range(left, right + 1)}  # fmt: skip
    for top, bottom, left, right in merges:
        sheet.write_merge(top, bottom, left, right, lines[top][left])
    for row, cells in enumerate(lines):
        for place, cell in enumerate(cells):
            if cell is not None and (row, place) not in covered:
                sheet.write(row, place, cell, day) if isinstance(cell, date) else sheet.write(row, place, cell)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def as_ods(lines):
    book = OpenDocumentSpreadsheet()
    table = Table(name="台账")
    for cells in lines:
        row = TableRow()
        for cell in cells:
            if isinstance(cell, date):
                made = TableCell(valuetype="date", datevalue=cell.isoformat()[:10])
                made.addElement(P(text=f"{cell:%Y-%m-%d}"))
            elif isinstance(cell, (int, float)):
                made = TableCell(valuetype="float", value=repr(cell))
                made.addElement(P(text=repr(cell)))
            else:
                made = TableCell(valuetype="string")
                made.addElement(P(text=cell or ""))
            row.addElement(made)
        table.addElement(row)
    book.spreadsheet.addElement(table)
    content = io.BytesIO()
    book.write(content)
    return content.getvalue()


def sample():
    sheet = load_workbook(SAMPLE).worksheets[0]
    lines = [[cell.value for cell in row] for row in sheet.iter_rows()]
    merges = [(one.min_row - 1, one.max_row - 1, one.min_col - 1, one.max_col - 1) for one in sheet.merged_cells.ranges]
    return lines, merges


def judged(content, divisions):
    with LedgerReader(content) as reader:
        rows = list(check_rows(reader.rows, reader.kind, today=TODAY, divisions=divisions))
        return rows, reader.dropped


@pytest.mark.parametrize("kind", ["xls", "ods"])
def test_the_sample_of_another_program_comes_to_its_truth(divisions, kind):
    lines, merges = sample()
    content = as_xls(lines, merges) if kind == "xls" else as_ods(lines)
    rows, dropped = judged(content, divisions)
    found = [(row.number, str(row.verdict.outcome), list(row.verdict.codes)) for row in rows]
    assert found == [(truth["row"], *expected(truth)) for truth in TRUTH]
    assert {"婚姻状况", "孕检情况", "备注"} <= set(dropped)


@pytest.mark.parametrize("program", ["xls", "xlsx"])
def test_days_of_a_workbook_that_counts_from_1904_are_the_days_it_shows(divisions, program):
    serial = (date(2026, 3, 5) - date(1904, 1, 1)).days
    lines = [HEAD, ("甲乙", "", "云台县", date(2026, 3, 5), ""), ("丙丁", "", "云台县", serial, "")]
    if program == "xls":
        content = as_xls(lines, from_1904=True)
    else:
        made = io.BytesIO()
        book = xlsxwriter.Workbook(made, {"in_memory": True, "date_1904": True})
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        for row, cells in enumerate(lines):
            for place, cell in enumerate(cells):
                if isinstance(cell, date):
                    sheet.write_datetime(row, place, cell, day)
                else:
                    sheet.write(row, place, cell)
        book.close()
        content = made.getvalue()
    rows, _ = judged(content, divisions)
    assert [str(row.verdict.candidate.moved_on) for row in rows] == ["2026-03-05", "2026-03-05"]


def with_member(name, content):
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    book.add_worksheet().write_row(0, 0, HEAD)
    book.close()
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(name, content)
    return made.getvalue()


def ods_with(content_xml):
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_ods([HEAD]))) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            new.writestr(member, content_xml(old.read(member)) if member == "content.xml" else old.read(member))
    return made.getvalue()


def laughs(content):
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    head, _, rest = content.partition(b"?>")
    return head + b"?>" + f'<!DOCTYPE x [<!ENTITY a0 "lol">{entities}]>'.encode() + rest


def many_columns(content):
    cell = b'<table:table-cell table:number-columns-repeated="1000000" office:value-type="string"><text:p>a</text:p>'
    return content.replace(b"<table:table-row>", b"<table:table-row>" + cell + b"</table:table-cell>", 1)


def many_rows(content):
    return content.replace(b"<table:table-row>", b'<table:table-row table:number-rows-repeated="100000000">', 1)


def with_macros(content):
    return content + "_VBA_PROJECT_CUR".encode("utf-16-le")


def locked(content):
    """Put the record that says that the rest is encrypted behind the beginning of the globals (MS-XLS 2.4.117)."""
    place = content.index(b"\x09\x08\x10\x00\x00\x06\x05\x00")
    record = struct.pack("<HH", 0x2F, 54) + b"\x01\x00" + bytes(52)
    return content[: place + 20] + record + content[place + 20 + len(record) :]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ods_with(laughs), "definitions"),
        (lambda: ods_with(many_columns), "columns|too large|damaged"),
        (lambda: ods_with(many_rows), "too large|damaged|No row"),
        (lambda: as_ods([]), "empty|damaged"),
        (lambda: as_xls([]), "empty"),
        (lambda: with_macros(as_xls([HEAD])), "macros"),
        (lambda: with_member("xl/vbaProject.bin", b"\x00"), "macros"),
        (lambda: locked(as_xls([HEAD, ("甲乙", "", "云台县", "2026-01-01", "")])), "password|damaged"),
        (lambda: as_xls([HEAD])[:3000], "damaged|neither"),
        (lambda: as_ods([HEAD])[:900], "damaged"),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(4000), "neither"),
        (lambda: b"\xff\xd8\xff\xe0" + bytes(4000), "neither"),
    ],
)
def test_what_is_hostile_or_broken_is_refused_in_time_with_the_reason(make, says):
    content = make()
    begun = time.process_time()
    with pytest.raises(LedgerUnreadable) as refused, LedgerReader(content) as reader:
        list(reader.rows)
    assert any(word in refused.value.msgid for word in says.split("|")), refused.value.msgid
    assert time.process_time() - begun < 5


@pytest.mark.asvs("5.2.2")
def test_a_workbook_under_another_ending_is_read_for_what_it_is(divisions):
    rows, _ = judged(as_xls([HEAD, ("甲乙", "", "云台县", "2026-01-01", "")]), divisions)
    assert [str(row.verdict.outcome) for row in rows] == ["ok"]
