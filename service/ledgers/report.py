"""What is handed back: the row-by-row report as JSON, and the rows to correct as a workbook."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

from schemas.identity import mask_document_number
from service.ledgers.files.fields import OUTCOME_HEADER, Field, KeptColumn, LedgerKind, RawRow
from service.ledgers.judging.cells import formula, plain
from service.ledgers.judging.messages import Translate, header_in_both_languages, message_of
from service.ledgers.judging.rules import Candidate, Code, Outcome
from service.web.languages import N_, Languages, Translator
from service.web.words import word


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One person's row as the report tells it; `raw` holds mapped cells only, and none of a plainly good row.

    `candidate` is there until they are registered.
    """

    number: int
    outcome: Outcome
    codes: tuple[Code, ...]
    raw: RawRow
    candidate: Candidate | None = None


_ORDER = (Outcome.ERROR, Outcome.WARNING, Outcome.DUPLICATE)
"""What is handed back, in this order."""


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
    rows: Iterable[ReportRow],
    kind: LedgerKind,
    kept: Iterable[KeptColumn],
    dropped: Sequence[str],
    translate: Translate,
    *,
    counts: dict[str, int],
    more: dict[str, Any],
) -> Iterator[str]:
    """Give the whole report as the JSON of `ledger check` and `ledger import`, in pieces."""
    head = more | {
        "kind": str(kind),
        "counts": counts,
        "kept_columns": [{"field": str(column.field), "header": column.header} for column in kept],
        "dropped_columns": list(dropped),
    }
    yield json.dumps(head, ensure_ascii=False).removesuffix("}") + ', "rows": ['
    for place, row in enumerate(rows):
        yield (", " if place else "") + json.dumps(row_document(row, translate), ensure_ascii=False)
    yield "]}"


def workbook(
    rows: Iterable[ReportRow], kind: LedgerKind, kept: Iterable[Field], dropped: Sequence[str], translator: Translator
) -> bytes:
    """Make the .xlsx of the rows that are handed back, with the reason beside each: refused ones first.

    Rows that were refused stand as they came, in headers that a ledger may have: corrected, the file can be imported
    again by itself; the others, which are registered already, are then passed over. Of those the document number is
    masked and the date of birth left out (rule 11 of the domain). The reasons stand in both languages: who corrects the
    file may be another office. Every cell is text; what a spreadsheet would run gets an apostrophe (CWE-1236).
    """
    import xlsxwriter  # noqa: PLC0415 - 40 ms, and only a report needs it

    translate = translator.gettext
    fields = [field for field in Field if field in set(kept)]
    content = BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold, text = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "@", "text_wrap": True})
    sheet = book.add_worksheet(translate(N_("Rows to look at")))
    heads = ["行号 Row", *(header_in_both_languages(field, kind) for field in fields), OUTCOME_HEADER, "原因 Reason"]
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, bold)
    handed_back = sorted((row for row in rows if row.outcome in _ORDER), key=lambda row: _ORDER.index(row.outcome))
    for line, row in enumerate(handed_back, start=1):
        outcome = f"{translate(word('ledger_outcome', row.outcome))} ({row.outcome})"
        cells = [str(row.number), *(_shown(row, field) for field in fields), outcome, _reason(row, translator)]
        for column, cell in enumerate(cells):
            sheet.write_string(line, column, neutralised(cell), text)
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


def _reason(row: ReportRow, translator: Translator) -> str:
    chinese = translator if translator.language == "zh-CN" else _chinese()
    return f"{message_of(row.codes, chinese.gettext)}\n{message_of(row.codes, str)}"


@cache
def _chinese() -> Translator:
    """The Chinese texts, read when somebody who reads English hands a ledger back."""
    return Languages().translator("zh-CN")


def _shown(row: ReportRow, field: Field) -> str:
    refused = row.outcome is Outcome.ERROR
    if field is Field.DATE_OF_BIRTH and not refused:
        return ""
    if field is Field.DOCUMENT_NUMBER and not refused:
        return mask_document_number(plain(row.raw.document_number))
    if field is Field.REGION:
        return "".join(row.raw.region)
    return plain(getattr(row.raw, field.value))
