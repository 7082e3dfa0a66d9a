"""Importing a ledger: the file, its columns and rows by outcome, then import, report, undo; and what was imported."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from schemas.problems import LocalError
from service.context import CurrentNode, Node
from service.ledgers import actions
from service.ledgers.fields import LedgerKind
from service.ledgers.importing import register_all, take_in
from service.ledgers.messages import Translate, header_of, message_of
from service.ledgers.queries import LedgerView, ledger_view, ledgers_page
from service.ledgers.report import ReportRow
from service.ledgers.routes import XLSX, read_upload, report_headers, report_of
from service.ledgers.rules import Outcome
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of
from service.work_items.actions import require_people

router = APIRouter(include_in_schema=False)

NO_FILE: Final = N_("Please choose a file.")
ROWS_SHOWN: Final = 100


@router.get("/ledgers")
async def history_page(
    request: Request, node: CurrentNode, officer: PageOfficer, after: Annotated[str, Query(max_length=36)] = ""
) -> Response:
    """What was imported, newest first."""
    require_people(officer)
    page = await node.database.read(lambda session: ledgers_page(session, node, by=officer, after=after or None))
    return pages_of(request).render(
        request,
        "ledgers/list.html",
        page=page,
        first="/ledgers" if after else None,
        next=f"/ledgers?after={page.next}" if page.next else None,
    )


@router.get("/ledgers/new")
async def new_page(request: Request, officer: PageOfficer, kind: Annotated[str, Query(max_length=10)] = "") -> Response:
    """Ask for the file."""
    require_people(officer)
    return _new_page(request, Form.of(kind=kind))


@router.post("/ledgers")
async def upload(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Read the file; nothing is registered yet."""
    require_people(officer)
    form = await sent_form(request)
    file = form.files.get("file")
    kind = LedgerKind(form.text("kind")) if form.text("kind") in set(LedgerKind) else None
    if file is None or not file.filename:
        form.refuse("file", NO_FILE)
        return _new_page(request, form, status=422)
    try:
        content = await read_upload(file)
        import_id = await asyncio.to_thread(take_in, node, content, kind, by=officer)
    except LocalError as error:
        form.take(error, {"": "file"})
        return _new_page(request, form, status=error.status)
    return pages_of(request).see_other(request, f"/ledgers/{import_id}")


@router.get("/ledgers/{import_id}")
async def one_page(
    request: Request,
    node: CurrentNode,
    officer: PageOfficer,
    import_id: str,
    outcome: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """One import: columns kept and dropped, rows by outcome, what comes next."""
    view = await node.database.read(lambda session: ledger_view(session, node, import_id, by=officer))
    return _one_page(request, node, view, outcome, Form())


@router.post("/ledgers/{import_id}/commit")
async def commit(request: Request, node: CurrentNode, officer: PageOfficer, import_id: str) -> Response:
    """Register the good rows; the page may be closed, the work goes on."""
    try:
        await asyncio.to_thread(register_all, node, import_id, by=officer)
    except LocalError as error:
        return await _refused(request, node, officer, import_id, error)
    return pages_of(request).see_other(request, f"/ledgers/{import_id}", Done("imported", f"/ledgers/{import_id}/undo"))


@router.post("/ledgers/{import_id}/undo")
async def undo(request: Request, node: CurrentNode, officer: PageOfficer, import_id: str) -> Response:
    """Take the import back in one step; records that somebody worked with since stay."""
    try:
        await node.database.write(lambda session: actions.undo(session, node, import_id, by=officer))
    except LocalError as error:
        return await _refused(request, node, officer, import_id, error)
    return pages_of(request).see_other(request, f"/ledgers/{import_id}", Done("import_undone"))


@router.get("/ledgers/{import_id}/report.xlsx")
async def report(node: CurrentNode, officer: PageOfficer, import_id: str) -> Response:
    """The rows to correct, as a workbook."""
    content = await report_of(node, import_id, officer)
    return Response(content, media_type=XLSX, headers=report_headers(import_id))


async def _refused(request: Request, node: Node, officer: Officer, import_id: str, error: LocalError) -> Response:
    if error.status in {403, 404}:
        raise error
    form = Form()
    form.take(error)
    view = await node.database.read(lambda session: ledger_view(session, node, import_id, by=officer))
    return _one_page(request, node, view, "", form, status=error.status)


def _new_page(request: Request, form: Form, *, status: int = 200) -> Response:
    return pages_of(request).render(request, "ledgers/new.html", status=status, form=form, kinds=list(LedgerKind))


def _one_page(
    request: Request, node: Node, view: LedgerView, outcome: str, form: Form, *, status: int = 200
) -> Response:
    translator = pages_of(request).translator(request)
    worth_a_look = (Outcome.ERROR, Outcome.WARNING, Outcome.DUPLICATE, Outcome.OK)
    with_rows = [one for one in worth_a_look if view.counts[one]]
    chosen = Outcome(outcome) if outcome in set(Outcome) else (with_rows[0] if with_rows else Outcome.OK)
    rows = [row for row in view.rows if row.outcome is chosen]
    return pages_of(request).render(
        request,
        "ledgers/one.html",
        status=status,
        view=view,
        form=form,
        chosen=chosen,
        outcomes=list(Outcome),
        rows=[_shown(row, translator.gettext) for row in rows[:ROWS_SHOWN]],
        more=max(0, len(rows) - ROWS_SHOWN),
        columns=[(column.header, header_of(column.field, view.kind, translator.language)) for column in view.kept],
        good=view.counts[Outcome.OK] + view.counts[Outcome.WARNING],
        today=node.today(),
    )


def _shown(row: ReportRow, translate: Translate) -> tuple[int, str]:
    # The row's number and the reason, and nothing of the person: the file is in the officer's hand.
    return row.number, message_of(row.codes, translate)
