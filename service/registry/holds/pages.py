"""Legal holds inside the opened person: propose, agree as a second officer, lift; and what was promised meanwhile."""

from collections.abc import Callable
from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from pydantic import ValidationError
from sqlmodel import Session
from starlette.responses import Response

from schemas.problems import LocalError, NotFound
from service.context import CurrentNode, Node
from service.idempotency import form_once
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.registry.holds.deciding import (
    HoldDraft,
    confirm_hold,
    lift_hold,
    propose_hold,
    refuse_hold,
    shown_holds,
    undo_hold,
    undoable,
)
from service.registry.holds.rules import HOLD_CODES, latest_end
from service.registry.holds.standing import OpenHold, keep_after_all_for
from service.registry.pages_frame import PersonHead, person_head
from service.registry.typed_moves import NOT_VALID
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

STEPS: Final[dict[str, tuple[Callable[..., OpenHold], str]]] = {
    "confirm": (confirm_hold, "hold_confirmed"),
    "refuse": (refuse_hold, "hold_refused"),
    "lift": (lift_hold, "hold_lifted"),
    "undo": (undo_hold, "undone"),
}
"""What can be done about a hold, and what is said then."""


@router.get("/people/{person_id}/hold")
async def hold_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """What holds the record, what waits for a second officer, and a form to propose a hold."""
    return await _hold_page(request, node, officer, person_id, Form())


@router.post("/people/{person_id}/hold")
async def propose(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Propose a hold."""
    form = await sent_form(request)
    code = form.choice("code", HOLD_CODES)
    reference, until = form.needed("reference"), form.date("until")
    if form.ok and until is not None:
        try:
            draft = HoldDraft.model_validate({"code": code, "reference": reference, "until": date.fromisoformat(until)})

            def save(session: Session) -> str:
                return propose_hold(session, node, person_id, draft, by=officer).id

            hold_id = await form_once(node, officer, form.key, form.typed, save)
        except ValidationError as error:
            for found in error.errors():
                form.refuse(str(found["loc"][-1]), NOT_VALID)
        except LocalError as error:
            if error.status in (403, 404):
                raise
            form.take(error)
        else:
            undo = f"/people/{person_id}/hold/{hold_id}/refuse"
            return pages_of(request).see_other(request, f"/people/{person_id}/hold", Done("hold_proposed", undo))
    return await _hold_page(request, node, officer, person_id, form, status=422)


@router.post("/people/{person_id}/hold/{hold_id}/{step}")
async def decide(
    request: Request, node: CurrentNode, officer: PageOfficer, *, person_id: str, hold_id: str, step: str
) -> Response:
    """Agree, refuse, lift, or take one's own last step back."""
    if step not in STEPS:
        raise NotFound
    act, said = STEPS[step]
    try:
        await node.database.write(lambda session: act(session, node, person_id, hold_id, by=officer))
    except LocalError as error:
        if error.status in (403, 404):
            raise
        form = Form()
        form.take(error)
        return await _hold_page(request, node, officer, person_id, form, status=error.status)
    path = f"/people/{person_id}/hold"
    undo = None if step == "undo" else f"{path}/{hold_id}/undo"
    return pages_of(request).see_other(request, path, Done(said, undo))


@router.post("/people/{person_id}/keep")
async def keep(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """At the person's word, do not erase the record once the hold is over."""
    await node.database.write(lambda session: keep_after_all_for(session, node, person_id, by=officer))
    return pages_of(request).see_other(request, f"/people/{person_id}", Done("kept_after_all"))


async def _hold_page(
    request: Request, node: Node, officer: Officer, person_id: str, form: Form, *, status: int = 200
) -> Response:
    def read(session: Session) -> tuple[list[OpenHold], PersonHead]:
        return shown_holds(session, node, person_id, by=officer), person_head(session, node, person_id, by=officer)

    holds, head = await node.database.write(read)
    today = node.today()
    return pages_of(request).render(
        request,
        "registry/hold.html",
        status=status,
        current_tab="",
        head=head,
        standing=next((one for one in holds if one.state == "standing" and one.until >= today), None),
        proposed=next((one for one in holds if one.state == "proposed"), None),
        earlier=[one for one in holds if one.state not in ("standing", "proposed")],
        undoable={one.id for one in holds if undoable(one, officer, node.now())},
        officer_name=officer.name,
        codes=HOLD_CODES,
        latest=latest_end(today),
        form=form,
    )
