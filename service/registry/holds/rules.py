"""What a legal hold may say: why, under which document, and how long. Pure decisions.

Rule 9 and PIPL art. 47: where a law or an authority asks that facts be kept, they are not erased, and nothing else is
done with them. So that this is no way around erasure, the reasons are few and closed, a document stands behind each,
and after six months at the latest it is over unless a new document asks for it.
"""

import re
from calendar import monthrange
from datetime import date
from typing import Final, Literal, get_args
from unicodedata import normalize

from schemas.identity import fold_name
from service.registry.rules import FieldError

HoldCode = Literal["court_order", "investigation", "administrative_review", "office_under_inquiry"]
"""Why a record must be kept: a court's order, an investigation by police or prosecutor, an administrative review or
lawsuit, or an inquiry into this very office, which must not be able to erase what is held against it."""

HOLD_CODES: Final[tuple[HoldCode, ...]] = get_args(HoldCode)

LONGEST_MONTHS: Final = 6
MAX_REFERENCE: Final = 40

_YEAR = r"[(\[〔](?:19|20)[0-9]{2}[)\]〕]"
_HAN = "[\u3400-\u9fff]"
_COURT = f"{_HAN}{{0,6}}[0-9]{{0,4}}{_HAN}{{0,6}}"
_CHINESE = re.compile(f"(?:{_HAN}{{2,12}})?{_YEAR}{_COURT}[0-9]{{1,6}}(?:-[0-9]{{1,3}})?号")
_PLAIN = re.compile(r"[A-Z]{1,6}[-/]?(?:19|20)[0-9]{2}[-/][0-9]{1,6}")


def latest_end(today: date) -> date:
    """The last day to which a hold that is proposed today may reach: six months on, the month's last where shorter."""
    month = today.month + LONGEST_MONTHS
    year, month = today.year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(today.day, monthrange(year, month)[1]))


def end_errors(until: date, today: date) -> list[FieldError]:
    """Say what is wrong with a hold's last day: it lies from tomorrow on, and in six months at the latest."""
    if today < until <= latest_end(today):
        return []
    return [FieldError("until", "Choose a day after today, six months ahead at the latest.")]


def reference_of(typed: str, name: str) -> tuple[str, list[FieldError]]:
    """Give a document's number as it is kept, brackets and digits in one form, and what is wrong with it.

    Only the shapes that such numbers have (``青公调〔2026〕12号``, ``（2026）青0101民初123号``, ``AB-2026/0012``) are
    taken, and never one that holds the person's own name: there is no free text about a person anywhere (rule 1).
    """
    found = re.sub(r"\s", "", normalize("NFKC", typed)).upper()
    fits = _CHINESE.fullmatch(found) or _PLAIN.fullmatch(found)
    folded = fold_name(name)
    names = len(folded) > 1 and folded in fold_name(found)
    if len(found) <= MAX_REFERENCE and fits and not names:
        return found, []
    message = "Enter the document’s number as it is printed, for example 青公调〔2026〕12号."
    return found, [FieldError("reference", message)]
