"""Registering a ledger's people in many short transactions, their search tokens sorted by the ten thousand.

A person has some sixteen tokens, each of which lies somewhere else in the largest table of the register. With 200
people a transaction nearly every token is a page of its own, written to the log and from there to the file: 160 kB for
each person of a ledger of 200,000. Sorted by token, those of 10,000 people are neighbours, and a page takes many at
once.

The tokens of a window go in *before* its people, in short transactions; then the people, a batch a transaction. That
this is exact although it is no single transaction rests on three things:

* **A person's id is known before**: it is made of the moment at which registering began, the row's number and a keyed
  hash of the import (`making.person_id_of`). After a crash the same rows get the same ids, so tokens that are there
  already become theirs, and nothing of a crash is left behind.
* **Tokens go in only while their batch is not done**, in one transaction with the look whether it is: nobody can have
  changed or erased a person whose tokens still come.
* **Who turns out to be registered already gets no row**, and their tokens go, in the transaction that says so.

A token whose person is not there yet finds nobody: every search goes on to the person's row.

Making the rows takes as long as inserting them, and two threads of one interpreter that do both are slower than one:
so a long ledger is made ready in a process of its own (`maker_process`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Final

from sqlmodel import Session, col, select

from service.context import Node
from service.ledgers.actions import register_batch
from service.ledgers.making import Ready, SealedBatch, TokenRows, Window
from service.ledgers.tables import LedgerBatch
from service.officers.rules import Officer
from service.registry.rows import insert_tokens

WINDOW_BATCHES: Final = 50
"""Batches of a window. The more, the fewer pages are written; and the more tokens are there ahead of their people,
past which every search of that office has to walk meanwhile: some 800 of the most frequent surname."""
INSERT_SECONDS: Final = 0.02
"""So long the inserts of one transaction of tokens should take: a large register or a busy machine gets fewer at a
time. The commit is not counted: it takes its time however few they are."""
FEWEST_TOKENS: Final = 1000
MOST_TOKENS: Final = 8000


def windows_of(node: Node, import_id: str) -> Iterator[list[SealedBatch]]:
    """The batches of an import that are not done, a window at a time."""
    last = -1
    while found := node.database.read_sync(partial(_next_window, import_id=import_id, after=last)):
        yield found
        last = found[-1].number


def write_all(
    node: Node, import_id: str, ready: Iterable[Ready], advance: Callable[[int], None], *, by: Officer
) -> None:
    """Write what is ready in many short transactions, between which others write; `advance` is told of each batch."""
    write, at_once = node.database.write_sync, _TokensAtOnce()
    window = Window((), {})
    for one in ready:
        if isinstance(one, Window):
            window = one
        elif isinstance(one, TokenRows):
            for part in at_once.parts(one.rows):
                inserting = partial(_index_ahead, import_id=import_id, window=window, tokens=part)
                at_once.took(write(inserting), len(part))
        else:
            write(partial(register_batch, node=node, import_id=import_id, made=one, by=by))
            advance(one.rows)


class _TokensAtOnce:
    """How many tokens a transaction takes, by how long the last ones took."""

    def __init__(self) -> None:
        self._count = FEWEST_TOKENS

    def parts(self, rows: Sequence[tuple[bytes, str]]) -> Iterator[Sequence[tuple[bytes, str]]]:
        """Part rows; each part is as long as the ones before it allow."""
        place = 0
        while place < len(rows):
            part = rows[place : place + self._count]
            place += len(part)
            yield part

    def took(self, seconds: float, count: int) -> None:
        """Learn from one transaction: at most twice as many the next time."""
        fitting = int(count * INSERT_SECONDS / max(seconds, 1e-6))
        self._count = max(FEWEST_TOKENS, min(MOST_TOKENS, 2 * self._count, fitting))


def _next_window(session: Session, import_id: str, after: int) -> list[SealedBatch]:
    wanted = select(LedgerBatch.number, LedgerBatch.sealed).where(
        LedgerBatch.import_id == import_id, col(LedgerBatch.number) > after, col(LedgerBatch.done).is_(False)
    )
    found = session.exec(wanted.order_by(col(LedgerBatch.number)).limit(WINDOW_BATCHES))
    return [SealedBatch(number, bytes(sealed)) for number, sealed in found]


def _index_ahead(session: Session, *, import_id: str, window: Window, tokens: Sequence[tuple[bytes, str]]) -> float:
    """Insert tokens whose batches are not done; returns the seconds that it took."""
    first, last = window.numbers[0], window.numbers[-1]
    wanted = select(LedgerBatch.number).where(
        LedgerBatch.import_id == import_id, col(LedgerBatch.number).between(first, last), col(LedgerBatch.done)
    )
    done = set(session.exec(wanted).all())
    if done:
        tokens = [one for one in tokens if window.batch_of[one[1]] not in done]
    begun = perf_counter()
    insert_tokens(session, tokens)
    return perf_counter() - begun
