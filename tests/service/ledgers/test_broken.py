"""Files that are no ledgers, broken ones and hostile ones: one clear refusal, soon, and the node goes on."""

import os
import random
import resource
import time
import zipfile
from io import BytesIO

import pytest

from schemas.problems import LedgerUnreadable
from service.ledgers.files.extraction import LONGEST_CELL
from service.ledgers.files.reader_process import LedgerReader

SECONDS = 5
"""Of a processor: how long one waits for it on a busy machine is not the file's doing."""
TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" Target="{target}"/>'
    "</Relationships>"
)
BOOK = (
    '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
HEADER = "".join(
    f'<c r="{column}1" t="inlineStr"><is><t>{text}</t></is></c>'
    for column, text in zip("ABCD", ("姓名", "身份证号", "户籍地", "流入日期"), strict=True)
)


def seconds_spent() -> float:
    """What this process and the readers that have ended took of a processor."""
    readers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + readers.ru_utime + readers.ru_stime


def archive(**members) -> bytes:
    """A ZIP archive of these members (`xl__workbook_xml` stands for `xl/workbook.xml`)."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, member in members.items():
            stem, _, ending = name.replace("__", "/").rpartition("_")
            file.writestr(f"{stem}.{ending}", member)
    return content.getvalue()


def workbook(sheet, **more) -> bytes:
    parts = {
        "_rels__xl_rels": "",
        "xl__workbook_xml": BOOK,
        "xl__worksheets__sheet1_xml": sheet,
        **more,
    }
    del parts["_rels__xl_rels"]
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("[Content_Types].xml", TYPES)
        file.writestr("_rels/.rels", RELS.format(kind="officeDocument", target="xl/workbook.xml"))
        file.writestr("xl/_rels/workbook.xml.rels", RELS.format(kind="worksheet", target="worksheets/sheet1.xml"))
        for name, member in parts.items():
            stem, _, ending = name.replace("__", "/").rpartition("_")
            file.writestr(f"{stem}.{ending}", member)
    return content.getvalue()


def cell(place, text="x"):
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


GOOD = workbook(SHEET.format(f'<row r="1">{HEADER}</row><row r="2">{cell("A2")}</row>'))
BILLION = (
    '<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
SMALL = f"<row>{'<c><v>1</v></c>' * 9}</row>"
NOISE = random.Random(7).randbytes(1_500_000)
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="a"><table:table-row table:number-rows-repeated="1048576">'
    '<table:table-cell office:value-type="string" table:number-columns-repeated="16384"><text:p>姓名</text:p>'
    "</table:table-cell></table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
)

FILES = {
    "empty": (b"", "empty"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "neither"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "neither"),
    "noise": (bytes((7 * n * n + 13) % 256 for n in range(5000)), "neither|No row"),
    "archive of texts": (archive(a_txt="b"), "neither"),
    "word document": (archive(word__document_xml="<w/>"), "neither"),
    "web page": ("<html><table><tr><td>姓名</td></tr></table></html>".encode(), "web page"),
    "web archive": (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n<html>", "web page"),
    "xml table": (b'<?xml version="1.0"?><a xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', "XML table"),
    "cut off": (GOOD[: len(GOOD) // 2], "damaged"),
    "altered": (GOOD.replace(b"PK\x03\x04", b"PK\x03\x05", 3), "damaged"),
    "sheet is no XML": (workbook("姓名,身份证号"), "damaged|No row"),
    "sheet breaks off": (workbook(SHEET.format(f'<row r="1">{HEADER}</row>')[:-60]), "damaged|No row"),
    "no sheets": (workbook(""), "damaged|No row"),
    "password": (COMPOUND + "EncryptedPackage".encode("utf-16-le") + bytes(2000), "password"),
    "old workbook of noise": (COMPOUND + "Workbook".encode("utf-16-le") + bytes(2000), "damaged"),
    "compound file of another program": (COMPOUND + bytes(2000), "neither"),
    "zip bomb": (workbook(SHEET.format(" " * 60_000_000)), "unpacks to more"),
    "zip bomb in a picture": (workbook(SHEET.format(""), xl__media__a_png=bytes(60_000_000)), "unpacks to more"),
    "xml bomb": (workbook(BILLION + SHEET.format(f'<row r="1">{cell("A1", "&c;")}</row>')), "definitions"),
    "a million columns": (workbook(SHEET.format(f'<row r="1">{cell("A1")}{cell("BDWGN1")}</row>')), "columns"),
    "the last column": (workbook(SHEET.format(f'<row r="1">{HEADER}{cell("XFD1")}</row>')), "columns"),
    "far corner": (workbook(SHEET.format(f'<row r="1">{cell("A1")}</row><row r="1048576">{cell("ZZ1048576")}</row>')),
                   "too large"),
    "row four billion": (workbook(SHEET.format(f'<row r="4294967295">{cell("A4294967295")}</row>')), "too large"),
    "ods that repeats": (archive(content_xml=ODS, mimetype_="application/vnd.oasis.opendocument.spreadsheet"),
                         "damaged|too large|columns"),
    "csv with zeros": (b"\x00".join(["姓名".encode()] * 10), "neither"),
    "csv of one endless line": (b"a," * 5_000_000, "columns|neither"),
    "csv of one endless field": (b'"' + b"a" * 5_000_000, "neither|No row"),
    "cells far apart": (workbook(SHEET.format(f'<row r="1">{HEADER}</row><row r="1048576">{cell("O1048576")}</row>')),
                        "far from the others"),
    "texts without end": (workbook(SHEET.format(f'<row r="1">{HEADER}</row>'), xl__media__a_png=NOISE,
                                   xl__sharedStrings_xml=f"<sst>{'<si><t/></si>' * 5_000_000}</sst>"), "too large"),
    "small cells without end": (workbook(SHEET.format(f'<row r="1">{HEADER}</row>' + SMALL * 300_000)), "too large|un"),
    "csv of blank lines": ("姓名,户籍地,流入日期\n".encode() + b"\n" * 1_100_000, "too large"),
    "csv with a line of 2 MB": ("姓名,户籍地,流入日期\n".encode() + b"x" * 2_000_000 + b",1,2\n", "neither"),
    "text in no encoding": (b"\xff\xff\xfe\xff" * 500 + b"\x80\xff", "encoding|neither|No row"),
}  # fmt: skip


@pytest.mark.asvs("1.5.1", "5.2.3")
@pytest.mark.parametrize("name", FILES)
def test_it_is_refused_with_a_reason_and_soon(name):
    content, says = FILES[name]
    began = seconds_spent()
    with pytest.raises(LedgerUnreadable, match=says), LedgerReader(content) as reader:
        list(reader.rows)
    assert seconds_spent() - began < SECONDS


def test_a_sheet_with_a_look_to_its_last_cell_is_read():
    blanks = "".join(f'<c r="{letters}2" s="1"/>' for letters in ("G", "AAA", "XFD"))
    last = '<row r="1048576" s="1"><c r="XFD1048576" s="1"/></row>'
    rows = f'<row r="1">{HEADER}</row><row r="2">{cell("A2")}{cell("C2")}{blanks}</row>{last}'
    with LedgerReader(workbook(SHEET.format(rows))) as reader:
        assert len(list(reader.rows)) == 1


def test_the_whole_ones_are_read():
    with LedgerReader(GOOD) as reader:
        assert [row.name for row in reader.rows] == ["x"]


def test_cells_of_any_length_cost_no_time(make_text):
    lines = [f"甲{n},云台县,2026-01-{n % 28 + 1:02},{'路' * 40_000}" for n in range(40)]
    began = seconds_spent()
    with LedgerReader(make_text("\n".join(["姓名,户籍地,流入日期,现住址", *lines]))) as reader:
        assert {len(row.address) for row in reader.rows} == {LONGEST_CELL}
    assert seconds_spent() - began < SECONDS


@pytest.mark.parametrize("number", ["NaN", "1e999", "-1e999", "1e308", "-0", "99999999999999999999"])
def test_numbers_beyond_numbers_are_nothing_or_refused(number, judged, tmp_path):
    cells = "".join(f'<c r="{column}2"><v>{number}</v></c>' for column in "ABCD")
    path = tmp_path / "numbers.xlsx"
    path.write_bytes(workbook(SHEET.format(f'<row r="1">{HEADER}</row><row r="2">{cells}<c r="E2"><v>1</v></c></row>')))
    assert {str(row.verdict.outcome) for row in judged(path)} <= {"error"}


def test_a_pipe_is_no_ledger(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LedgerUnreadable, match="empty"):
        LedgerReader(tmp_path / "pipe")


def test_a_directory_that_lies_about_sizes_is_not_believed():
    content = bytearray(workbook(SHEET.format(" " * 30_000_000)))
    real = (30_000_000 + len(SHEET) - 2).to_bytes(4, "little")
    assert content.count(real) >= 1
    lying = bytes(content).replace(real, (3000).to_bytes(4, "little"))
    with pytest.raises(LedgerUnreadable):
        LedgerReader(lying)


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    with pytest.raises(LedgerUnreadable, match="too large"):
        LedgerReader(path)


def test_a_missing_file_is_the_machine_s_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        LedgerReader(tmp_path / "none.csv")
