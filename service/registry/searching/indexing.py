"""Indexing everyone anew after an upgrade: who was registered earlier is found by what newer versions look for.

What an index holds (search tokens, blind indexes, the number's check) is made from a record when it is saved. A version
of this module's :data:`INDEX` that reads more out of a name would find people only once their record is corrected; so
a job goes through the register once, oldest record first, and adds what is missing. Nobody has to know of it.

* One short transaction for :data:`PART` people, so that officers who save meanwhile wait for no more than that.
* How far it came is a row, committed with the part: after a crash or a restart it goes on there.
* One process does it (a lease); the others look once a run whether there is anything to do.
* Nothing is logged, as nothing is shown: hashes alone leave (see `service.registry.people.fresh_index`).

Tokens that newer versions make no more stay until the record is corrected: they find the person by what was true then.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from schemas.clock import SystemClock
from schemas.entropy import uuid4
from service.context import Node
from service.leases import drop_lease, take_lease
from service.registry.marks import DONE, mark_of, set_mark
from service.registry.people import fresh_index
from service.registry.tables import Person, SearchToken

INDEX: Final = 3
"""The version of what is indexed. Whoever lets a record be found by more than before adds one."""

PART: Final = 50
"""People of one transaction: some twenty milliseconds, less than anybody notices who saves meanwhile."""

LEASE_SECONDS: Final = 60
MARK: Final = f"index:{INDEX}"
"""The name of the pass, among the marks of how far each came."""
_LEASE: Final = "index"


async def index_anew(node: Node, told: Callable[[int], None] | None = None) -> int:
    """Add what the index of everyone lacks, from where it stopped (job); give how many people were looked at.

    ``told`` hears of each part how many. Nothing is done where all is done, or where another process does it.
    """
    holder, looked = uuid4(node.entropy), 0
    while await node.database.read(is_due):
        part = await node.database.write(partial(_part, node=node, holder=holder))
        if part is None:
            return looked
        looked += part
        if told is not None:
            told(part)
    return looked


def is_due(session: Session) -> bool:
    """Whether the register was not gone through since what is indexed changed."""
    return mark_of(session, MARK) != DONE


def left_to_index(session: Session) -> int:
    """How many people are still to be looked at."""
    wanted = select(func.count()).select_from(Person).where(col(Person.id) > (mark_of(session, MARK) or ""))
    return session.exec(wanted).one() if is_due(session) else 0


def index_from_the_start(session: Session) -> None:
    """Let everyone be indexed anew, whatever was done before."""
    set_mark(session, MARK, "")


def _part(session: Session, *, node: Node, holder: str) -> int | None:
    # Leases are between processes: they go by the machine's clock, whatever time the node works at.
    if not take_lease(session, _LEASE, holder, SystemClock().now(), LEASE_SECONDS):
        return None
    after = mark_of(session, MARK) or ""
    if after == DONE:
        return 0
    wanted = select(Person).where(col(Person.id) > after).order_by(col(Person.id)).limit(PART)
    people = session.exec(wanted).all()
    tokens: list[dict[str, Any]] = []
    for person in people:
        if person.state == "merged":
            # It is found as the one that was kept; after 30 days nothing is left to index.
            continue
        columns, hashes = fresh_index(node, person)
        for name, value in columns.items():
            if getattr(person, name) != value:
                setattr(person, name, value)
        session.add(person)
        tokens += [{"token": one, "person_id": person.id} for one in hashes]
    session.flush()
    _add_missing(session, tokens)
    set_mark(session, MARK, people[-1].id if len(people) == PART else DONE)
    if len(people) < PART:
        drop_lease(session, _LEASE, holder)
    return len(people)


def _add_missing(session: Session, tokens: list[dict[str, Any]]) -> None:
    if not tokens:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(SearchToken).on_conflict_do_nothing(), tokens)
