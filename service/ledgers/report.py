"""What is handed back: the row-by-row report as JSON, and the rows to correct as a workbook."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from schemas.identity import mask_document_number
from service.ledgers.cells import formula, plain
from service.ledgers.fields import Field, KeptColumn, LedgerKind, RawRow
from service.ledgers.messages import Translate, header_of, message_of
from service.ledgers.rules import Code, Outcome
from service.web.languages import N_, Translator
from service.web.words import word


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One person's row as the report tells it; `raw` holds mapped cells only."""

    number: int
    outcome: Outcome
    codes: tuple[Code, ...]
    raw: RawRow


def counts_of(rows: Iterable[ReportRow]) -> dict[str, int]:
    """Count the rows by outcome, all four always there."""
    counts = {str(outcome): 0 for outcome in Outcome}
    for row in rows:
        counts[row.outcome] += 1
    return counts


def row_document(row: ReportRow, translate: Translate) -> dict[str, Any]:
    """Give a row as JSON: its number, outcome, codes and what they mean; nothing of the person."""
    return {
        "row": row.number,
        "outcome": str(row.outcome),
        "codes": [str(code) for code in row.codes],
        "message": message_of(row.codes, translate),
    }


def document(
    rows: Sequence[ReportRow],
    kind: LedgerKind,
    kept: Iterable[KeptColumn],
    dropped: Sequence[str],
    translate: Translate,
) -> dict[str, Any]:
    """Give the whole report as the JSON of `ledger check` and `ledger import`."""
    return {
        "kind": str(kind),
        "counts": counts_of(rows),
        "kept_columns": [{"field": str(column.field), "header": column.header} for column in kept],
        "dropped_columns": list(dropped),
        "rows": [row_document(row, translate) for row in rows],
    }


def workbook(
    rows: Iterable[ReportRow], kind: LedgerKind, kept: Iterable[Field], dropped: Sequence[str], translator: Translator
) -> bytes:
    """Make the .xlsx of the rows that are handed back, with the reason beside each.

    Rows that were refused stand as they came, in headers that a ledger may have: corrected, the file can be imported
    again. Of the others the document number is masked and the date of birth left out (rule 11 of the domain). Every
    cell is text; what a spreadsheet would run gets an apostrophe (CWE-1236).
    """
    import xlsxwriter  # noqa: PLC0415 - 40 ms, and only a report needs it

    translate = translator.gettext
    fields = [field for field in Field if field in set(kept)]
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True, "bottom": 1})
    sheet = book.add_worksheet(translate(N_("Rows to look at")))
    heads = [translate(N_("Row number")), *(header_of(field, kind, translator.language) for field in fields)]
    for column, head in enumerate(
        [*heads, translate(N_("Outcome of the row")), translate(N_("Reason for the outcome"))]
    ):
        sheet.write_string(0, column, head, bold)
    line = 1
    for row in rows:
        if row.outcome is Outcome.OK:
            continue
        cells = [str(row.number), *(_shown(row, field) for field in fields)]
        cells += [translate(word("ledger_outcome", row.outcome)), message_of(row.codes, translate)]
        for column, text in enumerate(cells):
            sheet.write_string(line, column, neutralised(text))
        line += 1
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, 0, 6)
    sheet.set_column(1, len(fields), 20)
    sheet.set_column(len(fields) + 1, len(fields) + 2, 40)
    columns = book.add_worksheet(translate(N_("Columns that were not read")))
    for place, name in enumerate(dropped):
        columns.write_string(place, 0, neutralised(name))
    book.close()
    return content.getvalue()


def neutralised(text: str) -> str:
    """Give a text that a spreadsheet takes for text, whatever it begins with."""
    return f"'{text}" if formula(text) else text


def _shown(row: ReportRow, field: Field) -> str:
    refused = row.outcome is Outcome.ERROR
    if field is Field.DATE_OF_BIRTH and not refused:
        return ""
    if field is Field.DOCUMENT_NUMBER and not refused:
        return mask_document_number(plain(row.raw.document_number))
    if field is Field.REGION:
        return "".join(row.raw.region)
    return plain(getattr(row.raw, field.value))
