"""The only things a ledger is read for: the allow-list of rule 1, as an enumeration."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

Cell = str | int | float | bool | date | datetime | None
"""What one cell of a ledger may hold once read; `None` for an empty one."""


class LedgerKind(StrEnum):
    """What a ledger's people did: came to this region, or left it."""

    ARRIVALS = "arrivals"
    DEPARTURES = "departures"


class Field(StrEnum):
    """A column that is read. What has no member here is dropped before anything is stored."""

    NAME = "name"
    DOCUMENT_TYPE = "document_type"
    DOCUMENT_NUMBER = "document_number"
    DATE_OF_BIRTH = "date_of_birth"
    REGION = "region"
    """Origin in a ledger of arrivals, destination in a ledger of departures; may be spread over several columns."""
    MOVED_ON = "moved_on"
    EXPECTED_RETURN_ON = "expected_return_on"
    ADDRESS = "address"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class RawRow:
    """One person's mapped cells as they stand in the file, before any judgement; `region`'s parts go widest first."""

    name: Cell = None
    document_type: Cell = None
    document_number: Cell = None
    date_of_birth: Cell = None
    region: tuple[str, ...] = ()
    moved_on: Cell = None
    expected_return_on: Cell = None
    address: str = ""
    phone: Cell = None
    email: Cell = None


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """A column that was read: the field it fills and the header it had in the file."""

    field: Field
    header: str


class Why(StrEnum):
    """Why a column is read, or is not."""

    KNOWN = "known"
    """Its header is one that ledgers use for the field."""
    CHOSEN = "chosen"
    """An officer said so."""
    REMEMBERED = "remembered"
    """An officer said so the last time this sender's ledger came in."""
    FORBIDDEN = "forbidden"
    """A register may not hold what it says (rule 1 of the domain); nobody can choose it."""
    SPARE = "spare"
    """Another column fills the field."""
    UNKNOWN = "unknown"
    """Nobody knows what its header means."""


@dataclass(frozen=True, slots=True)
class ToldColumn:
    """A column of a ledger as the officer sees it: `header` is its name, with `#2` behind it where it stands twice.

    `field` is what it fills, `None` where it is dropped.
    """

    header: str
    field: Field | None
    why: Why


Chosen = Mapping[str, Field | None]
"""What an officer said of some columns, by their names: the field to fill, or `None` to drop them."""
OUTCOME_HEADER = "结果 Outcome"
"""The column of a file that was handed back by which it is known again, and in which `(error)` says what to read."""
MANY_COLUMNS = frozenset({Field.REGION, Field.ADDRESS})
"""Fields that may be spread over several columns."""


def row_to_json(row: RawRow) -> list[Any]:
    """Give a row as a JSON array; days stand as an array of one text, so that they differ from texts."""
    return [
        _to_json(row.name),
        _to_json(row.document_type),
        _to_json(row.document_number),
        _to_json(row.date_of_birth),
        row.region,
        _to_json(row.moved_on),
        _to_json(row.expected_return_on),
        row.address,
        _to_json(row.phone),
        _to_json(row.email),
    ]


def row_from_json(cells: list[Any]) -> RawRow:
    """Read what `row_to_json` made."""
    return RawRow(
        name=_from_json(cells[0]),
        document_type=_from_json(cells[1]),
        document_number=_from_json(cells[2]),
        date_of_birth=_from_json(cells[3]),
        region=tuple(cells[4]),
        moved_on=_from_json(cells[5]),
        expected_return_on=_from_json(cells[6]),
        address=cells[7],
        phone=_from_json(cells[8]),
        email=_from_json(cells[9]),
    )


def _to_json(cell: Cell) -> Any:
    if isinstance(cell, datetime):
        return [cell.date().isoformat()]
    return [cell.isoformat()] if isinstance(cell, date) else cell


def _from_json(sent: Any) -> Cell:
    return date.fromisoformat(sent[0]) if isinstance(sent, list) else sent
