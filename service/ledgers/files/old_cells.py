"""Which cells of an old workbook (.xls, MS-XLS) show a month and no day.

As in newer ones the number format alone tells (`month_cells`), and the library that reads cells does not give it. The
workbook's stream is one record after the other: first formats, the styles that use them and the sheets' places; then,
sheet by sheet, cells with the number of their style.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from service.ledgers.files.compound import NoStream, workbook_stream
from service.ledgers.files.month_cells import MonthCells, built_in_month, shows_month

_BEGIN, _END = 0x0809, 0x000A
_FORMAT, _STYLE, _SHEET = 0x041E, 0x00E0, 0x0085
_CELLS: Final = frozenset({0x0203, 0x027E, 0x0006})
"""NUMBER, RK and FORMULA begin with row, column and style."""
_MANY_CELLS: Final = 0x00BD
"""MULRK: a row, its first column, a style and a number for each, the last column."""
_VERSION: Final = 0x0600
"""BIFF8, Excel 97 and later; what is older is read without this."""


def old_month_cells(path: Path) -> Sequence[MonthCells]:
    """Give, for each sheet of an .xls in its order, the cells that show a month; `[]` where no style does."""
    try:
        stream = workbook_stream(path.read_bytes())
        styles, sheets = _globals(stream)
        return [frozenset(_cells(stream, start, styles)) for start in sheets] if styles else []
    except (NoStream, struct.error):
        # The reader of cells says whether the workbook is damaged.
        return []


def _records(stream: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Give kind, place and length of the records from a beginning to its end."""
    kind, length, version = struct.unpack_from("<HHH", stream, start)
    if kind != _BEGIN or version != _VERSION:
        return
    place = start + 4 + length
    while place + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, place)
        if kind == _END:
            return
        yield kind, place + 4, length
        place += 4 + length


def _globals(stream: bytes) -> tuple[frozenset[int], list[int]]:
    """Give the numbers of the styles that show a month, and where the sheets begin."""
    own: dict[int, bool] = {}
    formats: list[int] = []
    sheets: list[int] = []
    for kind, place, _ in _records(stream, 0):
        if kind == _FORMAT:
            number, characters, wide = struct.unpack_from("<HHB", stream, place)
            text = stream[place + 5 : place + 5 + characters * (2 if wide & 1 else 1)]
            own[number] = shows_month(text.decode("utf-16-le" if wide & 1 else "latin-1", "replace"))
        elif kind == _STYLE:
            formats.append(struct.unpack_from("<2xH", stream, place)[0])
        elif kind == _SHEET:
            sheets.append(struct.unpack_from("<I", stream, place)[0])
    return frozenset(n for n, number in enumerate(formats) if own.get(number, built_in_month(number))), sheets


def _cells(stream: bytes, start: int, styles: frozenset[int]) -> Iterator[tuple[int, int]]:
    for kind, place, length in _records(stream, start):
        if kind in _CELLS:
            row, column, style = struct.unpack_from("<HHH", stream, place)
            if style in styles:
                yield row, column
        elif kind == _MANY_CELLS:
            row, first = struct.unpack_from("<HH", stream, place)
            for number in range((length - 6) // 6):
                if struct.unpack_from("<H", stream, place + 4 + 6 * number)[0] in styles:
                    yield row, first + number
