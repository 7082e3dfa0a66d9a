"""Text ledgers (.csv and its like) as rows of cells: encoding and separator are found, not asked for."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, TextIO

from charset_normalizer import from_bytes

from schemas.problems import LedgerUnreadable
from service.ledgers.files.columns import HEADER_SEARCH_ROWS, Row, find_layout
from service.ledgers.files.fields import Chosen, LedgerKind
from service.ledgers.files.formats import MAX_COLUMNS, MAX_ROWS
from service.ledgers.files.workbooks import Sheet

SEPARATORS = (",", "\t", ";", "|", "，", "；")
_IN_BIG5, _IN_GB18030 = (re.compile("姓名|日期".encode(encoding)) for encoding in ("cp950", "gb18030"))
_CHUNK_BYTES = 1024 * 1024
_GUESS_BYTES = 256 * 1024
_FEWEST_SWALLOWED = 3
"""Columns of a ledger, and lines of a cell that has grown past all bounds."""


def read_text(path: Path, chosen: Chosen | None = None) -> Iterator[Sheet]:
    """Give the one sheet of a text ledger. Raises `LedgerUnreadable` where it cannot be read as columns."""
    encoding = find_encoding(path)
    separator = _find_separator(path, encoding, chosen)
    yield Sheet(
        "", list(islice(_rows(path, encoding, separator), HEADER_SEARCH_ROWS)), [], _rows(path, encoding, separator)
    )


def find_encoding(path: Path) -> str:
    """Say in which encoding a file is, whole: UTF-8 (with or without BOM), UTF-16 with BOM, GB18030, Big5, or a guess.

    GB18030 holds GBK and GB 2312. It is tried before guessing, because a short GBK text is taken for other encodings.
    """
    with path.open("rb") as file:
        head = file.read(_GUESS_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif _IN_BIG5.search(head) and not _IN_GB18030.search(head):
        # Its bytes would do for GB18030, too, and say nothing there.
        candidates = ["utf-8-sig", "cp950"]
    else:
        candidates = ["utf-8-sig", "gb18030"]
    for encoding in candidates:
        if _decodes(path, encoding):
            return encoding
    guess = from_bytes(head).best()
    if guess is not None and _decodes(path, guess.encoding):
        return guess.encoding
    raise LedgerUnreadable("The text's encoding is not known; save it as UTF-8.")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _find_separator(path: Path, encoding: str, chosen: Chosen | None) -> str:
    """Take the separator under which the first rows hold the fullest header."""
    best, most = ",", 0.0
    for separator in SEPARATORS:
        head = list(islice(_rows(path, encoding, separator), HEADER_SEARCH_ROWS))
        layouts = (find_layout(head, [], kind, chosen) for kind in LedgerKind)
        mapped = max((len(layout.kept) for layout in layouts if layout is not None), default=0)
        # Where no header is known, the separator that parts the most rows alike.
        widths = Counter(len(row) for row in head if len(row) > 1)
        likeness = min(0.9, max(widths.values(), default=0) / (HEADER_SEARCH_ROWS + 1))
        if mapped + likeness > most:
            best, most = separator, mapped + likeness
    return best


def _rows(path: Path, encoding: str, separator: str) -> Iterator[Row]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield from _parse(file, separator)
    except csv.Error:
        raise LedgerUnreadable(
            "The file is neither a workbook nor text with columns; save the ledger as .xlsx or .csv."
        ) from None


def _parse(file: TextIO, separator: str) -> Iterator[Row]:
    for number, row in enumerate(_records(file, separator)):
        if number >= MAX_ROWS:
            raise LedgerUnreadable("The sheet is too large: split the ledger.")
        if len(row) > MAX_COLUMNS:
            raise LedgerUnreadable(
                "The sheet has more than %(columns)s columns; delete the empty ones.", columns=MAX_COLUMNS
            )
        yield row


def _records(file: TextIO, separator: str) -> Iterator[list[str]]:
    """Parse a text (RFC 4180), and let no stray quotation mark swallow the people below it.

    A quoted cell may hold line breaks. But where two lines of one record have as many cells as a row each, the mark was
    never meant as a quote: they are then read one by one.
    """
    taken: list[str] = []
    lines = _noted(file, taken)
    width = 0
    while True:
        reader = csv.reader(lines, delimiter=separator)
        taken.clear()
        try:
            for row in reader:
                if len(taken) > 1 and _swallowed(taken, separator, width):
                    break
                width = max(width, len(row))
                taken.clear()
                yield row
            else:
                return
        except csv.Error:
            # A cell past the parser's bound, 128 kB.
            if len(taken) < _FEWEST_SWALLOWED:
                raise
        for line in taken:
            yield _alone(line, separator)


def _noted(file: TextIO, taken: list[str]) -> Iterator[str]:
    """Give a file's lines, and note those of the record that is being read."""
    for line in file:
        taken.append(line)
        yield line


def _swallowed(lines: list[str], separator: str, width: int) -> bool:
    """Tell whether the lines of one record are rows of their own."""
    return width >= _FEWEST_SWALLOWED and sum(len(_alone(line, separator)) >= width for line in lines) > 1


def _alone(line: str, separator: str) -> list[str]:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if line.count('"') % 2 == 0 else csv.QUOTE_NONE
    return next(csv.reader([line], delimiter=separator, quoting=quoting), [])
