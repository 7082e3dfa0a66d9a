"""What may be registered, and which state follows which. Pure decisions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from unicodedata import category

from schemas.calendar import PartialDate
from schemas.identity import (
    DocumentType,
    PersonIdentity,
    age_on,
    birth_date_of,
    document_number_fits,
    is_placeholder_number,
    normalise_document_number,
    normalise_name,
    normalise_phone,
    resident_id_checksum_ok,
)
from schemas.problems import DateInFuture, InvalidInput, UnderAge
from schemas.regions import contains

YOUNGEST = 14
"""Under this age no record is made (PIPL art. 31; rule 1)."""

UNDO = timedelta(minutes=10)
"""So long the officer who saved something can take it back."""

MAX_ADDRESS = 200
_EMAIL = re.compile(r"[^\s@<>\",;:\\]{1,64}@[^\s@<>\",;:\\]+\.[^\s@<>\",;:\\.]{2,}")

OPEN_DEPARTURE = ("declared", "notified", "confirmed")
"""States of a departure that is told, and neither ended nor voided."""

OPEN_ARRIVAL = ("declared", "verifying", "confirmed", "unconfirmed")
"""States of an arrival that is told, and neither ended nor voided."""

DEPARTURE_STATES = ("to_be_told", *OPEN_DEPARTURE, "ended", "voided")
ARRIVAL_STATES = ("to_be_told", *OPEN_ARRIVAL, "ended", "voided")

Warning_ = Literal["birth_date", "checksum", "fake_number", "no_document"]
"""What is kept as it is, and worth a second look."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a form; `message` is an English msgid."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckedPerson:
    """A person fit to be registered."""

    identity: PersonIdentity
    phone: str | None
    email: str | None
    warnings: tuple[Warning_, ...]


def check_person(
    *,
    name: str,
    document_type: DocumentType,
    document_number: str | None,
    date_of_birth: date | None,
    phone: str | None,
    email: str | None,
    today: date,
    prefix: str = "person.",
) -> CheckedPerson:
    """Normalise a person and refuse what cannot be registered.

    A resident ID's wrong check character and an odd number are warnings, never a refusal (GB 11643; the officer
    holds the document in the hand). Raises `InvalidInput` with all field errors, `DateInFuture`, `UnderAge`.
    """
    errors: list[FieldError] = []
    kept_name = _checked_name(name, prefix, errors)
    number = _checked_number(document_type, document_number, prefix, errors)
    kept_phone = _checked_phone(phone, prefix, errors)
    kept_email = _checked_email(email, prefix, errors)
    by_number = birth_date_of(document_type, number)
    born = date_of_birth or by_number
    if born is not None and born.year < 1850:
        errors.append(FieldError(f"{prefix}date_of_birth", "Check the year of birth."))
    refuse(errors)
    if born is not None and born > today:
        raise DateInFuture(errors=[{"field": f"{prefix}date_of_birth", "message": "The date lies in the future."}])
    warnings = number_warnings(document_type, number, born)
    # Another date beside a number that is right makes nobody older.
    dates = (born, by_number if warnings == ("birth_date",) else None)
    if any(one is not None and age_on(one, today) < YOUNGEST for one in dates):
        raise UnderAge(errors=[{"field": f"{prefix}date_of_birth", "message": "Under 14: no record is made."}])
    identity = PersonIdentity(name=kept_name, document_type=document_type, document_number=number, date_of_birth=born)
    return CheckedPerson(identity, kept_phone, kept_email, warnings)


def number_warnings(document_type: DocumentType, number: str | None, born: date | None = None) -> tuple[Warning_, ...]:
    """Say what about a document number is worth a second look, beside a date of birth if one is given."""
    if number is None:
        return ("no_document",)
    if is_placeholder_number(number):
        return ("fake_number",)
    if document_type is DocumentType.RESIDENT_ID and not (
        document_number_fits(document_type, number) and (len(number) == 15 or resident_id_checksum_ok(number))
    ):
        return ("checksum",)
    if born is not None and birth_date_of(document_type, number) not in (None, born):
        return ("birth_date",)
    return ()


def check_address(address: str | None, field: str = "address") -> str | None:
    """Trim an address; None for an empty one. Raises `InvalidInput` when it is too long or has control characters."""
    kept = " ".join((address or "").split())
    if len(kept) > MAX_ADDRESS or any(category(c) in ("Cc", "Cs") for c in kept):
        refuse([FieldError(field, "An address has at most 200 characters.")])
    return kept or None


def check_moved(moved: PartialDate, field: str, today: date) -> None:
    """Refuse a move in the future, or before anybody living was born. Raises `DateInFuture`, `InvalidInput`."""
    if moved.earliest > today:
        raise DateInFuture(errors=[{"field": field, "message": "The date lies in the future."}])
    if moved.earliest.year < 1900:
        refuse([FieldError(field, "Check the year.")])


def check_declared(declared: date | None, today: date) -> None:
    """Refuse a day of declaring that has not come yet, or is long gone. Raises `DateInFuture`, `InvalidInput`."""
    if declared is None:
        return
    if declared > today:
        raise DateInFuture(errors=[{"field": "declared_on", "message": "The date lies in the future."}])
    if declared.year < 1900:
        refuse([FieldError("declared_on", "Check the year.")])


def check_expected_return(departed: PartialDate, expected: PartialDate | None) -> None:
    """Refuse an expected return before the departure. Raises `InvalidInput`."""
    if expected is not None and expected.latest < departed.earliest:
        refuse([FieldError("expected_return_on", "The return lies before the departure.")])


def check_other_region(home: str, other: str, field: str) -> None:
    """Refuse a move within this region: the other end must lie outside it. Raises `InvalidInput`."""
    if contains(home, other) or contains(other, home):
        refuse([FieldError(field, "Choose a region outside this one.")])


def check_ended(ended: PartialDate, moved: str, field: str, today: date) -> None:
    """Refuse an end in the future or before the move. Raises `DateInFuture`, `InvalidInput`."""
    if ended.earliest > today:
        raise DateInFuture(errors=[{"field": field, "message": "The date lies in the future."}])
    if ended.latest < PartialDate(moved).earliest:
        refuse([FieldError(field, "The end lies before the move.")])


def may_undo(changed_at: datetime, now: datetime) -> bool:
    """Tell whether a save can still be taken back."""
    return now - changed_at <= UNDO


def refuse(errors: Sequence[FieldError]) -> None:
    """Raise `InvalidInput` with these errors, if there are any."""
    if errors:
        raise InvalidInput(errors=[{"field": one.field, "message": one.message} for one in errors])


def _checked_name(name: str, prefix: str, errors: list[FieldError]) -> str:
    try:
        return normalise_name(name)
    except ValueError:
        errors.append(FieldError(f"{prefix}name", "A name has 1 to 50 characters."))
        return "-"


def _checked_number(
    document_type: DocumentType, typed: str | None, prefix: str, errors: list[FieldError]
) -> str | None:
    number = normalise_document_number(typed or "") or None
    field = f"{prefix}document_number"
    if document_type is DocumentType.NONE:
        if number is not None:
            errors.append(FieldError(field, "Choose the document that this number belongs to."))
        return None
    if number is None:
        errors.append(FieldError(field, "Enter the number, or choose “no document”."))
    elif not re.fullmatch(r"[0-9A-Z]{1,32}", number):
        errors.append(FieldError(field, "A document number has letters and digits, at most 32."))
        return None
    return number


def _checked_phone(typed: str | None, prefix: str, errors: list[FieldError]) -> str | None:
    if not (typed or "").strip():
        return None
    phone = normalise_phone(typed or "")
    if phone is None:
        errors.append(FieldError(f"{prefix}phone", "This is not a phone number."))
    return phone


def _checked_email(typed: str | None, prefix: str, errors: list[FieldError]) -> str | None:
    email = (typed or "").strip()
    if not email:
        return None
    if len(email) > 254 or not _EMAIL.fullmatch(email) or any(category(c)[0] == "C" for c in email):
        errors.append(FieldError(f"{prefix}email", "This is not an e-mail address."))
        return None
    return email
