"""Importing a ledger: the file, its columns and rows by outcome, then import, report, undo; and what was imported."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.problems import ImportBuiltUpon, LocalError, UploadGone
from service.context import CurrentNode, Node
from service.ledgers import actions
from service.ledgers.background import begin_work, read_to_the_end
from service.ledgers.choosing import choose_columns
from service.ledgers.files.fields import Field, LedgerKind
from service.ledgers.importing import begin, open_ledger, register_all
from service.ledgers.judging.messages import Translate, header_of, message_of
from service.ledgers.judging.rules import Outcome
from service.ledgers.origins import NO_SOURCE, NO_SUCH_OFFICE, OWN, SOURCES, WHICH_OFFICE, Origin, office_named
from service.ledgers.queries import LedgerView, ledger_view, ledgers_page, rows_of
from service.ledgers.report import ReportRow
from service.ledgers.routes import XLSX, read_upload, report_headers, report_of
from service.ledgers.undoing import go_on_undoing, start_undo
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of
from service.work_items.actions import require_people

router = APIRouter(include_in_schema=False)

NO_FILE: Final = N_("Please choose a file.")
WHOSE: Final = N_("Say whose ledger it is.")
ROWS_SHOWN: Final = 100
MOST_ROWS: Final = 10_000_000
"""No sheet has so many rows."""
CUT_OFF_AFTER: Final = timedelta(minutes=2)
"""Work of which nothing was done for so long is not going on any more: the process was ended."""


@router.get("/ledgers")
async def history_page(
    request: Request, node: CurrentNode, officer: PageOfficer, after: Annotated[str, Query(max_length=36)] = ""
) -> Response:
    """What was imported, newest first."""
    require_people(officer)
    page = await node.database.read(
        lambda session: ledgers_page(session, node, by=officer, after=after or None, being_read=True)
    )
    return pages_of(request).render(
        request,
        "ledgers/list.html",
        page=page,
        cut_off=[one.id for one in page.items if one.state == "uploaded" and _stands_still(node, one)],
        first="/ledgers" if after else None,
        next=f"/ledgers?after={page.next}" if page.next else None,
    )


@router.get("/ledgers/new")
async def new_page(request: Request, officer: PageOfficer, kind: Annotated[str, Query(max_length=10)] = "") -> Response:
    """Ask for the file, and whose ledger it is."""
    require_people(officer)
    return _new_page(request, Form.of(kind=kind))


@router.post("/ledgers")
async def upload(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Read the file; nothing is registered yet. A long one is read on while its page shows how far it is."""
    require_people(officer)
    form = await sent_form(request)
    file = form.files.get("file")
    kind = _kind_of(form)
    origin = _origin_of(form, node)
    if file is None or not file.filename:
        form.refuse("file", NO_FILE)
    if file is None or origin is None or not form.ok:
        return _new_page(request, form, status=422)
    try:
        content = await read_upload(file)
        opened = await asyncio.to_thread(open_ledger, node, content, kind, by=officer, origin=origin)
        try:
            import_id = await asyncio.to_thread(begin, node, opened, by=officer, origin=origin)
        except BaseException:
            opened.reader.close()
            raise
        node.held.put(import_id, content, node.now())
        if opened.reader.refusal is not None:
            opened.reader.close()
            return pages_of(request).see_other(request, f"/ledgers/{import_id}/columns")
        await begin_work(partial(read_to_the_end, node, opened, import_id, by=officer))
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
    *,
    outcome: Annotated[str, Query(max_length=10)] = "",
    after: Annotated[int, Query(ge=0, le=MOST_ROWS)] = 0,
) -> Response:
    """One import: columns kept and dropped, rows by outcome, what comes next."""
    return await _one_page(request, node, officer, import_id, outcome=outcome, after=after, form=Form())


@router.get("/ledgers/{import_id}/columns")
async def columns_page(request: Request, node: CurrentNode, officer: PageOfficer, import_id: str) -> Response:
    """Each column with the field that it fills, to be corrected."""
    view = await _plain_view(node, officer, import_id)
    return _columns_page(request, node, view, Form())


@router.post("/ledgers/{import_id}/columns")
async def choose(request: Request, node: CurrentNode, officer: PageOfficer, import_id: str) -> Response:
    """Read the file anew, its columns as the officer says."""
    form = await sent_form(request)
    view = await _plain_view(node, officer, import_id)
    file = form.files.get("file")
    try:
        content = await read_upload(file) if file is not None and file.filename else None
        opened = await asyncio.to_thread(
            choose_columns,
            node,
            import_id,
            _chosen(form, view),
            by=officer,
            kind=_kind_of(form),
            content=content,
        )
        await begin_work(partial(read_to_the_end, node, opened, import_id, by=officer))
    except LocalError as error:
        if error.status in {403, 404}:
            raise
        form.take(error, {"": "file" if isinstance(error, UploadGone) else "columns"})
        return _columns_page(request, node, view, form, status=error.status)
    return pages_of(request).see_other(request, f"/ledgers/{import_id}")


@router.post("/ledgers/{import_id}/commit")
async def commit(request: Request, node: CurrentNode, officer: PageOfficer, import_id: str) -> Response:
    """Register the good rows; the page may be closed, the work goes on."""
    path = f"/ledgers/{import_id}"
    try:
        # Refused at once or not at all: the rest goes on in its thread.
        await node.database.write(lambda session: actions.start_commit(session, node, import_id, by=officer))
        done = await begin_work(partial(register_all, node, import_id, by=officer))
    except LocalError as error:
        return await _refused(request, node, officer, import_id, error)
    return pages_of(request).see_other(request, path, Done("imported", f"{path}/undo") if done else None)


@router.post("/ledgers/{import_id}/undo")
async def undo(request: Request, node: CurrentNode, officer: PageOfficer, import_id: str) -> Response:
    """Take the import back in one step; where somebody worked with its records, say so and offer the others."""
    form = await sent_form(request)
    keep = form.text("keep") == "1"
    try:
        await node.database.write(
            lambda session: start_undo(session, node, import_id, keep_worked_with=keep, by=officer)
        )
        done = await begin_work(partial(go_on_undoing, node, import_id, by=officer))
    except LocalError as error:
        return await _refused(request, node, officer, import_id, error)
    return pages_of(request).see_other(request, f"/ledgers/{import_id}", Done("import_undone") if done else None)


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
    built_upon = error.facts if isinstance(error, ImportBuiltUpon) else None
    return await _one_page(request, node, officer, import_id, form=form, status=error.status, built_upon=built_upon)


async def _plain_view(node: Node, officer: Officer, import_id: str) -> LedgerView:
    return await node.database.read(lambda session: ledger_view(session, node, import_id, by=officer, with_rows=False))


def _stands_still(node: Node, view: LedgerView) -> bool:
    return view.moved_at is not None and node.now() - view.moved_at > CUT_OFF_AFTER


def _new_page(request: Request, form: Form, *, status: int = 200) -> Response:
    return pages_of(request).render(
        request,
        "ledgers/new.html",
        status=status,
        form=form,
        kinds=list(LedgerKind),
        sources=SOURCES,
    )


def _kind_of(form: Form) -> LedgerKind | None:
    return LedgerKind(form.text("kind")) if form.text("kind") in set(LedgerKind) else None


def _origin_of(form: Form, node: Node) -> Origin | None:
    """Whose ledger it is, which a page always asks; the field is marked where that is not said."""
    if form.text("source") not in SOURCES:
        form.refuse("source", NO_SOURCE if form.text("source") else WHOSE)
        return None
    if form.text("source") == "own_ledger":
        return OWN
    typed = form.text("source_region")
    code = office_named(node.divisions, typed)
    if code is None:
        form.refuse("source_region", NO_SUCH_OFFICE if typed else WHICH_OFFICE)
        return None
    return Origin("other_office", code)


def _chosen(form: Form, view: LedgerView) -> dict[str, Field | None]:
    """What the page's selects say otherwise than the columns are understood now."""
    chosen: dict[str, Field | None] = {}
    for number, column in enumerate(view.columns):
        sent = form.text(f"c{number}")
        if f"c{number}" not in form.values or sent == (column.field or ""):
            continue
        chosen[column.header] = Field(sent) if sent in set(Field) else None
    return chosen


def _columns_page(request: Request, node: Node, view: LedgerView, form: Form, *, status: int = 200) -> Response:
    translator = pages_of(request).translator(request)
    fields = [(field.value, header_of(field, view.kind, translator.language)) for field in _fields_of(view.kind)]
    for number, column in enumerate(view.columns):
        form.values.setdefault(f"c{number}", [column.field or ""])
    form.values.setdefault("kind", [view.kind])
    if view.refusal and form.ok:
        form.refuse("columns", view.refusal, **view.facts)
    return pages_of(request).render(
        request,
        "ledgers/columns.html",
        status=status,
        view=view,
        form=form,
        fields=fields,
        kinds=list(LedgerKind),
        held=node.held.get(view.id, node.now()) is not None,
    )


def _fields_of(kind: LedgerKind) -> list[Field]:
    no_return = kind is LedgerKind.ARRIVALS
    return [field for field in Field if not (no_return and field is Field.EXPECTED_RETURN_ON)]


async def _one_page(
    request: Request,
    node: Node,
    officer: Officer,
    import_id: str,
    *,
    outcome: str = "",
    after: int = 0,
    form: Form,
    status: int = 200,
    built_upon: Mapping[str, object] | None = None,
) -> Response:
    view = await _plain_view(node, officer, import_id)
    worth_a_look = (Outcome.ERROR, Outcome.WARNING, Outcome.DUPLICATE, Outcome.OK)
    with_rows = [one for one in worth_a_look if view.counts[one]]
    chosen = Outcome(outcome) if outcome in set(Outcome) else (with_rows[0] if with_rows else Outcome.OK)
    rows: list[ReportRow] = []
    if view.state not in ("columns", "uploaded", "failed") and view.expires_at and chosen is not Outcome.OK:
        rows = await node.database.read(lambda session: _some_rows(session, node, import_id, chosen, after))
    more = len(rows) > ROWS_SHOWN
    rows = rows[:ROWS_SHOWN]
    translator = pages_of(request).translator(request)
    total = sum(view.counts.values())
    return pages_of(request).render(
        request,
        "ledgers/one.html",
        status=status,
        view=view,
        form=form,
        chosen=chosen,
        outcomes=list(Outcome),
        rows=[_shown(row, translator.gettext) for row in rows],
        first=f"/ledgers/{import_id}?outcome={chosen}" if after else None,
        next=f"/ledgers/{import_id}?outcome={chosen}&after={rows[-1].number}" if more else None,
        columns=[
            (column.header, column.field and header_of(column.field, view.kind, translator.language), column.why)
            for column in view.columns
        ],
        good=view.counts[Outcome.OK] + view.counts[Outcome.WARNING],
        going_on=view.state in ("uploaded", "importing", "undoing"),
        stands_still=_stands_still(node, view),
        total=view.registered if view.state == "undoing" else total,
        built_upon=built_upon,
        today=node.today(),
    )


def _some_rows(session: Session, node: Node, import_id: str, outcome: Outcome, after: int) -> list[ReportRow]:
    wanted = (row for row in rows_of(session, node, import_id, after=after) if row.outcome is outcome)
    return list(islice(wanted, ROWS_SHOWN + 1))


def _shown(row: ReportRow, translate: Translate) -> tuple[int, str]:
    # The row's number and the reason, and nothing of the person: the file is in the officer's hand.
    return row.number, message_of(row.codes, translate)
