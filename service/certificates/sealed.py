"""What the sealed columns of certificates hold, and the only functions that open and close them.

Whoever holds the opened person's key has been logged by the register's door already; nothing here is reached without.
"""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from schemas.certificates import Disclosable
from schemas.problems import NotFound
from schemas.quarters import Quarter
from service.certificates.sd_jwt import combine
from service.certificates.tables import Certificate, ReceivedCertificate
from service.context import Node

Held = Literal["issued", "suspended", "revoked"]
"""The state that an office set; ``delivered`` and ``expired`` follow from a receipt and from the date."""

_PAD_BYTES = 1024


class IssuedContent(BaseModel):
    """The content of a certificate issued here."""

    model_config = ConfigDict(frozen=True)

    token: str
    disclosures: dict[Disclosable, str]
    shown: tuple[Disclosable, ...]
    quarter: Quarter
    attended_on: date
    valid_until: date
    status_list: int
    status_index: int
    held: Held = "issued"
    home_region: str | None = None
    message_id: str | None = None

    @property
    def text(self) -> str:
        """The certificate as its holder shows it: the signed part and the disclosures that were chosen."""
        return combine(self.token, [self.disclosures[claim] for claim in self.shown])


class ReceivedContent(BaseModel):
    """The content of a certificate that a peer delivered for a person registered here."""

    model_config = ConfigDict(frozen=True)

    token: str
    disclosures: tuple[str, ...]
    quarter: Quarter
    attended_on: date
    valid_until: date

    @property
    def text(self) -> str:
        """The certificate with every disclosure that came with it."""
        return combine(self.token, self.disclosures)


def person_link(node: Node, key: bytes) -> bytes:
    """The one-way link of a person to the certificates issued here."""
    return node.vault.link(key, Certificate.__tablename__)


def received_link(node: Node, key: bytes) -> bytes:
    """The one-way link of a person to the certificates delivered here."""
    return node.vault.link(key, ReceivedCertificate.__tablename__)


def seal_issued(node: Node, key: bytes, certificate_id: str, content: IssuedContent) -> bytes:
    """Close the content of an issued certificate under its person's key."""
    return node.vault.seal(
        key, content.model_dump_json().encode(), f"certificate.sealed:{certificate_id}", pad_to=_PAD_BYTES
    )


def open_issued(node: Node, key: bytes, row: Certificate) -> IssuedContent:
    """Open an issued certificate with its person's key."""
    raw = node.vault.unseal_bytes(key, row.sealed, f"certificate.sealed:{row.id}")
    return IssuedContent.model_validate_json(raw)


def seal_received(node: Node, key: bytes, row: ReceivedCertificate, content: ReceivedContent) -> bytes:
    """Close the content of a delivered certificate under its person's key."""
    return node.vault.seal(key, content.model_dump_json().encode(), _received_context(row), pad_to=_PAD_BYTES)


def open_received(node: Node, key: bytes, row: ReceivedCertificate) -> ReceivedContent:
    """Open a delivered certificate with its person's key."""
    return ReceivedContent.model_validate_json(node.vault.unseal_bytes(key, row.sealed, _received_context(row)))


def find_issued(session: Session, node: Node, key: bytes, certificate_id: str) -> tuple[Certificate, IssuedContent]:
    """Find one certificate of the person whose key this is. Raises :class:`NotFound` for anyone else's."""
    row = session.get(Certificate, certificate_id)
    if row is None or row.link != person_link(node, key):
        raise NotFound
    return row, open_issued(node, key, row)


def all_issued(session: Session, node: Node, key: bytes) -> list[tuple[Certificate, IssuedContent]]:
    """All certificates issued here to the person whose key this is, newest first."""
    wanted = select(Certificate).where(col(Certificate.link) == person_link(node, key))
    rows = session.exec(wanted.order_by(col(Certificate.id).desc())).all()
    return [(row, open_issued(node, key, row)) for row in rows]


def all_received(session: Session, node: Node, key: bytes) -> list[tuple[ReceivedCertificate, ReceivedContent]]:
    """All certificates that peers delivered for the person whose key this is, newest first."""
    wanted = select(ReceivedCertificate).where(col(ReceivedCertificate.link) == received_link(node, key))
    rows = session.exec(wanted.order_by(col(ReceivedCertificate.id).desc())).all()
    return [(row, open_received(node, key, row)) for row in rows]


def _received_context(row: ReceivedCertificate) -> str:
    return f"received_certificate.sealed:{row.issuer}:{row.id}"
