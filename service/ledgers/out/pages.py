"""The page of ledgers out: columns, filters, purpose; the second officer's agreement; the file."""

from datetime import date
from typing import Final, cast, get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from schemas.problems import LocalError
from service.context import CurrentNode, Node
from service.ledgers.files.fields import LedgerKind
from service.ledgers.origins import office_named
from service.ledgers.out.export import head_of
from service.ledgers.out.exporting import (
    USUAL,
    ExportColumn,
    ExportWish,
    columns_of,
    confirm_export,
    exports_of,
    request_export,
)
from service.ledgers.out.routes import ExportAnswer, export_response
from service.officers.doors import PageOfficer
from service.officers.rules import Officer, Role
from service.registry.queries import FullPurpose, MoveFilter
from service.registry.rules import ARRIVAL_STATES, DEPARTURE_STATES
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of
from service.work_items.actions import require_people

router = APIRouter(include_in_schema=False)

_STATES: Final = {LedgerKind.ARRIVALS: ARRIVAL_STATES, LedgerKind.DEPARTURES: DEPARTURE_STATES}
NO_SUCH_REGION: Final = N_("Please choose a region from the list, by its name.")


@router.get("/ledgers/exports")
async def exports_page(request: Request, node: CurrentNode, officer: PageOfficer, kind: str = "arrivals") -> Response:
    """What may be exported, and what was asked for."""
    require_people(officer)
    wanted = LedgerKind(kind) if kind in set(LedgerKind) else LedgerKind.ARRIVALS
    return await _page(request, node, officer, wanted, Form.of(columns=[one.value for one in USUAL], file_type="xlsx"))


@router.post("/ledgers/exports")
async def ask(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Ask for a file."""
    require_people(officer)
    form = await sent_form(request)
    kind = LedgerKind(form.text("kind")) if form.text("kind") in set(LedgerKind) else LedgerKind.ARRIVALS
    wish = _wish(form, node, kind)
    if wish is not None:
        try:
            await node.database.write(lambda session: request_export(session, node, wish, by=officer))
        except LocalError as error:
            form.take(error)
        else:
            return pages_of(request).see_other(request, "/ledgers/exports", Done("export_asked"))
    return await _page(request, node, officer, kind, form, status=422)


@router.post("/ledgers/exports/{export_id}/confirm")
async def agree(request: Request, node: CurrentNode, officer: PageOfficer, export_id: str) -> Response:
    """Agree as a second officer."""
    await node.database.write(lambda session: confirm_export(session, node, export_id, by=officer))
    return pages_of(request).see_other(request, "/ledgers/exports", Done("export_agreed"))


@router.get("/ledgers/exports/{export_id}/file")
async def fetch(request: Request, node: CurrentNode, officer: PageOfficer, export_id: str) -> Response:
    """The file."""
    return await export_response(node, officer, export_id, pages_of(request).translator(request).language)


def _wish(form: Form, node: Node, kind: LedgerKind) -> ExportWish | None:
    purpose = form.choice("purpose", get_args(FullPurpose))
    file_type = form.choice("file_type", ("xlsx", "csv"))
    peer = office_named(node.divisions, form.text("peer"))
    if form.text("peer") and peer is None:
        form.refuse("peer", NO_SUCH_REGION)
    days = {name: form.date(name, needed=False) for name in ("moved_from", "moved_to")}
    columns = tuple(ExportColumn(one) for one in form.texts("columns") if one in set(ExportColumn))
    if not form.ok:
        return None
    wanted = MoveFilter(
        state=form.text("state") or None,
        peer=peer,
        moved_from=_date(days["moved_from"]),
        moved_to=_date(days["moved_to"]),
    )
    return ExportWish(
        kind,
        columns,
        cast("FullPurpose", purpose),
        wanted,
        "csv" if file_type == "csv" else "xlsx",
        full=form.has("full", "1"),
    )


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


async def _page(
    request: Request, node: Node, officer: Officer, kind: LedgerKind, form: Form, *, status: int = 200
) -> Response:
    rows = await node.database.read(lambda session: exports_of(session, node, by=officer))
    translator = pages_of(request).translator(request)
    return pages_of(request).render(
        request,
        "ledgers/exports.html",
        status=status,
        form=form,
        kind=kind,
        columns=[(one.value, head_of(one, kind, translator)) for one in columns_of(kind)],
        states=[
            one for one in (ARRIVAL_STATES if kind is LedgerKind.ARRIVALS else DEPARTURE_STATES) if one != "voided"
        ],
        purposes=get_args(FullPurpose),
        may_ask_full=officer.has(Role.SUPERVISOR),
        exports=[ExportAnswer.of(row) for row in rows],
        me=officer.name,
    )
