"""One person: moves and timeline, the full record for a purpose, correcting, protecting, voiding, erasing."""

from datetime import date, datetime
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from schemas.identity import DocumentType, Language
from schemas.problems import Conflict, LocalError
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer, Role
from service.registry.changes import ProtectionReason, correct_person, erase_person, protect_person
from service.registry.drafts import PersonChanges
from service.registry.pages_frame import head_of
from service.registry.queries import FullPurpose, Record, moved_on, open_record, other_end
from service.registry.tables import Arrival, Departure
from service.registry.typed_moves import NOT_VALID, read_person
from service.registry.voiding import void_person
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

PURPOSES: Final = get_args(FullPurpose)
REASONS: Final = get_args(ProtectionReason)
CHANGED_MEANWHILE: Final = N_(
    "Somebody changed this record in the meantime. Below is what stands now; type your change again."
)


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
    """Correct the person."""
    form = await sent_form(request)
    status = 422
    body: dict[str, Any] = read_person(form) | {
        "address": form.text("address") or None,
        "version": int(form.text("version")) if form.text("version").isdigit() else None,
    }
    if form.ok:
        try:
            changes = PersonChanges.model_validate(body)
            await node.database.write(lambda session: correct_person(session, node, person_id, changes, by=officer))
        except ValidationError as error:
            for found in error.errors():
                form.refuse(str(found["loc"][-1]), NOT_VALID)
        except Conflict:
            form.refuse("", CHANGED_MEANWHILE)
            form.values.pop("version", None)
            status = 409
        except LocalError as error:
            form.take(error)
        else:
            return pages_of(request).see_other(request, f"/people/{person_id}", Done("saved"))
    record = await node.database.write(
        lambda session: open_record(session, node, person_id, by=officer, full=True, purpose="correction")
    )
    if status == 409:
        fresh = _filled(record)
        fresh.errors = form.errors
        form = fresh
    return _edit_page(request, node, record, form, status=status)


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
            return pages_of(request).see_other(request, path, Done("protected"))
    return await _record_page(request, node, officer, person_id, form=form, status=422)


@router.post("/people/{person_id}/void")
async def void(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Void the record: it was made in error."""
    await node.database.write(lambda session: void_person(session, node, person_id, by=officer))
    return pages_of(request).see_other(request, "/", Done("voided"))


@router.post("/people/{person_id}/erase")
async def erase(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Erase the record at the person's request."""
    try:
        await node.database.write(lambda session: erase_person(session, node, person_id, by=officer))
    except LocalError as error:
        if error.status == 404:
            raise
        form = Form()
        form.take(error)
        return await _record_page(request, node, officer, person_id, form=form, status=error.status)
    return pages_of(request).see_other(request, "/", Done("erased"))


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
    record = await node.database.write(
        lambda session: open_record(
            session,
            node,
            person_id,
            by=officer,
            full=purpose is not None,
            purpose=purpose,  # type: ignore[arg-type]  # one of the list, or None
        )
    )
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


def _edit_page(request: Request, node: Node, record: Record, form: Form, *, status: int = 200) -> Response:
    return pages_of(request).render(
        request,
        "registry/edit.html",
        status=status,
        head=head_of(node, record.person),
        current_tab="",
        form=form,
        document_types=list(DocumentType),
        languages=list(Language),
    )
