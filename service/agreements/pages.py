"""Peers and agreements: the line in words, what was agreed, testing, stopping, paper peers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from federation.directory import Opinion, compare, followed
from federation.tables import FollowedDirectory
from schemas.problems import LocalError, NotFound
from service.agreements import actions, pages_line, peers, queries
from service.agreements.lines import newest_invitation
from service.agreements.listing import PeersPage, peers_page
from service.agreements.pages_peer import MAY_CHANGE, peer_page
from service.agreements.pages_terms import terms_of
from service.agreements.renewing import renew_agreement
from service.agreements.tables import Agreement
from service.agreements.views import as_seen_by, views_with_troubles
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

LATE_AFTER: Final = timedelta(days=2)
"""A list older than this is said to be late; it stays in force."""

NAME_A_REGION: Final = N_("Please choose a region from the list, by its name.")


@router.get("/peers")
async def list_page(
    request: Request,
    node: CurrentNode,
    officer: PageOfficer,
    *,
    show: Annotated[str, Query(max_length=12)] = "",
    named: Annotated[str, Query(max_length=50)] = "",
    after: Annotated[str, Query(max_length=12)] = "",
) -> Response:
    """All peers, or those of one kind or name: how the line stands, in words."""
    return await _list_page(request, node, officer, Form(), show=show, named=named, after=after)


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


@router.post("/peers/maintenance")
async def maintenance_of_all(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Tell every active peer when this node will be away."""
    form = await sent_form(request)
    begins, ends = pages_line.moment_of(form, "away_from", node), pages_line.moment_of(form, "away_until", node)
    if begins is not None and ends is not None:
        try:
            await peers.announce_to_all(peers.Maintenance(starts_at=begins, ends_at=ends), node, officer)
        except LocalError as error:
            if error.status in {403, 404}:
                raise
            form.take(error, {"to": "away_until", "from": "away_from"})
        else:
            return pages_of(request).see_other(request, "/peers", Done("peer_maintenance_announced"))
    return await _list_page(request, node, officer, form, status=422)


@router.get("/directories")
async def directories_page(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """The directories that are followed: whether their lists come, and what they advise."""

    def read(session: Session) -> tuple[list[FollowedDirectory], dict[str, list[Opinion]]]:
        advice: dict[str, list[Opinion]] = {}
        for one in compare(session, node.fed, node.now()):
            advice.setdefault(one.directory, []).append(one)
        return followed(session), advice

    rows, advice = await node.database.read(read)
    return pages_of(request).render(
        request, "agreements/directories.html", rows=rows, advice=advice, now=node.now(), late_after=LATE_AFTER
    )


@router.get("/peers/{region}")
async def one_page(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """One peer: the line, the agreements, what an officer may do."""
    return await peer_page(request, node, officer, region, Form())


@router.post("/peers/{region}/propose")
async def propose(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """Propose an agreement; for a paper peer, record the paper."""
    form = await sent_form(request)
    terms = terms_of(form)
    if not form.ok:
        return await peer_page(request, node, officer, region, form, status=422)
    try:
        await node.database.write(lambda session: actions.propose_agreement(session, node, region, by=officer, **terms))
    except LocalError as error:
        if error.status in {403, 404}:
            raise
        form.take(error)
        return await peer_page(request, node, officer, region, form, status=422)
    node.wake("delivery")
    return pages_of(request).see_other(request, f"/peers/{region}", Done("agreement_proposed"))


@router.get("/agreements/{agreement_id}")
async def find(request: Request, node: CurrentNode, officer: PageOfficer, agreement_id: str) -> Response:
    """Lead from a task about an agreement to its peer's page."""
    found = await node.database.read(lambda session: queries.find_agreement(session, agreement_id))
    if found is None:
        raise NotFound
    return pages_of(request).see_other(request, f"/peers/{found.peer}")


@router.post("/peers/{region}/agreements/{agreement_id}/{change}")
async def change_agreement(
    request: Request, node: CurrentNode, officer: PageOfficer, *, region: str, agreement_id: str, change: str
) -> Response:
    """Sign what a peer proposed, end what is in force, or propose what follows it."""
    form = await sent_form(request)
    renew = partial(renew_agreement, document_reference=form.text("document_reference") or None)
    known: dict[str, tuple[Callable[..., Agreement], str]] = {
        "sign": (actions.sign_agreement, "agreement_signed"),
        "end": (actions.end_agreement, "agreement_ended"),
        "renew": (renew, "agreement_proposed"),
    }
    if change not in known:
        raise NotFound
    act, done = known[change]
    try:
        await node.database.write(lambda session: act(session, node, agreement_id, by=officer).id)
    except LocalError as error:
        if error.status in {403, 404}:
            raise
        form.take(error)
        return await peer_page(request, node, officer, region, form, status=error.status)
    node.wake("delivery")
    return pages_of(request).see_other(request, f"/peers/{region}", Done(done))


async def _list_page(
    request: Request,
    node: Node,
    officer: Officer,
    form: Form,
    *,
    show: str = "",
    named: str = "",
    after: str = "",
    status: int = 200,
) -> Response:
    def read(session: Session) -> tuple[PeersPage, set[str], datetime | None]:
        lines = [(as_seen_by(view, node, officer), trouble) for view, trouble in views_with_troubles(session, node)]
        page = peers_page(lines, show=show, named=named, after=after)
        agreed = queries.agreed_regions(session, [view.region for view, _ in page.items], node.today())
        return page, agreed, newest_invitation(session)

    page, agreed, invitation_until = await node.database.read(read)
    asked = {name: value for name, value in (("show", page.show), ("named", page.named)) if value}
    return pages_of(request).render(
        request,
        "agreements/peers.html",
        status=status,
        page=page,
        agreed=agreed,
        now=node.now(),
        invitation_until=invitation_until,
        form=form,
        first=f"/peers?{urlencode(asked)}" if after else None,
        next=f"/peers?{urlencode(asked | {'after': page.next})}" if page.next else None,
        whole=officer.sees(node.region),
        may_change=officer.has(*MAY_CHANGE) and officer.sees(node.region),
    )


router.include_router(pages_line.router)  # last: its address with any change would take all others
