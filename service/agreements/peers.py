"""JSON: peers, and what an officer may do about one. The trust itself is made by two files carried by hand."""

from collections.abc import Callable
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from federation.delivery import Delivery
from federation.peers import (
    add_paper_peer,
    find_peer,
    resume,
    retry_now,
    revoke,
    suspend,
)
from federation.returning import announce_absence, announce_absence_to_all, come_back
from federation.tables import Peer
from schemas.problems import InvalidInput, UnknownPeer
from schemas.regions import RegionCode
from schemas.wire import WireTime
from service.access_log import record
from service.agreements.views import PeerDetail, PeerView, as_seen_by, peer_in_full, peer_view, peer_views
from service.bounds import MOST_ITEMS
from service.context import CurrentNode, Node
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.officers.rules import Officer, Role, require_region
from service.paging import PageLimit

router = APIRouter(route_class=JsonRoute, tags=["peers"])


class PeerList(BaseModel):
    """Peers, by region code."""

    items: list[PeerView]
    next: str | None = None


class PaperPeer(BaseModel):
    """A region without a node."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: RegionCode
    name: Annotated[str, Field(min_length=1, max_length=100)]
    paper: Literal[True]


class Maintenance(BaseModel):
    """When this node will be away on purpose."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    starts_at: Annotated[WireTime, Field(alias="from")]
    ends_at: Annotated[WireTime, Field(alias="to")]


class Told(BaseModel):
    """How many peers are being told."""

    told: int


class Tested(PeerView):
    """A peer after a test: whether it answered as one that knows us."""

    answered: bool


@router.get("/peers")
async def peers(
    node: CurrentNode,
    officer: CurrentOfficer,
    after: Annotated[str, Query(max_length=12)] = "",
    limit: PageLimit = MOST_ITEMS,
) -> PeerList:
    """List the peers, and how the line to each stands."""

    def read(session: Session) -> PeerList:
        found = [as_seen_by(view, node, officer) for view in peer_views(session, node) if view.region > after]
        return PeerList(items=found[:limit], next=found[limit - 1].region if len(found) > limit else None)

    return await node.database.read(read)


@router.get("/peers/{region}")
async def peer_of(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> PeerDetail:
    """Show one peer: the line, keys and clock, the six words, what it refused."""
    return await node.database.read(lambda session: as_seen_by(peer_in_full(session, node, region)[0], node, officer))


@router.post("/peers", status_code=201)
async def add_peer(body: PaperPeer, node: CurrentNode, officer: CurrentOfficer) -> PeerView:
    """Note a region without a node; questions to it are letters."""

    def add(session: Session) -> PeerView:
        require_region(officer, node.region, Role.SUPERVISOR, Role.ADMINISTRATOR)
        if body.region.startswith(node.region):
            message = "This is your own region. Choose the region that you want to write to."
            raise InvalidInput(errors=[{"field": "region", "message": message}])
        if find_peer(session, body.region) is not None:
            raise InvalidInput(errors=[{"field": "region", "message": "This region is a peer already."}])
        add_paper_peer(session, node.fed, body.region, body.name)
        record(session, node, officer.as_actor, "peer.added")
        return peer_view(session, node, body.region)

    return await node.database.write(add)


@router.post("/peers/maintenance")
async def announce_to_all(body: Maintenance, node: CurrentNode, officer: CurrentOfficer) -> Told:
    """Tell every active peer when this node will be away."""
    require_region(officer, node.region, Role.SUPERVISOR, Role.ADMINISTRATOR)

    def tell(session: Session) -> Told:
        told = announce_absence_to_all(session, node.fed, body.starts_at, body.ends_at)
        record(session, node, officer.as_actor, "peer.maintenance_announced")
        return Told(told=told)

    done = await node.database.write(tell)
    node.wake("delivery")
    return done


@router.post("/peers/{region}/test")
async def test_peer(region: RegionCode, request: Request, node: CurrentNode, officer: CurrentOfficer) -> Tested:
    """Ask a peer whether it knows us; a good answer makes an accepted one active on our side."""
    require_region(officer, node.region, Role.SUPERVISOR, Role.ADMINISTRATOR)

    def note(session: Session) -> None:
        if find_peer(session, region) is None:
            raise UnknownPeer
        record(session, node, officer.as_actor, "peer.tested")

    await node.database.write(note)
    delivery = cast("Delivery", request.app.state.delivery)
    answer = await delivery.probe(region)
    view = await node.database.read(lambda session: peer_view(session, node, region))
    return Tested(**dict(view), answered=answer is not None and answer.signed and answer.status == 200)


@router.post("/peers/{region}/suspend")
async def suspend_peer(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> PeerView:
    """Send nothing to a peer and take nothing from it until resumed."""
    return await _change(node, officer, region, "peer.suspended", lambda session: suspend(session, node.fed, region))


@router.post("/peers/{region}/resume")
async def resume_peer(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> PeerView:
    """End a suspension; what waited goes at once."""
    return await _change(node, officer, region, "peer.resumed", lambda session: resume(session, node.fed, region))


@router.post("/peers/{region}/revoke")
async def revoke_peer(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> PeerView:
    """End trust for good; what is queued never leaves."""
    return await _change(node, officer, region, "peer.revoked", lambda session: revoke(session, node.fed, region))


@router.post("/peers/{region}/retry")
async def retry_peer(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> PeerView:
    """Try again at once."""
    return await _change(node, officer, region, "peer.retried", lambda session: retry_now(session, region))


@router.post("/peers/{region}/maintenance")
async def announce_maintenance(
    region: RegionCode, body: Maintenance, node: CurrentNode, officer: CurrentOfficer
) -> PeerView:
    """Tell a peer when this node will be away."""

    def tell(session: Session) -> Peer:
        return announce_absence(session, node.fed, region, body.starts_at, body.ends_at)

    return await _change(node, officer, region, "peer.maintenance_announced", tell)


@router.post("/peers/{region}/returned")
async def announce_return(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> PeerView:
    """Tell a peer that this node is back before the time that it had announced."""

    def tell(session: Session) -> Peer:
        come_back(session, node.fed, restored=False, peer=region)
        return session.get_one(Peer, region)

    return await _change(node, officer, region, "peer.return_announced", tell)


async def _change(node: Node, officer: Officer, region: str, action: str, act: Callable[[Session], Peer]) -> PeerView:
    require_region(officer, node.region, Role.SUPERVISOR, Role.ADMINISTRATOR)

    def change(session: Session) -> PeerView:
        if find_peer(session, region) is None:
            raise UnknownPeer
        act(session)
        record(session, node, officer.as_actor, action)
        return peer_view(session, node, region)

    view = await node.database.write(change)
    node.wake("delivery")
    return view
