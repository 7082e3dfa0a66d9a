"""Search by what an officer has in the hand: a name, its pinyin or initials, the tails of a document or a phone.

The question becomes keyed tokens (`service.registry.tokens`), the newest 50 candidates are unsealed, and those that do
hold what was typed are shown, 20 at most and without a total (rule 11). Every person shown is logged; a candidate that
turns out not to be one is shown to nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from schemas.problems import InvalidInput
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson, unseal_people, visible
from service.registry.tables import Person, SearchToken
from service.registry.tokens import MIN_QUERY, Piece, plans_of

MOST_CANDIDATES = 50
MOST_HITS = 20
MAX_QUERY = 100
"""Characters of the longest query."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Who was found, newest first; `more` says that the question should be narrowed."""

    people: list[OpenPerson]
    more: bool


def search_people(session: Session, node: Node, query: str, *, by: Officer) -> Hits:
    """Find people of the officer's area.

    Raises `Forbidden`, `InvalidInput` for less than two characters or more than a name and two numbers have.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    try:
        plans = plans_of(query) if len(query) <= MAX_QUERY else None
    except ValueError:
        plans = None
    if plans is None:
        raise InvalidInput(errors=[{"field": "q", "message": "This is too long."}])
    if len(query.strip()) < MIN_QUERY or not plans:
        raise InvalidInput(errors=[{"field": "q", "message": "Enter two characters or more."}])
    found: set[str] = set()
    for area in _areas(session, by):
        for plan in plans:
            found |= set(_ids(session, node, area, plan))
    ids = sorted(found, reverse=True)[:MOST_CANDIDATES]
    rows = session.exec(select(Person).where(col(Person.id).in_(ids)).order_by(col(Person.id).desc())).all()
    people = unseal_people(
        session,
        node,
        rows[:MOST_HITS],
        actor=by.as_actor,
        action="person.found",
        purpose="counter",
        fields=("identity", "contact"),
    )
    return Hits(people, more=len(rows) > MOST_HITS)


def _areas(session: Session, by: Officer) -> list[str]:
    """The areas in which records of the officer's area lie: each has its own tokens."""
    areas = session.exec(select(Person.area).where(col(Person.area).startswith(by.area, autoescape=True)).distinct())
    return list(areas.all())


def _ids(session: Session, node: Node, area: str, plan: Iterable[Piece]) -> list[str]:
    """The newest visible people of one area who have all tokens of a plan: a walk down the first token's index."""
    first, *others = [node.vault.token(area, kind, value) for kind, value in plan]
    query = (
        select(SearchToken.person_id)
        .join(Person, col(Person.id) == col(SearchToken.person_id))
        .where(SearchToken.token == first, visible(node.today()))
    )
    for token in others:
        other = aliased(SearchToken)
        query = query.join(other, (col(other.person_id) == col(SearchToken.person_id)) & (col(other.token) == token))
    query = query.order_by(col(SearchToken.person_id).desc()).limit(MOST_CANDIDATES)
    return list(session.exec(query).all())
