"""Time as an argument: nothing in Tonglu reads the system clock but through a `Clock`."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Clock(Protocol):
    """Whatever tells the time."""

    def now(self) -> datetime:
        """The present moment, with its zone, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)


class FakeClock:
    """A clock that moves only when it is told to; public API for tests and for authors of other nodes."""

    def __init__(self, start: datetime) -> None:
        """Start at an aware moment; raises `ValueError` for a naive one."""
        self._now = _in_utc(start)

    def now(self) -> datetime:
        """The moment that was last set, in UTC."""
        return self._now

    def advance(self, **duration: float) -> datetime:
        """Move on by `timedelta` keywords (`hours=3`) and return the new moment."""
        self._now += timedelta(**duration)
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to an aware moment, earlier ones included."""
        self._now = _in_utc(moment)


def local_date(now: datetime, zone: ZoneInfo) -> date:
    """The calendar day of an aware moment in the zone of the node."""
    return _aware(now).astimezone(zone).date()


def rfc3339(moment: datetime) -> str:
    """An aware moment as RFC 3339 text in UTC with a `Z`; a fraction of a second is kept where there is one."""
    return _in_utc(moment).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """The moment that RFC 3339 text names, in UTC; an offset or `Z` is required.

    Raises `ValueError` for anything else, ISO 8601's other spellings included.
    """
    if not _RFC_3339.fullmatch(text):
        raise ValueError("a time is RFC 3339 text with an offset")
    return _in_utc(datetime.fromisoformat(text.upper()))


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its zone")
    return moment


def _in_utc(moment: datetime) -> datetime:
    try:
        return _aware(moment).astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment beyond the calendar") from None
