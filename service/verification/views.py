"""The JSON of cases."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from schemas.claims import AnswerWord, Claim
from schemas.identity import DocumentType
from service.registry.views import MaskedPerson
from service.verification.answering import OpenedCase
from service.verification.queries import CasePage, CaseView


class Stages(BaseModel):
    """When a case came to each stage; of a received one, `delivered_at` is when it came."""

    queued_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    answered_at: datetime | None


class VerificationView(BaseModel):
    """A case. `person_id` is absent on received ones: whom a question matched stands nowhere."""

    id: str
    case: str
    direction: str
    peer: str
    agreement: str
    person_id: Annotated[str | None, Field(exclude_if=lambda person_id: person_id is None)] = None
    claims: list[Claim]
    purpose: str
    urgency: str
    state: str
    due_on: date
    due_provisional: bool
    expires_on: date
    answers: dict[Claim, AnswerWord] | None = None
    automatic: bool
    leaves_at: datetime | None = None
    reason: str | None = None
    stages: Stages
    receipts: list[str]

    @classmethod
    def of(cls, view: CaseView) -> "VerificationView":
        """The view of a case."""
        row = view.row
        return cls(
            id=row.id,
            case=row.case,
            direction=row.direction,
            peer=row.peer,
            agreement=row.agreement,
            person_id=row.person_id,
            claims=view.claims,
            purpose=row.purpose,
            urgency=row.urgency,
            state=row.state,
            due_on=row.due_on,
            due_provisional=row.due_provisional,
            expires_on=row.expires_on,
            answers=view.answers,
            automatic=row.automatic,
            leaves_at=row.leaves_at,
            reason=row.reason,
            stages=Stages(
                queued_at=row.queued_at,
                delivered_at=row.delivered_at,
                opened_at=row.opened_at,
                answered_at=row.answered_at,
            ),
            receipts=view.receipts,
        )


class VerificationList(BaseModel):
    """A page of cases."""

    items: list[VerificationView]
    next: str | None

    @classmethod
    def of(cls, page: CasePage) -> "VerificationList":
        """The view of a page."""
        return cls(items=[VerificationView.of(one) for one in page.items], next=page.next)


class SubjectView(BaseModel):
    """Whom a received question is about, as the asker wrote it: what the officer compares with the document."""

    name: str
    document_type: DocumentType
    document_number: str | None
    date_of_birth: date | None


class CandidateView(MaskedPerson):
    """Someone in the register to compare, and the words that are possible about them."""

    person_id: str
    date_of_birth: date | None
    words: dict[Claim, list[AnswerWord]]


class OpenedView(VerificationView):
    """A received case as the answering officer opens it."""

    subject: SubjectView | None
    candidates: list[CandidateView]
    words: dict[Claim, list[AnswerWord]]

    @classmethod
    def opened(cls, view: CaseView, case: OpenedCase) -> "OpenedView":
        """The view of an opened case."""
        subject = case.subject
        return cls(
            **dict(VerificationView.of(view)),
            subject=SubjectView(
                name=subject.name,
                document_type=subject.document_type,
                document_number=subject.document_number,
                date_of_birth=subject.date_of_birth,
            )
            if subject
            else None,
            candidates=[
                CandidateView(
                    **dict(MaskedPerson.of(one.person)),
                    person_id=one.person.id,
                    date_of_birth=one.person.identity.date_of_birth,
                    words={claim: list(words) for claim, words in one.words.items()},
                )
                for one in case.candidates
            ],
            words={claim: list(words) for claim, words in case.words.items()},
        )
