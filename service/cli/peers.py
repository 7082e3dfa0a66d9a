"""`tonglu peer`: pairing with other nodes, and stopping and starting what goes there."""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

    from federation.client import PeerAnswer
    from federation.tables import Peer
    from service.context import Node

app = typer.Typer(name="peer", help="Peer regions: pair, test, suspend, revoke.", no_args_is_help=True)

Region = Annotated[str, typer.Argument(help="The peer's division code.", metavar="CODE")]


@app.command()
def invite(directory: Directory) -> None:
    """Write an invitation to stdout: a file to be carried to the peer, good for 14 days and one use."""
    from federation.fingerprint import words
    from federation.pairing import invite as make
    from federation.pairing import own_fingerprint
    from service.access_log import Actor, record

    with open_node(directory) as node:

        def write(session: "Session") -> dict[str, Any]:
            document = make(session, node.fed)
            record(session, node, Actor.node(node.region), "peer.invited")
            return document

        document = node.database.write_sync(write)
        mark = own_fingerprint(node.fed)
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1))
    typer.echo("Read these six words to the other office when it accepts the file:", err=True)
    for language in ("zh-CN", "en"):
        typer.echo(f"  {' '.join(words(mark, language))}", err=True)


@app.command()
def accept(
    directory: Directory,
    file: Annotated[Path, typer.Argument(help="The peer's invitation.", exists=True, dir_okay=False, metavar="FILE")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="The six words were compared already: do not ask.")] = False,
) -> None:
    """Take a peer's invitation: its keys are pinned, and the node starts trying to reach it."""
    from federation.pairing import accept as pin
    from federation.pairing import read_invitation
    from schemas.problems import InvitationRefused
    from schemas.strict_json import UnreadableJsonError, read_document
    from service.access_log import Actor, record

    try:
        document = read_document(file.read_bytes())
    except UnreadableJsonError:
        raise InvitationRefused("The file is not an invitation.") from None
    with open_node(directory) as node:
        introduction = read_invitation(node.fed, document)
        descriptor = introduction.descriptor
        typer.echo(f"{descriptor.region} {descriptor.name}, {descriptor.base_url}")
        for language in ("zh-CN", "en"):
            typer.echo(f"  {' '.join(introduction.words(language))}")
        if not yes and not typer.confirm("Does the other office read the same six words?"):
            raise InvitationRefused("The words were not the same; nothing was changed.")

        def write(session: "Session") -> None:
            pin(session, node.fed, introduction)
            record(session, node, Actor.node(node.region), "peer.accepted")

        node.database.write_sync(write)
    typer.echo(f"accepted: {descriptor.region}; it becomes active once both sides have accepted each other")


@app.command("list")
def list_peers(directory: Directory, *, as_json: AsJson = False) -> None:
    """List the peers and how sending to each stands."""
    from service.agreements.peers import peer_views

    with open_node(directory) as node:
        views = node.database.read_sync(peer_views)
    if as_json:
        typer.echo(json.dumps([view.model_dump(mode="json") for view in views], ensure_ascii=False))
        return
    for view in views:
        line = f", {view.wait} since {_shown(view.failing_since)} ({view.wait_code})" if view.wait else ""
        url = view.base_url or "on paper"
        typer.echo(f"{view.region}\t{view.name}\t{view.state}\t{url}\t{view.waiting} waiting{line}")


@app.command()
def test(directory: Directory, region: Region) -> None:
    """Ask a peer whether it knows this node; a good answer makes an accepted peer active."""
    from federation.peers import find_peer
    from schemas.problems import NoActivePeer, UnknownPeer

    with open_node(directory) as node:
        if node.database.read_sync(lambda session: find_peer(session, region)) is None:
            raise UnknownPeer
        answer = asyncio.run(_probe(node, region))
    if answer is None:
        raise NoActivePeer
    if answer.signed and answer.status == 200:
        typer.echo(f"{region} answered and knows this node")
        return
    why = answer.problem.get("detail") if answer.signed else answer.fault
    typer.echo(f"{region} did not answer as a peer that knows this node: {why}", err=True)
    raise typer.Exit(1)


@app.command()
def suspend(directory: Directory, region: Region) -> None:
    """Send nothing to a peer and take nothing from it, until resumed."""
    from federation import peers

    _change(directory, region, "peer.suspended", lambda session, node: peers.suspend(session, node.fed, region))


@app.command()
def resume(directory: Directory, region: Region) -> None:
    """End a suspension; what waited goes at once."""
    from federation import peers

    _change(directory, region, "peer.resumed", lambda session, node: peers.resume(session, node.fed, region))


@app.command()
def revoke(
    directory: Directory,
    region: Region,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End trust in a peer for good; what is queued for it never leaves."""
    from federation import peers

    if not yes and not typer.confirm(f"End trust in {region}? Only a new pairing brings it back."):
        sys.exit(1)
    _change(directory, region, "peer.revoked", lambda session, node: peers.revoke(session, node.fed, region))


@app.command()
def retry(directory: Directory, region: Region) -> None:
    """Forget the wait towards a peer: what is due goes at once."""
    from federation import peers

    _change(directory, region, "peer.retried", lambda session, _: peers.retry_now(session, region))


@app.command("announce-move")
def announce_move(directory: Directory) -> None:
    """Tell every peer the base URL that is configured, once the node answers there (node.moved).

    Until they have taken it, peers call the old address: keep both working for a while.
    """
    from service.agreements.trust import tell_move

    with open_node(directory) as node:
        told = node.database.write_sync(lambda session: tell_move(session, node))
        typer.echo(f"{told} peers are being told that {node.region} answers at {node.base_url}")


def _change(directory: Path, region: str, action: str, act: "Callable[[Session, Node], Peer]") -> None:
    from service.access_log import Actor, record

    with open_node(directory) as node:

        def write(session: "Session") -> str:
            peer = act(session, node)
            record(session, node, Actor.node(node.region), action)
            return peer.state

        state = node.database.write_sync(write)
    typer.echo(f"{region} {state}")


async def _probe(node: "Node", region: str) -> "PeerAnswer | None":
    from federation.client import PeerClient
    from federation.delivery import Delivery

    delivery = Delivery(node.fed, node.database, lambda: PeerClient(node.fed))
    try:
        return await delivery.probe(region)
    finally:
        await delivery.aclose()


def _shown(moment: datetime | None) -> str:
    return moment.isoformat(timespec="minutes") if moment else "now"
