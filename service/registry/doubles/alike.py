"""Finding records that may be of one person, by blind indexes alone: nothing is opened, nothing is compared pairwise.

Three indexes are blocking keys: the document, the folded name with the date of birth, and the name's sound with the
date of birth. Whoever shares one with somebody is a candidate; so a pass over a million people walks three indexes once
and looks at the few that share a key. A key that more than a handful share is nobody's (a placeholder number), and
makes no pairs.

Who is being registered or corrected is also looked for by name and phone together, among the search tokens: of a record
without a date of birth or a document nothing else can be said. The night does not: there is no index of phones, and
there shall be none (families share one, and nothing links two people).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any, Final

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, or_, select

from schemas.identity import PersonIdentity, is_placeholder_number
from service.context import Node
from service.registry.people import (
    areas_below,
    document_index,
    has_phone,
    name_birth_index,
    sound_birth_index,
    visible,
)
from service.registry.searching.tokens import TAIL, searched_name
from service.registry.tables import Person, SearchToken

MOST_ALIKE: Final = 10
"""Candidates that are shown beside a form."""
MOST_SHARING: Final = 6
"""People who may share a blocking key; more of them make it nobody's."""

BLOCKING: Final[tuple[Any, ...]] = (Person.document_index, Person.name_birth_index, Person.sound_birth_index)

IdPair = tuple[str, str]
"""Two people by id, the older record first (ids are UUIDv7)."""


def find_alike(
    session: Session, node: Node, identity: PersonIdentity, *, but: str | None = None, sound_alone: bool = False
) -> list[Person]:
    """Give the visible people of the node who may be this person, the newest first.

    Names that only sound alike count where not both have a document; with `sound_alone` in any case, for whoever
    weighs them opened (a document number may be mistyped, too).
    """
    number = identity.document_number
    document = document_index(node, identity)
    name_birth = name_birth_index(node, identity)
    keys = [
        (Person.document_index, document if number and not is_placeholder_number(number) else None),
        (Person.name_birth_index, name_birth),
        (Person.sound_birth_index, sound_birth_index(node, identity)),
    ]
    equal: list[Any] = [column == key for column, key in keys if key is not None]
    if not equal:
        return []
    wanted = select(Person).where(or_(*equal), visible(node.today())).order_by(col(Person.id).desc())
    found = [one for one in session.exec(wanted.limit(MOST_ALIKE + 1)) if one.id != but][:MOST_ALIKE]
    return [
        one
        for one in found
        if sound_alone or name_birth in (one.name_birth_index, None) or not _two_documents(document, one.document_index)
    ]


def find_by_phone(
    session: Session, node: Node, identity: PersonIdentity, phone: str | None, area: str, *, but: str | None = None
) -> list[Person]:
    """Give the visible people of an area, and of those below it, who have this name and this phone, the newest first.

    By tokens, and then by the whole number. Other documents or dates of birth do not matter: whoever weighs them does.
    """
    if phone is None or len(phone) < TAIL:
        return []
    areas = areas_below(session, area)
    name, tail = searched_name(identity.name), phone[-TAIL:]
    named = aliased(SearchToken)
    has_name = (
        select(named.person_id)
        .where(
            col(named.person_id) == col(SearchToken.person_id),
            col(named.token).in_([node.vault.token(one, "name", name) for one in areas]),
        )
        .exists()
    )
    wanted = (
        select(Person)
        .join(SearchToken, col(SearchToken.person_id) == col(Person.id))
        .where(
            col(SearchToken.token).in_([node.vault.token(one, "phone_tail", tail) for one in areas]),
            has_name,
            visible(node.today()),
        )
        .order_by(col(Person.id).desc())
        .limit(MOST_ALIKE + 1)
    )
    return [one for one in session.exec(wanted) if one.id != but and has_phone(node, one, phone)][:MOST_ALIKE]


def find_at_entry(
    session: Session, node: Node, identity: PersonIdentity, phone: str | None, area: str, *, but: str | None = None
) -> list[Person]:
    """Give who of an area may be this person: by any index, or by name and phone where nothing speaks against it.

    Two documents, and two dates of birth, speak against it.
    """
    found = [one for one in find_alike(session, node, identity, but=but) if one.area.startswith(area)]
    document, name_birth = document_index(node, identity), name_birth_index(node, identity)
    known = {one.id for one in found}
    found += [
        one
        for one in find_by_phone(session, node, identity, phone, area, but=but)
        if one.id not in known
        and not _two_documents(document, one.document_index)
        and None in (name_birth, one.name_birth_index)
    ]
    return sorted(found, key=lambda one: one.id, reverse=True)


def pairs_of(session: Session, node: Node, people: Sequence[Person]) -> list[IdPair]:
    """Give the pairs that any of these people make with anybody."""
    ids = {one.id for one in people}
    found: set[IdPair] = set()
    for column in BLOCKING:
        keys = {getattr(one, column.key) for one in people} - {None}
        found |= {pair for pair in _sharing(session, node, column, keys) if not ids.isdisjoint(pair)}
    return sorted(found)


def shared_keys(session: Session, place: int, after: bytes, limit: int = 200) -> list[bytes]:
    """Walk one blocking index from a key on: the next keys that several records share (at most ``limit``)."""
    column = BLOCKING[place]
    wanted = (
        select(column)
        .where(column.is_not(None), column > after)
        .group_by(column)
        .having(func.count() > 1)
        .order_by(column)
        .limit(limit)
    )
    return [bytes(key) for key in session.exec(wanted).all()]


def pairs_sharing(session: Session, node: Node, place: int, keys: Iterable[bytes]) -> list[IdPair]:
    """Give the pairs of visible people who share one of these keys of a blocking index."""
    return sorted(_sharing(session, node, BLOCKING[place], set(keys)))


def _sharing(session: Session, node: Node, column: Any, keys: set[bytes]) -> Iterator[IdPair]:
    if not keys:
        return
    wanted = select(column, Person.id, Person.document_index).where(column.in_(keys), visible(node.today()))
    groups: dict[bytes, list[tuple[str, bytes | None]]] = defaultdict(list)
    for key, person_id, document in session.exec(wanted).all():
        groups[bytes(key)].append((person_id, document))
    for group in groups.values():
        if not 1 < len(group) <= MOST_SHARING:
            continue
        for (one, first), (other, second) in combinations(sorted(group, key=lambda member: member[0]), 2):
            if column is not Person.sound_birth_index or not _two_documents(first, second):
                yield one, other


def _two_documents(one: bytes | None, other: bytes | None) -> bool:
    return one is not None and other is not None and bytes(one) != bytes(other)
