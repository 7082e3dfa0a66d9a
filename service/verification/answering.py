"""Answering a peer's question by an officer: prepared, undone until it leaves, corrected after.

The officer compares the question with the people whom `find_candidates` shows: visible ones of the register, never a
protected one. Any word but `no_record` needs the register's own journey with the asker (rule 5). What was prepared is
checked once more when it leaves: who withdrew or was protected meanwhile comes to `no_record`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from schemas.claims import AnswerWord, Claim, DeclineReason
from schemas.identity import PersonIdentity
from schemas.problems import InvalidInput, NotFound, WrongState
from service.access_log import record, record_nobody
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson, unseal_people
from service.registry.searching.matching import find_candidates
from service.registry.tables import Person
from service.verification.cases import (
    Prepared,
    claims_asked,
    get_request,
    keep_prepared,
    open_subject,
    standing_of,
    withheld_of,
)
from service.verification.leaving import leave_if_due, next_release
from service.verification.matching import match_request
from service.verification.rules import NOBODY, Standing, allowed_words, check_answers
from service.verification.tables import VerificationRequest
from service.work_items.actions import close_items, open_item


@dataclass(frozen=True, slots=True)
class Candidate:
    """Someone in the register whom the officer compares with the question, and the words possible about them."""

    person: OpenPerson
    words: dict[Claim, tuple[AnswerWord, ...]]


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A received question as the answering officer sees it. `subject` is None once the contents are erased.

    `words` are those possible whoever it is about: the most that any candidate allows, `no_record` without one.
    """

    row: VerificationRequest
    subject: PersonIdentity | None
    candidates: list[Candidate]
    words: dict[Claim, tuple[AnswerWord, ...]]


def open_received(session: Session, node: Node, request_id: str, *, by: Officer) -> OpenedCase:
    """Open a received question, with the people to compare. Each candidate shown is logged. Raises `NotFound`."""
    row = _received(session, node, request_id, by)
    asked, withheld = claims_asked(row), withheld_of(session, row)
    subject = open_subject(node, row)
    _first_opened(session, node, row)
    found: list[Candidate] = []
    if subject is not None and row.state in ("received", "answering", "answered"):
        people = find_candidates(session, node, subject, row.peer, by=by)
        opened = unseal_people(
            session, node, people, actor=by.as_actor, action="verification.compared", purpose=row.purpose
        )
        for person, shown in zip(people, opened, strict=True):
            standing = standing_of(session, node, person, row.peer)
            found.append(Candidate(shown, {claim: allowed_words(claim, standing, withheld) for claim in asked}))
    widest = {
        claim: max((one.words[claim] for one in found), key=len, default=allowed_words(claim, NOBODY, withheld))
        for claim in asked
    }
    return OpenedCase(row, subject, found, widest)


def answer_request(
    session: Session,
    node: Node,
    request_id: str,
    answers: Mapping[Claim, AnswerWord],
    *,
    person_id: str | None = None,
    by: Officer,
) -> VerificationRequest:
    """Prepare the answer to a received question; it leaves at the next release time.

    `person_id` says which candidate it is about, where there are several. Raises `NotFound`, `Forbidden`,
    `WrongState`, `InvalidInput`.
    """
    row = _to_answer(session, node, request_id, by)
    _prepare(session, node, row, answers, person_id=person_id, by=by)
    row.state = "answering"
    session.add(row)
    session.flush()
    close_items(session, node, row.id)
    leave_if_due(session, node, row)
    return row


def decline_request(
    session: Session, node: Node, request_id: str, reason: DeclineReason, *, by: Officer
) -> VerificationRequest:
    """Prepare to decline a received question (退回); it leaves at the next release time, like an answer."""
    row = _to_answer(session, node, request_id, by)
    keep_prepared(node, row, Prepared(None, reason.value, None))
    row.state, row.answered_by, row.leaves_at = "answering", by.name, next_release(node)
    session.add(row)
    session.flush()
    record_nobody(session, node, by.as_actor)
    close_items(session, node, row.id)
    leave_if_due(session, node, row)
    return row


def correct_answer(
    session: Session,
    node: Node,
    request_id: str,
    answers: Mapping[Claim, AnswerWord],
    *,
    person_id: str | None = None,
    by: Officer,
) -> VerificationRequest:
    """Prepare the correction of an answer that left; the history stays. Raises as `answer_request`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    row = _received(session, node, request_id, by)
    if row.state != "answered" or row.subject is None:
        raise WrongState
    _prepare(session, node, row, answers, person_id=person_id, by=by)
    session.add(row)
    session.flush()
    leave_if_due(session, node, row)
    return row


def undo_answer(session: Session, node: Node, request_id: str, *, by: Officer) -> VerificationRequest:
    """Take back what was prepared, as long as it has not left. Raises `NotFound`, `Forbidden`, `WrongState`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    row = _received(session, node, request_id, by)
    if row.leaves_at is None or row.prepared is None:
        raise WrongState
    row.leaves_at = row.prepared = None
    if row.state == "answering":
        row.state, row.answered_by = "received", None
        open_item(session, node, "answer_request", row.id, due=row.due_on, peer=row.peer)
    session.add(row)
    session.flush()
    record_nobody(session, node, by.as_actor)
    return row


def _to_answer(session: Session, node: Node, request_id: str, by: Officer) -> VerificationRequest:
    require(by, Role.CLERK, Role.SUPERVISOR)
    row = _received(session, node, request_id, by)
    if row.matched_at is None:
        # The job has not come to it: an exact match is answered by itself, also now.
        match_request(session, node, row.id)
        session.refresh(row)
    if row.state != "received":
        raise WrongState
    _first_opened(session, node, row)
    return row


def _first_opened(session: Session, node: Node, row: VerificationRequest) -> None:
    """Keep when an officer first saw a question that waits for one; the asker is never told."""
    if row.opened_at is None and row.state == "received":
        row.opened_at = node.now()
        session.add(row)
        session.flush()


def _received(session: Session, node: Node, request_id: str, by: Officer) -> VerificationRequest:
    """Questions are for the officers of the whole region: whom one is about must not choose who sees it."""
    if not (by.sees_people and by.sees(node.region)):
        raise NotFound
    return get_request(session, request_id, "received")


def _prepare(
    session: Session,
    node: Node,
    row: VerificationRequest,
    answers: Mapping[Claim, AnswerWord],
    *,
    person_id: str | None,
    by: Officer,
) -> None:
    withheld = withheld_of(session, row)
    person, standing = _who(session, node, row, person_id, by)
    check_answers(answers, claims_asked(row), standing, withheld)
    keep_prepared(node, row, Prepared(dict(answers), None, person.id if person else None))
    row.answered_by, row.leaves_at = by.name, next_release(node)
    if person is None:
        record_nobody(session, node, by.as_actor)
        return
    record(
        session,
        node,
        by.as_actor,
        "verification.prepared",
        person=person,
        purpose=row.purpose,
        fields=tuple(claim.value for claim in answers),
    )


def _who(
    session: Session, node: Node, row: VerificationRequest, person_id: str | None, by: Officer
) -> tuple[Person | None, Standing]:
    """The candidate that an answer is about: the one named, else the only one who has a journey with the asker."""
    subject = open_subject(node, row)
    people: Sequence[Person] = find_candidates(session, node, subject, row.peer, by=by) if subject else []
    if person_id is not None:
        people = [one for one in people if one.id == person_id]
        if not people:
            raise InvalidInput(errors=[{"field": "person_id", "message": "Choose one of the people shown."}])
    standings = [(one, standing_of(session, node, one, row.peer)) for one in people]
    fit = [(one, standing) for one, standing in standings if standing.has_journey]
    if len(fit) > 1:
        raise InvalidInput(errors=[{"field": "person_id", "message": "Choose which of the people it is about."}])
    return fit[0] if fit else (None, NOBODY)
