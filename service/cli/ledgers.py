"""`tonglu ledger …`: checking, importing and exporting ledgers, and handing back the rows to correct."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, overload

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.context import Node
    from service.ledgers.fields import KeptColumn, LedgerKind
    from service.ledgers.report import ReportRow
    from service.officers.rules import Officer
    from service.registry.queries import FullPurpose
    from service.web.languages import Translator

_READING = "读取 · reading"
_REGISTERING = "登记 · registering"

app = typer.Typer(name="ledger", help="Ledgers: check, import, export.", no_args_is_help=True)

LedgerFile = Annotated[
    Path, typer.Argument(help="A workbook or a text with columns.", metavar="FILE", exists=True, dir_okay=False)
]
Kind = Annotated[str | None, typer.Option("--kind", help="arrivals or departures; told from the columns if left out.")]
Report = Annotated[Path | None, typer.Option("--report", help="Write the rows to correct as .xlsx.", dir_okay=False)]
InEnglish = Annotated[bool, typer.Option("--english", help="Messages in English (else in Chinese).")]


@app.command("check")
def check(
    file: LedgerFile,
    *,
    kind: Kind = None,
    report: Report = None,
    as_json: AsJson = False,
    english: InEnglish = False,
) -> None:
    """Say what each row of a ledger would come to. Needs no node and stores nothing."""
    from service.ledgers.checking import check_rows
    from service.ledgers.reader_process import LedgerReader
    from service.ledgers.report import ReportRow

    wanted = _kind(kind)
    _check_report(report)
    with _refusing(english=english), _progress(_READING) as advance, LedgerReader(file, wanted) as reader:
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it; register nobody.")] = False,
    report: Report = None,
    as_json: AsJson = False,
    english: InEnglish = False,
    officer: Annotated[str | None, typer.Option("--officer", help="In this officer's name and area.")] = None,
) -> None:
    """Register the good rows of a ledger; the people in it are still to be told."""
    from service.ledgers.importing import compared
    from service.ledgers.queries import ledger_view
    from service.ledgers.reader_process import LedgerReader

    wanted = _kind(kind)
    _check_report(report)
    with _refusing(english=english), open_node(directory) as node:
        by = _acting(node, officer)
        told: dict[str, Any] = {}
        if dry_run:
            with _progress(_READING) as advance, LedgerReader(file, wanted) as reader:
                rows: list[ReportRow] = []
                for batch in compared(node, reader, by=by):
                    rows += batch
                    advance(len(batch))
            found = (rows, reader.kind, reader.kept, reader.dropped)
        else:
            import_id = _import(node, file, wanted, by)
            view = node.database.read_sync(lambda session: ledger_view(session, node, import_id, by=by))
            found = (list(view.rows), view.kind, view.kept, view.dropped)
            told = {"id": view.id, "state": view.state, "registered": view.registered}
    _tell(*found, report=report, translator=_translator(english), as_json=as_json, told=told)


@app.command("export")
def export(
    directory: Directory,
    out: Annotated[Path, typer.Argument(help="The .xlsx to write.", metavar="OUT.xlsx", dir_okay=False)],
    *,
    kind: Annotated[str, typer.Option("--kind", help="arrivals or departures.")],
    purpose: Annotated[str, typer.Option("--purpose", help="counter, task, correction, persons_request, audit.")],
    officer: Annotated[str | None, typer.Option("--officer", help="In this officer's name and area.")] = None,
    english: InEnglish = False,
) -> None:
    """Write the moves of an area as a workbook: masked numbers, no dates of birth; everybody's log says so."""
    from service.ledgers.export import export_moves

    wanted, why = _kind(kind), _purpose(purpose)
    with open_node(directory) as node:
        by, translator = _acting(node, officer), _translator(english)
        content, moves = export_moves(node, wanted, by=by, purpose=why, translator=translator)
    out.write_bytes(content)
    print(moves)


def _import(node: "Node", file: Path, kind: "LedgerKind | None", by: "Officer") -> str:
    """Go on with the import of this very file where it was cut off, or begin it."""
    from service.ledgers.importing import hash_of, register_all, take_in, unfinished_import
    from service.ledgers.queries import row_count

    file_hash = hash_of(file)
    cut_off = node.database.read_sync(lambda session: unfinished_import(session, node, file_hash, kind))
    if cut_off is not None:
        import_id, rows = cut_off.id, None
    else:
        with _progress(_READING) as advance:
            import_id = take_in(node, file, kind, by=by, advance=advance)
        rows = node.database.read_sync(lambda session: row_count(session, import_id))
    with _progress(_REGISTERING, rows) as advance:
        register_all(node, import_id, by=by, advance=advance)
    return import_id


def _tell(
    rows: "Sequence[ReportRow]",
    kind: "LedgerKind",
    kept: "Sequence[KeptColumn]",
    dropped: "Sequence[str]",
    *,
    report: Path | None,
    translator: "Translator",
    as_json: bool,
    told: dict[str, Any] | None = None,
) -> None:
    from service.ledgers.report import document, workbook
    from service.ledgers.spoken import sentences

    if report is not None:
        report.write_bytes(workbook(rows, kind, [column.field for column in kept], dropped, translator))
    if as_json:
        content = (told or {}) | document(rows, kind, kept, dropped, translator.gettext)
        print(json.dumps(content, ensure_ascii=False))
        return
    registered = None if told is None else told.get("registered")
    for line in sentences(rows, kind, kept, dropped, translator, registered=registered):
        print(line)


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
    from schemas.problems import LedgerUnreadable

    try:
        yield
    except LedgerUnreadable as error:
        reason = _translator(english).gettext(error.msgid, **error.facts)
        print(f"{error.code}: {reason}", file=sys.stderr)
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
    from service.ledgers.fields import LedgerKind

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
