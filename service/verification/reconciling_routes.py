"""Comparing journeys with a peer, as an officer starts it: the API, and the page."""

from typing import Final, cast

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlmodel import Session, col, select
from starlette.responses import Response

from federation.delivery import Delivery
from federation.peers import find_peer
from federation.tables import PeerState
from schemas.problems import LocalError, NotFound
from schemas.reconciliation import FEWEST_JOURNEYS
from schemas.regions import RegionCode
from service.context import CurrentNode, Node
from service.officers.doors import CurrentOfficer, PageOfficer
from service.officers.rules import Officer, Role, require
from service.verification.comparing import Outcome, ReconciliationView, reconcile
from service.verification.tables import Reconciliation
from service.web.forms import Form
from service.web.templating import pages_of

router = APIRouter(tags=["peers"])
pages_router = APIRouter(include_in_schema=False)

MOST_LISTED: Final = 24


class Reconciled(ReconciliationView):
    """A comparison just made: whose journeys the peer holds too. That list is shown once and kept nowhere."""

    people: list[str]
    told: bool


class ReconciliationList(BaseModel):
    """Comparisons with one peer, the newest first."""

    items: list[ReconciliationView]
    next: None = None


def may_reconcile(officer: Officer, node: Node) -> bool:
    """Whether an officer may start a comparison: it is about people of the whole region."""
    return officer.has(Role.SUPERVISOR) and officer.sees(node.region)


@router.post("/peers/{region}/reconciliations", status_code=201)
async def start(region: RegionCode, request: Request, node: CurrentNode, officer: CurrentOfficer) -> Reconciled:
    """Compare journeys with a peer: which of ours it holds, too, and how many it does not."""
    _allow(officer, node)
    done = await reconcile(node, _delivery(request), region, actor=officer.as_actor)
    people = list(dict.fromkeys(one.id for one in done.matched))
    return Reconciled(**dict(done.view), people=people, told=done.told)


@router.get("/peers/{region}/reconciliations")
async def reconciliations(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> ReconciliationList:
    """List the comparisons with a peer: how many journeys there are is known to who sees the whole region's people."""
    _allow_reading(officer, node)
    return ReconciliationList(items=await node.database.read(lambda session: _list(session, region)))


@pages_router.get("/peers/{region}/reconciliations")
async def page(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """What comparing is, what came of it before, and a button."""
    _allow_reading(officer, node)
    return await _page(request, node, officer, region, Form())


@pages_router.post("/peers/{region}/reconciliations")
async def start_page(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """Compare, and show once whose journeys both hold."""
    _allow(officer, node)
    form, done = Form(), None
    try:
        done = await reconcile(node, _delivery(request), region, actor=officer.as_actor)
    except LocalError as error:
        if error.status in {403, 404}:
            raise
        form.take(error)
    return await _page(request, node, officer, region, form, done=done, status=422 if done is None else 200)


async def _page(
    request: Request,
    node: Node,
    officer: Officer,
    region: str,
    form: Form,
    *,
    done: Outcome | None = None,
    status: int = 200,
) -> Response:
    def read(session: Session) -> tuple[str, bool, list[ReconciliationView]]:
        peer = find_peer(session, region)
        if peer is None:
            raise NotFound
        return peer.name, peer.state == PeerState.ACTIVE, _list(session, region)

    name, is_active, rows = await node.database.read(read)
    people = {one.id: one.identity.name for one in done.matched} if done else {}
    return pages_of(request).render(
        request,
        "verification/reconciliations.html",
        status=status,
        region=region,
        peer_name=name,
        rows=rows,
        form=form,
        done=done,
        people=people,
        may_start=is_active and may_reconcile(officer, node),
        fewest=FEWEST_JOURNEYS,
    )


def _list(session: Session, region: str) -> list[ReconciliationView]:
    wanted = select(Reconciliation).where(Reconciliation.peer == region)
    rows = session.exec(wanted.order_by(col(Reconciliation.started_at).desc()).limit(MOST_LISTED)).all()
    return [ReconciliationView.of(row) for row in rows]


def _allow(officer: Officer, node: Node) -> None:
    require(officer, Role.SUPERVISOR)
    if not officer.sees(node.region):
        raise NotFound


def _allow_reading(officer: Officer, node: Node) -> None:
    if not (officer.sees_people and officer.sees(node.region)):
        raise NotFound


def _delivery(request: Request) -> Delivery:
    return cast("Delivery", request.app.state.delivery)
