"""The rows of an upload between its reading and its purge: sealed JSON, mapped cells only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from service.ledgers.files.fields import Field, KeptColumn, RawRow, ToldColumn, Why, row_from_json, row_to_json
from service.ledgers.judging.candidates import candidate_from_json, candidate_to_json
from service.ledgers.judging.rules import REGISTERED, Code, Outcome
from service.ledgers.report import ReportRow
from service.vault import Vault


def seal_rows(vault: Vault, import_id: str, number: int, rows: Sequence[ReportRow]) -> bytes:
    """Seal one batch of rows with their outcomes.

    Each keeps what is still needed of it and no more: who can be registered the checked values, who is handed back the
    cells as they came.
    """
    content = [
        [
            row.number,
            row.outcome,
            row.codes,
            None if row.outcome is Outcome.OK else row_to_json(row.raw),
            candidate_to_json(row.candidate) if row.candidate and row.outcome in REGISTERED else None,
        ]
        for row in rows
    ]
    return vault.seal_secret(_batch_context(import_id, number), _json(content))


def open_rows(vault: Vault, import_id: str, number: int, sealed: bytes) -> list[ReportRow]:
    """Open what `seal_rows` made for the same batch."""
    content = json.loads(vault.open_secret(_batch_context(import_id, number), sealed))
    return [
        ReportRow(
            place,
            Outcome(outcome),
            tuple(Code(code) for code in codes),
            row_from_json(cells) if cells else RawRow(),
            candidate_from_json(candidate) if candidate else None,
        )
        for place, outcome, codes, cells, candidate in content
    ]


@dataclass(frozen=True, slots=True)
class Columns:
    """How a ledger's columns are understood, and why nothing came of it, if so (an English msgid with its facts)."""

    columns: tuple[ToldColumn, ...]
    kept: tuple[KeptColumn, ...] = ()
    dropped: tuple[str, ...] = ()
    refusal: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def seal_columns(vault: Vault, import_id: str, told: Columns) -> bytes:
    """Seal which columns are read and which are not: a header, too, may be somebody's name."""
    content = {
        "columns": [[column.header, column.field, column.why] for column in told.columns],
        "kept": [[column.field, column.header] for column in told.kept],
        "dropped": list(told.dropped),
        "refusal": told.refusal,
        "facts": told.facts,
    }
    return vault.seal_secret(_columns_context(import_id), _json(content))


def open_columns(vault: Vault, import_id: str, sealed: bytes) -> Columns:
    """Open what `seal_columns` made."""
    content = json.loads(vault.open_secret(_columns_context(import_id), sealed))
    return Columns(
        tuple(ToldColumn(header, Field(name) if name else None, Why(why)) for header, name, why in content["columns"]),
        tuple(KeptColumn(Field(name), header) for name, header in content["kept"]),
        tuple(content["dropped"]),
        content["refusal"],
        content["facts"],
    )


def _batch_context(import_id: str, number: int) -> str:
    return f"ledger_batch.sealed:{import_id}:{number}"


def _columns_context(import_id: str) -> str:
    return f"ledger_import.summary:{import_id}"


def _json(value: object) -> bytes:
    # Escaped, because a broken workbook may hold halves of surrogate pairs, which UTF-8 refuses.
    return json.dumps(value, separators=(",", ":")).encode()
