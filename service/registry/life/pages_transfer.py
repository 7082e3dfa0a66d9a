"""Looking in the whole node by three exact facts, and taking a record over: all of it posted, none in an address."""

from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from pydantic import ValidationError
from sqlmodel import Session
from starlette.responses import Response

from schemas.claims import Way
from schemas.identity import birth_date_of, document_type_of, fold_name, normalise_document_number
from schemas.problems import LocalError, NotFound
from service.consents.consents import NoticeDraft
from service.consents.notices import CURRENT_VERSION, current
from service.context import CurrentNode, Node
from service.idempotency import form_once
from service.officers.doors import PageOfficer
from service.officers.rules import Officer, Role, require
from service.registry.life.transfer import ExactFacts, Located, TransferDraft, find_in_node, transfer_in
from service.registry.typed_moves import NOT_VALID, NOTICE_FIRST, OFFICE_WAYS
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

PRESENT_FIRST: Final = N_("A record is transferred in only while the person is here.")


@router.get("/search/node")
async def node_page(request: Request, officer: PageOfficer) -> Response:
    """The empty form: name, number and date of birth."""
    require(officer, Role.CLERK, Role.SUPERVISOR)
    return _page(request, Form())


@router.post("/search/node")
async def node_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Which township holds the record; or the form, filled with what was searched for in vain."""
    require(officer, Role.CLERK, Role.SUPERVISOR)
    form = await sent_form(request)
    if "q" in form.values:
        return _page(request, _begun(form.text("q")))
    facts = _facts(form)
    if facts is None:
        return _page(request, form, status=422)
    found = await _find(node, facts, form, officer)
    return _page(request, form, found=found, looked=form.ok, status=200 if form.ok else 403)


@router.post("/search/node/transfer")
async def transfer_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Take the record over; the person is here and was told."""
    require(officer, Role.CLERK, Role.SUPERVISOR)
    form = await sent_form(request)
    facts = _facts(form)
    if facts is None:
        return _page(request, form, status=422)
    if not form.has("present", "yes"):
        form.refuse("present", PRESENT_FIRST)
    way = form.text("notice_way")
    if way not in OFFICE_WAYS:
        form.refuse("notice_way", NOTICE_FIRST)
    found = await _find(node, facts, form, officer)
    if not form.ok or found is None or found.person_id is not None:
        return _page(request, form, found=found, looked=found is None, status=200 if form.ok else 422)
    notice = NoticeDraft(version=CURRENT_VERSION, way=Way(way), given_at=node.now())
    draft = TransferDraft(**dict(facts), present=True, notice=notice)

    def take(session: Session) -> str:
        done = transfer_in(session, node, draft, by=officer)
        return f"/people/{done.person.id} /people/{done.person.id}/undo/{done.change or ''}"

    try:
        page, undo = (await form_once(node, officer, form.key, form.typed, take)).split(" ")
    except NotFound:
        return _page(request, form, looked=True)
    except LocalError as error:
        form.take(error)
        return _page(request, form, found=found, status=error.status)
    return pages_of(request).see_other(request, page, Done("transferred_in", undo.rstrip("/")))


async def _find(node: Node, facts: ExactFacts, form: Form, officer: Officer) -> Located | None:
    try:
        return await node.database.write(lambda session: find_in_node(session, node, facts, by=officer))
    except LocalError as error:
        if error.status == 403 and error.code != "daily_limit":
            raise
        form.take(error)
        return None


def _facts(form: Form) -> ExactFacts | None:
    """The three facts; a resident ID tells the date of birth by itself."""
    name, number = form.needed("name"), form.needed("document_number")
    kept = normalise_document_number(number)
    kind = document_type_of(kept)
    told = birth_date_of(kind, kept) if kind is not None else None
    born = told.isoformat() if told and not form.text("date_of_birth") else form.date("date_of_birth")
    if not form.ok or born is None:
        return None
    try:
        return ExactFacts(name=name, document_number=number, date_of_birth=date.fromisoformat(born))
    except ValidationError as error:
        for found in error.errors():
            form.refuse(str(found["loc"][-1]), NOT_VALID)
        return None


def _begun(query: str) -> Form:
    """The form with what a search in vain had: a number, or a name."""
    number = normalise_document_number(query)
    kind = document_type_of(number)
    if kind is not None:
        born = birth_date_of(kind, number)
        return Form.of(document_number=number, date_of_birth=f"{born:%Y%m%d}" if born else "")
    return Form.of(name=query) if not any(one.isdigit() for one in fold_name(query)) else Form()


def _page(
    request: Request, form: Form, *, found: Located | None = None, looked: bool = False, status: int = 200
) -> Response:
    return pages_of(request).render(
        request,
        "registry/search_node.html",
        status=status,
        form=form,
        found=found,
        missing=looked and found is None,
        ways=OFFICE_WAYS,
        wording=current(),
    )
