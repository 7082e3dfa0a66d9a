"""The only things a ledger is read for: the allow-list of rule 1, as an enumeration."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

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
