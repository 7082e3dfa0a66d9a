"""What a hostile file may cost: 5 seconds of a processor and 200 MB, in the reader's process and in the node's.

A process of its own plays the node, so that what it and its readers reached is told by the kernel (getrusage(2)) and by
nobody else's work.
"""

import json
import random
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.service.ledgers.test_broken import BILLION, GOOD, HEADER, SHEET, archive, workbook

MEGABYTE = 1024 * 1024
MOST_BYTES = 200 * MEGABYTE
MOST_SECONDS = 5
NODE = """
import json, resource, sys
from pathlib import Path
from schemas.problems import LedgerUnreadable
from service.ledgers.files.reader_process import LedgerReader

def used():
    node, readers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    # getrusage(2): kilobytes, and bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return node.ru_maxrss * unit, readers.ru_maxrss * unit, readers.ru_utime + readers.ru_stime

for path in map(Path, sys.argv[1:]):
    content, before, said = path.read_bytes(), used(), None
    try:
        with LedgerReader(content) as reader:
            said = len(list(reader.rows))
    except LedgerUnreadable as error:
        said = error.msgid
    after = used()
    print(json.dumps([path.name, said, after[0] - before[0], after[1], after[2] - before[2]]))
"""


def stored(name: str, content: bytes) -> bytes:
    """The good workbook with a large member beside its sheet that no packing made small."""
    made = BytesIO(GOOD)
    with zipfile.ZipFile(made, "a", zipfile.ZIP_STORED) as file:
        file.writestr(name, content)
    return made.getvalue()


def many_sheets(count: int) -> bytes:
    sheets = "".join(f'<sheet name="s{number}" sheetId="{number + 1}" r:id="rId1"/>' for number in range(count))
    book = (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        f'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{sheets}</sheets></workbook>'
    )
    return workbook(SHEET.format(f'<row r="1">{HEADER}</row>'), xl__workbook_xml=book)


EMPTY = SHEET.format(f'<row r="1">{HEADER}</row>')
MERGED = EMPTY.replace("</sheetData>", '</sheetData><mergeCells><mergeCell ref="A2:XFD1048576"/></mergeCells>')
TEXTS = "<sst>" + "<si><t/></si>" * 5_000_000
NOISE = random.Random(7).randbytes(MEGABYTE)
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le")
FILES = {
    "good": (lambda: GOOD, 1),
    "a large picture": (lambda: stored("xl/media/a.png", NOISE * 20), 1),
    "bomb": (lambda: workbook(SHEET.format(" " * 40 * MEGABYTE)), "unpacks to more"),
    "texts": (lambda: workbook(EMPTY, xl__media__a_png=NOISE, xl__sharedStrings_xml=TEXTS), "too large|damaged"),
    "elements in elements": (lambda: workbook("<a>" * 1_000_000), "empty|damaged|No row"),
    "wide": (lambda: workbook(SHEET.format("<row>" + "<c><v>1</v></c>" * 300_000 + "</row>")), "columns"),
    "many sheets": (lambda: many_sheets(50_000), "sheets"),
    "laughs": (lambda: workbook(EMPTY, xl__styles_xml=(BILLION + "<styleSheet/>").encode("utf-16")), "definitions"),
    "merged for ever": (lambda: workbook(MERGED), 0),
    "ods of zeros": (lambda: archive(content_xml="\x00" * 40 * MEGABYTE), "unpacks to more"),
    "lines": (lambda: "姓名,户籍地,流入日期\n".encode() + b"a,b,c\n" * 1_100_000, "too large"),
    "one line": (lambda: b"," * 20 * MEGABYTE, "neither"),
    "old workbook": (lambda: OLD + bytes(20 * MEGABYTE), "damaged|too large"),
}


@pytest.mark.asvs("5.2.1", "15.2.2")
def test_no_file_costs_more_than_its_bounds(tmp_path):
    for name, (make, _) in FILES.items():
        (tmp_path / name).write_bytes(make())
    told = subprocess.run(
        [sys.executable, "-c", NODE, *(str(tmp_path / name) for name in FILES)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=True,
        timeout=120,
    ).stdout
    idle = 0
    for line in told.splitlines():
        name, said, node_bytes, reader_bytes, seconds = json.loads(line)
        says = FILES[name][1]
        assert said == says if isinstance(says, int) else any(word in said for word in says.split("|")), (name, said)
        idle = idle or reader_bytes
        assert node_bytes < MOST_BYTES, name
        assert reader_bytes - idle < MOST_BYTES, name
        assert seconds < MOST_SECONDS, name
