"""The file of an export: .xlsx with dates as dates and numbers as text, or .csv that a spreadsheet opens as it is."""

import csv
from collections.abc import Callable, Iterable
from datetime import date, datetime
from io import BytesIO, StringIO

from schemas.clock import local_date
from schemas.identity import mask_document_number
from service.context import Node
from service.ledgers.files.fields import Field, LedgerKind
from service.ledgers.judging.messages import header_of
from service.ledgers.out.exporting import ExportColumn, ExportWish, exported_moves
from service.ledgers.report import neutralised
from service.officers.rules import Officer
from service.registry.queries import Listed, moved_on, other_end
from service.registry.tables import Departure
from service.web.languages import N_, Translator
from service.web.words import word

_HEADS = {
    ExportColumn.AREA: N_("Registered in"),
    ExportColumn.STATE: N_("State of the move"),
    ExportColumn.ENTERED_ON: N_("Entered on"),
    ExportColumn.REGISTERED_BY: N_("Handled by"),
}
_WIDTHS = {
    ExportColumn.NAME: 14,
    ExportColumn.DOCUMENT_TYPE: 16,
    ExportColumn.DOCUMENT_NUMBER: 22,
    ExportColumn.REGION: 22,
    ExportColumn.ADDRESS: 36,
    ExportColumn.PHONE: 16,
    ExportColumn.AREA: 22,
}
_WIDTH = 13
_TAIL = 4


def make_file(node: Node, wish: ExportWish, *, by: Officer, translator: Translator) -> tuple[bytes, int]:
    """Make the file of an export that was allowed; returns it and how many moves it holds. Blocking."""
    lines = (_cells(node, wish, listed, translator) for listed in exported_moves(node, wish, by=by))
    heads = [head_of(one, wish.kind, translator) for one in wish.columns]
    if wish.file_type == "csv":
        return _text(heads, lines)
    return _workbook(heads, wish, lines, translator)


def head_of(column: ExportColumn, kind: LedgerKind, translator: Translator) -> str:
    """Name a column of the file."""
    if column in _HEADS:
        return translator.gettext(_HEADS[column])
    return header_of(Field(column.value), kind, translator.language)


def masked_phone(phone: str | None) -> str:
    """A phone number with its middle hidden: `138****6131`."""
    if phone is None:
        return ""
    shown = max(0, min(3, len(phone) - 2 * _TAIL))
    return phone[:shown] + "*" * (len(phone) - shown - _TAIL) + phone[-_TAIL:]


def _workbook(
    heads: list[str], wish: ExportWish, lines: Iterable[list[str | date]], translator: Translator
) -> tuple[bytes, int]:
    import xlsxwriter  # noqa: PLC0415 - 40 ms, and only an export needs it

    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(translator.gettext(word("ledger_kind", wish.kind.value)))
    bold, day = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "yyyy-mm-dd"})
    text = book.add_format({"num_format": "@"})
    for place, (head, column) in enumerate(zip(heads, wish.columns, strict=True)):
        sheet.set_column(place, place, _WIDTHS.get(column, _WIDTH))
        sheet.write_string(0, place, head, bold)
    count = 0
    for count, cells in enumerate(lines, start=1):
        for place, cell in enumerate(cells):
            if isinstance(cell, date):
                sheet.write_datetime(count, place, datetime(cell.year, cell.month, cell.day), day)  # noqa: DTZ001 - a day
            else:
                sheet.write_string(count, place, neutralised(cell), text)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, count, len(heads) - 1)
    book.close()
    return content.getvalue(), count


def _text(heads: list[str], lines: Iterable[list[str | date]]) -> tuple[bytes, int]:
    content = StringIO(newline="")
    write = csv.writer(content).writerow
    write(heads)
    count = 0
    for cells in lines:
        count += 1
        write([cell.isoformat() if isinstance(cell, date) else neutralised(cell) for cell in cells])
    return content.getvalue().encode("utf-8-sig"), count


def _cells(node: Node, wish: ExportWish, listed: Listed, translator: Translator) -> list[str | date]:
    person, move = listed.person, listed.move
    identity = person.identity
    number, phone = identity.document_number or "", person.contact.phone
    state = word("arrival_state" if wish.kind is LedgerKind.ARRIVALS else "departure_state", move.state)
    cells: dict[ExportColumn, Callable[[], str | date]] = {
        ExportColumn.NAME: lambda: identity.name,
        ExportColumn.DOCUMENT_TYPE: lambda: translator.gettext(word("document_type", identity.document_type.value)),
        ExportColumn.DOCUMENT_NUMBER: lambda: number if wish.full else mask_document_number(number),
        ExportColumn.REGION: lambda: node.divisions.full_name(other_end(move)),
        ExportColumn.MOVED_ON: lambda: _day(moved_on(move)),
        ExportColumn.EXPECTED_RETURN_ON: lambda: _day(
            (move.expected_return_on if isinstance(move, Departure) else None) or ""
        ),
        ExportColumn.ADDRESS: lambda: person.address or "",
        ExportColumn.PHONE: lambda: (phone or "") if wish.full else masked_phone(phone),
        ExportColumn.AREA: lambda: node.divisions.full_name(move.area),
        ExportColumn.STATE: lambda: translator.gettext(state),
        ExportColumn.ENTERED_ON: lambda: local_date(move.entered_at, node.zone),
        ExportColumn.REGISTERED_BY: lambda: move.registered_by,
    }
    return [cells[one]() for one in wish.columns]


def _day(text: str) -> str | date:
    """A day as a day; a month, which is never filled up, as its text."""
    return date.fromisoformat(text) if len(text) == len("2026-09-30") else text
