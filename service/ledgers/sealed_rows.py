"""The rows of an upload between its reading and its purge: sealed JSON, mapped cells only."""

import json
from collections.abc import Sequence

from service.ledgers.fields import Field, KeptColumn, row_from_json, row_to_json
from service.ledgers.report import ReportRow
from service.ledgers.rules import Code, Outcome
from service.vault import Vault


def seal_rows(vault: Vault, import_id: str, number: int, rows: Sequence[ReportRow]) -> bytes:
    """Seal one batch of rows with their outcomes."""
    content = [[row.number, row.outcome, row.codes, row_to_json(row.raw)] for row in rows]
    return vault.seal_secret(_batch_context(import_id, number), _json(content))


def open_rows(vault: Vault, import_id: str, number: int, sealed: bytes) -> list[ReportRow]:
    """Open what `seal_rows` made for the same batch."""
    content = json.loads(vault.open_secret(_batch_context(import_id, number), sealed))
    return [
        ReportRow(place, Outcome(outcome), tuple(Code(code) for code in codes), row_from_json(cells))
        for place, outcome, codes, cells in content
    ]


def seal_columns(vault: Vault, import_id: str, kept: Sequence[KeptColumn], dropped: Sequence[str]) -> bytes:
    """Seal which columns were read and which were not: a header, too, may be somebody's name."""
    content = {"kept": [[column.field, column.header] for column in kept], "dropped": list(dropped)}
    return vault.seal_secret(_columns_context(import_id), _json(content))


def open_columns(vault: Vault, import_id: str, sealed: bytes) -> tuple[tuple[KeptColumn, ...], tuple[str, ...]]:
    """Open what `seal_columns` made: columns read, and names of those dropped."""
    content = json.loads(vault.open_secret(_columns_context(import_id), sealed))
    return tuple(KeptColumn(Field(name), header) for name, header in content["kept"]), tuple(content["dropped"])


def _batch_context(import_id: str, number: int) -> str:
    return f"ledger_batch.sealed:{import_id}:{number}"


def _columns_context(import_id: str) -> str:
    return f"ledger_import.summary:{import_id}"


def _json(value: object) -> bytes:
    # Escaped, because a broken workbook may hold halves of surrogate pairs, which UTF-8 refuses.
    return json.dumps(value, separators=(",", ":")).encode()
