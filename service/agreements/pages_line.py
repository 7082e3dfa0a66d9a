"""What an officer does about the line to a peer: test it, try again, suspend, resume, end trust, tell of maintenance.

Each is a form of its own that works without a script; each goes through the route of the JSON API, which asks for the
role and writes the log.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from schemas.problems import LocalError, NotFound
from service.agreements import peers
from service.agreements.pages_peer import peer_page
from service.agreements.views import PeerView
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.web.dates import typed_moment
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

Change = Callable[[str, Node, Officer], Awaitable[PeerView]]
CHANGES: Final[dict[str, tuple[Change, str]]] = {
    "suspend": (peers.suspend_peer, "peer_suspended"),
    "resume": (peers.resume_peer, "peer_resumed"),
    "revoke": (peers.revoke_peer, "peer_revoked"),
    "retry": (peers.retry_peer, "peer_retried"),
    "returned": (peers.announce_return, "peer_return_announced"),
}
NOT_ANSWERED: Final = N_("The peer did not answer as one that knows us. Nothing is lost: what waits goes by itself.")
NOT_TESTED: Final = N_("Nothing is sent to this region, so there is no line to test.")
NOT_A_MOMENT: Final = N_("Please give a day and a time such as 20260930 08:00.")


@router.post("/peers/{region}/test")
async def test(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """Ask the peer whether it knows us."""
    tested = await peers.test_peer(region, request, node, officer)
    if tested.answered:
        return pages_of(request).see_other(request, f"/peers/{region}", Done("peer_tested"))
    form = Form()
    form.refuse("", NOT_ANSWERED if tested.state in ("invited", "active") else NOT_TESTED)
    return await peer_page(request, node, officer, region, form)


@router.post("/peers/{region}/maintenance")
async def maintenance(request: Request, node: CurrentNode, officer: PageOfficer, region: str) -> Response:
    """Tell the peer when this node will be away."""
    form = await sent_form(request)
    begins, ends = moment_of(form, "away_from", node), moment_of(form, "away_until", node)
    if begins is not None and ends is not None:
        body = peers.Maintenance(starts_at=begins, ends_at=ends)
        try:
            await peers.announce_maintenance(region, body, node, officer)
        except LocalError as error:
            if error.status in {403, 404}:
                raise
            form.take(error, {"to": "away_until", "from": "away_from"})
        else:
            return pages_of(request).see_other(request, f"/peers/{region}", Done("peer_maintenance_announced"))
    return await peer_page(request, node, officer, region, form, status=422)


@router.post("/peers/{region}/{change}")
async def change_peer(request: Request, node: CurrentNode, officer: PageOfficer, region: str, change: str) -> Response:
    """Suspend, resume, end trust, try again, or say that we are back."""
    if change not in CHANGES:
        raise NotFound
    act, done = CHANGES[change]
    try:
        await act(region, node, officer)
    except LocalError as error:
        if error.status in {403, 404}:
            raise
        form = Form()
        form.take(error)
        return await peer_page(request, node, officer, region, form, status=error.status)
    return pages_of(request).see_other(request, f"/peers/{region}", Done(done))


def moment_of(form: Form, name: str, node: Node) -> datetime | None:
    """A moment that was typed, in the node's zone; the field is marked where it is none."""
    text = form.needed(name)
    if not text:
        return None
    try:
        return typed_moment(text, node.zone)
    except ValueError:
        form.refuse(name, NOT_A_MOMENT)
        return None
