"""The page behind the task "unusual access": a colleague opened many records today, and a supervisor decides."""

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.problems import NotFound
from service.context import CurrentNode
from service.officers.doors import PageOfficer
from service.officers.queries import officer_from
from service.officers.rules import Officer, Role
from service.officers.tables import OfficerAccount
from service.registry.searching.limits import MOST_A_DAY, release
from service.web.flash import Done
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)


@router.get("/unusual-access/{officer_id}")
async def unusual_access_page(request: Request, node: CurrentNode, officer: PageOfficer, officer_id: str) -> Response:
    """Say who it is about and what can be done; whose records they were, the access log says to auditors."""
    found = await node.database.read(lambda session: _colleague(session, officer_id, by=officer))
    return pages_of(request).render(
        request,
        "registry/unusual_access.html",
        colleague=found.name,
        area=found.area,
        most=MOST_A_DAY,
        officer_id=officer_id,
        own=found.name == officer.name,
    )


@router.post("/unusual-access/{officer_id}/release")
async def release_colleague(request: Request, node: CurrentNode, officer: PageOfficer, officer_id: str) -> Response:
    """Let the colleague open more records today."""

    def act(session: Session) -> None:
        release(session, node, _colleague(session, officer_id, by=officer).name, by=officer)

    await node.database.write(act)
    return pages_of(request).see_other(request, "/", Done("openings_released"))


def _colleague(session: Session, officer_id: str, *, by: Officer) -> Officer:
    account = session.get(OfficerAccount, officer_id)
    if account is None or not by.has(Role.SUPERVISOR) or not by.sees(account.area):
        raise NotFound
    return officer_from(account)
