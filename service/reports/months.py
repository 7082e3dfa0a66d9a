"""Months of the reports: which there are, when they close, and which instants belong to them. Pure."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from schemas.calendar import WorkingCalendar
from schemas.problems import InvalidInput

CLOSES_AFTER_WORKING_DAYS: Final = 5
"""A month closes by itself on the fifth working day after it."""
_FORM: Final = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, written ``2026-10``."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a month. Raises `InvalidInput`."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise InvalidInput(errors=[{"field": "month", "message": "Give a month such as 2026-10."}])
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Self:
        """The month that a day lies in."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        return date(self.year, self.number, monthrange(self.year, self.number)[1])

    def plus(self, months: int) -> "Month":
        """The month so many later (earlier for a negative number)."""
        years, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(years, index + 1)

    def begins_at(self, zone: ZoneInfo) -> datetime:
        """Its first instant where the node is."""
        return datetime.combine(self.first, time(), zone).astimezone(UTC)

    def closes_on(self, calendar: WorkingCalendar) -> date:
        """The day on which it closes by itself."""
        return calendar.add_working_days(self.last, CLOSES_AFTER_WORKING_DAYS).on


def working_days_between(calendar: WorkingCalendar, start: date, end: date) -> int:
    """How many working days a term took: the first day does not count, the last one does."""
    days = (end - start).days
    return sum(calendar.is_working_day(start + timedelta(days=number)) for number in range(1, days + 1))
