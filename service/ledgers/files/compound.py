"""The streams of a compound file (MS-CFB): the box that old workbooks (.xls) lie in.

A file is cut into sectors; an allocation table (FAT) gives for each sector the next one of its stream; streams under
4,096 bytes lie in a stream of their own, cut into 64 bytes with a table of its own. Only the workbook is looked for.
Every chain is bounded by the number of sectors, so that a chain that runs in circles ends.
"""

import struct
from typing import Final

_SIGNATURE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST: Final = 0xFFFFFFFA
"""Sector numbers from here on mean the end of a chain, or no sector."""
_ENTRY_BYTES: Final = 128
_IN_HEADER: Final = 109
"""Sectors of the FAT that the header names itself: enough for 7 MB; larger files go on in sectors of their own."""


class NoStream(ValueError):
    """The file is no compound file, is damaged, or holds no workbook."""


def workbook_stream(content: bytes) -> bytes:
    """Give the bytes of the stream `Workbook` (or `Book`). Raises `NoStream`."""
    try:
        return _workbook(content)
    except (struct.error, IndexError, OverflowError):
        raise NoStream("a damaged compound file") from None


def _workbook(content: bytes) -> bytes:
    shift, mini_shift = struct.unpack_from("<HH", content, 30)
    if not content.startswith(_SIGNATURE) or shift not in (9, 12) or mini_shift != 6:
        raise NoStream("not a compound file")
    size = 1 << shift
    first_directory, _, _, first_mini, _, first_more, more = struct.unpack_from("<4xI I I I I I I", content, 44)
    named = list(struct.unpack_from(f"<{_IN_HEADER}I", content, 76))
    sectors = len(content) // size
    while more and first_more < _LAST and len(named) <= sectors:
        numbers = struct.unpack_from(f"<{size // 4}I", content, (first_more + 1) * size)
        named += numbers[:-1]
        first_more = numbers[-1]
    table = b"".join(content[(one + 1) * size : (one + 2) * size] for one in named if one < _LAST)
    if len(table) > 4 * (sectors + size):
        raise NoStream("a table for more sectors than there are")
    directory = b"".join(
        content[(one + 1) * size : (one + 2) * size] for one in _chain(table, first_directory, sectors)
    )
    root = directory[:_ENTRY_BYTES]
    for start in range(0, len(directory) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        entry = directory[start : start + _ENTRY_BYTES]
        length = struct.unpack_from("<H", entry, 64)[0]
        if entry[: max(0, length - 2)].decode("utf-16-le", "replace") in ("Workbook", "Book"):
            break
    else:
        raise NoStream("no workbook")
    first, bytes_long = struct.unpack_from("<II", entry, 116)
    if bytes_long >= 4096:
        chain = _chain(table, first, sectors)
        return b"".join(content[(one + 1) * size : (one + 2) * size] for one in chain)[:bytes_long]
    mini_table = b"".join(content[(one + 1) * size : (one + 2) * size] for one in _chain(table, first_mini, sectors))
    holder = b"".join(
        content[(one + 1) * size : (one + 2) * size]
        for one in _chain(table, struct.unpack_from("<I", root, 116)[0], sectors)
    )
    minis = _chain(mini_table, first, len(holder) // 64)
    return b"".join(holder[one * 64 : (one + 1) * 64] for one in minis)[:bytes_long]


def _chain(table: bytes, first: int, most: int) -> list[int]:
    """Follow a chain from its first sector. Raises `NoStream` where it is longer than the file."""
    numbers: list[int] = []
    while first < _LAST:
        if len(numbers) > most:
            raise NoStream("a chain that does not end")
        numbers.append(first)
        first = struct.unpack_from("<I", table, 4 * first)[0]
    return numbers
