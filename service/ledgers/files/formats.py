"""What kind of file a ledger is, and whether it is safe to open: decided before any parser sees it.

A workbook is a ZIP archive of XML, and both unpack: 1 MB of one can fill gigabytes. So the archive is unpacked once in
small pieces that are thrown away, and counted: bytes, cells, columns. What goes past a bound is refused at once.
"""

import codecs
import re
import zipfile
import zlib
from enum import StrEnum
from pathlib import Path
from typing import IO

from schemas.problems import LedgerUnreadable

MAX_FILE_BYTES = 128 * 1024 * 1024
"""A larger file is no ledger of a township; a county's million rows are about 100 MB of text."""
MAX_UNPACKED_BYTES = 384 * 1024 * 1024
MAX_OLD_BYTES = 64 * 1024 * 1024
"""An .xls, whose sheets have 65,536 rows at most, is held in memory whole."""
MAX_SHEETS = 500
"""One for each village of a large county."""
MAX_RATIO = 100
"""XML of real sheets shrinks 10 to 60 times; an archive made to explode shrinks 200 to 1,000 times."""
RATIO_MATTERS_FROM_BYTES = 16 * 1024 * 1024
MAX_MEMBERS = 2_000
MAX_COLUMNS = 702
"""A to ZZ."""
MAX_ROWS = 1_048_576
"""As many as a sheet can have (ECMA-376, and Excel's own bound)."""
MAX_CELLS = 16_000_000
MAX_HOLLOW_AREA = 2_000_000
"""Cells between the outermost ones where nearly all of them are empty: 64 MB in the reader, for a file of 1 kB."""
MIN_FILLED = 1 / 40
MAX_LINE_BYTES = 1024 * 1024
"""A longer line of a text is no row of a ledger, and would be held in memory whole."""
_CHUNK_BYTES = 1024 * 1024
_OVERLAP_BYTES = 64

_DEFINITIONS = "The workbook holds definitions that no program writes; open it in Excel and save it again."
_MACROS = "The workbook holds macros; save it as .xlsx without them."
_COLUMN = re.compile(rb"""r=["']([A-Za-z]{1,8}+(?=[0-9])(?:[0-9]{8})?+)[0-9]{0,4}+["']""")
"""A cell's letters, with digits behind them where its row has eight digits or more: no sheet has so many."""
_CELL = re.compile(rb"<c[ />]")
_LAST_CELL = re.compile(rb"""(?s:.*)r=["'][A-Za-z]{1,8}([0-9]{1,12})["']""")
_ROW = re.compile(rb"""r=["']([0-9]{1,20})["']""")
_BLANK_CELL = re.compile(rb"""<c r=["'][A-Z]{1,3}[0-9]{1,7}["'](?: s=["'][0-9]{1,6}["'])?\s*(?:/>|></c>)""")
_BLANK_ROW = re.compile(rb"<row(?: [A-Za-z0-9:]{1,20}=[\"'][^\"'<>]{0,40}[\"']){0,20}\s*(?:/>|>\s*</row>)")
"""Cells and rows that have a look and hold nothing."""
_SPOILT_CELL = re.compile(rb"""<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="[0-9]{1,6}")? t="e">""")
_MOST_SPOILT = 100_000
_LONGEST_ROW_BYTES = 4 * _CHUNK_BYTES
_DTD = re.compile(
    b"|".join(rb"\x00?".join(re.escape(bytes([one])) for one in word) for word in (b"<!DOCTYPE", b"<!ENTITY")),
    re.IGNORECASE,
)
"""In one byte a character, or in two: an XML part may be UTF-16."""
_OLD_XML = b"urn:schemas-microsoft-com:office:spreadsheet"
"""SpreadsheetML of 2003; a web page of Excel's has `:excel` there."""
_UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF_16_WITHOUT_MARK = tuple(
    word.encode(code) for word in ("姓名", "name", "Name") for code in ("utf-16-le", "utf-16-be")
)
_TEXT_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13, 26}


SpoiltCells = dict[str, frozenset[tuple[int, int]]]
"""Rows and columns from 0 of cells that hold #N/A and the like, by the part of the archive that is their sheet."""


class FileFormat(StrEnum):
    """The shapes that are read."""

    XLSX = "xlsx"
    XLSB = "xlsb"
    ODS = "ods"
    XLS = "xls"
    TEXT = "text"


def recognise(path: Path) -> FileFormat:
    """Say what a file is from its bytes (`look_into`)."""
    return look_into(path)[0]


def look_into(path: Path) -> tuple[FileFormat, SpoiltCells]:
    """Say what a file is from its bytes, never from its name, and refuse what cannot be opened safely.

    With it come the cells of an .xlsx whose formula failed, by the sheet's part: readers take them for blank ones.

    Raises `LedgerUnreadable` for an empty or huge file, a picture or document, a workbook with a password, and
    archives that unpack to more than a ledger can be.
    """
    size = path.stat().st_size
    if size == 0:
        raise LedgerUnreadable("The file is empty.")
    if size > MAX_FILE_BYTES:
        raise LedgerUnreadable(
            "The file is too large (at most %(megabytes)s MB); split the ledger.", megabytes=MAX_FILE_BYTES >> 20
        )
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith(b"PK"):
            spoilt: SpoiltCells = {}
            return _recognise_archive(path, spoilt), spoilt
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            file.seek(0)
            return _recognise_compound(file), {}
        found = _recognise_text(head)
        file.seek(0)
        _refuse_endless_lines(file)
    return found, {}


def _recognise_compound(file: IO[bytes]) -> FileFormat:
    """Look into an OLE compound file (MS-CFB): an old workbook, or a new one locked by a password (MS-OFFCRYPTO)."""
    content = file.read(MAX_OLD_BYTES + 1)
    if len(content) > MAX_OLD_BYTES:
        raise LedgerUnreadable(
            "The file is too large (at most %(megabytes)s MB); split the ledger.", megabytes=MAX_OLD_BYTES >> 20
        )
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise LedgerUnreadable("The workbook is protected by a password; save it without one.")
    if any(name.encode("utf-16-le") in content for name in ("_VBA_PROJECT", "_VBA_PROJECT_CUR")):
        raise LedgerUnreadable(_MACROS)
    if any(name.encode("utf-16-le") in content for name in ("Workbook", "Book")):
        return FileFormat.XLS
    raise LedgerUnreadable("The file is neither a workbook nor text with columns; save the ledger as .xlsx or .csv.")


def _recognise_text(head: bytes) -> FileFormat:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if _OLD_XML in head:
        raise LedgerUnreadable("The file is an XML table of Excel 2003; open it in Excel and save it as .xlsx.")
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<?xml", b"<meta", b"<head", b"mime-version:")):
        raise LedgerUnreadable("The file is a web page under a workbook's name; open it in Excel and save it as .xlsx.")
    if head.startswith(_UTF_32):
        raise LedgerUnreadable("The text's encoding is not known; save it as UTF-8.")
    if not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        if b"\x00" in head and any(word in head for word in _UTF_16_WITHOUT_MARK):
            raise LedgerUnreadable("The text's encoding is not known; save it as UTF-8.")
        controls = sum(byte in _TEXT_CONTROLS for byte in head)
        if b"\x00" in head or controls > len(head) // 200 + 1 or start.startswith((b"%pdf", b"{\\rtf")):
            raise LedgerUnreadable(
                "The file is neither a workbook nor text with columns; save the ledger as .xlsx or .csv."
            )
    return FileFormat.TEXT


def _refuse_endless_lines(file: IO[bytes]) -> None:
    """Refuse a text that is one line, or more lines than a sheet has rows, before anything holds them."""
    without_end = lines = 0
    while chunk := file.read(_CHUNK_BYTES):
        first = min((place for end in (b"\n", b"\r") if (place := chunk.find(end)) >= 0), default=len(chunk))
        if without_end + first > MAX_LINE_BYTES:
            raise LedgerUnreadable(
                "The file is neither a workbook nor text with columns; save the ledger as .xlsx or .csv."
            )
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        without_end = len(chunk) - last - 1 if last >= 0 else without_end + len(chunk)
        lines += max(chunk.count(b"\n"), chunk.count(b"\r"))
        if lines > MAX_ROWS:
            raise LedgerUnreadable("The sheet is too large: split the ledger.")


def _recognise_archive(path: Path, spoilt: SpoiltCells) -> FileFormat:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise LedgerUnreadable(
                    "The workbook unpacks to more than a ledger can be; copy the ledger into a new workbook."
                )
            names = {member.filename for member in members}
            if any(member.flag_bits & 1 for member in members):
                raise LedgerUnreadable("The workbook is protected by a password; save it without one.")
            if any(name.lower().endswith("vbaproject.bin") for name in names):
                raise LedgerUnreadable(_MACROS)
            found = _format_of(names)
            _weigh(archive, members, path.stat().st_size, spoilt)
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError):
        raise LedgerUnreadable("The workbook is damaged; open it in Excel and save it again.") from None


def _format_of(names: set[str]) -> FileFormat:
    if "xl/workbook.xml" in names or "[Content_Types].xml" in names:
        if "xl/workbook.bin" in names:
            return FileFormat.XLSB
        if any(name.startswith("xl/") for name in names):
            return FileFormat.XLSX
    elif "content.xml" in names:
        return FileFormat.ODS
    raise LedgerUnreadable("The file is neither a workbook nor text with columns; save the ledger as .xlsx or .csv.")


def _weigh(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], packed: int, spoilt: SpoiltCells) -> None:
    """Unpack everything once, counting: the sizes that an archive's directory claims are not believed."""
    declared = sum(member.file_size for member in members)
    allowed = min(MAX_UNPACKED_BYTES, max(RATIO_MATTERS_FROM_BYTES, packed * MAX_RATIO))
    if declared > allowed:
        raise LedgerUnreadable(
            "The workbook unpacks to more than a ledger can be; copy the ledger into a new workbook."
        )
    unpacked = 0
    for member in members:
        sheet = _Dimensions() if member.filename.startswith("xl/worksheets/") else None
        with archive.open(member) as stream:
            tail = b""
            while chunk := stream.read(_CHUNK_BYTES):
                unpacked += len(chunk)
                if unpacked > allowed:
                    raise LedgerUnreadable(
                        "The workbook unpacks to more than a ledger can be; copy the ledger into a new workbook."
                    )
                piece = tail + chunk
                if member.filename.endswith((".xml", ".rels")) and _defines(piece):
                    raise LedgerUnreadable(_DEFINITIONS)
                if sheet is not None and not sheet.too_far:
                    sheet.add(piece)
                tail = piece[-_OVERLAP_BYTES:]
        if sheet is not None and (sheet.too_far or sheet.hollow):
            _refuse_far_cells(archive, member)
        if sheet is not None and sheet.spoilt:
            spoilt[member.filename] = frozenset(sheet.spoilt)


def _refuse_far_cells(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Look once more at a sheet that reaches far: whole rows and columns that were only given a look hold nothing.

    Raises `LedgerUnreadable` where cells that hold something reach too far, or lie too far apart.
    """
    sheet, left = _Dimensions(), b""
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            piece = left + chunk
            # A row that is cut in two cannot be told from a blank one.
            cut = piece.rfind(b"<row")
            cut = cut if cut > 0 and len(piece) - cut < _LONGEST_ROW_BYTES else len(piece)
            sheet.add(_without_blanks(piece[:cut]))
            sheet.refuse_far()
            left = piece[cut:]
    sheet.add(_without_blanks(left))
    sheet.refuse_far()
    if sheet.hollow:
        raise LedgerUnreadable("A cell stands far from the others: delete the empty rows and columns.")


def _defines(piece: bytes) -> bool:
    """Tell whether there is a document type or an entity. Most parts have no exclamation mark, which is seen sooner."""
    return b"!" in piece and _DTD.search(piece) is not None


def _without_blanks(piece: bytes) -> bytes:
    return _BLANK_ROW.sub(b"", _BLANK_CELL.sub(b"", piece))


class _Dimensions:
    """How far a sheet reaches: a reader makes room for every cell between the outermost ones, empty or not."""

    def __init__(self) -> None:
        self.columns = 0
        self.rows = 0
        self.cells = 0
        self.spoilt: set[tuple[int, int]] = set()

    def add(self, piece: bytes) -> None:
        """Count one more piece of the sheet's XML."""
        found = set(_COLUMN.findall(piece))
        self.columns = max([self.columns, *(_column_number(letters.rstrip(b"0123456789")) for letters in found)])
        # From the start alone: where no cell is, looking from every place would take an hour.
        last = _LAST_CELL.match(piece)
        self.rows = max([self.rows, *map(int, [*(last.groups() if last else ()), *_ROW.findall(piece)])])
        if not all(map(bytes.isalpha, found)):
            self.rows = MAX_ROWS + 1
        self.cells += len(_CELL.findall(piece))
        if b't="e"' in piece and len(self.spoilt) < _MOST_SPOILT:
            self.spoilt.update((int(row) - 1, _column_number(at) - 1) for at, row in _SPOILT_CELL.findall(piece))

    @property
    def too_far(self) -> bool:
        """Whether the sheet reaches past the bounds."""
        return self.columns > MAX_COLUMNS or self._too_many

    @property
    def hollow(self) -> bool:
        """Whether a few cells lie far apart."""
        area = self.rows * self.columns
        return area > MAX_HOLLOW_AREA and self.cells < area * MIN_FILLED

    def refuse_far(self) -> None:
        """Raise `LedgerUnreadable` past the bounds."""
        if self.columns > MAX_COLUMNS:
            raise LedgerUnreadable(
                "The sheet has more than %(columns)s columns; delete the empty ones.", columns=MAX_COLUMNS
            )
        if self._too_many:
            raise LedgerUnreadable("The sheet is too large: split the ledger.")

    @property
    def _too_many(self) -> bool:
        return self.rows > MAX_ROWS or self.cells > MAX_CELLS or self.rows * self.columns > MAX_CELLS


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
