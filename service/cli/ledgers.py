"""`tonglu ledger …`: checking, importing and exporting ledgers, and handing back the rows to correct."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, overload

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from service.context import Node
    from service.ledgers.files.fields import Chosen, KeptColumn, LedgerKind
    from service.ledgers.origins import Origin
    from service.ledgers.report import ReportRow
    from service.officers.rules import Officer
    from service.registry.queries import FullPurpose
    from service.web.languages import Translator

_READING = "读取 · reading"
_REGISTERING = "登记 · registering"
_UNDOING = "撤销 · undoing"

app = typer.Typer(name="ledger", help="Ledgers: check, import, export.", no_args_is_help=True)

LedgerFile = Annotated[
    Path, typer.Argument(help="A workbook or a text with columns.", metavar="FILE", exists=True, dir_okay=False)
]
Kind = Annotated[str | None, typer.Option("--kind", help="arrivals or departures; told from the columns if left out.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="HEADER=FIELD: what a column holds (FIELD empty: nothing that is read)."),
]
Report = Annotated[Path | None, typer.Option("--report", help="Write the rows to correct as .xlsx.", dir_okay=False)]
InEnglish = Annotated[bool, typer.Option("--english", help="Messages in English (else in Chinese).")]


@app.command("check")
def check(
    file: LedgerFile,
    *,
    kind: Kind = None,
    column: Columns = None,
    report: Report = None,
    as_json: AsJson = False,
    english: InEnglish = False,
) -> None:
    """Say what each row of a ledger would come to. Needs no node and stores nothing."""
    from service.ledgers.files.mapping import check_choice
    from service.ledgers.files.reader_process import LedgerReader
    from service.ledgers.judging.checking import check_rows
    from service.ledgers.report import ReportRow

    wanted, chosen = _kind(kind), _chosen(column)
    _check_report(report)
    with _refusing(english=english), _progress(_READING) as advance, LedgerReader(file, wanted) as reader:
        check_choice(reader.columns, chosen)
        reader.choose(chosen)
        checked = check_rows(
            reader.rows, reader.kind, today=_today(), divisions=_divisions(), advance=lambda: advance(1)
        )
        rows = [ReportRow(row.number, row.verdict.outcome, row.verdict.codes, row.raw) for row in checked]
    _tell(
        rows, reader.kind, reader.kept, reader.dropped, report=report, translator=_translator(english), as_json=as_json
    )


@app.command("import")
def import_(
    directory: Directory,
    file: LedgerFile,
    *,
    kind: Kind = None,
    column: Columns = None,
    source: Annotated[
        str | None, typer.Option("--source", help="own_ledger (if left out) or other_office; nobody else is a source.")
    ] = None,
    source_region: Annotated[str | None, typer.Option("--from", help="The other office's region code.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it; register nobody.")] = False,
    report: Report = None,
    as_json: AsJson = False,
    english: InEnglish = False,
    officer: Annotated[str | None, typer.Option("--officer", help="In this officer's name and area.")] = None,
) -> None:
    """Register the good rows of a ledger; the people in it are still to be told."""
    from service.ledgers.importing import compared, open_ledger
    from service.ledgers.origins import origin_of
    from service.ledgers.queries import ledger_view, rows_of

    wanted, chosen = _kind(kind), _chosen(column)
    _check_report(report)
    with _refusing(english=english), open_node(directory) as node:
        by = _acting(node, officer)
        origin = origin_of(node.divisions, source, source_region)
        translator = _translator(english)
        if dry_run:
            opened = open_ledger(node, file, wanted, by=by, origin=origin, chosen=chosen)
            with _progress(_READING) as advance, opened.reader as reader:
                rows: list[ReportRow] = []
                for batch in compared(node, reader, by=by):
                    rows += batch
                    advance(len(batch))
            _tell(rows, reader.kind, reader.kept, reader.dropped, report=report, translator=translator, as_json=as_json)
            return
        import_id = _import(node, file, wanted, by, origin=origin, chosen=chosen)

        def tell(session: "Session") -> None:
            view = ledger_view(session, node, import_id, by=by, with_rows=False)
            told = {"id": view.id, "state": view.state, "registered": view.registered}
            found = rows_of(session, node, import_id)
            _tell(
                found,
                view.kind,
                view.kept,
                view.dropped,
                report=report,
                translator=translator,
                as_json=as_json,
                told=told,
                counts=view.counts,
            )

        node.database.read_sync(tell)


@app.command("undo")
def undo(
    directory: Directory,
    import_id: Annotated[str, typer.Argument(help="The import's id, as `import --json` says it.", metavar="ID")],
    *,
    keep_worked_with: Annotated[
        bool, typer.Option("--keep-worked-with", help="Let records stay that somebody has worked with since.")
    ] = False,
    officer: Annotated[str | None, typer.Option("--officer", help="In this officer's name and area.")] = None,
) -> None:
    """Take an import back in one step; prints how many people were voided."""
    from service.ledgers.undoing import undo_all

    with open_node(directory) as node, _progress(_UNDOING) as advance:
        by = _acting(node, officer)
        done = undo_all(node, import_id, by=by, keep_worked_with=keep_worked_with, advance=advance)
    print(done.undone)


@app.command("export")
def export(
    directory: Directory,
    out: Annotated[Path, typer.Argument(help="The .xlsx or .csv to write.", metavar="OUT", dir_okay=False)],
    *,
    kind: Annotated[str, typer.Option("--kind", help="arrivals or departures.")],
    purpose: Annotated[str, typer.Option("--purpose", help="counter, task, correction, persons_request, audit.")],
    column: Annotated[
        list[str] | None, typer.Option("--column", help="A column of the file; the usual ones if left out.")
    ] = None,
    state: Annotated[str | None, typer.Option("--state", help="Only moves in this state.")] = None,
    peer: Annotated[str | None, typer.Option("--peer", help="Only moves with this region.")] = None,
    moved_from: Annotated[str | None, typer.Option("--from", help="Only moves from this day on.")] = None,
    moved_to: Annotated[str | None, typer.Option("--to", help="Only moves until this day.")] = None,
    ledger: Annotated[str | None, typer.Option("--ledger", help="Only what came with this import.")] = None,
    officer: Annotated[str | None, typer.Option("--officer", help="In this officer's name and area.")] = None,
    english: InEnglish = False,
) -> None:
    """Write the moves of an area as a file: masked numbers, no dates of birth; everybody's log says so."""
    from service.ledgers.out.export import make_file
    from service.ledgers.out.exporting import USUAL, ExportColumn, ExportWish, request_export, start_export, wish_of
    from service.registry.queries import MoveFilter

    unknown = [name for name in column or () if name not in set(ExportColumn)]
    if unknown:
        raise typer.BadParameter(", ".join(ExportColumn), param_hint="--column")
    columns = tuple(ExportColumn(name) for name in column) if column else USUAL
    wanted = MoveFilter(
        state=state, peer=peer, moved_from=_day(moved_from), moved_to=_day(moved_to), source_ledger=ledger
    )
    file_type: Literal["csv", "xlsx"] = "csv" if out.suffix.lower() == ".csv" else "xlsx"
    wish = ExportWish(_kind(kind), columns, _purpose(purpose), wanted, file_type)
    with open_node(directory) as node:
        by = _acting(node, officer)
        row = node.database.write_sync(lambda session: request_export(session, node, wish, by=by))
        row = node.database.write_sync(lambda session: start_export(session, node, row.id, by=by))
        content, moves = make_file(node, wish_of(row), by=by, translator=_translator(english))
    out.write_bytes(content)
    print(moves)


def _import(
    node: "Node",
    file: Path,
    kind: "LedgerKind | None",
    by: "Officer",
    *,
    origin: "Origin",
    chosen: "Chosen",
) -> str:
    """Go on with the import of this very file where it was cut off, or begin it."""
    from service.ledgers.importing import hash_of, register_all, take_in, unfinished_import
    from service.ledgers.queries import row_count

    file_hash = hash_of(file)
    cut_off = node.database.read_sync(lambda session: unfinished_import(session, node, file_hash, kind))
    if cut_off is not None:
        import_id, rows = cut_off.id, None
    else:
        with _progress(_READING) as advance:
            import_id = take_in(node, file, kind, by=by, origin=origin, chosen=chosen, advance=advance)
        rows = node.database.read_sync(lambda session: row_count(session, import_id))
    with _progress(_REGISTERING, rows) as advance:
        register_all(node, import_id, by=by, advance=advance)
    return import_id


def _tell(
    rows: "Iterable[ReportRow]",
    kind: "LedgerKind",
    kept: "Sequence[KeptColumn]",
    dropped: "Sequence[str]",
    *,
    report: Path | None,
    translator: "Translator",
    as_json: bool,
    told: dict[str, Any] | None = None,
    counts: dict[str, int] | None = None,
) -> None:
    """Say what came of a ledger, row by row as the rows come: of a long one they never lie in memory whole."""
    from service.ledgers.judging.spoken import sentences
    from service.ledgers.report import counts_of, document, workbook

    handed_back: list[ReportRow] = []
    if counts is None:
        rows = list(rows)
        counts = counts_of(rows)
    if report is not None:
        rows = _noting(rows, handed_back)
    if as_json:
        for piece in document(rows, kind, kept, dropped, translator.gettext, counts=counts, more=told or {}):
            print(piece, end="")
        print()
    else:
        registered = None if told is None else told.get("registered")
        for line in sentences(rows, kind, kept, dropped, translator, counts=counts, registered=registered):
            print(line)
    if report is not None:
        report.write_bytes(workbook(handed_back, kind, [column.field for column in kept], dropped, translator))


def _noting(rows: "Iterable[ReportRow]", handed_back: "list[ReportRow]") -> "Iterator[ReportRow]":
    for row in rows:
        if row.codes:
            handed_back.append(row)
        yield row


def _chosen(columns: list[str] | None) -> "Chosen":
    """Read `手机=phone` and `备注2=`: which field a column fills, or none."""
    from service.ledgers.files.fields import Field

    chosen: dict[str, Field | None] = {}
    for text in columns or ():
        header, equals, name = text.rpartition("=")
        if not equals or not header or (name and name not in set(Field)):
            raise typer.BadParameter(f"HEADER=FIELD, where FIELD is {', '.join(Field)} or empty", param_hint="--column")
        chosen[header] = Field(name) if name else None
    return chosen


def _day(text: str | None) -> Any:
    from datetime import date

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter("a day such as 2026-09-30", param_hint="--from, --to") from None


def _check_report(report: Path | None) -> None:
    """Find out before anybody is registered whether the report can be written."""
    if report is not None and not report.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {report.parent}", param_hint="--report")


@contextmanager
def _progress(doing: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show how many rows are done, on stderr, where somebody looks on."""
    if not sys.stderr.isatty():
        yield lambda _rows: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda rows: progress.advance(task, rows)


@contextmanager
def _refusing(*, english: bool) -> Iterator[None]:
    """Say in the reader's language why a file is no ledger."""
    from schemas.problems import InvalidInput, LedgerUnreadable

    try:
        yield
    except LedgerUnreadable as error:
        reason = _translator(english).gettext(error.msgid, **error.facts)
        print(f"{error.code}: {reason}", file=sys.stderr)
        raise typer.Exit(1) from None
    except InvalidInput as error:
        reasons = " ".join(_translator(english).gettext(str(one["message"])) for one in error.facts["errors"])
        print(f"{error.code}: {reasons}", file=sys.stderr)
        raise typer.Exit(1) from None


def _purpose(name: str) -> "FullPurpose":
    from typing import get_args

    from service.registry.queries import FullPurpose

    if name not in get_args(FullPurpose):
        raise typer.BadParameter(", ".join(get_args(FullPurpose)), param_hint="--purpose")
    return cast("FullPurpose", name)


@overload
def _kind(name: str) -> "LedgerKind": ...
@overload
def _kind(name: str | None) -> "LedgerKind | None": ...
def _kind(name: str | None) -> "LedgerKind | None":
    from service.ledgers.files.fields import LedgerKind

    if name is None:
        return None
    try:
        return LedgerKind(name)
    except ValueError:
        raise typer.BadParameter("arrivals or departures", param_hint="--kind") from None


def _acting(node: "Node", name: str | None) -> "Officer":
    from service.ledgers.importing import operator
    from service.officers.queries import find_officer

    if name is None:
        return operator(node)
    found = node.database.read_sync(lambda session: find_officer(session, name))
    if found is None:
        raise typer.BadParameter("there is no such officer", param_hint="--officer")
    return found


def _translator(english: bool) -> "Translator":
    from service.web.languages import Languages

    return Languages().translator("en" if english else "zh-CN")


def _today() -> Any:
    import os
    from zoneinfo import ZoneInfo

    from schemas.clock import SystemClock, local_date

    return local_date(SystemClock().now(), ZoneInfo(os.environ.get("TONGLU_TIMEZONE") or "Asia/Shanghai"))


def _divisions() -> Any:
    import os

    from schemas.regions import Divisions

    more = os.environ.get("TONGLU_DIVISIONS_FILE")
    return Divisions.load([Path(more)] if more else [])
