"""A ledger out of the register: an area's moves, with masked numbers and no date of birth (rule 11 of the domain)."""

from io import BytesIO

import xlsxwriter

from schemas.identity import mask_document_number
from service.access_log import record
from service.bounds import MOST_ITEMS
from service.context import Node
from service.ledgers.fields import Field, LedgerKind
from service.ledgers.messages import header_of
from service.ledgers.report import neutralised
from service.officers.rules import Officer, Role, require
from service.registry.queries import (
    FullPurpose,
    Listed,
    arrivals_page,
    departures_page,
    moved_on,
    other_end,
)
from service.registry.tables import Departure
from service.web.languages import N_, Translator
from service.web.words import word

_FIELDS = (
    Field.NAME,
    Field.DOCUMENT_TYPE,
    Field.DOCUMENT_NUMBER,
    Field.REGION,
    Field.MOVED_ON,
    Field.EXPECTED_RETURN_ON,
)


def export_moves(
    node: Node, kind: LedgerKind, *, by: Officer, purpose: FullPurpose, translator: Translator
) -> tuple[bytes, int]:
    """Make an .xlsx of all moves of a kind in the officer's area, newest first; returns it and how many there are.

    Everybody in it finds it in their log. Raises `Forbidden`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(translator.gettext(word("ledger_kind", kind.value)))
    bold = book.add_format({"bold": True, "bottom": 1})
    heads = [header_of(field, kind, translator.language) for field in _FIELDS]
    for column, head in enumerate([*heads, translator.gettext(N_("State of the move"))]):
        sheet.write_string(0, column, head, bold)
    line, after = 0, None
    node.database.write_sync(lambda session: record(session, node, by.as_actor, "ledger.exported", purpose=purpose))
    while line == 0 or after is not None:
        items, after = _page(node, kind, by, after)
        for listed in items:
            line += 1
            for column, text in enumerate(_cells(node, kind, listed, translator)):
                sheet.write_string(line, column, neutralised(text))
        if not items:
            break
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(_FIELDS), 20)
    book.close()
    return content.getvalue(), line


def _page(node: Node, kind: LedgerKind, by: Officer, after: str | None) -> tuple[list[Listed], str | None]:
    page = arrivals_page if kind is LedgerKind.ARRIVALS else departures_page
    found = node.database.write_sync(lambda session: page(session, node, by=by, after=after, limit=MOST_ITEMS))
    return found.items, found.next


def _cells(node: Node, kind: LedgerKind, listed: Listed, translator: Translator) -> list[str]:
    identity, move = listed.person.identity, listed.move
    state = word("arrival_state" if kind is LedgerKind.ARRIVALS else "departure_state", move.state)
    return [
        identity.name,
        translator.gettext(word("document_type", identity.document_type.value)),
        mask_document_number(identity.document_number),
        node.divisions.full_name(other_end(move)),
        moved_on(move),
        (move.expected_return_on if isinstance(move, Departure) else None) or "",
        translator.gettext(state),
    ]
