"""Many things at once: one savepoint and one look-up for all of them, and never a whole set lost for one of them.

Work is written for a set: it reads what all need by one ``IN (…)`` and stores with one statement a table. It is tried
on the whole set in one savepoint. Where it fails, whatever the reason, nothing of it stays, and each half is tried by
itself, down to the single thing, whose failure is then its own. So a set of one is no special case, and one that fails
among many costs about twice its share, not everybody's turn.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlmodel import Session

from federation.tables import DATABASE_FAULTS

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Done(Generic[T, R]):
    """Items whose work stands in the transaction, and what it gave."""

    items: Sequence[T]
    value: R


@dataclass(frozen=True, slots=True)
class Failed(Generic[T]):
    """One item whose work failed and left nothing behind."""

    item: T
    error: Exception


def in_sets(session: Session, items: Sequence[T], work: Callable[[Sequence[T]], R]) -> Iterator[Done[T, R] | Failed[T]]:
    """Do ``work`` on ``items`` in as few sets as succeed, in order.

    A fault of the database itself is raised: then the whole transaction is given up.
    """
    if not items:
        return
    try:
        with session.begin_nested():
            value = work(items)
    except DATABASE_FAULTS:
        raise
    except Exception as error:  # noqa: BLE001 - nothing is hidden: it is tried in halves, and the single one says why
        if len(items) == 1:
            yield Failed(items[0], error)
            return
        middle = len(items) // 2
        yield from in_sets(session, items[:middle], work)
        yield from in_sets(session, items[middle:], work)
        return
    yield Done(items, value)
