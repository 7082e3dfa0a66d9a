"""What withdrawing, protecting and erasing mean for certificates; ``app.py`` registers these as callbacks."""

from sqlmodel import Session, col, delete

from schemas.claims import ConsentPurpose
from service.certificates.delivery import call_back
from service.certificates.sealed import (
    all_issued,
    all_received,
    person_link,
    received_link,
    seal_issued,
    seal_received,
)
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


def on_merged(session: Session, node: Node, kept: KeyHolder, other: KeyHolder) -> list[str]:
    """Two records are one now: the other's certificates are sealed and linked under the kept one's key."""
    return _rekey(session, node, other, kept, None)


def on_unmerged(session: Session, node: Node, kept: KeyHolder, other: KeyHolder, moved: list[str]) -> None:
    """They are two again: what had come along goes back."""
    _rekey(session, node, kept, other, frozenset(moved))


def _rekey(
    session: Session, node: Node, source: KeyHolder, target: KeyHolder, only: frozenset[str] | None
) -> list[str]:
    if source.wrapped_key is None or target.wrapped_key is None:
        return []
    old, new = node.vault.open_key(source.wrapped_key), node.vault.open_key(target.wrapped_key)
    moved = []
    for row, content in all_issued(session, node, old):
        if only is None or row.id in only:
            row.link, row.sealed = person_link(node, new), seal_issued(node, new, row.id, content)
            session.add(row)
            moved.append(row.id)
    for received, inside in all_received(session, node, old):
        if only is None or f"{received.issuer}/{received.id}" in only:
            received.link, received.sealed = received_link(node, new), seal_received(node, new, received, inside)
            session.add(received)
            moved.append(f"{received.issuer}/{received.id}")
    session.flush()
    return moved
