"""What is read of cases."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session, col, select

from federation.receipts import receipts_about
from schemas.claims import AnswerWord, Claim
from schemas.problems import NotFound
from service.bounds import MOST_ITEMS
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson, find_person, unseal_people, visible
from service.registry.tables import Person
from service.verification.cases import claims_asked, get_request, read_prepared, unpack_answers
from service.verification.tables import GivenAnswer, VerificationRequest

Direction = Literal["sent", "received"]
CaseState = Literal[
    "draft", "queued", "delivered", "received", "answering", "answered", "declined", "expired", "cancelled"
]
"""States of our own questions and of those received."""


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as it stands; `person` is who it is about, for our own questions in lists of pages."""

    row: VerificationRequest
    claims: list[Claim]
    answers: dict[Claim, AnswerWord] | None
    receipts: list[str]
    person: OpenPerson | None = None


@dataclass(frozen=True, slots=True)
class CasePage:
    """A page of cases, and the id to go on after."""

    items: list[CaseView]
    next: str | None


@dataclass(frozen=True, slots=True)
class AnswerGiven:
    """One answer of a case's history."""

    answers: dict[Claim, AnswerWord]
    answered_at: datetime
    automatic: bool
    answered_by: str | None


def verifications_page(
    session: Session,
    node: Node,
    *,
    by: Officer,
    direction: Direction,
    state: CaseState | None = None,
    after: str | None = None,
    limit: int = 50,
    with_people: bool = False,
) -> CasePage:
    """List cases, newest first: ours about people of the officer's area; received ones for the region's officers.

    `with_people` also gives whom our own are about, each logged (run it in `database.write`).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    query = select(VerificationRequest).where(VerificationRequest.direction == direction)
    if direction == "received":
        if not by.sees(node.region):
            return CasePage([], None)
        # A question that was taken back before it came has nothing to show.
        query = query.where(VerificationRequest.claims != "")
    else:
        query = query.join(Person, col(Person.id) == col(VerificationRequest.person_id)).where(
            col(Person.area).startswith(by.area, autoescape=True), visible(node.today())
        )
    if state is not None:
        query = query.where(VerificationRequest.state == state)
    if after is not None:
        query = query.where(col(VerificationRequest.id) < after)
    limit = max(1, min(limit, MOST_ITEMS))
    rows = list(session.exec(query.order_by(col(VerificationRequest.id).desc()).limit(limit + 1)).all())
    shown = rows[:limit]
    people: dict[str, OpenPerson] = {}
    if with_people and direction == "sent":
        wanted = {row.person_id for row in shown if row.person_id}
        found = session.exec(select(Person).where(col(Person.id).in_(wanted)).order_by(col(Person.id).desc())).all()
        opened = unseal_people(session, node, found, actor=by.as_actor, action="verification.listed", purpose="task")
        people = {one.id: one for one in opened}
    items = [view_of(session, node, row, people.get(row.person_id or "")) for row in shown]
    return CasePage(items, shown[-1].id if len(rows) > limit else None)


def one_verification(session: Session, node: Node, request_id: str, *, by: Officer) -> CaseView:
    """Give one case. Raises `NotFound` alike for absent ones and those of other areas."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    row = get_request(session, request_id)
    if row.direction == "received":
        if not by.sees(node.region) or not row.claims:
            raise NotFound
    else:
        find_person(session, node, row.person_id or "", by)
    return view_of(session, node, row)


def verifications_of_person(session: Session, node: Node, person_id: str) -> list[CaseView]:
    """List our own questions about one person, newest first; for whoever has opened that record."""
    rows = session.exec(
        select(VerificationRequest)
        .where(VerificationRequest.direction == "sent", VerificationRequest.person_id == person_id)
        .order_by(col(VerificationRequest.id).desc())
    ).all()
    return [view_of(session, node, row) for row in rows]


def answers_given(session: Session, request_id: str) -> list[AnswerGiven]:
    """List the answers of a case, in order."""
    rows = session.exec(
        select(GivenAnswer).where(GivenAnswer.request_id == request_id).order_by(col(GivenAnswer.id))
    ).all()
    return [
        AnswerGiven(unpack_answers(row.answers) or {}, row.answered_at, row.automatic, row.answered_by) for row in rows
    ]


def view_of(session: Session, node: Node, row: VerificationRequest, person: OpenPerson | None = None) -> CaseView:
    """Put together what a case's row says. What is prepared counts as its answers until it leaves."""
    answers = unpack_answers(row.answers)
    prepared = read_prepared(node, row) if row.leaves_at is not None else None
    if prepared is not None:
        answers = prepared.answers
    receipts = list(dict.fromkeys(one.message_id for one in receipts_about(session, row.case) if one.peer == row.peer))
    return CaseView(row, claims_asked(row), answers, receipts, person)
