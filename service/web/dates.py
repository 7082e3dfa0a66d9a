"""Days and times as people write and read them.

Officers type `20260930`, `2026-09-30`, `2026.9.30`, `2026年9月30日`, full width or not, often with an input method's
spaces between; all of them are taken, and what is shown is always one form per language.
"""

import re
import unicodedata
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from service.web.viewer import PageLanguage

_DIGITS: Final = re.compile(r"(\d{4})(\d{2})(\d{2})?")
_PARTS: Final = re.compile(r"(\d{4})[-./年](\d{1,2})(?:[-./月](\d{1,2})?日?)?月?")
_MOMENT: Final = re.compile(r"(\S+?)(?:T|\s+)(\d{1,2}):(\d{2})(?::00)?")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plain(text: str) -> str:
    """`text` with full-width letters and digits made plain, and without spaces around or within."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def typed_date(text: str) -> str:
    """A typed day or month as `YYYY-MM-DD` or `YYYY-MM`. Raises ValueError when it is neither."""
    found = _DIGITS.fullmatch(plain(text)) or _PARTS.fullmatch(plain(text))
    if found is None:
        raise ValueError(text)
    year, month, day = (int(part) if part else None for part in found.groups())
    if year is None or month is None:
        raise ValueError(text)
    checked = date(year, month, day or 1)
    return checked.isoformat() if day else checked.isoformat()[:7]


def typed_moment(text: str, zone: ZoneInfo) -> datetime:
    """A typed day and time, to the minute, in a zone: `2026-09-30T08:00` (as a browser's own field sends it), or
    `20260930 8:00`. Raises ValueError when it is not both.
    """
    parts = _MOMENT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if parts is None:
        raise ValueError(text)
    day = date.fromisoformat(typed_date(parts[1]))
    return datetime(day.year, day.month, day.day, int(parts[2]), int(parts[3]), tzinfo=zone)


def shown_date(value: date | str, language: PageLanguage) -> str:
    """A day, or a month of the form `YYYY-MM`: `2026年9月30日`, `30 Sep 2026`."""
    year, month, *day = (int(part) for part in str(value)[:10].split("-"))
    if language == "en":
        return " ".join([*(str(number) for number in day), _MONTHS[month - 1], str(year)])
    return f"{year}年{month}月" + "".join(f"{number}日" for number in day)


def shown_quarter(value: object, language: PageLanguage) -> str:
    """A quarter such as `2026Q4`: `2026年第四季度`, `Q4 2026`."""
    year, number = str(value).split("Q")
    return f"Q{number} {year}" if language == "en" else f"{year}年第{'一二三四'[int(number) - 1]}季度"


def shown_moment(value: datetime, language: PageLanguage, zone: ZoneInfo) -> str:
    """A moment in the node's zone, to the minute: `2026年9月30日 14:05`."""
    local = value.astimezone(zone)
    return f"{shown_date(local.date(), language)} {local:%H:%M}"
