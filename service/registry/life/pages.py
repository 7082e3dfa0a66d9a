"""What may be done with a record later: moving house, correcting a move, reopening it, taking a save back."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import ValidationError
from sqlmodel import Session
from starlette.responses import Response

from schemas.calendar import PartialDate
from schemas.problems import Conflict, LocalError
from service.context import CurrentNode, Node
from service.idempotency import form_once
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.registry.drafts import AddressDraft, ArrivalChanges, DepartureChanges
from service.registry.life.addresses import address_meanwhile, move_house
from service.registry.life.later import (
    correct_arrival,
    correct_departure,
    move_meanwhile,
    reopen_arrival,
    reopen_departure,
)
from service.registry.pages_frame import PersonHead, head_of, person_head
from service.registry.pages_meanwhile import FIELD_NAMES, take_theirs, theirs_chosen, version_seen
from service.registry.people import unseal_person
from service.registry.queries import Listed, moved_on, one_arrival, one_departure, other_end
from service.registry.tables import Departure, Person
from service.registry.typed_moves import NOT_VALID, Direction, region_of
from service.registry.undoing.meanwhile import FieldConflict
from service.registry.undoing.taking_back import undo_change
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

NAMES: Final = {
    "origin_region": "region",
    "destination_region": "region",
    "arrived_on": "moved_on",
    "departed_on": "moved_on",
}


@router.get("/people/{person_id}/address")
async def address_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Where someone lives now, and which township keeps the record."""
    return await _address_page(request, node, officer, person_id, None)


@router.post("/people/{person_id}/address")
async def address_form(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """The new address takes the old one's place."""
    form = await sent_form(request)
    theirs = theirs_chosen(form)
    form.needed("address")
    if not form.ok:
        return await _address_page(request, node, officer, person_id, form, status=422)
    try:
        draft = AddressDraft(address=form.text("address"), area=form.text("area") or None, version=version_seen(form))
    except ValidationError:
        form.refuse("area", NOT_VALID)
        return await _address_page(request, node, officer, person_id, form, status=422)

    def save(session: Session) -> str:
        done = move_house(session, node, person_id, draft, by=officer, whole_form=True, theirs=theirs)
        stays = officer.sees(session.get_one(Person, person_id).area)
        return f"{f'/people/{person_id}' if stays else '/'} /people/{person_id}/undo/{done.change or ''}"

    try:
        page, undo = (await form_once(node, officer, form.key, form.typed, save)).split(" ")
    except Conflict:
        met = await node.database.write(
            lambda session: address_meanwhile(session, node, person_id, draft, by=officer, theirs=theirs)
        )
        take_theirs(form, met, lambda name, value: (name, value or ""))
        return await _address_page(request, node, officer, person_id, form, conflicts=met.conflicts, status=409)
    except LocalError as error:
        if error.status == 404:
            raise
        form.take(error)
    else:
        return pages_of(request).see_other(request, page, Done("moved_house", undo.rstrip("/")))
    return await _address_page(request, node, officer, person_id, form, status=422)


@router.post("/people/{person_id}/undo")
@router.post("/people/{person_id}/undo/{change_id}")
async def undo(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, change_id: str | None = None
) -> Response:
    """Take back one's own save: the one named, or the latest."""

    def write(session: Session) -> bool:
        undo_change(session, node, person_id, change_id, by=officer)
        person = session.get_one(Person, person_id)
        return person.state == "active" and officer.sees(person.area)

    visible = await node.database.write(write)
    return pages_of(request).see_other(request, f"/people/{person_id}" if visible else "/", Done("undone"))


@router.post("/arrivals/{move_id}/reopen")
async def reopen_stay(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """Let a stay that was ended go on."""
    await node.database.write(lambda session: reopen_arrival(session, node, move_id, by=officer).id)
    return pages_of(request).see_other(request, f"/arrivals/{move_id}", Done("reopened", f"/moves/{move_id}/undo"))


@router.post("/departures/{move_id}/reopen")
async def reopen_leave(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """Let a departure that was ended go on."""
    await node.database.write(lambda session: reopen_departure(session, node, move_id, by=officer).id)
    return pages_of(request).see_other(request, f"/departures/{move_id}", Done("reopened", f"/moves/{move_id}/undo"))


@router.get("/arrivals/{move_id}/correct")
async def correct_arrival_page(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """The facts of an arrival, to be corrected."""
    return await _move_page(request, node, officer, direction="arrivals", move_id=move_id)


@router.get("/departures/{move_id}/correct")
async def correct_departure_page(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """The facts of a departure, to be corrected."""
    return await _move_page(request, node, officer, direction="departures", move_id=move_id)


@router.post("/arrivals/{move_id}/correct")
async def correct_arrival_form(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """Correct an arrival."""
    return await _correct(request, node, officer, "arrivals", move_id)


@router.post("/departures/{move_id}/correct")
async def correct_departure_form(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """Correct a departure."""
    return await _correct(request, node, officer, "departures", move_id)


async def _correct(request: Request, node: Node, officer: Officer, direction: Direction, move_id: str) -> Response:
    form = await sent_form(request)
    theirs = theirs_chosen(form)
    conflicts: list[FieldConflict] = []
    region = region_of(form, node)
    moved = form.date("moved_on", month_allowed=True)
    declared = form.date("declared_on", needed=False)
    expected = form.date("expected_return_on", needed=False, month_allowed=True)
    if form.ok and moved is not None:
        body: dict[str, Any] = {"version": version_seen(form), "declared_on": declared}
        changes: ArrivalChanges | DepartureChanges
        if direction == "arrivals":
            body |= {"origin_region": region, "arrived_on": moved}
            changes = ArrivalChanges.model_validate({name: body[name] for name in body.keys() - theirs})
        else:
            body |= {"destination_region": region, "departed_on": moved}
            body |= {"expected_return_on": PartialDate(expected) if expected else None}
            changes = DepartureChanges.model_validate({name: body[name] for name in body.keys() - theirs})

        def save(session: Session) -> str:
            if isinstance(changes, ArrivalChanges):
                correct_arrival(session, node, move_id, changes, by=officer, whole_form=True)
            else:
                correct_departure(session, node, move_id, changes, by=officer, whole_form=True)
            return f"/{direction}/{move_id}"

        try:
            page = await form_once(node, officer, form.key, form.typed, save)
        except Conflict:
            met = await node.database.read(lambda session: move_meanwhile(session, node, move_id, changes, by=officer))
            conflicts = met.conflicts
            take_theirs(form, met, partial(_typed_as, node))
        except LocalError as error:
            if error.status == 404:
                raise
            form.take(error, NAMES)
        else:
            return pages_of(request).see_other(request, page, Done("saved", f"/moves/{move_id}/undo"))
    return await _move_page(
        request, node, officer, direction=direction, move_id=move_id, typed=form, conflicts=conflicts
    )


def _typed_as(node: Node, name: str, value: Any) -> tuple[str, str]:
    if name.endswith("_region"):
        return "region", node.divisions.full_name(value)
    return NAMES.get(name, name), (value or "").replace("-", "")


async def _move_page(
    request: Request,
    node: Node,
    officer: Officer,
    *,
    direction: Direction,
    move_id: str,
    typed: Form | None = None,
    conflicts: Sequence[FieldConflict] = (),
) -> Response:
    def read(session: Session) -> Listed:
        one = one_arrival if direction == "arrivals" else one_departure
        return one(session, node, move_id, by=officer)

    listed = await node.database.write(read)
    move = listed.move
    form = typed or Form.of(
        version=str(listed.person.version),
        region=node.divisions.full_name(other_end(move)),
        moved_on=moved_on(move).replace("-", ""),
        declared_on=(move.declared_on or "").replace("-", ""),
        expected_return_on=((move.expected_return_on or "") if isinstance(move, Departure) else "").replace("-", ""),
    )
    return pages_of(request).render(
        request,
        "registry/correct_move.html",
        status=200 if typed is None else 409 if conflicts else 422,
        direction=direction,
        move=move,
        person=listed.person,
        form=form,
        conflicts=conflicts,
        field_names=FIELD_NAMES,
    )


async def _address_page(
    request: Request,
    node: Node,
    officer: Officer,
    person_id: str,
    typed: Form | None,
    *,
    conflicts: Sequence[FieldConflict] = (),
    status: int = 200,
) -> Response:
    def read(session: Session) -> tuple[PersonHead, Form]:
        if typed is not None:
            return person_head(session, node, person_id, by=officer), typed
        head = person_head(session, node, person_id, by=officer)
        person = session.get_one(Person, person_id)
        opened = unseal_person(
            session, node, person, actor=officer.as_actor, action="person.shown", purpose="counter", fields=("address",)
        )
        filled = Form.of(version=str(opened.version), address=opened.address or "", area=head.area)
        return head_of(node, opened), filled

    head, form = await node.database.write(read)
    return pages_of(request).render(
        request,
        "registry/address.html",
        status=status,
        head=head,
        current_tab="",
        form=form,
        conflicts=conflicts,
        field_names=FIELD_NAMES,
        areas=[(area.code, area.name) for area in node.divisions.children(node.region)],
    )
