"""Registering a ledger by units of some thousand people, so that their search tokens go in sorted.

A person has some sixteen tokens, each of which lies somewhere else in the largest table of the register. With 200
people a transaction nearly every token is a page of its own, written to the log and from there to the file: 160 kB for
each person of a ledger of 200,000. Sorted by token, those of some thousand people are neighbours, and a page takes many
at once.

The tokens of a unit go in *before* its people, in short transactions; then the people, a batch a transaction, as ever.
That this is exact although it is no single transaction rests on three things:

* **A person's id is known before**: it is made of the moment at which registering began, the row's number and a keyed
  hash of the import (`person_id_of`). After a crash the same rows get the same ids, so tokens that are there already
  become theirs, and nothing of a crash is left behind.
* **Tokens go in only while their batch is not done**, in one transaction with the look whether it is: nobody can have
  changed or erased a person whose tokens still come.
* **Who turns out to be registered already gets no row**, and their tokens go, in the transaction that says so.

A token whose person is not there yet finds nobody: every search goes on to the person's row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Final

from sqlmodel import Session, col, select

from schemas.entropy import numbered_uuid7
from service.context import Node
from service.ledgers.actions import MadeBatch, kind_of, register_batch
from service.ledgers.judging.rules import REGISTERED
from service.ledgers.sealed_rows import open_rows
from service.ledgers.tables import LedgerBatch, LedgerImport
from service.officers.rules import Officer
from service.registry.bulk import make_many
from service.registry.rows import insert_tokens
from service.registry.searching.tokens import Made

UNIT_BATCHES: Final = 20
"""Batches of one unit: 4,000 people, of whom two units lie in memory at a time (some 50 MB)."""
INSERT_SECONDS: Final = 0.02
"""So long the inserts of one transaction of tokens should take: a large register or a busy machine gets fewer at a
time. The commit is not counted: it takes its time however few they are."""
FEWEST_TOKENS: Final = 1000
MOST_TOKENS: Final = 8000


@dataclass(frozen=True, slots=True)
class Unit:
    """Batches that are ready to be inserted; `tokens` are theirs, sorted, with the person and the batch of each."""

    batches: list[MadeBatch]
    tokens: list[tuple[bytes, str, int]] = field(repr=False)


class TokensAtOnce:
    """How many tokens a transaction takes, by how long the last ones took."""

    def __init__(self) -> None:
        """Begin with few."""
        self.count = FEWEST_TOKENS

    def took(self, seconds: float, count: int) -> None:
        """Learn from one transaction: at most twice as many the next time."""
        fitting = int(count * INSERT_SECONDS / max(seconds, 1e-6))
        self.count = max(FEWEST_TOKENS, min(MOST_TOKENS, 2 * self.count, fitting))


def next_batches(session: Session, import_id: str, after: int) -> Sequence[LedgerBatch]:
    """The batches of the next unit that are not done yet; none at the end."""
    wanted = select(LedgerBatch).where(
        LedgerBatch.import_id == import_id, col(LedgerBatch.number) > after, col(LedgerBatch.done).is_(False)
    )
    return session.exec(wanted.order_by(col(LedgerBatch.number)).limit(UNIT_BATCHES)).all()


def make_unit(node: Node, ledger: LedgerImport, batches: Sequence[LedgerBatch], *, by: Officer) -> Unit:
    """Open batches, and seal and index their people: the work that needs no lock."""
    by = replace(by, area=ledger.area)
    known: Made = {}
    made = [_make_batch(node, ledger, batch, known, by=by) for batch in batches]
    people = [(one.person.id, one.person.tokens, batch.number) for batch in made for one in batch.made.values()]
    tokens = [(token, person_id, number) for person_id, mine, number in people for token in mine]
    return Unit(made, sorted(tokens))


def write_unit(
    node: Node, import_id: str, unit: Unit, at_once: TokensAtOnce, advance: Callable[[int], None], *, by: Officer
) -> None:
    """Write a unit in many short transactions, between which others write; `advance` is called after each batch."""
    write = node.database.write_sync
    numbers = [batch.number for batch in unit.batches]
    place = 0
    while place < len(unit.tokens):
        part = unit.tokens[place : place + at_once.count]
        at_once.took(write(partial(_index_ahead, import_id=import_id, numbers=numbers, tokens=part)), len(part))
        place += len(part)
    for batch in unit.batches:
        write(partial(register_batch, node=node, import_id=import_id, ready=batch, by=by))
        advance(len(batch.rows))


def person_id_of(node: Node, ledger: LedgerImport, row: int) -> str:
    """Give the id of one row's person, the same whenever it is asked for: a UUIDv7 of when registering began."""
    began = ledger.started_at or ledger.created_at
    return numbered_uuid7(began, row, node.vault.blind("ledger_person", f"{ledger.id}:{row}"))


def _make_batch(node: Node, ledger: LedgerImport, batch: LedgerBatch, known: Made, *, by: Officer) -> MadeBatch:
    rows = open_rows(node.vault, ledger.id, batch.number, batch.sealed)
    good = {row.number: row.candidate for row in rows if row.outcome in REGISTERED and row.candidate is not None}
    ids = [person_id_of(node, ledger, number) for number in good]
    made = make_many(node, kind_of(ledger), list(good.values()), ledger_id=ledger.id, by=by, ids=ids, tokens=known)
    return MadeBatch(batch.number, rows, dict(zip(good, made, strict=True)))


def _index_ahead(
    session: Session, *, import_id: str, numbers: Sequence[int], tokens: Sequence[tuple[bytes, str, int]]
) -> float:
    """Insert tokens whose batches are not done; returns the seconds that it took."""
    wanted = select(LedgerBatch.number).where(
        LedgerBatch.import_id == import_id, col(LedgerBatch.number).in_(numbers), col(LedgerBatch.done).is_(False)
    )
    open_batches = set(session.exec(wanted).all())
    begun = perf_counter()
    insert_tokens(session, [(token, person_id) for token, person_id, number in tokens if number in open_batches])
    return perf_counter() - begun
