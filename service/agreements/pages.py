"""Peers and agreements: the line in words, what was agreed, testing, stopping, paper peers."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from federation.peers import find_peer
from schemas.problems import LocalError, NotFound
from service.agreements import actions, peers, queries
from service.agreements.parked import ParkedView, parked_views
from service.agreements.tables import Agreement
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer, Role
from service.web.dates import plain
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

Change = Callable[[str, Node, Officer], Awaitable[peers.PeerView]]
CHANGES: Final[dict[str, tuple[Change, str]]] = {
    "suspend": (peers.suspend_peer, "peer_changed"),
    "resume": (peers.resume_peer, "peer_changed"),
    "revoke": (peers.revoke_peer, "peer_changed"),
    "retry": (peers.retry_peer, "peer_retried"),
}
NOT_ANSWERED: Final = N_("The peer did not answer as one that knows us. Nothing is lost: what waits goes by itself.")
NAME_A_REGION: Final = N_("Please choose a region from the list, by its name.")


@router.get("/peers")
async def peers_page(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """All peers: how the line stands, in words."""
    return await _list_page(request, node, officer, Form())


@router.post("/peers")
async def add_paper_peer(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Note a region without a node: questions to it are letters."""
    form = await sent_form(request)
    typed = form.needed("region")
    code = node.divisions.find(typed) if typed else None
    if typed and code is None:
        form.refuse("region", NAME_A_REGION)
    if form.ok and code is not None:
        body = peers.PaperPeer(region=code, name=node.divisions.full_name(code), paper=True)
        try:
            await peers.add_peer(body, node, officer)
        except LocalError as error:
            form.take(error)
        else:
            return pages_of(request).see_other(request, f"/peers/{code}", Done("saved"))
    return await _list_page(request, node, officer, form, status=422)


@router.get("/peers/{region}")
async def peer_page(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """One peer: the line, the agreements, what an officer may do."""
    return await _peer_page(request, node, officer, region, Form())


@router.post("/peers/{region}/test")
async def test(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """Ask the peer whether it knows us."""
    tested = await peers.test_peer(region, request, node, officer)
    if tested.answered:
        return pages_of(request).see_other(request, f"/peers/{region}", Done("peer_tested"))
    form = Form()
    form.refuse("", NOT_ANSWERED)
    return await _peer_page(request, node, officer, region, form)


@router.post("/peers/{region}/propose")
async def propose(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """Propose an agreement with all purposes and claims for a year; for a paper peer, record the paper."""
    form = await sent_form(request)
    typed = plain(form.text("per_month") or str(actions.PER_MONTH))
    reference = form.text("document_reference") or None
    try:
        await node.database.write(
            lambda session: actions.propose_agreement(
                session,
                node,
                region,
                by=officer,
                per_month=int(typed) if typed.isdecimal() else 0,
                document_reference=reference,
            )
        )
    except LocalError as error:
        if error.status in {403, 404}:
            raise
        form.take(error)
        return await _peer_page(request, node, officer, region, form, status=422)
    node.wake("delivery")
    return pages_of(request).see_other(request, f"/peers/{region}", Done("agreement_proposed"))


@router.post("/peers/{region}/agreements/{agreement_id}/{change}")
async def change_agreement(
    request: Request, node: CurrentNode, officer: PageOfficer, *, region: str, agreement_id: str, change: str
) -> Response:
    """Sign what a peer proposed, or end what is in force."""
    known = {"sign": (actions.sign_agreement, "agreement_signed"), "end": (actions.end_agreement, "agreement_ended")}
    if change not in known:
        raise NotFound
    act, done = known[change]
    try:
        await node.database.write(lambda session: act(session, node, agreement_id, by=officer))
    except LocalError as error:
        if error.status in {403, 404}:
            raise
        form = Form()
        form.take(error)
        return await _peer_page(request, node, officer, region, form, status=error.status)
    node.wake("delivery")
    return pages_of(request).see_other(request, f"/peers/{region}", Done(done))


@router.post("/peers/{region}/{change}")
async def change_peer(request: Request, node: CurrentNode, officer: PageOfficer, region: str, change: str) -> Response:
    """Suspend, resume, revoke or try again."""
    if change not in CHANGES:
        raise NotFound
    act, done = CHANGES[change]
    await act(region, node, officer)
    return pages_of(request).see_other(request, f"/peers/{region}", Done(done))


async def _list_page(request: Request, node: Node, officer: Officer, form: Form, *, status: int = 200) -> Response:
    def read(session: Session) -> tuple[list[peers.PeerView], dict[str, bool]]:
        found = peers.peer_views(session)
        agreed = {
            one.region: queries.agreement_in_force(session, one.region, node.today()) is not None for one in found
        }
        return found, agreed

    found, agreed = await node.database.read(read)
    return pages_of(request).render(
        request,
        "agreements/peers.html",
        status=status,
        peers=found,
        agreed=agreed,
        form=form,
        may_change=officer.has(Role.SUPERVISOR, Role.ADMINISTRATOR),
    )


async def _peer_page(
    request: Request, node: Node, officer: Officer, region: str, form: Form, *, status: int = 200
) -> Response:
    def read(session: Session) -> tuple[peers.PeerView, list[Agreement], list[ParkedView]]:
        peer = find_peer(session, region)
        if peer is None:
            raise NotFound
        view = peers.peer_view(session, peer)
        return view, queries.list_agreements(session, region), parked_views(session, region)

    peer, agreements, parked = await node.database.read(read)
    return pages_of(request).render(
        request,
        "agreements/peer.html",
        status=status,
        peer=peer,
        agreements=agreements,
        parked=parked,
        form=form,
        may_change=officer.has(Role.SUPERVISOR, Role.ADMINISTRATOR),
        purposes_of=queries.purposes_of,
        claims_of=queries.claims_of,
        me=officer.name,
    )
