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
    from service.verification.comparing import Outcome

app = typer.Typer(name="peer", help="Peer regions: pair, test, suspend, revoke.", no_args_is_help=True)

Region = Annotated[str, typer.Argument(help="The peer's division code.", metavar="CODE")]

_TIME = "%Y-%m-%dT%H:%M"


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
    from federation.directory import opinions_on
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
        kids = {key["kid"] for key in introduction.keys if key["tonglu_use"] == "transport"}
        said = node.database.read_sync(
            lambda session: opinions_on(session, descriptor.region, descriptor.base_url, kids)
        )
        for one in said:
            typer.echo(f"directory {one.directory}: {one.verdict}")
        if not yes and not typer.confirm("Does the other office read the same six words?"):
            raise InvitationRefused("The words were not the same; nothing was changed.")

        def write(session: "Session") -> None:
            pin(session, node.fed, introduction)
            record(session, node, Actor.node(node.region), "peer.accepted")

        node.database.write_sync(write)
    typer.echo(f"accepted: {descriptor.region}; it becomes active once both sides have accepted each other")


@app.command("list")
def list_peers(directory: Directory, *, as_json: AsJson = False) -> None:
    """List the peers and how the line to each stands."""
    from service.agreements.views import peer_views

    with open_node(directory) as node:
        views = node.database.read_sync(lambda session: peer_views(session, node))
    if as_json:
        typer.echo(json.dumps([view.model_dump(mode="json") for view in views], ensure_ascii=False))
        return
    for view in views:
        line = f", {view.wait} since {_shown(view.failing_since)} ({view.wait_code})" if view.wait else ""
        refused = f", {view.parked} refused" if view.parked else ""
        url = view.base_url or "on paper"
        typer.echo(f"{view.region}\t{view.name}\t{view.state}\t{url}\t{view.waiting} waiting{refused}{line}")


@app.command()
def show(directory: Directory, region: Region, *, as_json: AsJson = False) -> None:
    """Show one peer: the line, keys and clock, the six words, what it refused."""
    from service.agreements.views import peer_in_full

    with open_node(directory) as node:
        peer, _ = node.database.read_sync(lambda session: peer_in_full(session, node, region))
    if as_json:
        typer.echo(json.dumps(peer.model_dump(mode="json"), ensure_ascii=False))
        return
    rows: list[tuple[str, object]] = [
        ("region", f"{peer.region} {peer.name}"),
        ("state", peer.state),
        ("address", peer.base_url or "on paper"),
        ("waiting", f"{peer.waiting}, the oldest since {_told(peer.waiting_since)}"),
        ("refused", peer.parked),
        ("unanswered", f"{peer.unanswered}, the oldest since {_told(peer.unanswered_since)}"),
        ("last success", _told(peer.last_answer_at)),
        ("last heard", _told(peer.heard_at)),
        ("failures", f"{peer.failures}, since {_told(peer.failing_since)}"),
        ("next try", _told(peer.next_attempt_at)),
        ("clock", "-" if peer.clock_offset_seconds is None else f"{peer.clock_offset_seconds:+d} s"),
        ("away", f"{_told(peer.away_from)} to {_told(peer.away_until)}" if peer.away_until else "-"),
        ("their key", f"{peer.their_key or '-'} since {_told(peer.their_key_since)}"),
        ("our key", f"{peer.our_key or '-'} since {_told(peer.our_key_since)}"),
    ]
    if peer.fingerprint is not None:
        rows += [("their words", " ".join(words)) for words in (peer.fingerprint.zh, peer.fingerprint.en)]
    rows += [("our words", " ".join(words)) for words in (peer.own_fingerprint.zh, peer.own_fingerprint.en)]
    if peer.trouble is not None:
        rows += [("trouble", peer.trouble.what), ("to do", peer.trouble.to_do)]
    for name, value in rows:
        typer.echo(f"{name + ':':14}{value}")


@app.command()
def test(directory: Directory, region: Region) -> None:
    """Ask a peer whether it knows this node; a good answer makes an accepted peer active."""
    from federation.peers import find_peer
    from schemas.problems import NoActivePeer, UnknownPeer
    from service.access_log import Actor, record
    from service.agreements.troubles import reason_of
    from service.agreements.views import TroubleView, peer_view

    with open_node(directory) as node:
        if node.database.read_sync(lambda session: find_peer(session, region)) is None:
            raise UnknownPeer
        by = Actor.node(node.region)
        node.database.write_sync(lambda session: record(session, node, by, "peer.tested"))
        answer = asyncio.run(_probe(node, region))
        view = node.database.read_sync(lambda session: peer_view(session, node, region))
    if answer is None:
        raise NoActivePeer
    if answer.signed and answer.status == 200:
        typer.echo(f"{region} answered and knows this node")
        return
    why = view.trouble or TroubleView.of(reason_of(answer.fault or "answer_unfit"))
    said = f"{why.what} {why.to_do} ({why.problem_code})"
    typer.echo(f"{region} did not answer as a peer that knows this node: {said}", err=True)
    raise typer.Exit(1)


@app.command()
def reconcile(directory: Directory, region: Region, *, as_json: AsJson = False) -> None:
    """Compare journeys with a peer: how many both hold, and how many the other does not; both need 20 or more."""
    with open_node(directory) as node:
        done = asyncio.run(_reconcile(node, region))
    if as_json:
        typer.echo(done.view.model_dump_json())
        return
    view = done.view
    typer.echo(f"{region} ours {view.ours}, theirs {view.theirs}, both {view.matched}")
    if not done.told:
        typer.echo(f"{region} did not take the second round: it has not learnt the same", err=True)


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
def retry(
    directory: Directory,
    region: Region,
    *,
    message: Annotated[str | None, typer.Option("--message", help="Only this refused message.", metavar="ID")] = None,
) -> None:
    """Forget the wait towards a peer, or send one message again that it refused: what is due goes at once."""
    from federation import peers
    from service.agreements import parked

    if message is None:
        _change(directory, region, "peer.retried", lambda session, _: peers.retry_now(session, region))
    else:
        _on_message(directory, region, message, parked.try_again)
        typer.echo(f"{message} goes again")


@app.command("parked")
def list_parked(directory: Directory, region: Region, *, as_json: AsJson = False) -> None:
    """List the messages that a peer refused and that wait for a decision."""
    from federation.peers import find_peer
    from schemas.problems import UnknownPeer
    from service.agreements.parked import parked_views

    with open_node(directory) as node:
        if node.database.read_sync(lambda session: find_peer(session, region)) is None:
            raise UnknownPeer
        views = node.database.read_sync(lambda session: parked_views(session, region))
    if as_json:
        typer.echo(json.dumps([view.model_dump(mode="json") for view in views], ensure_ascii=False))
        return
    for view in views:
        typer.echo(f"{view.id}\t{view.type}\t{view.problem_code or '-'}\t{_shown(view.created_at)}")


@app.command("give-up")
def give_up(
    directory: Directory,
    region: Region,
    message: Annotated[str, typer.Argument(help="The id of the refused message.", metavar="MESSAGE")],
) -> None:
    """Withdraw a message for good that a peer refused, so that later ones about the same case go on."""
    from service.agreements import parked

    _on_message(directory, region, message, parked.give_up)
    typer.echo(f"{message} is given up")


@app.command()
def maintenance(
    directory: Directory,
    region: Annotated[str | None, typer.Argument(help="The peer's region code.", metavar="REGION")] = None,
    *,
    everyone: Annotated[bool, typer.Option("--all", help="Tell every active peer.")] = False,
    starts: Annotated[
        datetime | None, typer.Option("--from", help="When this node goes away (default: now).", formats=[_TIME])
    ] = None,
    ends: Annotated[datetime | None, typer.Option("--to", help="When it is back.", formats=[_TIME])] = None,
    over: Annotated[bool, typer.Option("--over", help="It is back before that time.")] = False,
) -> None:
    """Tell a peer, or all, when this node will be away, so that it waits, or that it is back before that time."""
    from federation import returning
    from federation.peers import find_peer
    from schemas.problems import UnknownPeer
    from service.access_log import Actor, record

    if over == (ends is not None) or (over and starts is not None):
        raise typer.BadParameter("either --to (and --from), or --over")
    if everyone == (region is not None):
        raise typer.BadParameter("either REGION or --all")

    def announce(session: "Session", node: "Node") -> int:
        if over or ends is None:
            return len(returning.come_back(session, node.fed, restored=False, peer=region))
        begins, ends_at = _in_zone(starts, node) if starts is not None else node.now(), _in_zone(ends, node)
        if region is None:
            return returning.announce_absence_to_all(session, node.fed, begins, ends_at)
        returning.announce_absence(session, node.fed, region, begins, ends_at)
        return 1

    def tell(session: "Session", node: "Node") -> "Peer":
        announce(session, node)
        peer = find_peer(session, region or "")
        if peer is None:
            raise UnknownPeer
        return peer

    action = "peer.return_announced" if over else "peer.maintenance_announced"
    if region is not None:
        _change(directory, region, action, tell)
        return
    with open_node(directory) as node:

        def write(session: "Session") -> int:
            told = announce(session, node)
            record(session, node, Actor.node(node.region), action)
            return told

        typer.echo(f"{node.database.write_sync(write)} peers are being told")


@app.command("announce-move")
def announce_move(directory: Directory) -> None:
    """Tell every peer the base URL that is configured, once the node answers there.

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


def _on_message(directory: Path, region: str, message: str, act: "Callable[..., None]") -> None:
    from service.access_log import Actor

    with open_node(directory) as node:
        by = Actor.node(node.region)
        node.database.write_sync(lambda session: act(session, node, region, message, by=by))


def _in_zone(moment: datetime, node: "Node") -> datetime:
    """A moment as typed, in the node's zone."""
    return moment.replace(tzinfo=node.zone)


async def _reconcile(node: "Node", region: str) -> "Outcome":
    from federation.client import PeerClient
    from federation.delivery import Delivery
    from service.access_log import Actor
    from service.verification.comparing import reconcile

    delivery = Delivery(node.fed, node.database, lambda: PeerClient(node.fed))
    try:
        return await reconcile(node, delivery, region, actor=Actor.node(node.region))
    finally:
        await delivery.aclose()


async def _probe(node: "Node", region: str) -> "PeerAnswer | None":
    from federation.client import PeerClient
    from federation.delivery import Delivery

    delivery = Delivery(node.fed, node.database, lambda: PeerClient(node.fed))
    try:
        return await delivery.probe(region)
    finally:
        await delivery.aclose()


def _told(moment: datetime | None) -> str:
    return moment.isoformat(timespec="minutes") if moment else "-"


def _shown(moment: datetime | None) -> str:
    return moment.isoformat(timespec="minutes") if moment else "now"
