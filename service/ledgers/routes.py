"""JSON: ledgers in, their rows with outcomes, the rows to correct back."""

import asyncio
import json
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, cast

import pydantic
from fastapi import APIRouter, File, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session
from starlette.datastructures import UploadFile as SentFile
from starlette.formparsers import MultiPartParser

from schemas.problems import BeingImported, InvalidInput, LedgerUnreadable
from service.access_log import record
from service.context import CurrentNode, Node
from service.json_body import JsonRoute
from service.ledgers.background import read_to_the_end
from service.ledgers.choosing import choose_columns
from service.ledgers.files.fields import Chosen, Field, LedgerKind
from service.ledgers.files.formats import MAX_COLUMNS
from service.ledgers.importing import register_all, take_in
from service.ledgers.judging.messages import message_of
from service.ledgers.origins import Source, origin_of
from service.ledgers.queries import LedgerView, ledger_view, ledgers_page
from service.ledgers.report import workbook
from service.ledgers.undoing import undo_all
from service.officers.doors import CurrentOfficer
from service.officers.rules import Officer, Role, require
from service.paging import PageAfter, PageLimit
from service.web.languages import N_, Languages, Translator

router = APIRouter(route_class=JsonRoute, tags=["ledgers"])

MAX_UPLOAD_BYTES = 32 * 1024 * 1024
"""The largest upload, held in memory; a larger ledger is imported by command."""
NOT_VALID = N_("This is not valid.")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class LedgerRow(BaseModel):
    """One person of the file, counted from 1: outcome, codes, and what they mean in the officer's language."""

    row: int
    outcome: Literal["ok", "warning", "error", "duplicate"]
    codes: list[str]
    message: str


class LedgerColumn(BaseModel):
    """A column that was read: the field it fills, and its header in the file."""

    field: str
    header: str


class ToldLedgerColumn(BaseModel):
    """A column of the file: the field it fills (`null`: dropped), and why."""

    header: str
    field: str | None
    why: Literal["known", "chosen", "remembered", "forbidden", "spare", "unknown"]


class ColumnsToChoose(BaseModel):
    """What some columns mean: the field to fill by the column's name, `null` to drop it."""

    model_config = ConfigDict(extra="forbid")

    columns: dict[str, Field | None] = pydantic.Field(max_length=MAX_COLUMNS)
    kind: LedgerKind | None = None


class UndoWish(BaseModel):
    """How to undo: `keep_worked_with` takes back all others where somebody has worked with some records since."""

    model_config = ConfigDict(extra="forbid")

    keep_worked_with: bool = False


class LedgerAnswer(BaseModel):
    """An import. `rows` and columns are there until `expires_at`, the counts for good.

    `source` says whose ledger it is: `own_ledger`, or `other_office` with its `source_region`. `done` counts the rows
    of what is going on.
    """

    id: str
    kind: LedgerKind
    state: Literal["columns", "uploaded", "checked", "importing", "committed", "undoing", "undone", "failed"]
    source: Source
    source_region: str | None
    done: int
    counts: dict[str, int]
    registered: int
    columns: list[ToldLedgerColumn]
    kept_columns: list[LedgerColumn]
    dropped_columns: list[str]
    rows: list[LedgerRow]
    registered_by: str
    created_at: datetime
    expires_at: datetime | None
    committed_at: datetime | None
    undone_at: datetime | None

    @classmethod
    def of(cls, view: LedgerView, translator: Translator) -> "LedgerAnswer":
        """The answer for a view."""
        return cls(
            id=view.id,
            kind=view.kind,
            state=cast("Any", view.state),
            source=view.source,
            source_region=view.source_region,
            done=view.done,
            counts=view.counts,
            registered=view.registered,
            columns=[
                ToldLedgerColumn(header=one.header, field=one.field and one.field.value, why=one.why.value)
                for one in view.columns
            ],
            kept_columns=[LedgerColumn(field=column.field.value, header=column.header) for column in view.kept],
            dropped_columns=list(view.dropped),
            rows=[
                LedgerRow(
                    row=row.number,
                    outcome=row.outcome.value,
                    codes=[code.value for code in row.codes],
                    message=message_of(row.codes, translator.gettext),
                )
                for row in view.rows
            ],
            registered_by=view.registered_by,
            created_at=view.created_at,
            expires_at=view.expires_at,
            committed_at=view.committed_at,
            undone_at=view.undone_at,
        )


class LedgerList(BaseModel):
    """Imports, newest first, without their rows."""

    items: list[LedgerAnswer]
    next: str | None


class UndoneAnswer(BaseModel):
    """What undoing did; `kept` counts records that somebody has worked with since and that stay."""

    id: str
    state: Literal["undone"] = "undone"
    undone: int
    kept: int


@router.post("/ledgers", status_code=201)
async def upload_ledger(
    node: CurrentNode,
    officer: CurrentOfficer,
    *,
    file: Annotated[UploadFile, File(description="A workbook (.xlsx, .xls, .ods) or text with columns (.csv).")],
    kind: Annotated[LedgerKind | None, Form(description="Told from the columns where it is left out.")] = None,
    dry_run: Annotated[bool | None, Form(description="`false`: register the good rows at once.")] = None,
    source: Annotated[
        str | None, Form(description="`own_ledger` (if left out) or `other_office`; nobody else is a source.")
    ] = None,
    source_region: Annotated[str | None, Form(description="The other office's region code.")] = None,
    columns: Annotated[
        str | None, Form(description="JSON: the field to fill by a column's name, `null` to drop it.")
    ] = None,
) -> LedgerAnswer:
    """Read a ledger and keep its mapped columns, sealed, for a day; `commit` registers the good rows.

    Every other column is dropped before anything is stored, and named in `dropped_columns`. Problems:
    `ledger_unreadable`, `invalid_input` for a source that is none or a choice that cannot be.
    """
    # A file is opened for those alone who may bring one.
    require(officer, Role.CLERK, Role.SUPERVISOR)
    origin = origin_of(node.divisions, source, source_region)
    chosen = _chosen(columns)
    content = await read_upload(file)
    import_id = await asyncio.to_thread(take_in, node, content, kind, by=officer, origin=origin, chosen=chosen)
    node.held.put(import_id, content, node.now())
    if dry_run is False:
        await asyncio.to_thread(register_all, node, import_id, by=officer)
    return await _answer(node, import_id, officer)


@router.get("/ledgers")
async def list_ledgers(
    node: CurrentNode,
    officer: CurrentOfficer,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> LedgerList:
    """The imports of the officer's area."""
    page = await node.database.read(lambda session: ledgers_page(session, node, by=officer, after=after, limit=limit))
    translator = _languages().translator(officer.language)
    return LedgerList(items=[LedgerAnswer.of(view, translator) for view in page.items], next=page.next)


@router.get("/ledgers/{import_id}")
async def show_ledger(node: CurrentNode, officer: CurrentOfficer, import_id: str) -> LedgerAnswer:
    """One import with its rows."""
    return await _answer(node, import_id, officer)


@router.get("/ledgers/{import_id}/report.xlsx", response_class=Response, responses={200: {"content": {XLSX: {}}}})
async def ledger_report(node: CurrentNode, officer: CurrentOfficer, import_id: str) -> Response:
    """The rows that are not plainly good, mapped columns only, with the reason beside each."""
    content = await report_of(node, import_id, officer)
    return Response(content, media_type=XLSX, headers=report_headers(import_id))


@router.post("/ledgers/{import_id}/columns")
async def choose_ledger_columns(
    node: CurrentNode, officer: CurrentOfficer, import_id: str, body: ColumnsToChoose
) -> LedgerAnswer:
    """Say what some columns mean: the file is read anew, and the same is done with the sender's next ledger.

    Only allowed fields can be filled, and no column that says what a register may not hold can fill one. Problems:
    `invalid_input`, `wrong_state` once anybody was registered, `upload_gone` half an hour after the upload.
    """
    opened = await asyncio.to_thread(choose_columns, node, import_id, body.columns, by=officer, kind=body.kind)
    await asyncio.to_thread(read_to_the_end, node, opened, import_id, by=officer)
    return await _answer(node, import_id, officer)


@router.post("/ledgers/{import_id}/commit")
async def commit_ledger(node: CurrentNode, officer: CurrentOfficer, import_id: str) -> LedgerAnswer:
    """Register the good rows; goes on where it was cut off, and may be asked again.

    Where somebody else has begun it, the answer is how far it is. Problems: `wrong_state`, `being_imported` while
    another upload of the same file is being registered.
    """
    try:
        await asyncio.to_thread(register_all, node, import_id, by=officer)
    except BeingImported:
        under_way = await _answer(node, import_id, officer)
        if under_way.state == "checked":
            raise
        return under_way
    return await _answer(node, import_id, officer)


@router.post("/ledgers/{import_id}/undo")
async def undo_ledger(
    node: CurrentNode, officer: CurrentOfficer, import_id: str, body: UndoWish | None = None
) -> UndoneAnswer:
    """Take an import back in one step, while nothing was built on it.

    Problems: `wrong_state`, `import_built_upon` (with how many people were `told`, how many records `changed`).
    """
    keep = body is not None and body.keep_worked_with
    found = await asyncio.to_thread(undo_all, node, import_id, by=officer, keep_worked_with=keep)
    return UndoneAnswer(id=import_id, undone=found.undone, kept=found.kept)


def keep_uploads_in_memory() -> None:
    """Let no part of an upload touch a disk, not even a file without a name; called where the application is made.

    Starlette spools what is larger than 1 MiB to a temporary file. A ledger holds columns that are never stored.
    """
    MultiPartParser.spool_max_size = MAX_UPLOAD_BYTES + 1


async def read_upload(file: SentFile) -> bytes:
    """Take an upload's bytes into memory. Raises `LedgerUnreadable` for one that is too large."""
    content = await file.read(MAX_UPLOAD_BYTES + 1)
    # The form would keep a second copy until it is collected.
    await file.close()
    if len(content) > MAX_UPLOAD_BYTES:
        raise LedgerUnreadable(
            "The file is too large (at most %(megabytes)s MB); split the ledger.", megabytes=MAX_UPLOAD_BYTES >> 20
        )
    return content


async def report_of(node: Node, import_id: str, officer: Officer) -> bytes:
    """Make the workbook of rows to correct, and write down that it was made."""

    def read(session: Session) -> LedgerView:
        view = ledger_view(session, node, import_id, by=officer)
        record(session, node, officer.as_actor, "ledger.reported")
        return view

    view = await node.database.write(read)
    translator = _languages().translator(officer.language)
    kept = [column.field for column in view.kept]
    return await asyncio.to_thread(workbook, view.rows, view.kind, kept, view.dropped, translator)


def report_headers(import_id: str) -> dict[str, str]:
    """Headers of the download; its name says nothing about anybody."""
    return {
        "Content-Disposition": f'attachment; filename="ledger-{import_id}.xlsx"',
        "Cache-Control": "no-store",
    }


def _chosen(columns: str | None) -> Chosen | None:
    if not columns:
        return None
    try:
        return ColumnsToChoose.model_validate({"columns": json.loads(columns)}).columns
    except ValueError:
        raise InvalidInput(errors=[{"field": "columns", "message": NOT_VALID}]) from None


async def _answer(node: Node, import_id: str, officer: Officer) -> LedgerAnswer:
    view = await node.database.read(lambda session: ledger_view(session, node, import_id, by=officer))
    return LedgerAnswer.of(view, _languages().translator(officer.language))


@cache
def _languages() -> Languages:
    """The catalogues, read when the first message is written."""
    return Languages()
