"""Making the rows of a new person, for one registration and for a ledger's thousands alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col

from schemas.entropy import uuid7
from service.access_log import LogNode
from service.context import Node
from service.many_rows import insert_many, insert_missing
from service.registry.people import NewPerson, seal_columns, tokens_of_row
from service.registry.searching.tokens import tokens_of
from service.registry.tables import Person, SearchToken


@dataclass(frozen=True, slots=True)
class PersonRows:
    """A person's row and search tokens, not yet inserted, with the data key that they were sealed under."""

    person: dict[str, Any]
    tokens: list[bytes]
    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """The new person's id."""
        return str(self.person["id"])


def new_rows(node: LogNode, area: str, new: NewPerson) -> PersonRows:
    """Make the rows of a new person of an office's area."""
    person, key = new_person(node, area, new, uuid7(node.now(), node.entropy))
    return PersonRows(person, tokens_of(node.vault, area, new.identity, new.contact.phone), key)


def new_person(node: LogNode, area: str, new: NewPerson, person_id: str) -> tuple[dict[str, Any], bytes]:
    """Seal a new person of an office's area: the columns of their row, and the data key that was made for them."""
    key = node.vault.new_person_key()
    person = {"id": person_id, "area": area, "wrapped_key": key.wrapped, "state": "active", "version": 1}
    return person | seal_columns(node, person_id, key.key, new), key.key


def insert_rows(session: Session, made: Sequence[PersonRows]) -> None:
    """Insert people with their tokens."""
    insert_people(session, [one.person for one in made])
    insert_tokens(session, [(token, one.id) for one in made for token in one.tokens])


def insert_people(session: Session, people: Sequence[dict[str, Any]]) -> None:
    """Insert people whose tokens are there already (`insert_tokens`)."""
    insert_many(session, Person, people)


def insert_tokens(session: Session, tokens: Sequence[tuple[bytes, str]]) -> None:
    """Insert tokens, each with its person's id, who need not be there yet; tokens that are there already stay.

    Sorted tokens of thousands of people are many times cheaper than as many of a hundred at a time: neighbours lie in
    one page of the index, which is written once.
    """
    insert_missing(session, SearchToken, ("token", "person_id"), tokens)


def delete_tokens(session: Session, node: Node, area: str, new: Sequence[tuple[str, NewPerson]]) -> None:
    """Take away the tokens of people (each with the id they would have had) who will not be registered after all."""
    for person_id, one in new:
        _delete(session, tokens_of(node.vault, area, one.identity, one.contact.phone), person_id)


def drop_tokens(session: Session, node: Node, person: Person) -> None:
    """Take a person's tokens away. They are made anew from the record as it is, so this comes before a change of it."""
    _delete(session, tokens_of_row(node, person), person.id)


def add_tokens(session: Session, node: Node, person: Person, new: NewPerson) -> None:
    """Index a person whose tokens were dropped: after a correction, in the area that the record lies in now."""
    tokens = tokens_of(node.vault, person.area, new.identity, new.contact.phone)
    insert_tokens(session, [(token, person.id) for token in tokens])


def _delete(session: Session, tokens: Sequence[bytes], person_id: str) -> None:
    session.execute(
        delete(SearchToken).where(col(SearchToken.token).in_(tokens), col(SearchToken.person_id) == person_id)
    )
