"""`tonglu doctor`, `backup`, `restore` and `privacy report`: looking after a node."""

import json
from pathlib import Path
from typing import Annotated

import typer

from service.cli.opening import AsJson, Directory, open_node


def register(main: typer.Typer) -> None:
    """Add the commands."""
    main.command()(doctor)
    main.command()(backup)
    main.command()(restore)
    privacy = typer.Typer(help="What the node keeps about people.", no_args_is_help=True)
    privacy.command("report")(privacy_report)
    privacy.callback()(lambda: None)
    main.add_typer(privacy, name="privacy")


def doctor(directory: Directory, *, as_json: AsJson = False) -> None:
    """Say what is well and what is not; ends with 1 when something is wrong."""
    from service.doctor import examine

    with open_node(directory) as node:
        findings = examine(node)
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            typer.echo(f"{finding.state:5} {finding.check}: {finding.message}")
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


def backup(
    directory: Directory, file: Annotated[Path, typer.Argument(help="The backup to write; there must be none yet.")]
) -> None:
    """Write the whole node into one file; it may run meanwhile."""
    from schemas.clock import SystemClock
    from service.backup import backup as write
    from service.settings import Settings

    manifest = write(Settings.load(directory), file, SystemClock())
    typer.echo(f"{file}: {manifest['region']} as of {manifest['made_at']}")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup written by `tonglu backup`.")], directory: Directory
) -> None:
    """Lay a node out again from its backup; the old one must not run any more."""
    from schemas.entropy import SystemEntropy
    from service.backup import restore as read

    settings = read(file, directory, SystemEntropy())
    typer.echo(f"{directory}: {settings.name} {settings.region}; start it with `tonglu serve {directory}`")


def privacy_report(directory: Directory, *, as_json: AsJson = False) -> None:
    """Say what the node keeps about people, how much of it, and how long."""
    from service.privacy_report import privacy_report as count

    with open_node(directory) as node:
        today = node.today()
        report = node.database.read_sync(lambda session: count(session, today)).document()
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
        return
    for kind, number in report["counts"].items():
        typer.echo(f"{kind}: {number}")
    typer.echo("never kept:")
    for line in report["never_kept"]:
        typer.echo(f"  {line}")
    typer.echo("kept until:")
    for what, end in report["kept_until"].items():
        typer.echo(f"  {what}: {end}")
