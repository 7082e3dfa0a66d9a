"""Making a ledger's people ready to be inserted: opened, sealed, indexed. Needs no database, and most of the time.

It is done a window of batches at a time, because search tokens go in sorted (`units`): first come the tokens of all
people of a window, then its people, batch by batch; the tokens of the next window are made meanwhile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from schemas.entropy import numbered_uuid7
from service.access_log import LogNode
from service.ledgers.judging.rules import REGISTERED, Candidate
from service.ledgers.report import ReportRow
from service.ledgers.sealed_rows import open_rows, seal_rows
from service.officers.rules import Officer
from service.registry.bulk import Kind, MadeRow, make_row
from service.registry.searching.tokens import Made, tokens_of

TOKENS_AT_ONCE: Final = 8000
"""Tokens of one message."""


@dataclass(frozen=True, slots=True)
class Making:
    """What is registered, and for whom: `began` is when it began, `by` works for the area of the import."""

    ledger_id: str
    kind: Kind
    began: datetime
    by: Officer


class SealedBatch(NamedTuple):
    """A batch of an import as it lies in the database."""

    number: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Window:
    """The batches that come next: `batch_of` says of which of them each person is, by the person's id."""

    numbers: tuple[int, ...]
    batch_of: dict[str, int] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenRows:
    """Search tokens of the window, sorted, each with its person's id."""

    rows: list[tuple[bytes, str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MadeBatch:
    """A batch's people by their rows' numbers, ready to be inserted, once their tokens are there.

    `rows` is how many rows the batch has, `sealed` what it comes to if all of them are registered.
    """

    number: int
    rows: int
    people: dict[int, MadeRow] = field(repr=False)
    sealed: bytes = field(repr=False)


Ready = Window | TokenRows | MadeBatch
"""What comes, window by window: the window, its tokens, its batches."""


def made_ready(node: LogNode, making: Making, windows: Iterator[Sequence[SealedBatch]]) -> Iterator[Ready]:
    """Make an import's batches ready, in order: of each window all tokens first."""
    coming = next(windows, ())
    index = _Index(node, making)
    for batch in coming:
        index.add(batch)
    while coming:
        window, coming = coming, next(windows, ())
        yield from index.parts(window)
        index, ahead = _Index(node, making), iter(coming)
        for batch in window:
            yield _made_batch(node, making, batch)
            # One of the next window for each of this one: whoever inserts them never waits for a whole window.
            for later in islice(ahead, 1):
                index.add(later)
        for later in ahead:
            index.add(later)


def person_id_of(node: LogNode, making: Making, row: int) -> str:
    """Give the id of one row's person, the same whenever it is asked for: a UUIDv7 of when registering began."""
    return numbered_uuid7(making.began, row, node.vault.blind("ledger_person", f"{making.ledger_id}:{row}"))


class _Index:
    """The tokens of a window's people."""

    def __init__(self, node: LogNode, making: Making) -> None:
        self._node, self._making = node, making
        self._people: dict[bytes, list[str]] = {}
        """Whom each token is of, in the order of their ids."""
        self._batch_of: dict[str, int] = {}
        self._known: Made = {}

    def add(self, batch: SealedBatch) -> None:
        """Index a batch."""
        vault, area, people = self._node.vault, self._making.by.area, self._people
        for number, candidate in _registrable(open_rows(vault, self._making.ledger_id, *batch)):
            person_id = person_id_of(self._node, self._making, number)
            self._batch_of[person_id] = batch.number
            for token in tokens_of(vault, area, candidate.identity, candidate.phone, self._known):
                people.setdefault(token, []).append(person_id)

    def parts(self, window: Sequence[SealedBatch]) -> Iterator[Window | TokenRows]:
        """Give the window and all its tokens, sorted, some thousand at a time."""
        yield Window(tuple(batch.number for batch in window), self._batch_of)
        part: list[tuple[bytes, str]] = []
        for token in sorted(self._people):
            part += [(token, person_id) for person_id in self._people[token]]
            if len(part) >= TOKENS_AT_ONCE:
                yield TokenRows(part)
                part = []
        if part:
            yield TokenRows(part)


def _made_batch(node: LogNode, making: Making, batch: SealedBatch) -> MadeBatch:
    rows = open_rows(node.vault, making.ledger_id, *batch)
    people = {
        number: make_row(
            node,
            making.kind,
            candidate,
            person_id=person_id_of(node, making, number),
            ledger_id=making.ledger_id,
            by=making.by,
        )
        for number, candidate in _registrable(rows)
    }
    left = [ReportRow(row.number, row.outcome, row.codes, row.raw) for row in rows]
    return MadeBatch(batch.number, len(rows), people, seal_rows(node.vault, making.ledger_id, batch.number, left))


def _registrable(rows: Sequence[ReportRow]) -> Iterator[tuple[int, Candidate]]:
    for row in rows:
        if row.outcome in REGISTERED and row.candidate is not None:
            yield row.number, row.candidate
