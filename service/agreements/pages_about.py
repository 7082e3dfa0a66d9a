"""About this node: what is never kept, and with whom it talks. Public."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from federation.peers import list_peers
from federation.tables import PeerState
from service.context import CurrentNode
from service.officers.doors import known_viewer
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(known_viewer)])

_TOLD = (PeerState.ACTIVE, PeerState.SUSPENDED, PeerState.PAPER)


@router.get("/about")
async def about_page(request: Request, node: CurrentNode) -> Response:
    """Tell anyone what this node is for, what it never keeps, and who its peers are."""
    peers = await node.database.read(
        lambda session: [(peer.region, peer.name) for peer in list_peers(session) if peer.state in _TOLD]
    )
    return pages_of(request).render(request, "agreements/about.html", peers=peers)
