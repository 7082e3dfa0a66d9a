"""One person: moves and timeline, the full record for a purpose, correcting, protecting, voiding, erasing."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from pydantic import ValidationError
from sqlmodel import Session
from starlette.responses import Response

from schemas.identity import DocumentType, Language
from schemas.problems import Conflict, LocalError
from service.context import CurrentNode, Node
from service.idempotency import form_once
from service.officers.doors import PageOfficer
from service.officers.rules import Officer, Role
from service.registry.changes import (
    ProtectionReason,
    correct_person,
    erase_person,
    meanwhile_of,
    protect_person,
)
from service.registry.drafts import PersonChanges
from service.registry.holds.standing import ask_erasure_for, is_held
from service.registry.life.voiding import void_person
from service.registry.pages_frame import head_of
from service.registry.pages_meanwhile import FIELD_NAMES, take_theirs, theirs_chosen, version_seen
from service.registry.queries import FullPurpose, Record, moved_on, open_record, other_end
from service.registry.tables import Arrival, Departure
from service.registry.typed_moves import NOT_VALID, read_person
from service.registry.undoing.history import Change, changes_of
from service.registry.undoing.meanwhile import FieldConflict
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

PURPOSES: Final = get_args(FullPurpose)
REASONS: Final = get_args(ProtectionReason)
SAVES: Final = {
    "corrected": N_("Corrected the record"),
    "moved_house": N_("Changed the address"),
    "moved_on": N_("Recorded the journey onward"),
    "ended": N_("Ended a move"),
    "reopened": N_("Reopened a move"),
    "move_corrected": N_("Corrected a move"),
    "voided": N_("Voided a move"),
    "protected": N_("Changed the protection"),
    "told": N_("Recorded the notice"),
    "answers": N_("Recorded the answers about consents"),
}


@router.get("/people/{person_id}")
async def person_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """The moves of a person, with what happened to them."""
    return await _record_page(request, node, officer, person_id, form=Form())


@router.post("/people/{person_id}/full")
async def full_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """The full record, once a purpose is named; the look is logged with it."""
    form = await sent_form(request)
    purpose = form.choice("purpose", PURPOSES)
    if not form.ok:
        return await _record_page(request, node, officer, person_id, form=form, status=422)
    return await _record_page(request, node, officer, person_id, form=Form(), purpose=purpose)


@router.get("/people/{person_id}/edit")
async def edit_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """The fields of a person, to be corrected."""
    record = await node.database.write(
        lambda session: open_record(session, node, person_id, by=officer, full=True, purpose="correction")
    )
    return _edit_page(request, node, record, _filled(record))


@router.post("/people/{person_id}/edit")
async def edit(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Correct the person; where a colleague changed the same field meanwhile, let the officer choose."""
    form = await sent_form(request)
    body: dict[str, Any] = read_person(form) | {
        "address": form.text("address") or None,
        "version": version_seen(form),
    }
    for field in theirs_chosen(form):
        # Theirs stays: what the colleague saved is not sent again.
        body.pop(field, None)
    conflicts: list[FieldConflict] = []
    if form.ok:
        try:
            changes = PersonChanges.model_validate(body)
            change = await form_once(
                node,
                officer,
                form.key,
                form.typed,
                lambda session: (
                    correct_person(session, node, person_id, changes, by=officer, whole_form=True).change or ""
                ),
            )
        except ValidationError as error:
            for found in error.errors():
                form.refuse(str(found["loc"][-1]), NOT_VALID)
        except Conflict:
            met = await node.database.write(lambda session: meanwhile_of(session, node, person_id, changes, by=officer))
            conflicts = met.conflicts
            take_theirs(form, met, _typed_as)
        except LocalError as error:
            if error.status == 404:
                raise
            form.take(error)
        else:
            undo = f"/people/{person_id}/undo/{change}" if change else None
            return pages_of(request).see_other(request, f"/people/{person_id}", Done("saved", undo))
    record = await node.database.write(
        lambda session: open_record(session, node, person_id, by=officer, full=True, purpose="correction")
    )
    return _edit_page(request, node, record, form, conflicts=conflicts, status=409 if conflicts else 422)


def _typed_as(name: str, value: Any) -> tuple[str, str]:
    return name, (value or "").replace("-", "") if name == "date_of_birth" else value or ""


@router.post("/people/{person_id}/protect")
async def protect(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Hide the person until a day; for a supervisor, also lift that."""
    form = await sent_form(request)
    reason = form.choice("reason", REASONS)
    until = form.date("until")
    if form.ok and until is not None:
        try:
            await node.database.write(
                lambda session: protect_person(
                    session,
                    node,
                    person_id,
                    reason,  # type: ignore[arg-type]  # checked against the list above
                    date.fromisoformat(until),
                    by=officer,
                )
            )
        except LocalError as error:
            form.take(error)
        else:
            path = f"/people/{person_id}" if officer.has(Role.SUPERVISOR) else "/"
            return pages_of(request).see_other(request, path, Done("protected", f"/people/{person_id}/undo"))
    return await _record_page(request, node, officer, person_id, form=form, status=422)


@router.post("/people/{person_id}/void")
async def void(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Void the record: it was made in error."""
    change = await node.database.write(lambda session: void_person(session, node, person_id, by=officer))
    return pages_of(request).see_other(request, "/", Done("voided", f"/people/{person_id}/undo/{change}"))


@router.post("/people/{person_id}/erase")
async def erase(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Erase the record at the person's request."""

    def act(session: Session) -> Done:
        if not is_held(session, node, person_id):
            erase_person(session, node, person_id, by=officer)
            return Done("erased")
        ask_erasure_for(session, node, person_id, by=officer)
        return Done("erased_later", f"/people/{person_id}/keep")

    try:
        done = await node.database.write(act)
    except LocalError as error:
        if error.status == 404:
            raise
        form = Form()
        form.take(error)
        return await _record_page(request, node, officer, person_id, form=form, status=error.status)
    return pages_of(request).see_other(request, "/" if done.code == "erased" else f"/people/{person_id}", done)


async def _record_page(
    request: Request,
    node: Node,
    officer: Officer,
    person_id: str,
    *,
    form: Form,
    purpose: str | None = None,
    status: int = 200,
) -> Response:
    def read(session: Session) -> tuple[Record, list[Change]]:
        found = open_record(
            session,
            node,
            person_id,
            by=officer,
            full=purpose is not None,
            purpose=purpose,  # type: ignore[arg-type]  # one of the list, or None
        )
        own = [one for one in changes_of(session, node, found.person.key) if one.undoable_by(officer, node.now())]
        return found, own

    record, undoable = await node.database.write(read)
    return pages_of(request).render(
        request,
        "registry/person_moves.html",
        status=status,
        head=head_of(node, record.person),
        current_tab=f"/people/{person_id}",
        record=record,
        full=purpose is not None,
        form=form,
        purposes=PURPOSES,
        protection_reasons=REASONS,
        timeline=timeline_of(record, node),
        moved_on=moved_on,
        other_end=other_end,
        undoable=undoable,
        saves=SAVES,
        field_names=FIELD_NAMES,
        may_hold=officer.has(Role.SUPERVISOR),
        to_be_told=any(move.state == "to_be_told" for move in record.moves),
    )


def timeline_of(record: Record, node: Node) -> list[tuple[str, str, Arrival | Departure]]:
    """What happened to the moves, newest first: day or month, the step, and the move."""
    steps: list[tuple[str, str, Arrival | Departure]] = []
    for move in record.moves:
        noun = "arrival" if isinstance(move, Arrival) else "departure"
        steps.append((moved_on(move), noun, move))
        if move.confirmed_at is not None:
            steps.append((_local_day(move.confirmed_at, node), "confirmed", move))
        if move.ended_on is not None:
            steps.append((move.ended_on, "ended", move))
    return sorted(steps, key=lambda step: step[0], reverse=True)


def _local_day(at: datetime, node: Node) -> str:
    return at.astimezone(node.zone).date().isoformat()


def _filled(record: Record) -> Form:
    person = record.person
    born = person.identity.date_of_birth
    return Form.of(
        version=str(person.version),
        name=person.identity.name,
        document_type=person.identity.document_type.value,
        document_number=person.identity.document_number or "",
        date_of_birth=f"{born:%Y%m%d}" if born is not None else "",
        phone=person.contact.phone or "",
        email=person.contact.email or "",
        language=person.language,
        address=person.address or "",
    )


def _edit_page(
    request: Request,
    node: Node,
    record: Record,
    form: Form,
    *,
    conflicts: Sequence[FieldConflict] = (),
    status: int = 200,
) -> Response:
    return pages_of(request).render(
        request,
        "registry/edit.html",
        status=status,
        head=head_of(node, record.person),
        current_tab="",
        form=form,
        document_types=list(DocumentType),
        languages=list(Language),
        conflicts=conflicts,
        field_names=FIELD_NAMES,
        full_name=node.divisions.full_name,
    )
