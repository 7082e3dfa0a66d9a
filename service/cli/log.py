"""`tonglu log verify`: does the access log still say what it said?"""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.opening import Directory, open_node

app = typer.Typer(name="log", help="The access log.", no_args_is_help=True)


@app.callback()
def log() -> None:
    """The access log."""


@app.command()
def verify(
    directory: Directory,
    against: Annotated[
        Path | None,
        typer.Option(help="An older checkpoint that was kept elsewhere.", exists=True, dir_okay=False, metavar="FILE"),
    ] = None,
) -> None:
    """Check every entry, leaf and checkpoint; exit 1 and name what was changed, deleted or cut."""
    from service.log_verify import Fault, verify_log
    from service.witnesses import check_cosignatures

    older = None if against is None else against.read_text("utf-8", errors="replace")
    with open_node(directory) as node:
        path = node.settings.checkpoints_path
        # Read before the database: a running node may be ahead of its file, never behind it.
        file = path.read_text("utf-8", errors="replace") if path.exists() else None
        verdict = node.database.read_sync(
            lambda session: verify_log(session, node.fed.keys, node.region, file=file, against=older)
        )
        cosigned, contradicted = node.database.read_sync(check_cosignatures)
    verdict.faults += [Fault("checkpoint", None, one) for one in contradicted]
    if cosigned:
        verdict.notes.append(f"{cosigned} cosignatures of peers fit")
    for note in verdict.notes:
        typer.echo(f"note: {note}")
    for fault in verdict.faults:
        typer.echo(fault.message, err=True)
    waiting = f", {verdict.unnumbered} not yet numbered" if verdict.unnumbered else ""
    if verdict.faults:
        typer.echo(
            f"the access log is NOT whole: {len(verdict.faults)} faults, {verdict.size} entries{waiting}", err=True
        )
        raise typer.Exit(1)
    typer.echo(f"the access log is whole: {verdict.size} entries, {verdict.checkpoints} checkpoints{waiting}")
