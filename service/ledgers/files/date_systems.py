"""From which day a workbook counts its days: 1900 as Excel for Windows does, or 1904 as Excel for the Mac once did.

Only cells that stand as plain numbers need it: what is formatted as a date was converted by the reader of cells. In an
.xlsx the workbook says so (ECMA-376, part 1, 18.2.28); in an .xls the record DATEMODE (MS-XLS 2.4.77) among the first
records of the globals, which follow their beginning-of-file record wherever the compound file has put it.
"""

import re
import zipfile
from datetime import date, timedelta
from pathlib import Path

from service.ledgers.files.formats import FileFormat

FIRST_DAY_1904 = date(1904, 1, 1)
_SAYS_1904 = re.compile(rb"""<(?:\w+:)?workbookPr\b[^>]*\bdate1904=["'](?:1|true|on)["']""")
_GLOBALS = re.compile(rb"\x09\x08[\x08\x10]\x00\x00[\x05\x06]\x05\x00")
_DATE_MODE = 0x22
_MOST_RECORDS = 400
_FIRST_SERIAL, _LAST_SERIAL = 2_192, 71_588
"""1910 and 2099, counted from 1904."""


def counts_from_1904(path: Path, found: FileFormat) -> bool:
    """Tell whether a workbook counts its days from 1904."""
    if found is FileFormat.XLSX:
        try:
            with zipfile.ZipFile(path) as archive, archive.open("xl/workbook.xml") as part:
                return bool(_SAYS_1904.search(part.read(1024 * 1024)))
        except (KeyError, OSError, zipfile.BadZipFile):
            # The reader of cells says whether the workbook is damaged.
            return False
    return found is FileFormat.XLS and _old_workbook_does(path.read_bytes())


def day_of(cell: float) -> date | None:
    """Give the day that a number means in such a workbook; `None` for a number that is no day."""
    if cell != int(cell) or not _FIRST_SERIAL <= cell <= _LAST_SERIAL:
        return None
    return FIRST_DAY_1904 + timedelta(days=int(cell))


def _old_workbook_does(content: bytes) -> bool:
    start = _GLOBALS.search(content)
    place = start.start() if start else len(content)
    for _ in range(_MOST_RECORDS):
        if place + 4 > len(content):
            break
        kind, length = (int.from_bytes(content[at : at + 2], "little") for at in (place, place + 2))
        if kind == _DATE_MODE and length == 2:
            return content[place + 4 : place + 6] == b"\x01\x00"
        place += 4 + length
    return False
