"""Reading certificates: always those of one person, whose record was opened through the logged door."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from schemas.certificates import CertificateState, Disclosable
from schemas.quarters import Quarter
from service.certificates.actions import PURPOSE, CertificateView, view_of
from service.certificates.rules import state_of
from service.certificates.sealed import all_issued, all_received, find_issued
from service.context import Node
from service.officers.rules import Officer
from service.registry.people import find_person, unseal_person


@dataclass(frozen=True, slots=True)
class ReceivedView:
    """A certificate that another region issued and delivered for this person."""

    id: str
    issuer: str
    state: CertificateState
    quarter: Quarter
    attended_on: date
    valid_until: date
    text: str


def certificates_of(session: Session, node: Node, person_id: str, *, by: Officer) -> list[CertificateView]:
    """The certificates issued here to one person, newest first; logged, so it needs a writing transaction."""
    key = _key(session, node, person_id, by, "certificate.listed")
    return own_certificates(session, node, key)


def certificate_of(
    session: Session, node: Node, person_id: str, certificate_id: str, *, by: Officer
) -> CertificateView:
    """One certificate of one person. Raises :class:`NotFound` for anyone else's."""
    key = _key(session, node, person_id, by, "certificate.shown")
    return view_of(session, node, *find_issued(session, node, key, certificate_id))


def printed_certificate(
    session: Session, node: Node, person_id: str, certificate_id: str, *, by: Officer
) -> CertificateView:
    """One certificate of one person, to be printed. Raises :class:`NotFound` for anyone else's."""
    key = _key(session, node, person_id, by, "certificate.printed")
    return view_of(session, node, *find_issued(session, node, key, certificate_id))


def received_of(session: Session, node: Node, person_id: str, *, by: Officer) -> list[ReceivedView]:
    """The certificates that other regions delivered for one person: opened for the person's own request alone."""
    key = _key(session, node, person_id, by, "certificate.received_shown")
    return received_certificates(session, node, key)


def own_certificates(session: Session, node: Node, key: bytes) -> list[CertificateView]:
    """The certificates issued here to the person whose key this is; for the person's own page."""
    return [view_of(session, node, row, content) for row, content in all_issued(session, node, key)]


def own_certificate(
    session: Session, node: Node, key: bytes, certificate_id: str, shown: Collection[Disclosable] | None = None
) -> CertificateView:
    """One certificate of the person whose key this is, showing the claims that the holder chose just now.

    Raises :class:`NotFound`.
    """
    row, content = find_issued(session, node, key, certificate_id)
    if shown is not None:
        chosen = tuple(claim for claim in Disclosable if claim in shown and claim in content.disclosures)
        content = content.model_copy(update={"shown": chosen})
    return view_of(session, node, row, content)


def received_certificates(session: Session, node: Node, key: bytes) -> list[ReceivedView]:
    """The certificates delivered here for the person whose key this is; for the person's own page."""
    return [
        ReceivedView(
            id=row.id,
            issuer=row.issuer,
            state=state_of(row.held, content.valid_until, node.today(), delivered=True),  # type: ignore[arg-type]  # the column holds one of the three
            quarter=content.quarter,
            attended_on=content.attended_on,
            valid_until=content.valid_until,
            text=content.text,
        )
        for row, content in all_received(session, node, key)
    ]


def _key(session: Session, node: Node, person_id: str, by: Officer, action: str) -> bytes:
    person = find_person(session, node, person_id, by)
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action=action, purpose=PURPOSE, fields=("certificate",)
    )
    return opened.key
