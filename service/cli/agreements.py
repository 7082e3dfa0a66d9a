"""`tonglu agreement`: what this region and a peer allow each other."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(name="agreement", help="Agreements with peers: propose, sign.", no_args_is_help=True)


@app.command()
def propose(
    directory: Directory,
    peer: Annotated[str, typer.Option(help="The peer's division code.", metavar="CODE")],
    per_month: Annotated[int, typer.Option(help="Requests a month that either side may make.", min=1)] = 50,
    until: Annotated[
        datetime | None, typer.Option(help="Its last day; a year from today if left out.", formats=["%Y-%m-%d"])
    ] = None,
) -> None:
    """Propose an agreement to a peer (all purposes and claims) and print its id; the peer's office signs it."""
    from service.agreements.actions import propose_agreement

    with open_node(directory) as node:

        def write(session: "Session") -> str:
            last = until.date() if until else None
            return propose_agreement(session, node, peer, by=None, per_month=per_month, valid_until=last).id

        agreement = node.database.write_sync(write)
    typer.echo(agreement)


@app.command()
def sign(directory: Directory, agreement: Annotated[str, typer.Argument(help="Its id.", metavar="ID")]) -> None:
    """Sign what a peer proposed; it is in force on both sides once the peer has our signature."""
    from service.agreements.actions import sign_agreement

    with open_node(directory) as node:
        state = node.database.write_sync(lambda session: sign_agreement(session, node, agreement, by=None).state)
    typer.echo(f"{agreement} {state}")


@app.command("list")
def list_agreements(directory: Directory, *, as_json: AsJson = False) -> None:
    """List agreements, the newest first."""
    from service.agreements import queries
    from service.agreements.routes import AgreementView

    with open_node(directory) as node:
        found = node.database.read_sync(
            lambda session: [AgreementView.of(one) for one in queries.list_agreements(session)]
        )
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], ensure_ascii=False))
        return
    for one in found:
        paper = f"\t{one.document_reference}" if one.document_reference else ""
        dates = f"{one.valid_from} to {one.valid_until}"
        typer.echo(f"{one.id}\t{one.peer}\t{one.state}\t{dates}\t{one.per_month} a month{paper}")
