"""What one row comes to: its outcome, the codes that say why, and what would be registered. Pure decisions.

Outcomes and codes are closed (`OUTCOME_OF`). A checksum that fails is a warning and never a refusal (GB 11643 numbers
were issued with errors); a number that was plainly made up is not kept, the person is; nobody under 14 is registered
(PIPL art. 31).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from schemas.calendar import PartialDate
from schemas.identity import (
    DocumentType,
    PersonIdentity,
    age_on,
    birth_date_of,
    document_number_fits,
    is_placeholder_number,
    resident_id_checksum_ok,
)
from service.ledgers.files.fields import Cell, LedgerKind, RawRow
from service.ledgers.judging.dates import Ambiguous, read_date
from service.ledgers.judging.places import Places
from service.ledgers.judging.values import (
    names_other_document,
    read_address,
    read_document_type,
    read_email,
    read_name,
    read_number,
    read_phone,
)

YOUNGEST = 14
"""Years; who is younger has no record (rule 1 of the domain)."""
_EARLIEST_YEAR = 1900
_OLD_NUMBER_DIGITS = 15
_SHORTEST_NUMBER = 5
"""Characters of the shortest document number there is, a passport's."""


class Outcome(StrEnum):
    """What becomes of a row: registered, registered with a warning, refused, or there already."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    DUPLICATE = "duplicate"


class Code(StrEnum):
    """Why."""

    NO_DOCUMENT = "no_document"
    FORMULA_TEXT = "formula_text"
    CHECKSUM = "checksum"
    FAKE_NUMBER = "fake_number"
    PHONE = "phone"
    NAME_MISSING = "name_missing"
    DATE = "date"
    DATE_IN_FUTURE = "date_in_future"
    UNDER_AGE = "under_age"
    AMBIGUOUS = "ambiguous"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    ALREADY_REGISTERED = "already_registered"


OUTCOME_OF: dict[Code, Outcome] = {
    Code.NO_DOCUMENT: Outcome.OK,
    Code.FORMULA_TEXT: Outcome.OK,
    Code.CHECKSUM: Outcome.WARNING,
    Code.FAKE_NUMBER: Outcome.WARNING,
    Code.PHONE: Outcome.WARNING,
    Code.NAME_MISSING: Outcome.ERROR,
    Code.DATE: Outcome.ERROR,
    Code.DATE_IN_FUTURE: Outcome.ERROR,
    Code.UNDER_AGE: Outcome.ERROR,
    Code.AMBIGUOUS: Outcome.ERROR,
    Code.DUPLICATE_IN_FILE: Outcome.DUPLICATE,
    Code.ALREADY_REGISTERED: Outcome.DUPLICATE,
}
REGISTERED = (Outcome.OK, Outcome.WARNING)
"""Outcomes of rows that are registered."""
_WEIGHT = {Outcome.OK: 0, Outcome.WARNING: 1, Outcome.DUPLICATE: 2, Outcome.ERROR: 3}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Someone who can be registered: exactly what would be kept, already normalised.

    `region` is the origin in a ledger of arrivals, the destination in one of departures.
    """

    identity: PersonIdentity
    phone: str | None
    email: str | None
    address: str | None
    region: str
    moved_on: PartialDate
    expected_return_on: PartialDate | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row's outcome. `candidate` is there unless the row was refused."""

    outcome: Outcome
    codes: tuple[Code, ...]
    candidate: Candidate | None


def outcome_of(codes: tuple[Code, ...]) -> Outcome:
    """Give the heaviest outcome that the codes call for; without any, `ok`."""
    return max((OUTCOME_OF[code] for code in codes), key=_WEIGHT.__getitem__, default=Outcome.OK)


def as_duplicate(verdict: Verdict, code: Code) -> Verdict:
    """Turn a good row into one that is there already; the codes of its cells are of no use any more."""
    return Verdict(Outcome.DUPLICATE, (code,), verdict.candidate)


def judge(row: RawRow, kind: LedgerKind, today: date, places: Places) -> Verdict:
    """Decide one row on its own; whether somebody is there twice is decided over the whole file.

    `today` is the day in the node's zone. All reasons of a refusal are named, and then no others.
    """
    reading = _Reading(today)
    name = reading.name(row.name)
    number = reading.number(row.document_number, row.document_type)
    document, number = reading.document(row.document_type, number)
    born = reading.born(row.date_of_birth, document, number)
    # One date of birth that cannot be is one reason, not two.
    moved_on = reading.moved_on(row.moved_on, None if Code.DATE_IN_FUTURE in reading.codes else born)
    region = places.resolve(row.region)
    if region is None:
        reading.codes.append(Code.AMBIGUOUS)
    phone, clean = read_phone(row.phone)
    if not clean:
        reading.codes.append(Code.PHONE)
    address, runs = read_address(row.address)
    if runs:
        reading.codes.append(Code.FORMULA_TEXT)
    codes = tuple(dict.fromkeys(reading.codes))
    errors = tuple(code for code in codes if OUTCOME_OF[code] is Outcome.ERROR)
    if errors or name is None or moved_on is None or region is None:
        return Verdict(Outcome.ERROR, errors, None)
    identity = PersonIdentity(name=name, document_type=document, document_number=number, date_of_birth=born)
    expected = _expected_return(row.expected_return_on) if kind is LedgerKind.DEPARTURES else None
    candidate = Candidate(identity, phone, read_email(row.email), address, region, moved_on, expected)
    return Verdict(outcome_of(codes), _by_weight(codes), candidate)


class _Reading:
    """Reads the cells of one row and collects why they are not plain."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.codes: list[Code] = []

    def name(self, cell: Cell) -> str | None:
        try:
            name, runs = read_name(cell)
        except Ambiguous:
            self.codes.append(Code.AMBIGUOUS)
            return None
        if name is None:
            self.codes.append(Code.NAME_MISSING)
        elif runs:
            self.codes.append(Code.FORMULA_TEXT)
        return name

    def number(self, cell: Cell, document: Cell) -> str | None:
        try:
            number = read_number(cell)
        except Ambiguous:
            # 南字第123号 of an officer's card is whole; only that no such document is kept.
            self.codes.append(Code.NO_DOCUMENT if names_other_document(document) else Code.AMBIGUOUS)
            return None
        if number is None:
            self.codes.append(Code.NO_DOCUMENT)
        elif is_placeholder_number(number) or len(number) < _SHORTEST_NUMBER:
            # A made-up number is no document: the person is kept, the number is not.
            self.codes.append(Code.FAKE_NUMBER)
            return None
        elif _lost_its_end(number):
            self.codes.append(Code.AMBIGUOUS)
            return None
        return number

    def document(self, cell: Cell, number: str | None) -> tuple[DocumentType, str | None]:
        document = read_document_type(cell, number)
        if document is DocumentType.NONE:
            if number is not None:
                self.codes.append(Code.NO_DOCUMENT)
            return document, None
        if number is not None and not _number_is_right(document, number):
            self.codes.append(Code.CHECKSUM)
        return document, number

    def born(self, cell: Cell, document: DocumentType, number: str | None) -> date | None:
        by_number = birth_date_of(document, number)
        try:
            told = read_date(cell)
        except Ambiguous:
            told = None
            if by_number is None:
                self.codes.append(Code.AMBIGUOUS)
        except ValueError:
            told = None
            if by_number is None:
                self.codes.append(Code.DATE)
        return self._of_age(self._one_birth(told, by_number), told)

    def _one_birth(self, told: PartialDate | None, by_number: date | None) -> date | None:
        """Choose between column and number: a right number must agree, a doubtful one yields to the column."""
        if told is None or by_number is None or told.earliest <= by_number <= told.latest:
            return by_number or (told.earliest if told and told.is_exact else None)
        if Code.CHECKSUM in self.codes:
            return told.earliest if told.is_exact else None
        self.codes.append(Code.AMBIGUOUS)
        return None

    def _of_age(self, born: date | None, told: PartialDate | None) -> date | None:
        if born is None and told is not None and Code.AMBIGUOUS not in self.codes:
            # Known by month only: nobody who may be under 14 is registered on a guess.
            if age_on(told.earliest, self.today) < YOUNGEST:
                self.codes.append(Code.UNDER_AGE)
            elif age_on(told.latest, self.today) < YOUNGEST:
                self.codes.append(Code.AMBIGUOUS)
        if born is None:
            return None
        if born > self.today:
            self.codes.append(Code.DATE_IN_FUTURE)
        elif born.year < _EARLIEST_YEAR:
            self.codes.append(Code.DATE)
        elif age_on(born, self.today) < YOUNGEST:
            self.codes.append(Code.UNDER_AGE)
        return born

    def moved_on(self, cell: Cell, born: date | None) -> PartialDate | None:
        try:
            moved = read_date(cell)
        except Ambiguous:
            self.codes.append(Code.AMBIGUOUS)
            return None
        except ValueError:
            moved = None
        if moved is None or moved.earliest.year < _EARLIEST_YEAR or (born is not None and moved.latest < born):
            self.codes.append(Code.DATE)
            return None
        if moved.earliest > self.today:
            self.codes.append(Code.DATE_IN_FUTURE)
            return None
        return moved


def _number_is_right(document: DocumentType, number: str) -> bool:
    """Tell whether form, check character and date of a number fit; 15-digit IDs ended in 2013 and have no check."""
    if not document_number_fits(document, number) or (
        document is DocumentType.RESIDENT_ID and len(number) == _OLD_NUMBER_DIGITS
    ):
        return False
    if document is DocumentType.PASSPORT or len(number) == _OLD_NUMBER_DIGITS:
        return True
    return resident_id_checksum_ok(number) and birth_date_of(document, number) is not None


def _lost_its_end(number: str) -> bool:
    """Tell whether a spreadsheet kept 15 of 18 digits: the last three are zeros, and the checksum fails."""
    return len(number) == 18 and number.endswith("000") and number.isdigit() and not resident_id_checksum_ok(number)


def _expected_return(cell: Cell) -> PartialDate | None:
    """Read when somebody means to be back; 春节 is no date and stays empty."""
    try:
        return read_date(cell)
    except ValueError:
        return None


def _by_weight(codes: tuple[Code, ...]) -> tuple[Code, ...]:
    return tuple(sorted(codes, key=lambda code: -_WEIGHT[OUTCOME_OF[code]]))
