"""Search by what an officer has in the hand: a name, its pinyin or initials, the tails of a document or a phone.

The question becomes keyed tokens (`service.registry.searching.tokens`); the newest people who have them are shown, 20
at most and without a total (rule 11), and every person shown is logged.

How that stays fast among millions:

* The index of tokens is ordered by token and then by person, and person ids grow with time: *the newest 50 of a token*
  is the last stretch of one walk, however heavy the token is (王, `wang`). Nothing is sorted or scanned. Who of the 50
  is hidden or voided is sorted out after that; only then are the next 50 looked at.
* Several tokens must all be there: for each area the rarest of them is walked, and each of its people is looked up
  under the others. How rare a token is is counted no further than the walk goes.
* Two heavy tokens with few people in common (a surname and another one's pinyin) would be a long walk for nothing: it
  ends after `LONGEST_WALK` people, the newest of each area, and the answer says *narrow it*.
* Tokens are keyed by area. An officer of the whole region asks under the keys of all its areas, in one statement.
* The statements are texts: for twenty areas, putting an expression together costs ten times what it takes to run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from schemas.identity import DocumentType, PersonIdentity, document_number_fits
from schemas.problems import InvalidInput
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson, areas_below, document_index, end_of, unseal_people, visible
from service.registry.searching.limits import count_search
from service.registry.searching.tokens import DOCUMENT, MIN_QUERY, Piece, plans_of
from service.registry.tables import Person

MOST_HITS = 20
MOST_CANDIDATES = 50
"""People who are looked at together: 20 to show, one more to know that there are more, and some who are hidden."""

MAX_QUERY = 100
"""Characters of the longest query."""

LONGEST_WALK = 2000
"""People of one token who are looked up under the others; several areas share them."""

MOST_TOGETHER = 200
"""People who are looked at together at most, and of one area who have several tokens; the newest."""

AREAS_AT_ONCE = 100
"""Areas of one statement (SQLite joins at most 500 selects)."""

_BEHIND_ALL = "z"
"""Sorts after every id in any collation."""


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
    if not plans and sum(one.isdigit() for one in query) > 1:
        raise InvalidInput(errors=[{"field": "q", "message": "Of a number, enter the last four digits."}])
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


def _found(session: Session, node: Node, plans: Sequence[list[Piece]], area: str) -> tuple[Sequence[Person], bool]:
    """The newest people of an area who have all pieces of one of the plans, and whether there are more."""
    candidates = _Candidates(session, node, plans, area)
    shown: list[str] = []
    for page in candidates.pages():
        seen = select_columns(col(Person.id)).where(col(Person.id).in_(page), visible(node.today()))
        shown += sorted(session.execute(seen).scalars(), reverse=True)
        if len(shown) > MOST_HITS:
            break
    wanted = select(Person).where(col(Person.id).in_(shown[:MOST_HITS])).order_by(col(Person.id).desc())
    return session.exec(wanted).all() if shown else [], candidates.cut or len(shown) > MOST_HITS


class _Candidates:
    """Who has the tokens, the newest first, hidden and voided people among them. `cut`: a walk ended at its bound."""

    def __init__(self, session: Session, node: Node, plans: Sequence[list[Piece]], area: str) -> None:
        self.cut = False
        self._session = session
        self._listed: set[str] = set()
        self._walked: list[list[bytes]] = []
        """For each plan of one token, that token in each area."""
        areas: list[str] | None = None
        for plan in plans:
            if plan[0][0] == DOCUMENT:
                self._listed.update(_ids_of_document(session, node, plan[0][1], area))
                continue
            areas = areas_below(session, area) if areas is None else areas
            for start in range(0, len(areas), AREAS_AT_ONCE):
                part = areas[start : start + AREAS_AT_ONCE]
                tokens = [[node.vault.token(one, kind, value) for kind, value in plan] for one in part]
                if len(plan) == 1:
                    self._walked.append([one for (one,) in tokens])
                else:
                    self._listed.update(self._together(tokens))

    def pages(self) -> Iterator[list[str]]:
        """Ids, `MOST_CANDIDATES` at a time, and twice as many each time that those were not enough.

        While a ledger is being registered, the tokens of hundreds may be there ahead of their people.
        """
        before, most = _BEHIND_ALL, MOST_CANDIDATES
        while True:
            ids = {one for one in self._listed if one < before}
            for tokens in self._walked:
                facts = _numbered(tokens) | {"before": before, "most": most}
                ids.update(self._session.execute(_newest(len(tokens)), facts).scalars())
            page = sorted(ids, reverse=True)[:most]
            if page:
                yield page
            if len(page) < most:
                return
            before, most = page[-1], min(2 * most, MOST_TOGETHER)

    def _together(self, areas: list[list[bytes]]) -> Iterator[str]:
        """Who has all tokens of an area, for each of several areas: the rarest is walked."""
        longest = LONGEST_WALK // len(areas)
        counting = _counted(len(areas) * len(areas[0]))
        facts = _numbered([token for tokens in areas for token in tokens]) | {"most": longest + 1}
        counts = iter(self._session.execute(counting, facts).one())
        walks = []
        for tokens in areas:
            by_count = sorted((next(counts), token) for token in tokens)
            rarest = by_count[0][0]
            if rarest > 0:
                walks.append([token for _, token in by_count])
                self.cut = self.cut or rarest > longest
        if walks:
            facts = _numbered([token for tokens in walks for token in tokens])
            facts |= {"longest": longest - 1, "most": MOST_TOGETHER}
            yield from self._session.execute(_with_all(len(walks), len(walks[0])), facts).scalars()


def _numbered(tokens: Sequence[bytes]) -> dict[str, object]:
    return {f"t{place}": token for place, token in enumerate(tokens)}


# The texts hold names of parameters alone; every value is bound.


@lru_cache(maxsize=256)
def _newest(areas: int) -> TextClause:
    """The newest people of one token in each of several areas, and of those the newest."""
    walks = " UNION ALL ".join(
        "SELECT person_id FROM (SELECT person_id FROM search_token"  # noqa: S608 - see above
        f" WHERE token = :t{area} AND person_id < :before ORDER BY person_id DESC LIMIT :most) AS walk{area}"
        for area in range(areas)
    )
    return text(walks if areas == 1 else f"SELECT person_id FROM ({walks}) AS walks ORDER BY 1 DESC LIMIT :most")  # noqa: S608 - see above


@lru_cache(maxsize=256)
def _counted(tokens: int) -> TextClause:
    """How many people have each token, no further than a bound."""
    each = (
        f"(SELECT count(*) FROM (SELECT 1 FROM search_token WHERE token = :t{place} LIMIT :most) AS counted{place})"  # noqa: S608 - see above
        for place in range(tokens)
    )
    return text(f"SELECT {', '.join(each)}")


@lru_cache(maxsize=256)
def _with_all(areas: int, tokens: int) -> TextClause:
    """The newest people of the first token of each area who have its other tokens, too."""

    def walk(area: int) -> str:
        first = area * tokens
        others = "".join(
            f" AND EXISTS (SELECT 1 FROM search_token WHERE token = :t{place} AND person_id = walk.person_id)"  # noqa: S608 - see above
            for place in range(first + 1, first + tokens)
        )
        # The last one that the walk reaches, so that it needs no sorting and ends as soon as it has found enough.
        last = (
            f"SELECT person_id FROM search_token WHERE token = :t{first}"  # noqa: S608 - see above
            " ORDER BY person_id DESC LIMIT 1 OFFSET :longest"
        )
        return (
            f"SELECT person_id FROM (SELECT walk.person_id FROM search_token AS walk WHERE walk.token = :t{first}"  # noqa: S608 - see above
            f" AND walk.person_id >= coalesce(({last}), ''){others}"
            f" ORDER BY walk.person_id DESC LIMIT :most) AS found{area}"
        )

    return text(" UNION ALL ".join(walk(area) for area in range(areas)))


def _ids_of_document(session: Session, node: Node, number: str, area: str) -> list[str]:
    """The visible people of an area who have this document, whichever kind it is of."""
    kinds = [kind for kind in DocumentType if document_number_fits(kind, number)]
    indexes = [document_index(node, _holder(kind, number)) for kind in kinds]
    query = (
        select_columns(col(Person.id))
        .where(
            col(Person.document_index).in_([one for one in indexes if one is not None]),
            col(Person.area) >= area,
            col(Person.area) <= end_of(area),
            visible(node.today()),
        )
        .order_by(col(Person.id).desc())
        .limit(MOST_HITS + 1)
    )
    return list(session.execute(query).scalars())


def _holder(kind: DocumentType, number: str) -> PersonIdentity:
    return PersonIdentity.model_construct(name="", document_type=kind, document_number=number, date_of_birth=None)
