"""Working days and deadlines, and dates of which only the month is known.

The calendar is data: `data/holidays.csv` (`date,kind,name`) was written from the tables of the package
`chinesecalendar` 1.11.0 (MIT), which copies the State Council's yearly notices, 2004 to 2026: a `holiday` row for
each day off, a `workday` row for each weekend day that is worked (调休), and a `year` row for each year whose list is
complete. A local file of the same form adds later years and local holidays. For a year without its list, weekends
and the fixed-date holidays of the Regulation on Public Holidays (全国年节及纪念日放假办法) are taken: 1 January,
1-2 May (1-3 May before 2008), 1-3 October. The lunar ones (春节, 清明, 端午, 中秋) and the worked weekends are then
unknown, and every date that was computed across such a year is provisional.

Deadlines follow the Civil Code, art. 201 (the first day is not counted) and 203 (a last day that is a holiday moves
to the next working day).
"""

import csv
import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_DAY = timedelta(days=1)
_PARTIAL = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")


class Deadline(NamedTuple):
    """The last day of a term; `provisional` where a year's list of holidays is still missing."""

    on: date
    provisional: bool


class WorkingCalendar:
    """Which days are worked."""

    def __init__(self, exceptions: dict[date, bool], years: frozenset[int]) -> None:
        """`exceptions`: day to whether it is worked; `years`: those whose list is complete."""
        self._exceptions = exceptions
        self._years = years

    @classmethod
    def load(cls, extra: Path | Sequence[Path] | None = None) -> "WorkingCalendar":
        """Read the list of the package and any local files of the same form.

        Raises `ValueError` that names file and line for a row that cannot be read; `OSError` for a missing file.
        """
        exceptions: dict[date, bool] = {}
        years: set[int] = set()
        packaged = resources.files("schemas").joinpath("data/holidays.csv").read_text("utf-8")
        _read(packaged, "holidays.csv", exceptions, years)
        for path in [extra] if isinstance(extra, Path) else extra or ():
            _read(path.read_text("utf-8-sig"), path.name, exceptions, years)
        return cls(exceptions, frozenset(years))

    @property
    def years(self) -> frozenset[int]:
        """The years whose list is loaded."""
        return self._years

    def is_provisional(self, year: int) -> bool:
        """Whether the year's list of holidays is missing."""
        return year not in self._years

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on that day; assumed where the year is provisional."""
        worked = self._exceptions.get(day)
        if worked is not None:
            return worked
        if day.weekday() >= 5:
            return False
        return not (self.is_provisional(day.year) and _is_fixed_holiday(day))

    def next_working_day(self, day: date) -> date:
        """The day itself where it is worked, else the first worked day after it (Civil Code, art. 203)."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def add_working_days(self, start: date, count: int) -> Deadline:
        """The `count`-th working day after `start`, which itself does not count; before it for a negative count.

        For 0, `start` or the next working day.
        """
        day, step = start, _DAY if count >= 0 else -_DAY
        for _ in range(abs(count)):
            day += step
            while not self.is_working_day(day):
                day += step
        return self._deadline(start, self.next_working_day(day) if count == 0 else day)

    def add_days(self, start: date, count: int) -> Deadline:
        """The end of a term of `count` calendar days; moved on from a holiday (Civil Code, art. 201 and 203)."""
        return self._deadline(start, self.next_working_day(start + count * _DAY))

    def _deadline(self, start: date, end: date) -> Deadline:
        first, last = sorted((start.year, end.year))
        return Deadline(end, any(self.is_provisional(year) for year in range(first, last + 1)))


class PartialDate(str):
    """A day, `2026-09-30`, or only its month, `2026-09`, as text; never filled up.

    They compare by their text: a month stands before its own days.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Raises `ValueError` unless the text is an existing day or month."""
        found = _PARTIAL.fullmatch(text)
        if not found:
            raise ValueError("a date is YYYY-MM-DD or YYYY-MM")
        date(int(found[1]), int(found[2]), int(found[3] or 1))
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The date that the text names; raises `ValueError`."""
        return cls(text)

    @classmethod
    def of(cls, day: date) -> Self:
        """A date that is known to the day."""
        return cls(day.isoformat())

    @property
    def is_exact(self) -> bool:
        """Whether the day is known."""
        return len(self) == 10

    @property
    def earliest(self) -> date:
        """The day, or the first of the month."""
        return date.fromisoformat(self if self.is_exact else f"{self}-01")

    @property
    def latest(self) -> date:
        """The day, or the last of the month."""
        first = self.earliest
        return first if self.is_exact else first.replace(day=monthrange(first.year, first.month)[1])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Taken from JSON text, and written as it is."""
        pattern = r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(pattern=pattern, strict=True))


def _is_fixed_holiday(day: date) -> bool:
    may = 3 if day.year < 2008 else 2
    return (
        (day.month == 1 and day.day == 1) or (day.month == 5 and day.day <= may) or (day.month == 10 and day.day <= 3)
    )


def _read(text: str, name: str, exceptions: dict[date, bool], years: set[int]) -> None:
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        when, kind = (row.get("date") or "").strip(), (row.get("kind") or "").strip()
        try:
            if kind == "year":
                years.add(int(when))
            elif kind in ("holiday", "workday"):
                exceptions[date.fromisoformat(when)] = kind == "workday"
            else:
                raise ValueError(kind)
        except ValueError:
            raise ValueError(f"{name}, line {number}: date and one of holiday, workday, year") from None
