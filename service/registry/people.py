"""The door to people: making a person's row, finding one, and unsealing it.

Nothing else in the node turns a row back into a name. :func:`unseal_person` and :func:`unseal_people` take who looks
and why, and write the log entry in the same transaction (rule 6): for an officer, a peer or a job, reading without
logging has no function.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, bindparam, or_, select, text
from sqlmodel import Session, col

from schemas.identity import PersonIdentity, fold_name, mask_document_number
from schemas.problems import NotFound
from service.access_log import Actor, LogNode, Told, record_told, record_under
from service.context import Node
from service.officers.rules import Officer, Role
from service.registry.doubles.likeness import sound_of
from service.registry.rules import number_warnings
from service.registry.searching.tokens import tokens_of
from service.registry.tables import Person

_PERSON: Table = Person.__table__  # type: ignore[attr-defined]  # SQLModel gives it to every table
_BY_ID = select(_PERSON).where(_PERSON.c.id == bindparam("person_id"))

_AREAS = text(
    "WITH RECURSIVE step(area) AS ("
    "SELECT min(area) FROM person WHERE area >= :first AND area <= :last"
    " UNION ALL "
    "SELECT (SELECT min(area) FROM person WHERE area > step.area AND area <= :last) FROM step"
    " WHERE step.area IS NOT NULL"
    ") SELECT area FROM step WHERE area IS NOT NULL"
)

ALL_FIELDS = ("identity", "contact", "address")
"""What an opened record shows, as the access log names it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person can be reached; both may be unknown."""

    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class OpenPerson:
    """An unsealed person: what a logged reading gives. It is a vault ``KeyHolder``.

    ``key`` is the person's data key, for the one-way links and sealed rows of other rooms; it is never stored.
    """

    id: str
    area: str
    version: int
    language: str
    identity: PersonIdentity
    contact: Contact
    address: str | None
    wrapped_key: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @property
    def masked_number(self) -> str:
        """The document number as lists show it (``790101********12**``)."""
        return mask_document_number(self.identity.document_number)


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What a person's row is made of, in clear."""

    identity: PersonIdentity
    contact: Contact
    address: str | None
    language: str


def opened_as(person: Person, key: bytes, new: NewPerson) -> OpenPerson:
    """An opened person as they stand once ``new`` is written into the row: spares opening it again."""
    return OpenPerson(
        id=person.id,
        area=person.area,
        version=person.version,
        language=new.language,
        identity=new.identity,
        contact=new.contact,
        address=new.address,
        wrapped_key=person.wrapped_key,
        key=key,
    )


def visible(today: date) -> ColumnElement[bool]:
    """Give the condition that a person is to be seen in lists, searches, counts and matches: active, not protected."""
    return (col(Person.state) == "active") & (
        or_(col(Person.protection_until).is_(None), col(Person.protection_until) < today)
    )


def areas_below(session: Session, area: str) -> list[str]:
    """The areas, equal to `area` or within it, in which records lie: one step along the index for each of them."""
    return list(session.execute(_AREAS, {"first": area, "last": end_of(area)}).scalars())


def end_of(area: str) -> str:
    """The last code within an area: region codes are digits, twelve at most."""
    return area.ljust(12, "9")


def is_protected(person: Person, today: date) -> bool:
    """Tell whether the person is hidden today (限制可见)."""
    return person.protection_until is not None and person.protection_until >= today


def find_person(session: Session, node: Node, person_id: str, by: Officer) -> Person:
    """Give the row of one person to an officer who may work with it; nothing in it is in clear.

    A protected person is opened by a supervisor only. Raises :class:`NotFound` alike for absent, protected, voided
    and merged records and for those of other areas (rule 7), and for officers who see no people at all.
    """
    return let_see(node, session.get(Person, person_id), by)


def find_logged(session: Session, node: Node, person_id: str, by: Officer) -> Person:
    """Give the row of one person whose log an officer may read: auditors besides who may open the record.

    An auditor is told by a colleague, or by the person, which record to look at; of it they see who worked with it,
    why and in which fields, and nothing else. Raises as :func:`find_person`.
    """
    return let_see(node, session.get(Person, person_id), by, also=Role.AUDITOR)


def let_see(node: Node, person: Person | None, by: Officer, *, also: Role | None = None) -> Person:
    """Give a row that was looked up, if this officer may work with it. Raises as :func:`find_person`.

    ``also`` is a role that may besides who works with people.
    """
    may = by.sees_people or (also is not None and by.has(also))
    if person is None or not may or not by.sees(person.area) or person.state != "active":
        raise NotFound
    if is_protected(person, node.today()) and not by.has(Role.SUPERVISOR):
        raise NotFound
    return person


def unseal_person(
    session: Session,
    node: Node,
    person: Person,
    *,
    actor: Actor,
    action: str,
    purpose: str | None = None,
    fields: Sequence[str] = ALL_FIELDS,
    automatic: bool = False,
) -> OpenPerson:
    """Open one person's sealed columns and log that ``actor`` saw ``fields`` for ``purpose``."""
    opened = _open(node, person)
    record_under(
        session,
        node,
        actor,
        action,
        key=opened.key,
        purpose=purpose,
        fields=fields,
        automatic=automatic,
    )
    return opened


def unseal_people(
    session: Session,
    node: Node,
    people: Iterable[Person],
    *,
    actor: Actor,
    action: str,
    purpose: str | None = None,
    fields: Sequence[str] = ("identity",),
    automatic: bool = False,
) -> list[OpenPerson]:
    """Open several people (a page of a list, search candidates) and log one entry for each of them."""
    opened = [_open(node, person) for person in people]
    told = [Told(action, one.key, purpose, tuple(fields), automatic) for one in opened]
    record_told(session, node, actor, told)
    return opened


def tokens_of_row(node: Node, person: Person) -> list[bytes]:
    """Give the search tokens of a person as the row stands: hashes alone leave this room, so nothing is logged."""
    opened = _open(node, person)
    return tokens_of(node.vault, person.area, opened.identity, opened.contact.phone)


def fresh_index(node: Node, person: Person) -> tuple[dict[str, Any], list[bytes]]:
    """Give a row's index columns and search tokens as they are made today: hashes alone leave this room, as above."""
    opened = _open(node, person)
    return _index_columns(node, opened.identity), tokens_of(
        node.vault, person.area, opened.identity, opened.contact.phone
    )


def has_phone(node: Node, person: Person, phone: str) -> bool:
    """Tell whether a row has this phone, normalised; that alone leaves this room, as above."""
    return _open(node, person).contact.phone == phone


def open_own_record(session: Session, node: Node, person_id: str) -> OpenPerson:
    """Open a record for the person it is of, on their own page or for a message to them, and for nobody else.

    The one reading that is not logged: the log answers who *else* looked, and that the page was visited is nobody's
    to learn (rules 6 and 10). Raises :class:`NotFound` for a record that is erased, voided or merged.
    """
    # A row, not an object: the object costs four times what the row does, and nothing is changed here.
    row: Any = session.execute(_BY_ID, {"person_id": person_id}).one_or_none()
    if row is None or row.state != "active":
        raise NotFound
    return _open(node, row)


def document_index(node: LogNode, identity: PersonIdentity) -> bytes | None:
    """Index the document for equality; None for people without one."""
    if identity.document_number is None:
        return None
    value = f"{identity.document_type.value}\x00{identity.document_number}"
    return node.vault.blind("document", value)


def name_birth_index(node: LogNode, identity: PersonIdentity) -> bytes | None:
    """Index folded name and date of birth together for equality; None while the date is unknown."""
    if identity.date_of_birth is None:
        return None
    value = f"{fold_name(identity.name)}\x00{identity.date_of_birth.isoformat()}"
    return node.vault.blind("name_birth", value)


def sound_birth_index(node: LogNode, identity: PersonIdentity) -> bytes | None:
    """Index how the name sounds and the date of birth together: a name written otherwise is a double, too."""
    if identity.date_of_birth is None:
        return None
    return node.vault.blind("sound_birth", f"{sound_of(identity.name)}\x00{identity.date_of_birth.isoformat()}")


def number_check(identity: PersonIdentity) -> str | None:
    """Say why the document number is worth a second look, as a code; None where it is not, or where there is none."""
    found = number_warnings(identity.document_type, identity.document_number)
    return next((one for one in found if one != "no_document"), None)


def seal_columns(node: LogNode, person_id: str, key: bytes, new: NewPerson) -> dict[str, Any]:
    """Make the columns of a person's row that follow from what is known in clear."""
    seal = node.vault.seal
    contact = {"phone": new.contact.phone, "email": new.contact.email}
    return {
        "identity": seal(key, new.identity.model_dump_json().encode(), f"person.identity:{person_id}"),
        "contact": seal(key, _json(contact), f"person.contact:{person_id}"),
        "address": seal(key, _json(new.address), f"person.address:{person_id}"),
        "language": new.language,
        **_index_columns(node, new.identity),
    }


def _index_columns(node: LogNode, identity: PersonIdentity) -> dict[str, Any]:
    return {
        "document_index": document_index(node, identity),
        "name_birth_index": name_birth_index(node, identity),
        "number_check": number_check(identity),
        "sound_birth_index": sound_birth_index(node, identity),
    }


def _open(node: Node, person: Person) -> OpenPerson:
    key = node.vault.open_key(person.wrapped_key)
    read = node.vault.unseal_bytes
    identity = json.loads(read(key, person.identity, f"person.identity:{person.id}"))
    contact = json.loads(read(key, person.contact, f"person.contact:{person.id}"))
    return OpenPerson(
        id=person.id,
        area=person.area,
        version=person.version,
        language=person.language,
        identity=PersonIdentity.model_validate(identity),
        contact=Contact(phone=contact["phone"], email=contact["email"]),
        address=json.loads(read(key, person.address, f"person.address:{person.id}")),
        wrapped_key=person.wrapped_key,
        key=key,
    )


_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _json(value: object) -> bytes:
    return _write(value).encode()
