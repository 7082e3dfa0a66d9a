"""From a file to the mapped cells of its people, in one pass; the rest is read past.

This runs in the reader's process. A cell that is merged over several rows counts for each of them where it says a place
or a date (one household, one move); never where it says who somebody is or how to reach them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from schemas.problems import LedgerUnreadable
from service.ledgers.files.columns import Layout, Row, find_layout, likely_header, other_header
from service.ledgers.files.date_systems import day_of
from service.ledgers.files.fields import OUTCOME_HEADER, Cell, Chosen, Field, KeptColumn, LedgerKind, RawRow, ToldColumn
from service.ledgers.files.formats import FileFormat, look_into
from service.ledgers.files.headers import DATES, names_a_person
from service.ledgers.files.people import LONGEST_CELL, is_person, printed_above, text_of
from service.ledgers.files.texts import read_text
from service.ledgers.files.workbooks import Sheet, read_workbook

_TOLD_BY_TITLE = {
    LedgerKind.ARRIVALS: re.compile(r"流入|来此|外来|迁入|arrival|inflow", re.IGNORECASE),
    LedgerKind.DEPARTURES: re.compile(r"流出|外出|迁出|departure|outflow", re.IGNORECASE),
}
_SHOWS_HOW = re.compile(r"示例|样例|样表|范例|模板|说明|example|sample|template", re.IGNORECASE)
_MOST_SHOWN = 5
"""People of an example; a sheet with more is somebody's ledger, whatever it is called."""
_REGISTERED_ALREADY = re.compile(r"\((ok|warning|duplicate)\)$")
"""In a file that we handed back: rows of people who are in the register, and stand there with hidden numbers."""
_SPOILT = "#N/A"
_SHARED = (Field.REGION, Field.MOVED_ON, Field.EXPECTED_RETURN_ON, Field.ADDRESS)
"""What a cell that is merged over several rows may say of all of them."""


@dataclass(slots=True)
class Extraction:
    """A ledger being read: what it is, its people, and, once they are all read, the columns that were dropped."""

    kind: LedgerKind
    kept: list[KeptColumn]
    columns: list[ToldColumn]
    rows: Iterator[RawRow]
    dropped: list[str] = field(default_factory=list)


class Incomplete(Exception):
    """No journey can be made of the columns as they are understood; an officer may say what they mean."""

    def __init__(self, kind: LedgerKind, columns: tuple[ToldColumn, ...], refusal: LedgerUnreadable) -> None:
        super().__init__(refusal.msgid)
        self.kind = kind
        self.columns = columns
        self.refusal = refusal


def extract(path: Path, kind: LedgerKind | None = None) -> Extraction:
    """Open a ledger as its headers say. Raises `LedgerUnreadable`, also where it lacks a column."""
    try:
        return extract_chosen(path, kind)
    except Incomplete as error:
        raise error.refusal from None


def extract_chosen(path: Path, kind: LedgerKind | None = None, chosen: Chosen | None = None) -> Extraction:
    """Open a ledger of `kind` (told from its columns where `None`); `chosen` wins over what its headers say.

    All visible sheets with a fitting header are read one after the other. Raises `LedgerUnreadable` where the file is
    none, holds no header or may be of either kind, `Incomplete` where it lacks a column without which no journey can
    be made.
    """
    found, spoilt = look_into(path)
    sheets = read_text(path, chosen) if found is FileFormat.TEXT else read_workbook(path, found, spoilt)
    fitting: list[tuple[Sheet, Layout]] = []
    incomplete: Layout | None = None
    other_kind, empty = False, True
    for sheet in sheets:
        empty = empty and not any(cell not in (None, "") for row in sheet.head for cell in row)
        layouts = [find_layout(sheet.head, sheet.merges, wanted, chosen) for wanted in ([kind] if kind else LedgerKind)]
        layout = _likelier([layout for layout in layouts if layout is not None], sheet)
        if layout is not None and layout.complete:
            fitting.append((sheet, layout))
            continue
        incomplete = incomplete or layout or likely_header(sheet.head, sheet.merges, kind or LedgerKind.ARRIVALS)
        other_kind = other_kind or any(
            other.complete for wanted in LedgerKind if (other := find_layout(sheet.head, sheet.merges, wanted, chosen))
        )
    if not fitting:
        if empty:
            raise LedgerUnreadable("The sheets are empty.")
        if other_kind:
            raise LedgerUnreadable("The columns are those of the other kind of ledger.")
        _refuse(incomplete)
    if len({layout.kind for _, layout in fitting}) > 1:
        raise LedgerUnreadable("The workbook holds arrivals and departures: say which to read.")
    # A sheet that shows how to fill in the others holds nobody.
    fitting = [one for one in fitting if not _shows_how(*one)] or fitting
    extraction = Extraction(fitting[0][1].kind, [], [], iter(()))
    for _, layout in fitting:
        extraction.kept += [column for column in layout.kept if column not in extraction.kept]
        met = {column.header for column in extraction.columns}
        extraction.columns += [column for column in layout.told if column.header not in met]
    extraction.rows = _people(fitting, extraction.dropped)
    return extraction


def _shows_how(sheet: Sheet, layout: Layout) -> bool:
    below = sheet.head[layout.first_row :]
    filled = sum(any(text_of(cell) for cell in row) for row in below)
    return bool(_SHOWS_HOW.search(sheet.title)) and filled <= _MOST_SHOWN


def _likelier(layouts: list[Layout], sheet: Sheet) -> Layout | None:
    """Of a sheet read as either kind, take the reading that can make journeys; where both can, ask its titles."""
    complete = [layout for layout in layouts if layout.complete]
    certain = [layout for layout in complete if layout.certain]
    if len(certain) == 1:
        return certain[0]
    if len(complete) > 1:
        lines = [[text for cell in row if (text := text_of(cell))] for row in sheet.head[: complete[0].first_row]]
        titles = " ".join([sheet.title, *(line[0] for line in lines if len(line) == 1)])
        told = [layout for layout in complete if _TOLD_BY_TITLE[layout.kind].search(titles)]
        if len(told) == 1:
            return told[0]
        raise LedgerUnreadable("The ledger may be of arrivals or of departures: say which.")
    if complete:
        return complete[0]
    return max(layouts, key=lambda layout: len(layout.kept), default=None)


def _refuse(layout: Layout | None) -> NoReturn:
    refusal = LedgerUnreadable("No row names the columns of a ledger (name, document, date of move …).")
    if layout is None:
        raise refusal
    if Field.NAME not in layout.missing:
        if Field.MOVED_ON in layout.missing:
            refusal = LedgerUnreadable("No column of the ledger says when they moved.")
        elif layout.kind is LedgerKind.ARRIVALS:
            refusal = LedgerUnreadable("No column of the ledger says where they came from.")
        else:
            refusal = LedgerUnreadable("No column of the ledger says where they went.")
    raise Incomplete(layout.kind, layout.told, refusal)


def _people(chosen: Iterable[tuple[Sheet, Layout]], dropped: list[str]) -> Iterator[RawRow]:
    for sheet, layout in chosen:
        unnamed = [place for place, name in layout.dropped if not name]
        dropped += [name for _, name in layout.dropped if name and name not in dropped]
        outcome = next((place for place, name in layout.dropped if name == OUTCOME_HEADER), None)
        above = printed_above(sheet.head[: layout.first_row])
        halves = [(half, _Shared(sheet, half), _mapper(half)) for half in layout.halves]
        understood, numbers_at = True, _place_of_numbers(layout)
        for number, row in enumerate(sheet.rows):
            if number < layout.first_row:
                continue
            for place in [place for place in unnamed if place < len(row) and row[place] not in (None, "")]:
                unnamed.remove(place)
                dropped.append(f"({_letters(place)})")
            if outcome is not None and outcome < len(row) and _REGISTERED_ALREADY.search(text_of(row[outcome])):
                continue
            if not _shows_digits(row, numbers_at) and any(
                isinstance(cell, str) and names_a_person(cell) for cell in row
            ):
                # Another table below the first: 二、流出人员. Its rows are never read as the first one's.
                other = other_header(row, layout)
                understood = other is None or other.complete
                wanted = other if other is not None and other.complete else layout
                numbers_at = _place_of_numbers(wanted)
                halves = [(half, _Shared(sheet, half), _mapper(half)) for half in wanted.halves]
                continue
            for half, shared, mapper in halves:
                row_with_shared = shared.fill(number, row)
                if is_person(row, half, above):
                    mapped = mapper(row_with_shared)
                    if sheet.spoilt and any(
                        (number, place) in sheet.spoilt for place in half.columns.get(Field.DOCUMENT_NUMBER, ())
                    ):
                        # A look-up that found nothing does not say that there is no document.
                        mapped = replace(mapped, document_number=_SPOILT)
                    if not understood:
                        mapped = replace(mapped, region=(), moved_on=None)
                    yield _from_1904(mapped) if sheet.from_1904 else mapped


def _place_of_numbers(layout: Layout) -> int | None:
    return next(iter(layout.columns.get(Field.DOCUMENT_NUMBER, ())), None)


def _shows_digits(row: Row, place: int | None) -> bool:
    """Tell at a glance that a row is no header: in its column of numbers stand digits."""
    return place is not None and place < len(row) and str(row[place])[-5:-1].isdigit()


class _Shared:
    """Cells merged over several rows, as they are met on the way down a sheet."""

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        places = {place for field in _SHARED for place in layout.columns.get(field, ())}
        self._last_row_of = {
            (first, place): last
            for (first, place), (last, _) in sheet.tall
            if first >= layout.first_row and place in places
        }
        self._current: dict[int, tuple[int, Cell]] = {}

    def fill(self, number: int, row: Row) -> Row:
        """Give a row with what cells that began above it say of it, too."""
        if not self._last_row_of:
            return row
        for place, cell in enumerate(row):
            if (last := self._last_row_of.get((number, place))) is not None:
                self._current[place] = (last, cell)
        lent = {place: cell for place, (last, cell) in self._current.items() if number <= last}
        if not lent:
            return row
        width = max(len(row), *(place + 1 for place in lent))
        cells = [row[place] if place < len(row) else None for place in range(width)]
        return [lent.get(place) if cell in (None, "") else cell for place, cell in enumerate(cells)]


def _from_1904(row: RawRow) -> RawRow:
    """Turn plain numbers into the days that they mean where days are counted from 1904."""

    def day(cell: Cell) -> Cell:
        return (day_of(cell) or cell) if isinstance(cell, (int, float)) and not isinstance(cell, bool) else cell

    return replace(
        row,
        date_of_birth=day(row.date_of_birth),
        moved_on=day(row.moved_on),
        expected_return_on=day(row.expected_return_on),
    )


def _mapper(layout: Layout) -> Callable[[Row], RawRow]:
    """Give a function that takes a person's cells out of a row: where they stand is looked up once a sheet."""
    places = {field: tuple(layout.columns.get(field, ())) for field in Field}
    ones = [
        places[field]
        for field in (
            Field.NAME,
            Field.DOCUMENT_TYPE,
            Field.DOCUMENT_NUMBER,
            Field.DATE_OF_BIRTH,
            Field.MOVED_ON,
            Field.EXPECTED_RETURN_ON,
            Field.PHONE,
            Field.EMAIL,
        )
    ]
    region, address = places[Field.REGION], places[Field.ADDRESS]
    spread = any(len(places[field]) > 1 for field in DATES)

    def cell(row: Row, width: int, wanted: Sequence[int]) -> Cell:
        for place in wanted:
            if place < width:
                found = row[place]
                return found[:LONGEST_CELL] if isinstance(found, str) else found
        return None

    def mapped(row: Row) -> RawRow:
        width = len(row)
        name, document_type, number, born, moved_on, return_on, phone, email = [cell(row, width, one) for one in ones]
        if spread:
            born = _joined(row, places[Field.DATE_OF_BIRTH], born)
            moved_on = _joined(row, places[Field.MOVED_ON], moved_on)
        return RawRow(
            name=name,
            document_type=document_type,
            document_number=number,
            date_of_birth=born,
            region=tuple([part for place in region if place < width and (part := text_of(row[place]))]),
            moved_on=moved_on,
            expected_return_on=return_on,
            address="".join([text_of(row[place]) for place in address if place < width]),
            phone=phone,
            email=email,
        )

    return mapped


def _joined(row: Row, places: Sequence[int], cell: Cell) -> Cell:
    """Give a date that has a column for each of year, month and day as one text; any other cell as it is."""
    if len(places) < 2:
        return cell
    parts = [text_of(row[place]).rstrip("年月日号") if place < len(row) else "" for place in places]
    # Without a day it is a month; without a month it is no date, as it should be.
    return "-".join(parts).rstrip("-")


def _letters(place: int) -> str:
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
