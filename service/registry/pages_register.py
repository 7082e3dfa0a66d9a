"""Registering a move on one page: the person, the move, notice and consents; doubles beside it."""

from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.claims import ReminderKind
from schemas.identity import DocumentType
from schemas.problems import LocalError
from service.consents.notices import current
from service.context import CurrentNode, Node
from service.idempotency import form_once, form_sent_before
from service.officers.doors import PageOfficer, RegisterOfficer
from service.officers.queries import all_accounts
from service.officers.rules import Officer
from service.registry.doubles.at_entry import HOW_LIKELY, WHY, Doubles, doubles_of
from service.registry.drafts import ArrivalDraft
from service.registry.life.moves import find_arrival, find_departure
from service.registry.pages_frame import PersonHead, person_head
from service.registry.parked import drop_parked
from service.registry.people import unseal_person
from service.registry.queries import moved_on, other_end, recent_regions
from service.registry.register import register_arrival, register_departure
from service.registry.typed_moves import (
    DEFAULTS,
    FORM_NAMES,
    OFFICE_WAYS,
    Direction,
    like,
    peer_region,
    read_line,
    read_move,
    region_of,
    today_form,
)
from service.web.dates import typed_date
from service.web.forms import Form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

FIELDS_OF_THE_LINE: Final = ("name", "document_type", "document_number", "date_of_birth", "phone")


@router.get("/arrivals/new")
async def new_arrival(request: Request, node: CurrentNode, officer: RegisterOfficer, person: str = "") -> Response:
    """An empty form for someone who came; with `person` for one who is registered here already."""
    return await show_form(request, node, officer, "arrivals", Form.of(person_id=person or None, **_empty(node)))


@router.get("/departures/new")
async def new_departure(
    request: Request, node: CurrentNode, officer: RegisterOfficer, person: str = "", onward: str = ""
) -> Response:
    """An empty form for someone who left; with `person` for one who is registered here already, with `onward` for one
    whose stay here ends with it.
    """
    form = Form.of(person_id=person or None, onward_from=onward or None, **_empty(node))
    return await show_form(request, node, officer, "departures", form)


@router.get("/arrivals/{move_id}/next")
async def next_arrival(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """A form for the next person of the same way and the same address."""
    form = await node.database.write(lambda session: _same_way(session, node, officer, "arrivals", move_id))
    return await show_form(request, node, officer, "arrivals", form)


@router.get("/departures/{move_id}/next")
async def next_departure(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """A form for the next person of the same way and the same address."""
    form = await node.database.write(lambda session: _same_way(session, node, officer, "departures", move_id))
    return await show_form(request, node, officer, "departures", form)


@router.post("/arrivals/new/line")
async def arrival_line(request: Request, node: CurrentNode, officer: RegisterOfficer) -> Response:
    """Fill the form from one line: a card reader's keystrokes, or a paste."""
    return await _filled(request, node, officer, "arrivals")


@router.post("/departures/new/line")
async def departure_line(request: Request, node: CurrentNode, officer: RegisterOfficer) -> Response:
    """Fill the form from one line: a card reader's keystrokes, or a paste."""
    return await _filled(request, node, officer, "departures")


@router.post("/arrivals/new")
async def save_arrival(request: Request, node: CurrentNode, officer: RegisterOfficer) -> Response:
    """Register the arrival; go on to the saved page."""
    return await _save(request, node, officer, "arrivals")


@router.post("/departures/new")
async def save_departure(request: Request, node: CurrentNode, officer: RegisterOfficer) -> Response:
    """Register the departure; go on to the saved page."""
    return await _save(request, node, officer, "departures")


@router.post("/people/doubles")
async def doubles(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Who may be the same person as the one being typed; a piece of the page."""
    form = await sent_form(request)
    found = await node.database.write(lambda session: typed_doubles(session, node, form, officer))
    direction = "departures" if form.text("direction") == "departures" else "arrivals"
    return pages_of(request).render(
        request, "registry/doubles.html", found=found, direction=direction, why=WHY, how_likely=HOW_LIKELY
    )


def typed_doubles(session: Session, node: Node, form: Form, officer: Officer) -> Doubles:
    """Who may be the same person as the one in the form."""
    kind = form.text("document_type")
    return doubles_of(
        session,
        node,
        name=form.text("name"),
        document_type=DocumentType(kind) if kind in set(DocumentType) else DocumentType.NONE,
        document_number=form.text("document_number"),
        date_of_birth=_day(form.text("date_of_birth")),
        phone=form.text("phone"),
        by=officer,
    )


async def _save(request: Request, node: Node, officer: Officer, direction: Direction) -> Response:
    form = await sent_form(request)
    region = region_of(form, node)
    share = await node.database.read(lambda session: peer_region(session, region)) if region else None
    draft = read_move(form, node, direction, share, region)
    if draft is None:
        return await show_form(request, node, officer, direction, form, status=422)
    if draft.person is not None and not await form_sent_before(node, officer, form.key, form.typed):
        # Without a script nobody was shown them yet; with one, they stand beside the form, and nothing asks again.
        found = await node.database.write(lambda session: typed_doubles(session, node, form, officer))
        if set(found.ids) - set(form.texts("doubles_seen")):
            return await show_form(request, node, officer, direction, form, found=found)

    def register(session: Session) -> str:
        if isinstance(draft, ArrivalDraft):
            saved = register_arrival(session, node, draft, by=officer)
        else:
            saved = register_departure(session, node, draft, by=officer)
        drop_parked(session, form.text("parked"), by=officer)
        return f"/people/{saved.move.person_id}/saved/{saved.move.id}"

    try:
        location = await form_once(node, officer, form.key, form.typed, register)
    except LocalError as error:
        form.take(error, FORM_NAMES)
        return await show_form(request, node, officer, direction, form, status=error.status)
    return pages_of(request).see_other(request, location)


async def _filled(request: Request, node: Node, officer: Officer, direction: Direction) -> Response:
    form = await sent_form(request)
    told = read_line(form.text("line"))
    for field in FIELDS_OF_THE_LINE:
        if field in told:
            form.values[field] = [told[field]]
    for field, value in _empty(node).items():
        form.values.setdefault(field, [value])
    form.values.pop("line", None)
    return await show_form(request, node, officer, direction, form)


async def show_form(
    request: Request,
    node: Node,
    officer: Officer,
    direction: Direction,
    form: Form,
    *,
    found: Doubles | None = None,
    status: int = 200,
) -> Response:
    """The page of registering, with what was typed so far; `found` are doubles to be looked at before saving."""

    def read(session: Session) -> tuple[PersonHead | None, list[str], list[str]]:
        person_id = form.text("person_id")
        head = person_head(session, node, person_id, by=officer) if person_id else None
        accounts = all_accounts(session)
        witnesses = [one.name for one in accounts if one.disabled_at is None and one.name != officer.name]
        return head, witnesses, recent_regions(session, direction, by=officer)

    head, witnesses, recent = await node.database.write(read)
    return pages_of(request).render(
        request,
        "registry/new.html",
        status=status,
        direction=direction,
        form=form,
        head=head,
        witnesses=sorted(witnesses),
        wording=current(),
        ways=OFFICE_WAYS,
        reminder_kinds=list(ReminderKind),
        document_types=list(DocumentType),
        recent=recent,
        found=found or Doubles(),
        why=WHY,
        how_likely=HOW_LIKELY,
    )


def _same_way(session: Session, node: Node, officer: Officer, direction: Direction, move_id: str) -> Form:
    find = find_arrival if direction == "arrivals" else find_departure
    move, person = find(session, node, move_id, officer)
    opened = unseal_person(
        session, node, person, actor=officer.as_actor, action="person.shown", purpose="counter", fields=("address",)
    )
    return like(node.divisions.full_name(other_end(move)), moved_on(move), opened.address)


def _empty(node: Node) -> dict[str, str]:
    return {"moved_on": today_form(node.today()).text("moved_on"), **DEFAULTS}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(typed_date(text))
    except ValueError:
        return None
