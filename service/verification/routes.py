"""JSON: cases, asked and received."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from sqlmodel import Session

from schemas.claims import AnswerWord, CancelReason, Claim, DeclineReason
from service.context import CurrentNode, Node
from service.idempotency import write_once, write_together_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.paging import PageAfter, PageLimit
from service.registry.drafts import Body
from service.verification import answering, asking, letters, queries
from service.verification.asking import Ask, AskDraft, AskTogether
from service.verification.queries import CaseState, Direction
from service.verification.tables import VerificationRequest
from service.verification.views import OpenedView, VerificationList, VerificationView

router = APIRouter(route_class=JsonRoute, tags=["verification"])


class AnswersDraft(Body):
    """One word a claim; `person_id` says which candidate, where there are several."""

    answers: Annotated[dict[Claim, AnswerWord], Field(min_length=1, max_length=len(Claim))]
    person_id: Annotated[str, Field(max_length=36)] | None = None


class Declined(Body):
    """Why the office cannot take the question."""

    reason: DeclineReason


class Cancelled(Body):
    """Why the question is taken back."""

    reason: CancelReason


@router.post("/verifications", status_code=201)
async def ask(body: AskDraft, node: CurrentNode, officer: CurrentOfficer) -> VerificationView:
    """Ask a peer to confirm something about one person."""
    return await write_together_once(
        node,
        AskTogether(node),
        Ask(body, officer),
        lambda session, row: VerificationView.of(queries.view_of(session, node, row)),
    )


@router.get("/verifications")
async def verifications(
    node: CurrentNode,
    officer: CurrentOfficer,
    *,
    direction: Direction = "sent",
    state: CaseState | None = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> VerificationList:
    """List cases, newest first."""
    return await node.database.read(
        lambda session: VerificationList.of(
            queries.verifications_page(
                session, node, by=officer, direction=direction, state=state, after=after, limit=limit
            )
        )
    )


@router.get("/verifications/{request_id}")
async def verification(request_id: str, node: CurrentNode, officer: CurrentOfficer) -> OpenedView | VerificationView:
    """Show one case; a received one is opened by it, with whom it asks about and the people to compare."""

    def show(session: Session) -> OpenedView | VerificationView:
        view = queries.one_verification(session, node, request_id, by=officer)
        if view.row.direction == "sent":
            return VerificationView.of(view)
        opened = answering.open_received(session, node, request_id, by=officer)
        return OpenedView.opened(view, opened)

    return await node.database.write(show)


@router.post("/verifications/{request_id}/answer")
async def answer(request_id: str, body: AnswersDraft, node: CurrentNode, officer: CurrentOfficer) -> VerificationView:
    """Answer a received question; or enter the reply to a letter of ours."""
    return await _write(
        node,
        lambda session: letters.answer(session, node, request_id, body.answers, person_id=body.person_id, by=officer),
    )


@router.post("/verifications/{request_id}/correct")
async def correct(request_id: str, body: AnswersDraft, node: CurrentNode, officer: CurrentOfficer) -> VerificationView:
    """Correct an answer that left."""
    return await _write(
        node,
        lambda session: answering.correct_answer(
            session, node, request_id, body.answers, person_id=body.person_id, by=officer
        ),
    )


@router.post("/verifications/{request_id}/undo")
async def undo(request_id: str, node: CurrentNode, officer: CurrentOfficer) -> VerificationView:
    """Take back what was prepared and has not left."""
    return await _write(node, lambda session: answering.undo_answer(session, node, request_id, by=officer))


@router.post("/verifications/{request_id}/decline")
async def decline(request_id: str, body: Declined, node: CurrentNode, officer: CurrentOfficer) -> VerificationView:
    """Say that the office cannot take a received question."""
    return await _write(
        node, lambda session: answering.decline_request(session, node, request_id, body.reason, by=officer)
    )


@router.post("/verifications/{request_id}/cancel")
async def cancel(request_id: str, body: Cancelled, node: CurrentNode, officer: CurrentOfficer) -> VerificationView:
    """Take a question of ours back."""
    return await _write(node, lambda session: asking.cancel_request(session, node, request_id, body.reason, by=officer))


async def _write(node: Node, act: Callable[[Session], VerificationRequest]) -> VerificationView:
    return await write_once(
        node, lambda session: VerificationView.of(queries.view_of(session, node, act(session))), status=200
    )
