"""Search by what an officer has in the hand: a name, its pinyin or initials, the tails of a document or a phone.

The question becomes keyed tokens (`service.registry.tokens`); the newest people who have them are shown, 20 at most
and without a total (rule 11), and every person shown is logged.

How that stays fast among millions:

* The index of tokens is ordered by token and then by person, and person ids grow with time: *the newest 20 of a token*
  is the last stretch of one walk, however heavy the token is (王, `wang`). Nothing is sorted or scanned.
* Several tokens must all be there: for each area the rarest of them is walked, and each of its people is looked up
  under the others. How rare a token is is counted no further than `LONGEST_WALK`.
* Two heavy tokens with few people in common (a surname and another one's pinyin) would be a long walk for nothing: it
  ends after the newest `LONGEST_WALK` people, and the answer says *narrow it*.
* Tokens are keyed by area. An officer of the whole region asks under the keys of all its areas, in one statement.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, Subquery, func, literal, union_all
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from schemas.identity import DocumentType, PersonIdentity, document_number_fits
from schemas.problems import InvalidInput
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.limits import count_search
from service.registry.people import OpenPerson, document_index, unseal_people, visible
from service.registry.tables import Person, SearchToken
from service.registry.tokens import DOCUMENT, MIN_QUERY, Piece, plans_of

MOST_HITS = 20
MAX_QUERY = 100
"""Characters of the longest query."""

LONGEST_WALK = 2000
"""People of one token who are looked up under the others."""

AREAS_AT_ONCE = 100
"""Areas of one statement (SQLite joins at most 500 selects)."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Who was found, newest first; `more` says that the question should be narrowed."""

    people: list[OpenPerson]
    more: bool


def search_people(session: Session, node: Node, query: str, *, by: Officer) -> Hits:
    """Find people of the officer's area.

    Raises `Forbidden`, `DailyLimit`, `InvalidInput` for less than two characters or more than a name and two numbers
    have.
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
    count_search(session, node, "area", by)
    rows, more = _found(session, node, plans, by.area)
    people = unseal_people(
        session,
        node,
        rows,
        actor=by.as_actor,
        action="person.found",
        purpose="counter",
        fields=("identity", "contact"),
    )
    return Hits(people, more)


def areas_below(session: Session, area: str) -> list[str]:
    """The areas, equal to `area` or within it, in which records lie: one step along the index for each of them."""
    # Region codes are digits, twelve at most: the nines close the range.
    first, last = area, area.ljust(12, "9")
    column = col(Person.area)
    step = select_columns(func.min(column).label("area")).where(column >= first, column <= last).cte(recursive=True)
    following = (
        select_columns(func.min(column)).where(column > step.c.area, column <= last).correlate(step).scalar_subquery()
    )
    step = step.union_all(select_columns(following).where(step.c.area.is_not(None)))
    return list(session.execute(select_columns(step.c.area).where(step.c.area.is_not(None))).scalars())


def _found(session: Session, node: Node, plans: Iterable[list[Piece]], area: str) -> tuple[Sequence[Person], bool]:
    """The newest people of an area who have all pieces of one of the plans, and whether there are more."""
    areas: list[str] | None = None
    found: set[str] = set()
    cut = False
    for plan in plans:
        if plan[0][0] == DOCUMENT:
            found.update(_ids_of_document(session, node, plan[0][1], area))
            continue
        if areas is None:
            areas = areas_below(session, area)
        for start in range(0, len(areas), AREAS_AT_ONCE):
            part = areas[start : start + AREAS_AT_ONCE]
            walks = [[node.vault.token(one, kind, value) for kind, value in plan] for one in part]
            ids, was_cut = _ids(session, node, walks)
            found.update(ids)
            cut = cut or was_cut
    ids = sorted(found, reverse=True)
    rows = session.exec(select(Person).where(col(Person.id).in_(ids[:MOST_HITS])).order_by(col(Person.id).desc())).all()
    return rows, cut or len(ids) > MOST_HITS


def _ids(session: Session, node: Node, walks: list[list[bytes]]) -> tuple[list[str], bool]:
    """The newest visible people who have all tokens of one of the walks; and whether a walk was cut short."""
    cut = False
    if len(walks[0]) > 1:
        walks, cut = _rarest_first(session, walks)
    if not walks:
        return [], False
    each = [_walk(node, tokens) for tokens in walks]
    found = each[0] if len(each) == 1 else union_all(*(select_columns(one.subquery().c.person_id) for one in each))
    return list(session.execute(found).scalars()), cut


def _rarest_first(session: Session, walks: list[list[bytes]]) -> tuple[list[list[bytes]], bool]:
    """Order each walk's tokens, the rarest first; walks with a token that nobody has are left out."""
    counts = [
        select_columns(func.count()).select_from(_newest(token, LONGEST_WALK + 1)).scalar_subquery()
        for tokens in walks
        for token in tokens
    ]
    counted = iter(session.execute(select_columns(*counts)).one())
    ordered, cut = [], False
    for tokens in walks:
        by_count = sorted((next(counted), token) for token in tokens)
        rarest = by_count[0][0]
        if rarest > 0:
            ordered.append([token for _, token in by_count])
            cut = cut or rarest > LONGEST_WALK
    return ordered, cut


def _newest(token: bytes, limit: int) -> Subquery:
    return (
        select_columns(col(SearchToken.person_id))
        .where(col(SearchToken.token) == token)
        .order_by(col(SearchToken.person_id).desc())
        .limit(limit)
        .subquery()
    )


def _walk(node: Node, tokens: list[bytes]) -> Select[str]:
    """The newest visible people who have all tokens, the first of which is walked."""
    first, *others = tokens
    if not others:
        query = (
            select_columns(col(SearchToken.person_id))
            .join(Person, col(Person.id) == col(SearchToken.person_id))
            .where(col(SearchToken.token) == first, visible(node.today()))
            .order_by(col(SearchToken.person_id).desc())
        )
        return query.limit(MOST_HITS + 1)
    walked = _newest(first, LONGEST_WALK)
    query = select_columns(walked.c.person_id).join(Person, col(Person.id) == walked.c.person_id)
    for token in others:
        other = aliased(SearchToken)
        query = query.join(other, (col(other.token) == token) & (col(other.person_id) == walked.c.person_id))
    return query.where(visible(node.today())).order_by(walked.c.person_id.desc()).limit(MOST_HITS + 1)


def _ids_of_document(session: Session, node: Node, number: str, area: str) -> list[str]:
    """The visible people of an area who have this document, whichever kind it is of."""
    kinds = [kind for kind in DocumentType if document_number_fits(kind, number)]
    indexes = [document_index(node, _holder(kind, number)) for kind in kinds]
    query = (
        select_columns(col(Person.id))
        .where(
            col(Person.document_index).in_([one for one in indexes if one is not None]),
            col(Person.area) >= literal(area),
            col(Person.area) <= literal(area.ljust(12, "9")),
            visible(node.today()),
        )
        .order_by(col(Person.id).desc())
        .limit(MOST_HITS + 1)
    )
    return list(session.execute(query).scalars())


def _holder(kind: DocumentType, number: str) -> PersonIdentity:
    return PersonIdentity.model_construct(name="", document_type=kind, document_number=number, date_of_birth=None)
