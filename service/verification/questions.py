"""A question of ours as the message that carries it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from sqlmodel import Session

from schemas.claims import Purpose
from schemas.envelope import Outgoing
from service.consents.consents import GivenConsent
from service.context import Node
from service.registry.people import OpenPerson
from service.registry.telling import About, send_all_about
from service.verification.tables import VerificationRequest

REQUESTED = "tonglu.verification.requested.v1"


@dataclass(frozen=True, slots=True)
class Question:
    """A question as its row has it, whom it is about, and the consent that it rests on."""

    row: VerificationRequest
    opened: OpenPerson
    consent: GivenConsent


def send_question(
    session: Session, node: Node, row: VerificationRequest, opened: OpenPerson, consent: GivenConsent
) -> None:
    """Queue a question as its row has it, sealed for the peer's key in force; its row names the message then."""
    send_questions(session, node, [Question(row, opened, consent)])


def send_questions(session: Session, node: Node, questions: Sequence[Question]) -> None:
    """Queue several questions, as `send_question`."""
    messages = [
        About(one.opened.id, one.row.record_id or one.row.id, _message(node, one.row, one.opened, one.consent))
        for one in questions
    ]
    for one, message_id in zip(questions, send_all_about(session, node, messages), strict=True):
        one.row.message_id = message_id
        session.add(one.row)


def _message(node: Node, row: VerificationRequest, opened: OpenPerson, consent: GivenConsent) -> Outgoing:
    data = {
        "case": row.case,
        "claims": row.claims.split(","),
        "due_on": row.due_on.isoformat(),
        "urgency": row.urgency,
        "consent": consent.to_record().to_wire(),
    }
    if row.journey is not None:
        data["journey"] = row.journey
    return Outgoing(
        recipient=row.peer,
        type=REQUESTED,
        subject=row.case,
        data=data,
        agreement=row.agreement,
        purpose=Purpose(row.purpose),
        person=opened.identity,
        expires_at=_expiry(node, row),
    )


def _expiry(node: Node, row: VerificationRequest) -> datetime:
    """The moment after which the request is not worth delivering: the end of its last day."""
    return datetime.combine(row.expires_on, time.max, node.zone)
