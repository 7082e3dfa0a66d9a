"""JSON: ledgers out of the register. Asked for, agreed to where whole numbers leave, then fetched."""

import asyncio
from datetime import date, datetime
from functools import cache
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from schemas.regions import RegionCode
from service.context import CurrentNode, Node
from service.json_body import JsonRoute
from service.ledgers.files.fields import LedgerKind
from service.ledgers.out.export import make_file
from service.ledgers.out.exporting import (
    USUAL,
    ExportColumn,
    ExportWish,
    FileType,
    confirm_export,
    exports_of,
    find_export,
    request_export,
    start_export,
    wish_of,
)
from service.ledgers.routes import XLSX
from service.ledgers.tables import LedgerExport
from service.officers.doors import CurrentOfficer
from service.officers.rules import Officer
from service.registry.queries import FullPurpose, MoveFilter
from service.web.languages import Languages

router = APIRouter(route_class=JsonRoute, tags=["ledgers"])

CSV = "text/csv; charset=utf-8"


class ExportBody(BaseModel):
    """What is wanted: columns and filters of closed lists. `full`: whole document and phone numbers."""

    model_config = ConfigDict(extra="forbid")

    kind: LedgerKind
    columns: list[ExportColumn] = Field(default=list(USUAL), min_length=1, max_length=len(ExportColumn))
    purpose: FullPurpose
    file_type: FileType = "xlsx"
    full: bool = False
    state: str | None = Field(default=None, max_length=12)
    area: RegionCode | None = None
    peer: RegionCode | None = None
    moved_from: date | None = None
    moved_to: date | None = None
    registered_by: str | None = Field(default=None, max_length=100)
    source_ledger: str | None = Field(default=None, max_length=36)

    @property
    def wish(self) -> ExportWish:
        """The same as the room's own value."""
        wanted = MoveFilter(
            self.state,
            self.area,
            self.peer,
            self.moved_from,
            self.moved_to,
            self.registered_by,
            self.source_ledger,
        )
        return ExportWish(self.kind, tuple(self.columns), self.purpose, wanted, self.file_type, self.full)


class ExportAnswer(BaseModel):
    """An export. `waiting`: a second officer has to agree first. `rows` is how many moves it would hold."""

    id: str
    state: Literal["ready", "waiting"]
    kind: LedgerKind
    columns: list[ExportColumn]
    file_type: FileType
    purpose: str
    full: bool
    rows: int
    requested_by: str
    confirmed_by: str | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: LedgerExport) -> "ExportAnswer":
        """The answer for a row."""
        wish = wish_of(row)
        return cls(
            id=row.id,
            state="waiting" if row.full and row.confirmed_by is None else "ready",
            kind=wish.kind,
            columns=list(wish.columns),
            file_type=wish.file_type,
            purpose=wish.purpose,
            full=row.full,
            rows=row.rows or 0,
            requested_by=row.requested_by,
            confirmed_by=row.confirmed_by,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )


class ExportList(BaseModel):
    """An officer's own exports and those that wait for a second officer, newest first."""

    items: list[ExportAnswer]


@router.post("/ledger-exports", status_code=201)
async def ask_for_export(node: CurrentNode, officer: CurrentOfficer, body: ExportBody) -> ExportAnswer:
    """Ask for a ledger; whole numbers are for supervisors, wait for a second officer, and are at most 500 people's."""
    row = await node.database.write(lambda session: request_export(session, node, body.wish, by=officer))
    return ExportAnswer.of(row)


@router.get("/ledger-exports")
async def list_exports(node: CurrentNode, officer: CurrentOfficer) -> ExportList:
    """The officer's exports of the last day, and those of the area that wait for a second officer."""
    rows = await node.database.read(lambda session: exports_of(session, node, by=officer))
    return ExportList(items=[ExportAnswer.of(row) for row in rows])


@router.get("/ledger-exports/{export_id}")
async def show_export(node: CurrentNode, officer: CurrentOfficer, export_id: str) -> ExportAnswer:
    """One export."""
    row = await node.database.read(lambda session: find_export(session, node, export_id, by=officer))
    return ExportAnswer.of(row)


@router.post("/ledger-exports/{export_id}/confirm")
async def agree_to_export(node: CurrentNode, officer: CurrentOfficer, export_id: str) -> ExportAnswer:
    """Agree, as a second officer, that whole numbers leave. Problems: `forbidden` for the one who asked."""
    row = await node.database.write(lambda session: confirm_export(session, node, export_id, by=officer))
    return ExportAnswer.of(row)


@router.get(
    "/ledger-exports/{export_id}/file", response_class=Response, responses={200: {"content": {XLSX: {}, CSV: {}}}}
)
async def fetch_export(
    node: CurrentNode,
    officer: CurrentOfficer,
    export_id: str,
    language: Annotated[Literal["zh-CN", "en"] | None, Query()] = None,
) -> Response:
    """The file, for the officer who asked; everybody in it finds it in their log. Problems: `wrong_state`."""
    return await export_response(node, officer, export_id, language or officer.language)


async def export_response(node: Node, officer: Officer, export_id: str, language: str) -> Response:
    """Make the file and send it; its name says nothing about anybody."""
    row = await node.database.write(lambda session: start_export(session, node, export_id, by=officer))
    translator = _languages().translator("en" if language == "en" else "zh-CN")
    content, _ = await asyncio.to_thread(make_file, node, wish_of(row), by=officer, translator=translator)
    headers = {
        "Content-Disposition": f'attachment; filename="export-{export_id}.{row.file_type}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=CSV if row.file_type == "csv" else XLSX, headers=headers)


@cache
def _languages() -> Languages:
    """The catalogues, read when the first file is made."""
    return Languages()
