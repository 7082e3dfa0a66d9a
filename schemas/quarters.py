"""Quarters of a year: `2026Q4`."""

import re
from datetime import date, timedelta
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_FORM = re.compile(r"([0-9]{4})Q([1-4])")


class Quarter(str):
    """A quarter as text, `2026Q4`; quarters compare by time, and a database keeps them as they are."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Raises `ValueError` unless the text is a year of four digits, `Q` and 1 to 4."""
        found = _FORM.fullmatch(text)
        if not found or found[1] == "0000":
            raise ValueError("a quarter is written 2026Q4")
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The quarter that the text names; small letters and spaces around are taken. Raises `ValueError`."""
        return cls(text.strip().upper())

    @classmethod
    def of(cls, day: date) -> Self:
        """The quarter that a day lies in."""
        return cls(f"{day.year:04}Q{(day.month + 2) // 3}")

    @property
    def year(self) -> int:
        """The calendar year."""
        return int(self[:4])

    @property
    def number(self) -> int:
        """1 to 4."""
        return int(self[5])

    @property
    def first_day(self) -> date:
        """1 January, 1 April, 1 July or 1 October."""
        return date(self.year, self.number * 3 - 2, 1)

    @property
    def last_day(self) -> date:
        """31 March, 30 June, 30 September or 31 December."""
        return self.next().first_day - timedelta(days=1) if self != "9999Q4" else date.max

    def next(self) -> Self:
        """The quarter after this one."""
        return type(self)(f"{self.year + self.number // 4:04}Q{self.number % 4 + 1}")

    def previous(self) -> Self:
        """The quarter before this one."""
        return type(self)(f"{self.year - (self.number == 1):04}Q{(self.number + 2) % 4 + 1}")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Taken from JSON text in the exact spelling, and written as it is."""
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(pattern=r"^[0-9]{4}Q[1-4]$", strict=True)
        )
