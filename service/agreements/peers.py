"""JSON: peers, and what an officer may do about one. The trust itself is made by two files carried by hand."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from federation.delivery import Delivery
from federation.outbox import waiting_counts
from federation.peers import (
    add_paper_peer,
    destination_of,
    find_peer,
    list_peers,
    resume,
    retry_now,
    revoke,
    suspend,
)
from federation.returning import announce_absence, come_back
from federation.tables import Peer
from schemas.problems import InvalidInput, NotFound, UnknownPeer
from schemas.regions import RegionCode
from schemas.wire import WireTime
from service.access_log import record
from service.context import CurrentNode, Node
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.officers.rules import Officer, Role, require

router = APIRouter(route_class=JsonRoute, tags=["peers"])


class PeerView(BaseModel):
    """A peer and how sending to it stands; `waiting` messages have no receipt yet and go by themselves."""

    region: str
    name: str
    base_url: str | None
    state: str
    waiting: int
    failures: int
    failing_since: datetime | None
    next_attempt_at: datetime | None
    wait: str | None
    wait_code: str | None
    last_answer_at: datetime | None
    away_from: datetime | None
    away_until: datetime | None


class PeerList(BaseModel):
    """All peers, by region code."""

    items: list[PeerView]
    next: None = None


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


class Tested(PeerView):
    """A peer after a test: whether it answered as one that knows us."""

    answered: bool


@router.get("/peers")
async def peers(node: CurrentNode, officer: CurrentOfficer) -> PeerList:
    """List the peers."""
    return await node.database.read(lambda session: PeerList(items=peer_views(session)))


@router.post("/peers", status_code=201)
async def add_peer(body: PaperPeer, node: CurrentNode, officer: CurrentOfficer) -> PeerView:
    """Note a region without a node; questions to it are letters."""

    def add(session: Session) -> PeerView:
        require(officer, Role.SUPERVISOR, Role.ADMINISTRATOR)
        if find_peer(session, body.region) is not None:
            raise InvalidInput(errors=[{"field": "region", "message": "This region is a peer already."}])
        peer = add_paper_peer(session, node.fed, body.region, body.name)
        record(session, node, officer.as_actor, "peer.added")
        return peer_view(session, peer)

    return await node.database.write(add)


@router.post("/peers/{region}/test")
async def test_peer(region: RegionCode, request: Request, node: CurrentNode, officer: CurrentOfficer) -> Tested:
    """Ask a peer whether it knows us; a good answer makes an accepted one active on our side."""
    require(officer, Role.SUPERVISOR, Role.ADMINISTRATOR)
    if await node.database.read(lambda session: find_peer(session, region)) is None:
        raise UnknownPeer
    delivery = cast("Delivery", request.app.state.delivery)
    answer = await delivery.probe(region)
    view = await node.database.read(lambda session: _known(session, region))
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


def peer_views(session: Session) -> list[PeerView]:
    """Give all peers as the API and the pages show them."""
    waiting = waiting_counts(session)
    return [peer_view(session, peer, waiting.get(peer.region, 0)) for peer in list_peers(session)]


def peer_view(session: Session, peer: Peer, waiting: int | None = None) -> PeerView:
    """Give one peer as the API and the pages show it."""
    line = destination_of(session, peer.region)
    return PeerView(
        region=peer.region,
        name=peer.name,
        base_url=peer.base_url,
        state=peer.state,
        waiting=waiting_counts(session).get(peer.region, 0) if waiting is None else waiting,
        failures=line.failures if line else 0,
        failing_since=line.failing_since if line else None,
        next_attempt_at=line.next_attempt_at if line else None,
        wait=line.wait if line else None,
        wait_code=line.wait_code if line else None,
        last_answer_at=line.last_answer_at if line else None,
        away_from=peer.away_from,
        away_until=peer.away_until,
    )


def _known(session: Session, region: str) -> PeerView:
    peer = find_peer(session, region)
    if peer is None:
        raise NotFound
    return peer_view(session, peer)


async def _change(node: Node, officer: Officer, region: str, action: str, act: Callable[[Session], Peer]) -> PeerView:
    require(officer, Role.SUPERVISOR, Role.ADMINISTRATOR)

    def change(session: Session) -> PeerView:
        if find_peer(session, region) is None:
            raise UnknownPeer
        peer = act(session)
        record(session, node, officer.as_actor, action)
        return peer_view(session, peer)

    view = await node.database.write(change)
    node.wake("delivery")
    return view
