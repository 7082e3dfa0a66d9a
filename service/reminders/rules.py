"""When a reminder is due. Pure decisions over days; the state of a person plays no part in them.

A plan has periods: a calendar quarter, or a year that ends on the plan's own day. In each period there is at most one
reminder and one follow-up, so many days before its last day. Nothing is sent at night, on a weekend or on a holiday: a
day that is not a working day moves to the next one, or, where none is left in the period, to the last one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.calendar import WorkingCalendar
from schemas.claims import Cadence
from schemas.problems import InvalidInput
from schemas.quarters import Quarter

MAX_LEAD_DAYS = 60


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a plan: ``2026Q4``, or ``2027-03-01`` for the year that ends on that day."""

    code: str
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class DueDay:
    """A message of a period: step 1 is the reminder, step 2 the follow-up."""

    step: int
    on: date


def check_schedule(cadence: Cadence, anchor_on: date | None, lead_days: Sequence[int], today: date) -> None:
    """Refuse more than two messages, an order that is not earlier first, and an anchor where none belongs.

    Raises :class:`InvalidInput` with ``errors``.
    """
    errors = []
    if not 1 <= len(lead_days) <= 2 or any(not 0 <= days <= MAX_LEAD_DAYS for days in lead_days):
        errors.append({"field": "lead_days", "message": "One or two numbers of days, 0 to 60."})
    elif list(lead_days) != sorted(set(lead_days), reverse=True):
        errors.append({"field": "lead_days", "message": "The reminder comes before the follow-up."})
    if (cadence is Cadence.YEARLY) != (anchor_on is not None):
        errors.append({"field": "anchor_on", "message": "A yearly reminder has a day, a quarterly one has none."})
    elif anchor_on is not None and not timedelta(days=-366) <= anchor_on - today <= timedelta(days=3660):
        errors.append({"field": "anchor_on", "message": "The day lies in the past or too far ahead."})
    if errors:
        raise InvalidInput(errors=errors)


def period_of(cadence: Cadence, anchor_on: date | None, day: date) -> Period:
    """The period that a day lies in."""
    if cadence is Cadence.QUARTERLY:
        quarter = Quarter.of(day)
        return Period(str(quarter), quarter.first_day, quarter.last_day)
    if anchor_on is None:
        raise ValueError("a yearly plan has its day")
    last = _in_year(anchor_on, day.year)
    if last < day:
        last = _in_year(anchor_on, day.year + 1)
    last = max(last, anchor_on)
    return Period(last.isoformat(), _in_year(anchor_on, last.year - 1) + timedelta(days=1), last)


def next_period(cadence: Cadence, anchor_on: date | None, period: Period) -> Period:
    """The period after this one."""
    return period_of(cadence, anchor_on, period.last_day + timedelta(days=1))


def due_days(period: Period, lead_days: Sequence[int], calendar: WorkingCalendar, not_before: date) -> list[DueDay]:
    """The days of a period's messages; those that lie before ``not_before`` are left out.

    Two that move to the same day become one: the follow-up of that day is dropped.
    """
    days: list[DueDay] = []
    for step, lead in enumerate(lead_days, start=1):
        on = _allowed(max(period.last_day - timedelta(days=lead), period.first_day), period, calendar)
        if on is not None and on >= not_before and (not days or on > days[-1].on):
            days.append(DueDay(step, on))
    return days


def _allowed(day: date, period: Period, calendar: WorkingCalendar) -> date | None:
    """The working day on or after ``day``, else the last one before it, within the period."""
    ahead = [day + timedelta(days=n) for n in range((period.last_day - day).days + 1)]
    behind = [day - timedelta(days=n) for n in range(1, (day - period.first_day).days + 1)]
    return next((one for one in [*ahead, *behind] if calendar.is_working_day(one)), None)


def _in_year(anchor: date, year: int) -> date:
    """The anchor's day in a year; 29 February is 28 February where there is none."""
    try:
        return anchor.replace(year=year)
    except ValueError:
        return anchor.replace(year=year, day=28)
