"""Who may be the same person as one who is being typed: shown beside the form, never a reason to refuse."""

from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError
from sqlmodel import Session

from schemas.identity import DocumentType, PersonIdentity, birth_date_of, normalise_document_number
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.matching import find_same
from service.registry.people import OpenPerson, unseal_people


@dataclass(frozen=True, slots=True)
class Double:
    """A record that may be of the same person, and why: the document, or name and date of birth."""

    person: OpenPerson
    same_document: bool


def doubles_of(
    session: Session,
    node: Node,
    *,
    name: str,
    document_type: DocumentType,
    document_number: str,
    date_of_birth: date | None,
    by: Officer,
) -> list[Double]:
    """Find records of the officer's area that equal what was typed in document, or in name and date of birth.

    Each one shown is logged. Raises `Forbidden`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    number = normalise_document_number(document_number) or None
    try:
        identity = PersonIdentity(
            name=name,
            document_type=document_type if number else DocumentType.NONE,
            document_number=number,
            date_of_birth=date_of_birth or birth_date_of(document_type, number),
        )
    except ValidationError:
        return []
    rows = [one for one in find_same(session, node, identity) if by.sees(one.area)]
    people = unseal_people(session, node, rows, actor=by.as_actor, action="person.compared", purpose="counter")
    return [Double(one, number is not None and one.identity.document_number == number) for one in people]
