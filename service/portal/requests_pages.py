"""What a person asked of the office, as the officer who does it sees it (another one than whom it concerns)."""

from typing import Any, Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from service.context import CurrentNode
from service.officers.doors import PageOfficer
from service.portal.requests import ANSWER_WORKING_DAYS, RequestKind, open_task_of, requests_of_person
from service.registry.pages_frame import person_head
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

ASKED: Final = {
    RequestKind.COPY: N_("A copy on paper"),
    RequestKind.CORRECT: N_("Correct something"),
    RequestKind.OBJECT: N_("An objection to how the facts are used"),
    RequestKind.LIMIT: N_("Hide the record from now on"),
    RequestKind.MOVE: N_("Hand the record over to another office"),
    RequestKind.ERASE: N_("Erase the record"),
}
NEXT_STEPS: Final = {
    RequestKind.COPY: N_("Print the record and hand it over, or send it by post to the address in it."),
    RequestKind.CORRECT: N_("Ask the person what is wrong, look at the document, and correct the record."),
    RequestKind.OBJECT: N_("Talk with the person. Withdraw the consents they name; tell them what stays, and why."),
    RequestKind.LIMIT: N_("Protect the record. From then on only supervisors open it."),
    RequestKind.MOVE: N_("Let the other office take the record over with the person present."),
    RequestKind.ERASE: N_("Erase the record on its page. Peers are asked to erase what they hold."),
}


@router.get("/people/{person_id}/requests")
async def requests_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """The requests that are open, what to do about each, and by when an answer is owed."""

    def read(session: Session) -> dict[str, Any]:
        return {
            "head": person_head(session, node, person_id, by=officer),
            "requests": requests_of_person(session, node, person_id, by=officer),
            "task": open_task_of(session, person_id, by=officer),
        }

    found = await node.database.write(read)
    return pages_of(request).render(
        request,
        "portal/officer_requests.html",
        current_tab="",
        asked=ASKED,
        next_steps=NEXT_STEPS,
        working_days=ANSWER_WORKING_DAYS,
        officer_name=officer.name,
        **found,
    )
