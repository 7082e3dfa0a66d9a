"""JSON: legal holds of one record, and the erasure that waits behind one."""

from datetime import date, datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlmodel import Session

from service.context import CurrentNode
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.registry.holds import deciding, standing
from service.registry.holds.deciding import HoldDraft
from service.registry.holds.rules import HoldCode
from service.registry.holds.standing import OpenHold

router = APIRouter(route_class=JsonRoute, tags=["people"])

HoldState = Literal["proposed", "standing", "refused", "withdrawn", "lifted", "replaced", "ended"]


class HoldView(BaseModel):
    """A legal hold: in force while it is `standing`, which takes a second officer."""

    id: str
    code: HoldCode
    reference: str
    until: date
    state: HoldState
    office: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    erase_asked_at: datetime | None

    @classmethod
    def of(cls, hold: OpenHold) -> "HoldView":
        """The view of a hold."""
        return cls.model_validate(hold, from_attributes=True)


class HoldList(BaseModel):
    """The holds of a record, newest first."""

    items: list[HoldView]


@router.get("/people/{person_id}/legal-holds")
async def holds(person_id: str, node: CurrentNode, officer: CurrentOfficer) -> HoldList:
    """List the legal holds of a record that are still known."""

    def read(session: Session) -> HoldList:
        found = deciding.shown_holds(session, node, person_id, by=officer)
        return HoldList(items=[HoldView.of(one) for one in found])

    return await node.database.write(read)


@router.post("/people/{person_id}/legal-holds", status_code=201)
async def propose(person_id: str, body: HoldDraft, node: CurrentNode, officer: CurrentOfficer) -> HoldView:
    """Propose that a record be kept by law; a second supervisor must agree."""

    def write(session: Session) -> HoldView:
        return HoldView.of(deciding.propose_hold(session, node, person_id, body, by=officer))

    return await write_once(node, write)


@router.post("/people/{person_id}/legal-holds/{hold_id}/confirm")
async def confirm(person_id: str, hold_id: str, node: CurrentNode, officer: CurrentOfficer) -> HoldView:
    """Agree to a proposal, as a second supervisor."""

    def write(session: Session) -> HoldView:
        return HoldView.of(deciding.confirm_hold(session, node, person_id, hold_id, by=officer))

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/legal-holds/{hold_id}/refuse")
async def refuse(person_id: str, hold_id: str, node: CurrentNode, officer: CurrentOfficer) -> HoldView:
    """Decline a proposal, or withdraw one's own."""

    def write(session: Session) -> HoldView:
        return HoldView.of(deciding.refuse_hold(session, node, person_id, hold_id, by=officer))

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/legal-holds/{hold_id}/lift")
async def lift(person_id: str, hold_id: str, node: CurrentNode, officer: CurrentOfficer) -> HoldView:
    """End a hold before its day."""

    def write(session: Session) -> HoldView:
        return HoldView.of(deciding.lift_hold(session, node, person_id, hold_id, by=officer))

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/legal-holds/{hold_id}/undo")
async def undo(person_id: str, hold_id: str, node: CurrentNode, officer: CurrentOfficer) -> HoldView:
    """Take one's own last step about a hold back, within ten minutes."""

    def write(session: Session) -> HoldView:
        return HoldView.of(deciding.undo_hold(session, node, person_id, hold_id, by=officer))

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/keep", status_code=204)
async def keep(person_id: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """The person no longer wants to be erased once the legal hold is over."""
    await write_once(
        node, lambda session: standing.keep_after_all_for(session, node, person_id, by=officer), status=204
    )
