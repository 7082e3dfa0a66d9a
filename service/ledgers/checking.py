"""A whole ledger's rows with their outcomes, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

from schemas.identity import PersonIdentity, fold_name
from schemas.regions import Divisions
from service.ledgers.fields import LedgerKind, RawRow
from service.ledgers.places import Places
from service.ledgers.rules import Candidate, Code, Outcome, Verdict, as_duplicate, judge


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
    """Who was in the file so far, as short hashes: a million people fit in the memory of a node."""

    def __init__(self) -> None:
        self._names: dict[bytes, bytes] = {}
        self._without_document: set[bytes] = set()
        self._births: set[bytes] = set()

    def meet(self, verdict: Verdict, candidate: Candidate) -> Verdict:
        """Compare one more good row with those before it, and remember it."""
        identity = candidate.identity
        name = _digest(fold_name(identity.name))
        birth = self._birth(identity)
        if identity.document_number is not None:
            document = _digest(identity.document_type, identity.document_number)
            known = self._names.get(document)
            if known is not None:
                return as_duplicate(verdict, Code.DUPLICATE_IN_FILE) if known == name else _ambiguous()
            if birth in self._without_document:
                return as_duplicate(verdict, Code.DUPLICATE_IN_FILE)
            self._names[document] = name
        else:
            only = birth or _digest(identity.name, candidate.phone, candidate.moved_on, candidate.region)
            if only in self._without_document or only in self._births:
                return as_duplicate(verdict, Code.DUPLICATE_IN_FILE)
            self._without_document.add(only)
        if birth is not None:
            self._births.add(birth)
        return verdict

    def _birth(self, identity: PersonIdentity) -> bytes | None:
        if identity.date_of_birth is None:
            return None
        return _digest(fold_name(identity.name), identity.date_of_birth)


def _ambiguous() -> Verdict:
    return Verdict(Outcome.ERROR, (Code.AMBIGUOUS,), None)


def _digest(*values: object) -> bytes:
    return blake2b("\x00".join(str(value) for value in values).encode(), digest_size=12).digest()
