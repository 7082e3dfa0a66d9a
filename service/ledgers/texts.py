"""Text ledgers (.csv and its like) as rows of cells: encoding and separator are found, not asked for."""

import codecs
import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from charset_normalizer import from_bytes

from schemas.problems import LedgerUnreadable
from service.ledgers.columns import HEADER_SEARCH_ROWS, Row, find_layout
from service.ledgers.fields import Chosen, LedgerKind
from service.ledgers.formats import MAX_COLUMNS, MAX_ROWS
from service.ledgers.workbooks import Sheet

SEPARATORS = (",", "\t", ";", "|", "，")
_CHUNK_BYTES = 1024 * 1024
_GUESS_BYTES = 256 * 1024


def read_text(path: Path, chosen: Chosen | None = None) -> Iterator[Sheet]:
    """Give the one sheet of a text ledger. Raises `LedgerUnreadable` where it cannot be read as columns."""
    encoding = find_encoding(path)
    separator = _find_separator(path, encoding, chosen)
    yield Sheet(
        "", list(islice(_rows(path, encoding, separator), HEADER_SEARCH_ROWS)), [], _rows(path, encoding, separator)
    )


def find_encoding(path: Path) -> str:
    """Say in which encoding a file is, whole: UTF-8 (with or without BOM), UTF-16 with BOM, GB18030, else a guess.

    GB18030 holds GBK and GB 2312. It is tried before guessing, because a short GBK text is taken for other encodings.
    """
    with path.open("rb") as file:
        head = file.read(_GUESS_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    else:
        guess = None
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
        raise LedgerUnreadable("The file is neither a workbook nor text with columns.") from None


def _parse(file: TextIO, separator: str) -> Iterator[Row]:
    for number, row in enumerate(csv.reader(file, delimiter=separator)):
        if number >= MAX_ROWS:
            raise LedgerUnreadable("The sheet is too large: split the ledger.")
        if len(row) > MAX_COLUMNS:
            raise LedgerUnreadable("The sheet has more than %(columns)s columns.", columns=MAX_COLUMNS)
        yield row
