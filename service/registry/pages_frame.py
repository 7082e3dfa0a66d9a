"""The head of a person's pages: who it is, masked, and the tabs. Every room's tab of a person shows it."""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from schemas.identity import DocumentType, age_on
from service.context import Node
from service.officers.rules import Officer
from service.registry.people import OpenPerson, find_person, unseal_person
from service.registry.searching.limits import count_opening
from service.web.languages import N_

TABS = (
    ("", N_("Moves")),
    ("/verifications", N_("Verification")),
    ("/consents", N_("Notice and consents")),
    ("/certificates", N_("Certificates")),
    ("/reminders", N_("Reminders")),
    ("/log", N_("Log")),
)


@dataclass(frozen=True, slots=True)
class PersonHead:
    """What stands above each tab. The number is masked; the age stands for the date of birth."""

    id: str
    name: str
    document_type: DocumentType
    masked_number: str
    age: int | None
    area: str

    @property
    def tabs(self) -> list[tuple[str, str]]:
        """Paths and labels (English msgids) of the tabs."""
        return [(f"/people/{self.id}{path}", label) for path, label in TABS]


def person_head(session: Session, node: Node, person_id: str, *, by: Officer) -> PersonHead:
    """Open a person as far as the head shows, count and log that. Raises `NotFound`, `DailyLimit`."""
    found = find_person(session, node, person_id, by)
    count_opening(session, node, found, by)
    person = unseal_person(
        session,
        node,
        found,
        actor=by.as_actor,
        action="person.head_shown",
        fields=("identity",),
    )
    return head_of(node, person)


def head_of(node: Node, person: OpenPerson) -> PersonHead:
    """The head of a person who was opened already."""
    born: date | None = person.identity.date_of_birth
    return PersonHead(
        id=person.id,
        name=person.identity.name,
        document_type=person.identity.document_type,
        masked_number=person.masked_number,
        age=age_on(born, node.today()) if born is not None else None,
        area=person.area,
    )
