"""Making the rows of a new person, for one registration and for a ledger's thousands alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert
from sqlmodel import Session, col

from schemas.entropy import uuid7
from service.context import Node
from service.many_rows import insert_many
from service.registry.people import NewPerson, seal_columns, tokens_of_row
from service.registry.searching.tokens import tokens_of
from service.registry.tables import Person, SearchToken


@dataclass(frozen=True, slots=True)
class PersonRows:
    """A person's row and search tokens, not yet inserted, with the data key that they were sealed under."""

    person: dict[str, Any]
    tokens: list[dict[str, Any]]
    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """The new person's id."""
        return str(self.person["id"])


def new_rows(node: Node, area: str, new: NewPerson) -> PersonRows:
    """Make the rows of a new person of an office's area."""
    person_id = uuid7(node.now(), node.entropy)
    key = node.vault.new_person_key()
    person = {"id": person_id, "area": area, "wrapped_key": key.wrapped, "state": "active", "version": 1}
    person |= seal_columns(node, person_id, key.key, new)
    return PersonRows(person, _token_rows(node, area, person_id, new), key.key)


def insert_rows(session: Session, made: Sequence[PersonRows]) -> None:
    """Insert people with their tokens."""
    if not made:
        return
    insert_many(session, Person, [one.person for one in made])
    insert_many(session, SearchToken, [token for one in made for token in one.tokens])


def drop_tokens(session: Session, node: Node, person: Person) -> None:
    """Take a person's tokens away. They are made anew from the record as it is, so this comes before a change of it."""
    tokens = tokens_of_row(node, person)
    session.execute(
        delete(SearchToken).where(col(SearchToken.token).in_(tokens), col(SearchToken.person_id) == person.id)
    )


def add_tokens(session: Session, node: Node, person: Person, new: NewPerson) -> None:
    """Index a person whose tokens were dropped: after a correction, in the area that the record lies in now."""
    session.execute(insert(SearchToken), _token_rows(node, person.area, person.id, new))


def _token_rows(node: Node, area: str, person_id: str, new: NewPerson) -> list[dict[str, Any]]:
    tokens = tokens_of(node.vault, area, new.identity, new.contact.phone)
    return [{"token": token, "person_id": person_id} for token in tokens]
