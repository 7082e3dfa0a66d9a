"""What withdrawing, protecting and erasing mean for certificates; ``app.py`` registers these as callbacks."""

from sqlmodel import Session, col, delete

from schemas.claims import ConsentPurpose
from service.certificates.delivery import call_back
from service.certificates.sealed import person_link, received_link
from service.certificates.tables import Certificate, ReceivedCertificate
from service.context import Node
from service.vault import KeyHolder


def on_withdrawn(session: Session, node: Node, person: KeyHolder, purpose: str) -> None:
    """A consent was withdrawn: certificates are no longer delivered to that region, and are to be erased there."""
    parsed = ConsentPurpose.parse(purpose)
    if parsed.action == "certificate_home" and person.wrapped_key is not None:
        call_back(session, node, node.vault.open_key(person.wrapped_key), parsed.region)


def on_erased(session: Session, node: Node, person: KeyHolder) -> None:
    """A person is erased: deliveries are called back, and the node keeps nothing of their certificates.

    The entries of the status list stay as they are: the certificate is the person's, and still counts.
    """
    if person.wrapped_key is None:
        return
    key = node.vault.open_key(person.wrapped_key)
    call_back(session, node, key, None)
    session.exec(delete(Certificate).where(col(Certificate.link) == person_link(node, key)))
    session.exec(delete(ReceivedCertificate).where(col(ReceivedCertificate.link) == received_link(node, key)))
