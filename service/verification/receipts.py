"""Whose a receipt is: who may see what its message was about may see the receipt, and nobody else (404).

A receipt holds no personal data, yet it tells when something was sent about a case or a journey, and to whom.
"""

from typing import Any

from sqlmodel import Session, col, or_, select

from federation.receipts import receipt_document, receipts_of
from federation.tables import Receipt
from schemas.problems import NotFound
from service.context import Node
from service.officers.rules import Officer, Role
from service.registry.people import find_person
from service.registry.tables import Arrival, Departure
from service.verification.tables import VerificationRequest

LINE = "node"
"""The subject of messages between the offices themselves: agreements, keys, maintenance, the log's heads."""


def receipt_for(session: Session, node: Node, message_id: str, *, by: Officer) -> dict[str, Any]:
    """The receipt of one message, as it verifies offline. Raises :class:`NotFound` alike for absent and others'."""
    found = receipts_of(session, message_id)
    if not found:
        raise NotFound
    _let_see(session, node, found[0], by)
    document = receipt_document(session, message_id)
    if document is None:
        raise NotFound
    return document


def _let_see(session: Session, node: Node, receipt: Receipt, by: Officer) -> None:
    """Let who may see the case or the person on; what names neither (a certificate, a line) is the whole region's."""
    if receipt.subject == LINE:
        return _let_region(node, by, Role.CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR)
    person_id = _person_of(session, receipt)
    if person_id is None:
        return _let_region(node, by, Role.CLERK, Role.SUPERVISOR)
    find_person(session, node, person_id, by)
    return None


def _let_region(node: Node, by: Officer, *roles: Role) -> None:
    if not by.has(*roles) or not by.sees(node.region):
        raise NotFound


def _person_of(session: Session, receipt: Receipt) -> str | None:
    """Whom our own question, or the journey, of a message is about; a received question never says."""
    asked = select(VerificationRequest.person_id).where(
        VerificationRequest.case == receipt.subject,
        VerificationRequest.peer == receipt.peer,
        VerificationRequest.direction == "sent",
    )
    person_id = session.exec(asked).first()
    for table in (Departure, Arrival):
        if person_id is None:
            person_id = session.exec(
                select(table.person_id).where(
                    or_(col(table.journey) == receipt.subject, col(table.other_journey) == receipt.subject)
                )
            ).first()
    return person_id
