"""Which cells of a workbook show a month and no day.

Whoever types 2026-8 into a spreadsheet gets the first of August, shown as a month. The day was never known, and dates
are not filled up: the number format alone tells (ECMA-376, part 1, 18.8.30). The library that reads cells does not give
it, so that styles and, where some style shows months, the sheets are looked through once more.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from posixpath import join, normpath
from xml.etree import ElementTree as ET

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_BUILT_IN = frozenset({17, 27, 36, 50, 52, 57})
"""mmm-yy, and what a Chinese Excel shows as 2026年8月."""
_CELL = re.compile(rb"<(?:\w+:)?c\s([^>]*)>")
_PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_STYLE = re.compile(rb"""\bs=["']([0-9]{1,5})["']""")
_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_CHUNK_BYTES = 1024 * 1024

MonthCells = frozenset[tuple[int, int]]
"""Rows and columns from 0."""


def month_cells(path: Path) -> list[MonthCells]:
    """Give, for each sheet of an .xlsx in its order, the cells that show a month; `[]` where no style does."""
    try:
        with zipfile.ZipFile(path) as archive:
            styles = _month_styles(archive)
            if not styles:
                return []
            return [_cells(archive, member, styles) for member in _members(archive)]
    except (KeyError, ET.ParseError, ValueError):
        # A part is missing or unusual; the reader of cells says whether the workbook is damaged.
        return []


def shows_month(number_format: str) -> bool:
    """Tell whether a number format shows year and month, and neither day nor time."""
    shown = _NOT_SHOWN.sub("", number_format.partition(";")[0]).lower()
    return "y" in shown and "m" in shown and not any(part in shown for part in "dhs")


def built_in_month(number: int) -> bool:
    """Tell whether a number format that every spreadsheet program knows by its number shows a month."""
    return number in _BUILT_IN


def _month_styles(archive: zipfile.ZipFile) -> frozenset[int]:
    root = ET.fromstring(archive.read("xl/styles.xml"))  # noqa: S314 - `formats.recognise` refused DTDs
    own = {
        int(one.get("numFmtId", "0")): shows_month(one.get("formatCode", "")) for one in root.iter(f"{_SHEET}numFmt")
    }
    formats = root.find(f"{_SHEET}cellXfs")
    if formats is None:
        return frozenset()
    numbers = [int(one.get("numFmtId", "0")) for one in formats]
    return frozenset(place for place, number in enumerate(numbers) if own.get(number, built_in_month(number)))


def sheet_members(path: Path) -> list[str]:
    """Give the part of an .xlsx that each of its sheets is, in their order; `[]` where they cannot be told."""
    try:
        with zipfile.ZipFile(path) as archive:
            return list(_members(archive))
    except (KeyError, ET.ParseError, ValueError):
        return []


def _members(archive: zipfile.ZipFile) -> Iterator[str]:
    relations = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 - as above
    targets = {one.get("Id"): one.get("Target", "") for one in relations}
    book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - as above
    for sheet in book.iter(f"{_SHEET}sheet"):
        target = targets[sheet.get(_RELATION)]
        yield target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))


def _cells(archive: zipfile.ZipFile, member: str, styles: frozenset[int]) -> MonthCells:
    found: set[tuple[int, int]] = set()
    with archive.open(member) as stream:
        rest = b""
        while chunk := stream.read(_CHUNK_BYTES):
            piece = rest + chunk
            end = 0
            for cell in _CELL.finditer(piece):
                end = cell.end()
                style, place = _STYLE.search(cell[1]), _PLACE.search(cell[1])
                if style and place and int(style[1]) in styles:
                    found.add((int(place[2]) - 1, _column(place[1])))
            rest = piece[max(end, len(piece) - 1024) :]
    return frozenset(found)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1
