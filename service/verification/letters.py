"""Regions without a node: the question is a letter, and an officer enters the reply that came on paper."""

from collections.abc import Mapping

from sqlmodel import Session

from schemas.claims import AnswerWord, Claim
from schemas.problems import InvalidInput, WrongState
from service.access_log import record
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.people import find_person
from service.verification.answering import answer_request
from service.verification.cases import OPEN_SENT, claims_asked, get_request
from service.verification.effects import Applied, apply_answers
from service.verification.sending import close_answered
from service.verification.tables import VerificationRequest


def answer(
    session: Session,
    node: Node,
    request_id: str,
    answers: Mapping[Claim, AnswerWord],
    *,
    person_id: str | None = None,
    by: Officer,
) -> VerificationRequest:
    """Answer a received question, or enter the reply to a letter of ours, as the case may be.

    Whoever may do neither is told so before anything is looked up: their answer does not say what there is.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    row = get_request(session, request_id)
    if row.direction == "sent":
        return enter_reply(session, node, request_id, answers, by=by)
    return answer_request(session, node, request_id, answers, person_id=person_id, by=by)


def enter_reply(
    session: Session, node: Node, request_id: str, answers: Mapping[Claim, AnswerWord], *, by: Officer
) -> VerificationRequest:
    """Enter what a region without a node replied on paper.

    Raises `NotFound`, `Forbidden`, `WrongState` (a question that went over the line, or a closed case), `InvalidInput`.
    """
    row = get_request(session, request_id, "sent")
    person = find_person(session, node, row.person_id or "", by)
    if row.message_id is not None or row.state not in OPEN_SENT:
        raise WrongState
    if set(answers) != set(claims_asked(row)):
        raise InvalidInput(errors=[{"field": "answers", "message": "Answer each claim that was asked, and no other."}])
    row.delivered_at = row.delivered_at or node.now()
    close_answered(session, node, (row, answers, node.now(), False), by=by.name)
    fields = tuple(claim.value for claim in answers)
    record(
        session,
        node,
        by.as_actor,
        "verification.reply_entered",
        person=person,
        purpose=row.purpose,
        fields=fields,
    )
    apply_answers(session, node, [Applied(row, answers)], peer=row.peer)
    return row
