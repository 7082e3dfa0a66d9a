"""Making the rows of a new person, for one registration and for a ledger's thousands alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert
from sqlmodel import Session, col

from schemas.entropy import uuid7
from service.context import Node
from service.registry.people import NewPerson, seal_columns
from service.registry.tables import Person, SearchToken
from service.registry.tokens import tokens_of


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
    session.execute(insert(Person), [one.person for one in made])
    session.execute(insert(SearchToken), [token for one in made for token in one.tokens])


def replace_tokens(session: Session, node: Node, person: Person, new: NewPerson) -> None:
    """Index a person anew whose name, document or phone was corrected."""
    session.execute(delete(SearchToken).where(col(SearchToken.person_id) == person.id))
    session.execute(insert(SearchToken), _token_rows(node, person.area, person.id, new))


def _token_rows(node: Node, area: str, person_id: str, new: NewPerson) -> list[dict[str, Any]]:
    tokens = tokens_of(node.vault, area, new.identity, new.contact.phone)
    return [{"token": token, "person_id": person_id} for token in tokens]
