"""JSON: ledgers in, their rows with outcomes, the rows to correct back."""

import asyncio
from datetime import datetime
from functools import cache
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Response, UploadFile
from pydantic import BaseModel
from sqlmodel import Session
from starlette.datastructures import UploadFile as SentFile
from starlette.formparsers import MultiPartParser

from schemas.problems import LedgerUnreadable
from service.access_log import record
from service.context import CurrentNode, Node
from service.ledgers import actions
from service.ledgers.fields import LedgerKind
from service.ledgers.importing import register_all, take_in
from service.ledgers.messages import message_of
from service.ledgers.queries import LedgerView, ledger_view, ledgers_page
from service.ledgers.report import workbook
from service.officers.doors import CurrentOfficer
from service.officers.rules import Officer
from service.paging import PageAfter, PageLimit
from service.web.languages import Languages, Translator

router = APIRouter(tags=["ledgers"])

MAX_UPLOAD_BYTES = 32 * 1024 * 1024
"""The largest upload, held in memory; a larger ledger is imported by command."""
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


class LedgerAnswer(BaseModel):
    """An import. `rows` and columns are there until `expires_at`, the counts for good."""

    id: str
    kind: LedgerKind
    state: Literal["uploaded", "checked", "importing", "committed", "undone"]
    counts: dict[str, int]
    registered: int
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
            state=view.state,
            counts=view.counts,
            registered=view.registered,
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
    file: Annotated[UploadFile, File(description="A workbook (.xlsx, .xls, .ods) or text with columns (.csv).")],
    kind: Annotated[LedgerKind | None, Form(description="Told from the columns where it is left out.")] = None,
    dry_run: Annotated[bool | None, Form(description="`false`: register the good rows at once.")] = None,
) -> LedgerAnswer:
    """Read a ledger and keep its mapped columns, sealed, for a day; `commit` registers the good rows.

    Every other column is dropped before anything is stored, and named in `dropped_columns`. Problems:
    `ledger_unreadable`.
    """
    content = await read_upload(file)
    import_id = await asyncio.to_thread(take_in, node, content, kind, by=officer)
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


@router.post("/ledgers/{import_id}/commit")
async def commit_ledger(node: CurrentNode, officer: CurrentOfficer, import_id: str) -> LedgerAnswer:
    """Register the good rows; goes on where it was cut off, and may be asked again. Problems: `wrong_state`."""
    await asyncio.to_thread(register_all, node, import_id, by=officer)
    return await _answer(node, import_id, officer)


@router.post("/ledgers/{import_id}/undo")
async def undo_ledger(node: CurrentNode, officer: CurrentOfficer, import_id: str) -> UndoneAnswer:
    """Take an import back in one step. Problems: `wrong_state`."""
    found = await node.database.write(lambda session: actions.undo(session, node, import_id, by=officer))
    return UndoneAnswer(id=import_id, undone=found.undone, kept=found.kept)


def keep_uploads_in_memory() -> None:
    """Let no part of an upload touch a disk, not even a file without a name; called where the application is made.

    Starlette spools what is larger than 1 MiB to a temporary file. A ledger holds columns that are never stored.
    """
    MultiPartParser.spool_max_size = MAX_UPLOAD_BYTES + 1


async def read_upload(file: SentFile) -> bytes:
    """Take an upload's bytes into memory. Raises `LedgerUnreadable` for one that is too large."""
    content = await file.read(MAX_UPLOAD_BYTES + 1)
    if len(content) > MAX_UPLOAD_BYTES:
        raise LedgerUnreadable("The file is too large (at most %(megabytes)s MB).", megabytes=MAX_UPLOAD_BYTES >> 20)
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


async def _answer(node: Node, import_id: str, officer: Officer) -> LedgerAnswer:
    view = await node.database.read(lambda session: ledger_view(session, node, import_id, by=officer))
    return LedgerAnswer.of(view, _languages().translator(officer.language))


@cache
def _languages() -> Languages:
    """The catalogues, read when the first message is written."""
    return Languages()
