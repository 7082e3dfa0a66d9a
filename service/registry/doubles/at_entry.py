"""Who may be the same person as one who is being typed: shown beside the form, never a reason to refuse."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from pydantic import ValidationError
from sqlmodel import Session

from schemas.identity import DocumentType, PersonIdentity, birth_date_of, normalise_document_number, normalise_phone
from service.access_log import record_each
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.doubles.alike import find_alike, find_by_phone
from service.registry.doubles.likeness import Evidence, Likeness, likeness
from service.registry.people import OpenPerson, document_index, name_birth_index, unseal_people
from service.registry.tables import Person
from service.web.languages import N_

WHY: Final[dict[Evidence, str]] = {
    "same_document": N_("The same document number"),
    "near_document": N_("The document numbers differ in one place"),
    "same_name": N_("The same name"),
    "same_sound": N_("Names that sound alike"),
    "same_birth": N_("The same date of birth"),
    "same_phone": N_("The same phone"),
    "same_email": N_("The same e-mail"),
    "other_document": N_("But: different document numbers, each right by itself"),
    "other_birth": N_("But: different dates of birth"),
}
HOW_LIKELY: Final = {
    "nearly_sure": N_("Almost certainly the same"),
    "probable": N_("Probably the same"),
    "possible": N_("Possibly the same"),
}


@dataclass(frozen=True, slots=True)
class Double:
    """A record that may be of the same person, and why."""

    person: OpenPerson
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Doubles:
    """What was found: records of the officer's area, the likeliest first, and townships where this very person stands.

    Of a record elsewhere only the office is told, and only to who holds the full name, number and date of birth.
    """

    here: list[Double] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """What the officer has been shown, so that saving does not ask again."""
        return [*(double.person.id for double in self.here), *self.elsewhere]


def doubles_of(
    session: Session,
    node: Node,
    *,
    name: str,
    document_type: DocumentType,
    document_number: str,
    date_of_birth: date | None,
    phone: str = "",
    by: Officer,
) -> Doubles:
    """Find records that may be of the person who was typed. Each one shown is logged. Raises `Forbidden`."""
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
        return Doubles()
    typed_phone = normalise_phone(phone) if phone.strip() else None
    found = find_alike(session, node, identity, sound_alone=True)
    known = {one.id for one in found}
    by_phone = find_by_phone(session, node, identity, typed_phone, by.area)
    found += [one for one in by_phone if one.id not in known]
    people = unseal_people(
        session,
        node,
        [one for one in found if by.sees(one.area)],
        actor=by.as_actor,
        action="person.compared",
        purpose="counter",
    )
    weighed = [Double(one, likeness(identity, one.identity, phones=(typed_phone, one.contact.phone))) for one in people]
    here = sorted((one for one in weighed if one.likeness.worth_a_look), key=lambda one: -one.likeness.points)
    return Doubles(here, _elsewhere(session, node, identity, found, by))


def _elsewhere(session: Session, node: Node, identity: PersonIdentity, found: list[Person], by: Officer) -> list[str]:
    document, name_birth = document_index(node, identity), name_birth_index(node, identity)
    if document is None or name_birth is None:
        return []
    exact = [
        one
        for one in found
        if not by.sees(one.area) and one.document_index == document and one.name_birth_index == name_birth
    ]
    record_each(session, node, by.as_actor, "person.compared", exact, purpose="counter", fields=("identity",))
    return sorted({one.area for one in exact})
