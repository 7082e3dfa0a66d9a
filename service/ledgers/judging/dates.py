"""Dates as ledgers write them: 2026-01-18, 2026.1.18, 20260118, 2026年1月, Excel's serial numbers, and what to refuse.

Nothing is filled up: a month stays a month. Nothing is guessed: what may mean two days is `Ambiguous`.
"""

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from unicodedata import normalize

from schemas.calendar import PartialDate
from service.ledgers.files.fields import Cell
from service.ledgers.judging.cells import blank, unwrap


class Ambiguous(ValueError):
    """A value that may mean more than one thing, or that a spreadsheet has damaged; never guessed."""


_EXCEL_EPOCH = date(1899, 12, 30)
_FIRST_SERIAL, _LAST_SERIAL = 3_654, 73_050
"""1910 and 2099 as Excel counts days: smaller and larger numbers are years or months, or nothing."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2099
"""Of a month in six digits: 260305 is none."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = re.compile(
    r"(?:[ T]|(?<=[日号]))\s*(?:上午|下午|中午|早上|晚上|凌晨)?\s*"
    r"\d{1,2}[:时点]\d{2}分?(:?\d{2}(\.\d+)?秒?)?( ?[AP]M)?(Z|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"\(?(星期|周)[一二三四五六日天]\)?$")
_BREAKS = str.maketrans(dict.fromkeys("‐‑‒–—―−_", "-") | dict.fromkeys("。·•、", ".") | {"\\": "/"})
"""What is typed for a hyphen, a full stop or a stroke, under a Chinese input method above all."""
_HAN_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_HAN_YEAR = re.compile(
    r"([〇○零一二三四五六七八九]{4}|\d{4})年(十?[一二三四五六七八九十]{1,2})月(?:([一二三四五六七八九十]{1,3})[日号]?)?"
)
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_WHOLE = re.compile(r"^(\d{6}|\d{8})\.0$")
_DIGITS = re.compile(r"\d{6}|\d{8}")
_SERIAL = re.compile(r"\d{5}(\.\d+)?")
_YEAR_FIRST = re.compile(r"(\d{4})(?:\s*[-/.,年]\s*|\s+)(\d{1,2})(?:\s*[-/.,月]\s*|\s+)(\d{1,2})\s*[日号]?")
_YEAR_MONTH = re.compile(r"(\d{4})(?:\s*[-/.,年]\s*|\s+)(\d{1,2})\s*(?:月份?|月[初中底末]|月[上中下]旬)?")
_DAY_FIRST = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{4})")
_MONTH_FIRST = re.compile(r"(\d{1,2})[-/](\d{4})")
_SHORT_YEAR_LAST = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{2})")
_SHORT_YEAR = re.compile(r"(\d{2})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})\s*[日号]?|\s*月)")
_NAMED_MONTH = re.compile(
    r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?[ -])?(?P<month>[a-z]{3})[a-z]*\.?[ -]"
    r"(?:(?P<after>\d{1,2})(?:st|nd|rd|th)?,? )?(?P<year>\d{4})",
    re.IGNORECASE,
)


def read_date(cell: Cell) -> PartialDate | None:
    """Read a cell as a day or a month; `None` where it is blank or says that nothing is known.

    Raises `Ambiguous` for 03/04/2026, for 26/3/5 and 260305 (their year is a guess), and for the number 2026.1
    (October loses its last digit in a number cell); and `ValueError` for anything else that is no date, 30 February
    included.
    """
    if isinstance(cell, datetime):
        return PartialDate.of(cell.date())
    if isinstance(cell, date):
        return PartialDate.of(cell)
    if isinstance(cell, (int, float)):
        return _from_number(cell)
    if cell is not None and _ISO.fullmatch(cell):
        # What most ledgers hold is spared the rest.
        return PartialDate(cell)
    text = normalize("NFKC", unwrap(cell or ""))
    if blank(text):
        return None
    text = _WEEKDAY.sub("", _TIME.sub("", text)).translate(_BREAKS).strip().rstrip(".")
    return _from_text(_in_digits(text))


def _from_number(number: float) -> PartialDate:
    if 1900 <= number < 2100 and number != int(number):
        return _from_decimal(number)
    if number != int(number):
        return _from_serial(int(number))
    digits = str(int(number))
    if len(digits) in (6, 8):
        return _from_text(digits)
    return _from_serial(int(number))


def _from_decimal(number: float) -> PartialDate:
    """Read 2026.08 that a spreadsheet took for a number."""
    year, _, month = repr(round(number, 6)).partition(".")
    if month == "1":
        raise Ambiguous("January or October")
    if len(month) > 2:
        raise ValueError("no date")
    return PartialDate(f"{year}-{int(month):02}")


def _from_serial(days: int) -> PartialDate:
    if not _FIRST_SERIAL <= days <= _LAST_SERIAL:
        raise ValueError("no date")
    return PartialDate.of(_EXCEL_EPOCH + timedelta(days=days))


def _in_digits(text: str) -> str:
    """Give 二〇二六年三月十五日 as 2026年3月15日, and any other text as it is."""
    found = _HAN_YEAR.fullmatch(text)
    if found is None:
        return text
    year, month, day = found[1].translate(_HAN_DIGITS), _han_number(found[2]), _han_number(found[3] or "")
    return f"{year}年{month}月{day}日" if day else f"{year}年{month}月"


def _han_number(text: str) -> int:
    tens, ten, ones = text.rpartition("十")
    digit = int(ones.translate(_HAN_DIGITS) or 0) if len(ones) < 2 else 99
    return digit + (10 * int(tens.translate(_HAN_DIGITS) or 1) if ten else 0)


def _from_text(text: str) -> PartialDate:
    text = _WHOLE.sub(r"\1", text)
    whole = _DIGITS.fullmatch(text) is not None
    if whole and len(text) == 8:
        return _day(text[:4], text[4:6], text[6:])
    if whole:
        if not _FIRST_YEAR <= int(text[:4]) <= _LAST_YEAR:
            _day(f"20{text[:2]}", text[2:4], text[4:])
            raise Ambiguous("a year of two digits")
        return PartialDate(f"{text[:4]}-{text[4:]}")
    if _SERIAL.fullmatch(text):
        return _from_serial(int(float(text)))
    if found := _YEAR_FIRST.fullmatch(text):
        return _day(*found.groups())
    if found := _YEAR_MONTH.fullmatch(text):
        return PartialDate(f"{found[1]}-{int(found[2]):02}")
    if found := _DAY_FIRST.fullmatch(text):
        return _from_day_first(int(found[1]), int(found[2]), found[3])
    if found := _SHORT_YEAR.fullmatch(text):
        _day(f"20{found[1]}", found[2], found[3] or "1")
        raise Ambiguous("a year of two digits")
    if found := _SHORT_YEAR_LAST.fullmatch(text):
        lower, higher = sorted(found.group(1, 2), key=int)
        _day(f"20{found[3]}", lower, higher)
        raise Ambiguous("a year of two digits")
    if found := _MONTH_FIRST.fullmatch(text):
        return PartialDate(f"{found[2]}-{int(found[1]):02}")
    if found := _NAMED_MONTH.fullmatch(text):
        month = _MONTHS.index(found["month"].lower()) + 1
        day = found["day"] or found["after"]
        if not (found["day"] and found["after"]):
            return _day(found["year"], str(month), day) if day else PartialDate(f"{found['year']}-{month:02}")
    raise ValueError("no date")


def _from_day_first(first: int, second: int, year: str) -> PartialDate:
    if first <= 12 and second <= 12 and first != second:
        raise Ambiguous("day and month may be swapped")
    day, month = (first, second) if second <= 12 else (second, first)
    return _day(year, str(month), str(day))


def _day(year: str, month: str, day: str) -> PartialDate:
    if not 1 <= int(month) <= 12 or not 1 <= int(day) <= monthrange(int(year) or 1, int(month))[1]:
        raise ValueError("no such day")
    return PartialDate(f"{int(year):04}-{int(month):02}-{int(day):02}")
