"""`tonglu keys`: the node's own keys, as its peers know them, and new ones."""

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(name="keys", help="This node's keys.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """This node's keys."""


@app.command("list")
def list_keys(directory: Directory, *, as_json: AsJson = False) -> None:
    """List the public keys by use, and the six words by which peers know them."""
    from federation.fingerprint import words
    from federation.pairing import own_fingerprint

    with open_node(directory) as node:
        found = [{**key.jwk, "retired_at": key.retired_at} for key in node.fed.keys.all()]
        mark = own_fingerprint(node.fed)
    spoken = {language: words(mark, language) for language in ("zh-CN", "en")}
    if as_json:
        typer.echo(json.dumps({"keys": found, "six_words": spoken}, ensure_ascii=False))
        return
    for key in found:
        typer.echo(f"{key['tonglu_use']}\t{key['crv']}\t{key['kid']}\t{key['retired_at'] or 'in force'}")
    for names in spoken.values():
        typer.echo(" ".join(names))


@app.command()
def rotate(
    directory: Directory,
    *,
    compromised_from: Annotated[
        datetime | None,
        typer.Option(
            help="Someone else may have had the old keys since then (UTC): they verify nothing any more.",
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make four new keys; each peer is told first of all, and understands the old one until it knows the new.

    A node that serves takes them without a restart. Retired keys stay in the file: they open and verify what was made
    with them. An invitation that was written before and not taken yet still works.
    """
    from datetime import UTC

    from service.agreements.trust import rotate_keys

    if not yes and not typer.confirm("Replace all four keys of this node?"):
        sys.exit(1)
    since = None if compromised_from is None else compromised_from.replace(tzinfo=UTC)
    with open_node(directory) as node:

        def write(session: "Session") -> int:
            return rotate_keys(session, node, since)

        told = node.database.write_sync(write)
        kid = node.fed.keys.kid("transport")
    typer.echo(f"rotated: the transport key is {kid}; {told} peers are being told")
