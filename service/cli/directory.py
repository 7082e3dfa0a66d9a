"""`tonglu directory`: lists of regions that this node follows by choice, and making one."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
    from sqlmodel import Session

    from federation.keys import NodeKey

app = typer.Typer(
    name="directory", help="Lists of regions, followed by choice: they inform and decide nothing.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The directory's name.", metavar="NAME")]
InFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE")]


@app.command()
def follow(directory: Directory, file: InFile) -> None:
    """Follow a directory whose file was carried here by hand; its key is pinned."""
    from federation.directory import follow as pin
    from federation.directory import read_file
    from service.access_log import Actor, record

    with open_node(directory) as node:
        found = read_file(node.fed, _document(file))

        def write(session: "Session") -> None:
            pin(session, found)
            record(session, node, Actor.node(node.region), "directory.followed")

        node.database.write_sync(write)
    typer.echo(f"following {found.name}, signed by {found.jwk.kid}")


@app.command()
def leave(directory: Directory, name: Name) -> None:
    """Follow a directory no longer; peers stay as they are."""
    from federation.directory import leave as forget
    from service.access_log import Actor, record

    with open_node(directory) as node:

        def write(session: "Session") -> None:
            forget(session, name)
            record(session, node, Actor.node(node.region), "directory.left")

        node.database.write_sync(write)
    typer.echo(f"left {name}")


@app.command()
def fetch(directory: Directory) -> None:
    """Fetch the lists that are due; one that cannot be had or does not count changes nothing."""
    from federation.client import PeerClient
    from federation.directory import due_directories
    from service.agreements.directories import fetch_due_directories

    async def run() -> int:
        client = PeerClient(node.fed)
        try:
            return await fetch_due_directories(node, client)
        finally:
            await client.aclose()

    with open_node(directory) as node:
        due = len(node.database.read_sync(lambda session: due_directories(session, node.now())))
        good = asyncio.run(run())
    typer.echo(f"{good} of {due} directories gave a good list")
    if good < due:
        raise typer.Exit(1)


@app.command()
def take(directory: Directory, name: Name, file: InFile) -> None:
    """Take a list that was carried here by hand instead of fetched."""
    from federation.directory import take_list

    with open_node(directory) as node:
        document = file.read_bytes()
        taken = node.database.write_sync(lambda session: take_list(session, name, document, node.now()))
    if not taken:
        typer.echo("The list is not signed by this directory's key, or it is older than the one kept.", err=True)
        raise typer.Exit(1)
    typer.echo(f"taken: {name}")


@app.command("list")
def list_directories(directory: Directory, *, as_json: AsJson = False) -> None:
    """List the directories, and where they and this node's peers differ."""
    from federation.directory import compare, followed, listed

    with open_node(directory) as node:

        def read(session: "Session") -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
            rows = [
                {
                    "name": row.name,
                    "url": row.url,
                    "version": row.version,
                    "listed": len(listed(row)),
                    "taken_at": row.taken_at.isoformat() if row.taken_at else None,
                    "fetch_fault": row.fetch_fault,
                }
                for row in followed(session)
            ]
            differ = [
                {"directory": one.directory, "region": one.region, "verdict": one.verdict}
                for one in compare(session, node.fed, node.now())
            ]
            return rows, differ

        rows, differ = node.database.read_sync(read)
    if as_json:
        typer.echo(json.dumps({"directories": rows, "differences": differ}, ensure_ascii=False))
        return
    for row in rows:
        late = f", last try: {row['fetch_fault']}" if row["fetch_fault"] else ""
        typer.echo(f"{row['name']}\tversion {row['version']}\t{row['listed']} regions\t{row['url']}{late}")
    for one in differ:
        typer.echo(f"{one['directory']}\t{one['region']}\t{one['verdict']}")


@app.command()
def new(
    key_file: Annotated[Path, typer.Argument(help="Where the private key is written.", metavar="KEYFILE")],
    name: Annotated[str, typer.Option(help="The directory's name.")],
    url: Annotated[str, typer.Option(help="Where its list will stand.")],
) -> None:
    """Make a directory: a private key, and (to stdout) the file by which others follow it."""
    from federation.keys import NodeKey, b64url
    from schemas.directory import DirectoryFile
    from schemas.entropy import SystemEntropy

    private = SystemEntropy().token_bytes(32)
    file = DirectoryFile.model_validate(
        {"tonglu_directory": 1, "name": name, "url": url, "jwk": NodeKey("directory", private).jwk}
    )
    handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump({"name": name, "d": b64url(private)}, out)
    typer.echo(json.dumps(file.to_wire(), ensure_ascii=False, indent=1))


@app.command()
def sign(
    key_file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="KEYFILE")],
    nodes: Annotated[
        Path, typer.Argument(help="JSON: [{region, name, base_url, transport_kid}, …].", exists=True, metavar="NODES")
    ],
    version: Annotated[int, typer.Option(help="Higher than the one before.", min=1)],
) -> None:
    """Sign a list of regions and print the document that is put at the directory's URL."""
    from pydantic import ValidationError

    from federation.directory import sign_list
    from schemas.directory import DirectoryList
    from schemas.problems import InvalidInput

    name, key = _private(key_file)
    try:
        found = DirectoryList.from_wire(
            {
                "directory": name,
                "version": version,
                "issued_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
                "nodes": _document(nodes),
            }
        )
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise InvalidInput(f"The list of nodes is not of the right form: {where}.") from None
    typer.echo(json.dumps(sign_list(key, found)))


def _private(key_file: Path) -> "tuple[str, NodeKey]":
    from federation.keys import NodeKey, b64url_bytes
    from schemas.problems import InvalidInput

    try:
        kept = _document(key_file)
        return str(kept["name"]), NodeKey("directory", b64url_bytes(kept["d"]))
    except (KeyError, TypeError, ValueError):
        raise InvalidInput("The key file cannot be read.") from None


def _document(file: Path) -> Any:
    from schemas.problems import InvalidInput
    from schemas.strict_json import UnreadableJsonError, read_document

    try:
        return read_document(file.read_bytes())
    except UnreadableJsonError:
        raise InvalidInput("The file is not JSON.") from None
