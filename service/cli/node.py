"""`tonglu init`, `serve` and `tick`: a node is made, runs, and does what is due."""

import gc
import sys
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from service.cli.officers import tell_password
from service.cli.opening import AsJson, Directory, open_node

Only = Literal["officers", "federation", "worker"]


def register(main: typer.Typer) -> None:
    """Add the commands."""
    main.command()(init)
    main.command()(serve)
    main.command()(tick)


def init(
    directory: Directory,
    region: Annotated[str, typer.Option(help="The region's division code.", metavar="CODE")],
    name: Annotated[str, typer.Option(help="The region's name.")],
    base_url: Annotated[str, typer.Option(help="Where peers reach this node.", metavar="URL")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a node: keys, database and the first officer, whose one-time password is shown once."""
    from service.founding import clear, found
    from service.officers.actions import FIRST_NAME, add_first_officer
    from service.officers.passwords import FirstPassword

    settings = found(directory, region=region, name=name, base_url=base_url)
    try:
        with open_node(directory, allow_private_peers=True) as node:
            made = FirstPassword.one_time(node.entropy)
            until = node.database.write_sync(lambda session: add_first_officer(session, node, made))
    except BaseException:
        clear(directory)
        raise
    if settings.base_url.startswith("http://"):
        typer.echo("note: http serves only with TONGLU_ALLOW_PRIVATE_PEERS, on closed networks", err=True)
    tell_password(FIRST_NAME, made.told, until.astimezone(settings.zone), as_json=as_json)


def serve(
    directory: Directory,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: the setting `listen`.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)] = None,
    only: Annotated[Only | None, typer.Option(help="One part of the work, where several processes share it.")] = None,
) -> None:
    """Run the node until it is told to stop."""
    from service.app import create_app
    from service.listening import serve as listen
    from service.logs import configure_logging
    from service.settings import Settings, split_listen

    settings = Settings.load(directory)
    if host is not None or port is not None:
        name = "federation_listen" if only == "federation" and settings.federation_listen else "listen"
        set_host, set_port = split_listen(getattr(settings, name))
        host = host or set_host
        where = f"{f'[{host}]' if ':' in host else host}:{set_port if port is None else port}"
        settings = Settings.load(directory, **{name: where})
    configure_logging(settings)
    app = create_app(settings, only=only)
    if not listen(app, settings, only=only, ready=_say_ready):
        raise typer.Exit(1)


def _say_ready(where: str) -> None:
    # What a node holds when it is ready stays: a look through all of it would stop everybody for a tenth of a second.
    gc.freeze()
    print(f"ready: {where}", flush=True)


def tick(
    directory: Directory,
    job: Annotated[str | None, typer.Argument(help="One job; all of them when none is named.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Work as if it were then (RFC 3339, or local).", metavar="TIME")
    ] = None,
) -> None:
    """Run once what is due, as the scheduler would."""
    from service.jobs import JOBS
    from service.jobs import tick as run_due
    from service.settings import Settings

    if job is not None and job not in JOBS:
        typer.echo(f"no job is called {job}: {', '.join(sorted(JOBS))}", err=True)
        raise typer.Exit(2)
    settings = Settings.load(directory)
    with open_node(directory, at=None if at is None else moment(at, settings.zone)) as node:
        done = run_due(node, job)
    for name, count in done.items():
        # How many reminders, folders or records it was would tell what people chose (rule 10).
        typer.echo(f"{name}: {count if name in {'delivery', 'log'} else 'done'}")


def moment(text: str, zone: ZoneInfo) -> datetime:
    """An RFC 3339 moment; without an offset it is in the node's zone. Ends with usage (2) when it is none."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        typer.echo(f"not a time: {text} (for example 2026-11-02T09:00)", err=True)
        sys.exit(2)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
