"""`tonglu agreement`: what this region and a peer allow each other."""

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(name="agreement", help="Agreements with peers: propose, sign, renew, end.", no_args_is_help=True)

AgreementId = Annotated[str, typer.Argument(help="Its id.", metavar="ID")]
Until = Annotated[
    datetime | None,
    typer.Option(help="Its last day; a year from its first day if left out.", formats=["%Y-%m-%d"]),
]
PerMonth = Annotated[int | None, typer.Option(help="Requests a month that either side may make.", min=1)]


@app.command()
def propose(
    directory: Directory,
    *,
    peer: Annotated[str, typer.Option(help="The peer's division code.", metavar="CODE")],
    per_month: PerMonth = 50,
    begins: Annotated[
        datetime | None,
        typer.Option("--from", help="Its first day; today if left out.", formats=["%Y-%m-%d"]),
    ] = None,
    until: Until = None,
    purpose: Annotated[list[str] | None, typer.Option(help="A purpose; all of them if left out.")] = None,
    claim: Annotated[list[str] | None, typer.Option(help="What may be asked; all of it if left out.")] = None,
    answer_days: Annotated[int, typer.Option(help="Working days for an answer.", min=1, max=60)] = 10,
    retention_days: Annotated[int, typer.Option(help="Days that contents are kept after.", min=1, max=90)] = 90,
) -> None:
    """Propose an agreement to a peer and print its id; the peer's office signs it."""
    from schemas.claims import Claim, Purpose
    from service.agreements.actions import propose_agreement

    try:
        purposes = tuple(Purpose(one) for one in purpose or Purpose)
        claims = tuple(Claim(one) for one in claim or Claim)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with open_node(directory) as node:

        def write(session: "Session") -> str:
            return propose_agreement(
                session,
                node,
                peer,
                by=None,
                purposes=purposes,
                claims=claims,
                per_month=per_month or 50,
                answer_working_days=answer_days,
                retention_days=retention_days,
                valid_from=_day(begins),
                valid_until=_day(until),
            ).id

        agreement = node.database.write_sync(write)
    typer.echo(agreement)


@app.command()
def sign(directory: Directory, agreement: AgreementId) -> None:
    """Sign what a peer proposed; it is in force on both sides once the peer has our signature."""
    from service.agreements.actions import sign_agreement

    with open_node(directory) as node:
        state = node.database.write_sync(lambda session: sign_agreement(session, node, agreement, by=None).state)
    typer.echo(f"{agreement} {state}")


@app.command()
def renew(directory: Directory, agreement: AgreementId, per_month: PerMonth = None, until: Until = None) -> None:
    """Propose a successor that begins where an agreement ends, on the same terms, and print its id."""
    from service.agreements.renewing import renew_agreement

    with open_node(directory) as node:

        def write(session: "Session") -> str:
            last = _day(until)
            return renew_agreement(session, node, agreement, by=None, per_month=per_month, valid_until=last).id

        successor = node.database.write_sync(write)
    typer.echo(successor)


@app.command()
def end(directory: Directory, agreement: AgreementId) -> None:
    """End an agreement, or withdraw a proposal: it starts nothing new, and still carries answers and erasures."""
    from service.agreements.actions import end_agreement

    with open_node(directory) as node:
        state = node.database.write_sync(lambda session: end_agreement(session, node, agreement, by=None).state)
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


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
