"""What an .ods says of its cells beside their values: which ranges are merged, and which days are shown as months.

The library that reads cells gives neither. OpenDocument 1.3, part 3: 9.1.4 (cells, spans, repetitions), 9.1.6 (columns'
styles), 16.29 (date styles). The sheets are walked once, element by element, and only where a look at the bytes finds
a span or a date style; `formats.recognise` has refused definitions of entities before.
"""

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

from service.ledgers.files.columns import Merge
from service.ledgers.files.formats import MAX_COLUMNS
from service.ledgers.files.month_cells import MonthCells

_CHUNK_BYTES: Final = 256 * 1024
_OF_INTEREST: Final = re.compile(rb"""-spanned=["'](?!1["'])|<number:date-style""")
_OVERLAP_BYTES: Final = 64
_MOST_REPEATED: Final = 1_000
"""Rows or columns of one cell that are looked at: what is repeated more often is a sheet's empty rest."""
_PARTS: Final = {"number:year": "y", "number:month": "m", "number:day": "d", "number:hours": "h"}


@dataclass(slots=True)
class OdsSheet:
    """One sheet: its merged ranges, and its cells that show a month, as rows and columns from 0."""

    merges: list[Merge] = field(default_factory=list)
    months: set[tuple[int, int]] = field(default_factory=set)

    @property
    def month_cells(self) -> MonthCells:
        """The cells that show a month, as for other workbooks."""
        return frozenset(self.months)


def ods_sheets(path: Path) -> Sequence[OdsSheet]:
    """Give what an .ods says beside its values, sheet by sheet in its order; `[]` where it says nothing of the kind."""
    try:
        with zipfile.ZipFile(path) as archive:
            if not _is_of_interest(archive):
                return []
            walk = _Walk()
            for member in ("styles.xml", "content.xml"):
                if member in archive.namelist():
                    walk.through(archive, member)
            return walk.sheets
    except (ExpatError, KeyError, ValueError, zipfile.BadZipFile):
        # A part is missing or unusual; the reader of cells says whether the workbook is damaged.
        return []


def _is_of_interest(archive: zipfile.ZipFile) -> bool:
    with archive.open("content.xml") as stream:
        rest = b""
        while chunk := stream.read(_CHUNK_BYTES):
            if _OF_INTEREST.search(rest + chunk):
                return True
            rest = chunk[-_OVERLAP_BYTES:]
    return False


class _Walk:
    """Goes through the elements of a workbook, and keeps where it is."""

    def __init__(self) -> None:
        self.sheets: list[OdsSheet] = []
        self._date_style = ""
        self._shown: dict[str, str] = {}
        self._date_style_of: dict[str, str] = {}
        self._style_of_columns: list[str] = []
        self._style_of_row = ""
        self._row = self._rows = self._column = 0

    def through(self, archive: zipfile.ZipFile, member: str) -> None:
        """Walk through one part. Raises `ExpatError`."""
        parser = ParserCreate()
        parser.StartElementHandler = self._start
        with archive.open(member) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)

    def _start(self, name: str, told: dict[str, str]) -> None:
        if name in ("table:table-cell", "table:covered-table-cell"):
            self._cell(told)
        elif name == "table:table-row":
            self._row += self._rows
            self._rows = _count(told, "table:number-rows-repeated")
            self._column = 0
            self._style_of_row = told.get("table:default-cell-style-name", "")
        elif name == "table:table":
            self.sheets.append(OdsSheet())
            self._row = self._rows = 0
            self._style_of_columns = []
        elif name == "table:table-column":
            room = max(0, MAX_COLUMNS - len(self._style_of_columns))
            repeated = min(room, _count(told, "table:number-columns-repeated"))
            self._style_of_columns += [told.get("table:default-cell-style-name", "")] * repeated
        elif name == "number:date-style":
            self._date_style = told.get("style:name", "")
            self._shown[self._date_style] = ""
        elif name in _PARTS and self._date_style:
            self._shown[self._date_style] += _PARTS[name]
        elif name == "style:style" and "style:name" in told:
            inherited = self._date_style_of.get(told.get("style:parent-style-name", ""), "")
            self._date_style_of[told["style:name"]] = told.get("style:data-style-name", inherited)

    def _cell(self, told: dict[str, str]) -> None:
        row, column = self._row, self._column
        repeated = _count(told, "table:number-columns-repeated")
        self._column += repeated
        if not self.sheets or column >= MAX_COLUMNS:
            return
        high, wide = _count(told, "table:number-rows-spanned"), _count(told, "table:number-columns-spanned")
        if high > 1 or wide > 1:
            self.sheets[-1].merges.append(((row, column), (row + high - 1, column + wide - 1)))
        if told.get("office:value-type") == "date" and self._shows_month(told, column):
            rows = range(row, row + min(self._rows, _MOST_REPEATED))
            columns = range(column, column + min(repeated, _MOST_REPEATED))
            self.sheets[-1].months.update((one, other) for one in rows for other in columns)

    def _shows_month(self, told: dict[str, str], column: int) -> bool:
        of_column = next(islice(self._style_of_columns, column, None), "")
        style = told.get("table:style-name") or self._style_of_row or of_column
        return sorted(self._shown.get(self._date_style_of.get(style, ""), "")) == ["m", "y"]


def _count(told: dict[str, str], key: str) -> int:
    return max(1, int(told.get(key, "1")[:9]))
