"""JSON and page: messages that a peer refused, tried again or given up by an officer."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import Response

from federation.peers import find_peer
from schemas.problems import NotFound
from schemas.regions import RegionCode
from service.access_log import Actor
from service.agreements.parked import ParkedView, give_up, parked_view, parked_views, try_again
from service.agreements.troubles import reason_of
from service.context import CurrentNode, Node
from service.officers.doors import CurrentOfficer, PageOfficer
from service.officers.rules import Officer, Role, require_region
from service.web.flash import Done
from service.web.templating import pages_of

router = APIRouter(tags=["peers"])
pages_router = APIRouter(include_in_schema=False)

Act = Callable[[Session, Node, str, str, Actor], None]
ACTS: Final[dict[str, tuple[Act, str]]] = {
    "retry": (lambda session, node, region, one, by: try_again(session, node, region, one, by=by), "message_retried"),
    "give-up": (lambda session, node, region, one, by: give_up(session, node, region, one, by=by), "message_given_up"),
}


_ROLES: Final = (Role.CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR)
"""Of the whole region: a message says which case, certificate or plan it is about, of whichever office."""


class ParkedList(BaseModel):
    """Messages that a peer refused, oldest first."""

    items: list[ParkedView]
    next: None = None


@router.get("/peers/{region}/parked")
async def parked(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> ParkedList:
    """List the messages that a peer refused and that wait for an officer (of the whole region)."""
    require_region(officer, node.region, *_ROLES)

    def read(session: Session) -> ParkedList:
        if find_peer(session, region) is None:
            raise NotFound
        return ParkedList(items=parked_views(session, region))

    return await node.database.read(read)


@router.post("/peers/{region}/parked/{message_id}/retry", status_code=204)
async def retry_message(region: RegionCode, message_id: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Send a refused message again at once."""
    await _act(node, officer, region, message_id, "retry")


@router.post("/peers/{region}/parked/{message_id}/give-up", status_code=204)
async def give_up_message(region: RegionCode, message_id: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Withdraw a refused message for good, so that later ones about the same case go on."""
    await _act(node, officer, region, message_id, "give-up")


@pages_router.get("/messages/{message_id}")
async def message_page(request: Request, node: CurrentNode, officer: PageOfficer, message_id: str) -> Response:
    """One refused message: what it was about, why it was refused, what can be done."""
    require_region(officer, node.region, *_ROLES)

    def read(session: Session) -> tuple[ParkedView, str]:
        found = parked_view(session, message_id)
        peer = find_peer(session, found.peer)
        return found, peer.name if peer else found.peer

    message, peer_name = await node.database.read(read)
    return pages_of(request).render(
        request,
        "agreements/message.html",
        message=message,
        reason=reason_of(message.problem_code or "-"),
        peer_name=peer_name,
        may_change=True,
    )


@pages_router.post("/messages/{message_id}/{act}")
async def act_on_message(
    request: Request, node: CurrentNode, officer: PageOfficer, message_id: str, act: str
) -> Response:
    """Try a refused message again, or give it up."""
    if act not in ACTS:
        raise NotFound
    require_region(officer, node.region, *_ROLES)
    region = (await node.database.read(lambda session: parked_view(session, message_id))).peer
    await _act(node, officer, region, message_id, act)
    return pages_of(request).see_other(request, f"/peers/{region}", Done(ACTS[act][1]))


async def _act(node: Node, officer: Officer, region: str, message_id: str, act: str) -> None:
    require_region(officer, node.region, *_ROLES)
    do = ACTS[act][0]
    await node.database.write(lambda session: do(session, node, region, message_id, officer.as_actor))
