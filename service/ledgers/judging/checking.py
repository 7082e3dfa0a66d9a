"""A whole ledger's rows with their outcomes, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

from schemas.identity import PersonIdentity, fold_name, resident_id_check_digit
from schemas.regions import Divisions
from service.ledgers.files.fields import LedgerKind, RawRow
from service.ledgers.judging.marks import Marks
from service.ledgers.judging.places import Places
from service.ledgers.judging.rules import Candidate, Code, Outcome, Verdict, as_duplicate, judge


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One person of the ledger: `number` counts them from 1 in the order of the file."""

    number: int
    raw: RawRow
    verdict: Verdict


def check_rows(
    rows: Iterable[RawRow],
    kind: LedgerKind,
    *,
    today: date,
    divisions: Divisions,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[CheckedRow]:
    """Judge each row, and find those who are in the file twice; `advance` is called after each.

    Two good rows are of one person when they have one document, or, where one of them has none, one folded name and
    date of birth, or, without either, one name, phone, day and place. One document with two names is `ambiguous`: one
    of the rows is wrong, and only the office can say which.
    """
    places = Places(divisions)
    seen = _Seen()
    for number, raw in enumerate(rows, start=1):
        verdict = judge(raw, kind, today, places)
        if verdict.candidate is not None:
            verdict = seen.meet(verdict, verdict.candidate)
        yield CheckedRow(number, raw, verdict)
        advance()


class _Seen:
    """Who was in the file so far, as short hashes: a million people fit in 64 MB."""

    def __init__(self) -> None:
        self._with_document = Marks()
        self._without = Marks()

    def meet(self, verdict: Verdict, candidate: Candidate) -> Verdict:
        """Compare one more good row with those before it, and remember it."""
        identity = candidate.identity
        name = _digest("name", fold_name(identity.name))
        birth = self._birth(identity)
        if identity.document_number is not None:
            document = _digest("document", identity.document_type, _whole(identity.document_number))
            known = self._with_document.get(document)
            if known is not None:
                return as_duplicate(verdict, Code.DUPLICATE_IN_FILE) if known == name else _ambiguous()
            if birth is not None and self._without.get(birth) is not None:
                return as_duplicate(verdict, Code.DUPLICATE_IN_FILE)
            self._with_document.add(document, name)
        else:
            only = birth or _digest("move", identity.name, candidate.phone, candidate.moved_on, candidate.region)
            if self._without.get(only) is not None or self._with_document.get(only) is not None:
                return as_duplicate(verdict, Code.DUPLICATE_IN_FILE)
            self._without.add(only, name)
        if birth is not None:
            self._with_document.add(birth, name)
        return verdict

    def _birth(self, identity: PersonIdentity) -> int | None:
        if identity.date_of_birth is None:
            return None
        return _digest("birth", fold_name(identity.name), identity.date_of_birth)


def _whole(number: str) -> str:
    """Give a resident ID of 15 digits as the one of 18 that replaced it (GB 11643-1999), for comparing alone."""
    if len(number) != 15 or not number.isdecimal():
        return number
    stem = f"{number[:6]}{'18' if number[12:] >= '996' else '19'}{number[6:]}"
    return stem + resident_id_check_digit(stem)


def _ambiguous() -> Verdict:
    return Verdict(Outcome.ERROR, (Code.AMBIGUOUS,), None)


def _digest(*values: object) -> int:
    """Give 63 bits; among a million people two of them are the same once in ten million files."""
    text = "\x00".join(str(value) for value in values)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1 or 1
