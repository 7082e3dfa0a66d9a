"""One case: a received one is answered (the question left, our record right), a sent one is followed."""

from typing import Any, Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from federation.peers import find_peer, list_peers
from schemas.claims import AnswerWord, CancelReason, Claim, DeclineReason
from schemas.problems import LocalError
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.registry.pages_frame import PersonHead, person_head
from service.verification import answering, letters
from service.verification.answering import OpenedCase, open_received
from service.verification.queries import AnswerGiven, CaseView, answers_given, one_verification
from service.web.flash import Done
from service.web.forms import PICK_ONE, Form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

REPLY_WORDS: Final = (AnswerWord.CONFIRMED, AnswerWord.NOT_CONFIRMED, AnswerWord.NO_RECORD, AnswerWord.WITHHELD)
"""What may stand in the reply to a letter."""
WORD_FIELDS: Final = {f"answers.{claim.value}": f"word_{claim.value}" for claim in Claim} | {"answers": ""}


@router.get("/verifications/{request_id}")
async def show(request: Request, node: CurrentNode, officer: PageOfficer, request_id: str) -> Response:
    """One case."""
    return await case_page(request, node, officer, request_id, Form())


@router.post("/verifications/{request_id}/answer")
async def answer(request: Request, node: CurrentNode, officer: PageOfficer, request_id: str) -> Response:
    """Answer a received question, or enter the reply that came on paper to a letter of ours."""
    return await _answer(request, node, officer, request_id, correcting=False)


@router.post("/verifications/{request_id}/correct")
async def correct(request: Request, node: CurrentNode, officer: PageOfficer, request_id: str) -> Response:
    """Correct an answer that left; the history stays."""
    return await _answer(request, node, officer, request_id, correcting=True)


@router.post("/verifications/{request_id}/decline")
async def decline(request: Request, node: CurrentNode, officer: PageOfficer, request_id: str) -> Response:
    """Give a question back."""
    form = await sent_form(request)
    reason = form.choice("reason", [str(one) for one in DeclineReason])
    if not form.ok:
        return await case_page(request, node, officer, request_id, form, status=422)
    await node.database.write(
        lambda session: answering.decline_request(session, node, request_id, DeclineReason(reason), by=officer)
    )
    node.wake("delivery")
    undo = f"/verifications/{request_id}/undo"
    return pages_of(request).see_other(request, f"/verifications/{request_id}", Done("declined", undo))


@router.post("/verifications/{request_id}/undo")
async def undo(request: Request, node: CurrentNode, officer: PageOfficer, request_id: str) -> Response:
    """Take back what was prepared and has not left."""
    await node.database.write(lambda session: answering.undo_answer(session, node, request_id, by=officer))
    return pages_of(request).see_other(request, f"/verifications/{request_id}", Done("undone"))


async def case_page(
    request: Request, node: Node, officer: Officer, request_id: str, form: Form, *, status: int = 200
) -> Response:
    """The page of a case. Raises `NotFound`."""

    def read(session: Session) -> tuple[CaseView, dict[str, Any]]:
        view = one_verification(session, node, request_id, by=officer)
        peer = find_peer(session, view.row.peer)
        opened: OpenedCase | None = None
        head: PersonHead | None = None
        if view.row.direction == "received":
            opened = open_received(session, node, request_id, by=officer)
            view = one_verification(session, node, request_id, by=officer)
        elif view.row.person_id is not None:
            head = person_head(session, node, view.row.person_id, by=officer)
        history: list[AnswerGiven] = answers_given(session, request_id)
        return view, {
            "peer_name": peer.name if peer is not None else view.row.peer,
            "on_paper": view.row.direction == "sent" and view.row.message_id is None,
            "opened": opened,
            "head": head,
            "history": history,
        }

    view, values = await node.database.write(read)
    received = view.row.direction == "received"
    return pages_of(request).render(
        request,
        "verification/received.html" if received else "verification/sent.html",
        status=status,
        view=view,
        row=view.row,
        form=form,
        decline_reasons=list(DeclineReason),
        cancel_reasons=list(CancelReason),
        reply_words=REPLY_WORDS,
        today=node.today(),
        **values,
    )


def peer_names(session: Session) -> dict[str, str]:
    """The names of the peers, by code."""
    return {peer.region: peer.name for peer in list_peers(session)}


async def _answer(request: Request, node: Node, officer: Officer, request_id: str, *, correcting: bool) -> Response:
    form = await sent_form(request)
    words: dict[Claim, AnswerWord] = {}
    for claim in Claim:
        field = f"word_{claim.value}"
        if f"asked_{claim.value}" not in form.values:
            continue
        word = form.text(field)
        if word in set(AnswerWord):
            words[claim] = AnswerWord(word)
        else:
            form.refuse(field, PICK_ONE)
    if form.ok:
        act = answering.correct_answer if correcting else letters.answer
        try:
            row = await node.database.write(
                lambda session: (
                    act(session, node, request_id, words, person_id=form.text("person_id") or None, by=officer).state
                )
            )
        except LocalError as error:
            if error.status == 404:
                raise
            form.take(error, WORD_FIELDS)
        else:
            node.wake("delivery")
            path = f"/verifications/{request_id}"
            waiting = row == "answering"
            done = Done("answered", f"{path}/undo") if waiting else Done("corrected" if correcting else "saved")
            return pages_of(request).see_other(request, path, done)
    return await case_page(request, node, officer, request_id, form, status=422)
