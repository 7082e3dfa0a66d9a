"""Forms put aside (F8): parking one, going on with it, discarding it."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.context import CurrentNode
from service.officers.doors import PageOfficer
from service.registry.pages_register import show_form
from service.registry.parked import ParkedKind, drop_parked, park, take_up
from service.registry.typed_moves import Direction
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

NOT_KEPT: Final = frozenset({"code", "doubles_seen", "line"})
"""Fields that are not put aside: the person's own code, and what belongs to the page alone."""


@router.post("/parked")
async def park_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Put the form aside as it is, wrong or unfinished; go on with somebody else."""
    form = await sent_form(request)
    kind: ParkedKind = "departures" if form.text("direction") == "departures" else "arrivals"
    typed = {name: values for name, values in form.typed.items() if name not in NOT_KEPT}
    await node.database.write(lambda session: park(session, node, kind, typed, by=officer))
    return pages_of(request).see_other(request, "/", Done("parked"))


@router.get("/parked/{parked_id}")
async def go_on(request: Request, node: CurrentNode, officer: PageOfficer, parked_id: str) -> Response:
    """The form as it was put aside."""
    found = await node.database.read(lambda session: take_up(session, node, parked_id, by=officer))
    direction: Direction = "departures" if found.kind == "departures" else "arrivals"
    form = Form({**found.typed, "parked": [found.id]})
    return await show_form(request, node, officer, direction, form)


@router.post("/parked/{parked_id}/discard")
async def discard(request: Request, node: CurrentNode, officer: PageOfficer, parked_id: str) -> Response:
    """Let go of a form that is not needed any more."""
    await node.database.write(lambda session: drop_parked(session, parked_id, by=officer))
    return pages_of(request).see_other(request, "/", Done("discarded"))
