"""`tonglu conformance`: tries the protocol on a node that somebody wrote, from both sides, line by line."""

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.opening import AsJson

if TYPE_CHECKING:
    from federation.conformance import Outcome, Stand

REGION = "799901"
"""A division code that does not exist: the suite's own region."""


def register(main: typer.Typer) -> None:
    """Add the command."""
    main.command()(conformance)


def conformance(
    url: Annotated[str, typer.Argument(help="The node's base URL.", metavar="URL")],
    *,
    invitation: Annotated[
        Path, typer.Option(help="The node's invitation.", exists=True, dir_okay=False, metavar="FILE")
    ],
    listen: Annotated[str, typer.Option(help="Where the node can reach this suite.", metavar="HOST:PORT")],
    own: Annotated[
        Path, typer.Option(help="Where this suite's own invitation is written.", dir_okay=False, metavar="FILE")
    ] = Path("conformance-invitation.json"),
    base_url: Annotated[
        str | None, typer.Option(help="How the node calls this suite, if not http://HOST:PORT.", metavar="URL")
    ] = None,
    region: Annotated[str, typer.Option(help="The suite's region: one that does not exist.", metavar="CODE")] = REGION,
    chapter: Annotated[
        list[str] | None, typer.Option(help="Only this chapter of the protocol (may be given again).", metavar="NAME")
    ] = None,
    patience: Annotated[int, typer.Option(help="Seconds that the node may take by itself.", min=1)] = 20,
    operator_wait: Annotated[int, typer.Option(help="Seconds that the node's office may take.", min=1)] = 600,
    as_json: AsJson = False,
) -> None:
    """Pair with a node under a region of its own, try each requirement of the protocol, and print what holds.

    The node's office has two things to do while it runs, which it is told: accept the suite's invitation, and sign one
    agreement. Everyone in the messages is invented. Exit 0 only when every line holds.
    """
    from federation.conformance import CHAPTERS, Stand, table
    from federation.mock_peer import MockPeer
    from schemas.descriptor import Limits
    from schemas.problems import InvalidInput, InvitationRefused
    from schemas.regions import is_region_code
    from schemas.strict_json import UnreadableJsonError, read_document
    from service.settings import split_listen

    if unknown := set(chapter or ()) - CHAPTERS.keys():
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the chapters are {', '.join(CHAPTERS)}")
    if not is_region_code(region):
        raise InvalidInput("The region is a division code of 2, 4, 6, 9 or 12 digits.")
    try:
        document = read_document(invitation.read_bytes())
    except UnreadableJsonError:
        raise InvitationRefused("The file is not an invitation.") from None
    try:
        host, port = split_listen(listen)
    except ValueError:
        raise typer.BadParameter(f"{listen} is not HOST:PORT") from None

    async def run() -> list["Outcome"]:
        limits = Limits(max_messages=20, requests_per_second=1000, concurrent=100)
        me = MockPeer(
            region,
            (base_url or f"http://{listen}").rstrip("/"),
            name="Conformance",
            limits=limits,
            signs_agreements=False,
        )
        office = _Office(own, region, as_json=as_json)
        async with me:
            await me.listen(host, port)
            stand = Stand(
                me,
                url.rstrip("/"),
                document,
                office,
                patience_seconds=patience,
                operator_seconds=operator_wait,
            )
            return await _examined(stand, chapter or (), as_json=as_json)

    outcomes = asyncio.run(run())
    failed = [one for one in outcomes if not one.held]
    if as_json:
        lines = [{"id": one.id, "held": one.held, "says": one.says, "seen": one.seen} for one in outcomes]
        typer.echo(json.dumps({"held": not failed, "lines": lines}, ensure_ascii=False))
    else:
        typer.echo(table(outcomes))
        typer.echo(f"\n{len(outcomes) - len(failed)} of {len(outcomes)} hold")
    if failed:
        typer.echo(f"{len(failed)} requirements do not hold: {', '.join(one.id for one in failed)}", err=True)
        raise typer.Exit(1)


async def _examined(stand: "Stand", chapters: "list[str] | tuple[str, ...]", *, as_json: bool) -> list["Outcome"]:
    from federation.conformance import all_lines, examine

    outcomes = []
    count = len(all_lines(chapters))
    async for outcome in examine(stand, chapters):
        outcomes.append(outcome)
        if not as_json and os.isatty(2):
            typer.echo(f"\r{len(outcomes)}/{count} {outcome.id:<24}", nl=False, err=True)
    if not as_json and os.isatty(2):
        typer.echo("\r" + " " * 40 + "\r", nl=False, err=True)
    return outcomes


class _Office:
    """Tells the people at the node what only they can do."""

    def __init__(self, own: Path, region: str, *, as_json: bool) -> None:
        self._own = own
        self._region = region
        self._as_json = as_json

    async def accept(self, invitation: dict[str, Any], words: dict[str, list[str]]) -> None:
        """Write our invitation, and say so."""
        text = json.dumps(invitation, ensure_ascii=False, indent=1) + "\n"
        await asyncio.to_thread(self._own.write_text, text, encoding="utf-8")
        if self._as_json:
            self._tell({"accept": str(self._own), "region": self._region, "words": words})
            return
        typer.echo(f"accept {self._own} at the node now, for example: tonglu peer accept DIR {self._own}", err=True)
        for six in words.values():
            typer.echo(f"  {' '.join(six)}", err=True)

    async def sign(self, agreement: str) -> None:
        """Ask for the agreement to be signed."""
        if self._as_json:
            self._tell({"sign": agreement, "region": self._region})
            return
        typer.echo(f"sign the agreement at the node now, for example: tonglu agreement sign DIR {agreement}", err=True)

    def _tell(self, what: dict[str, Any]) -> None:
        print(json.dumps(what, ensure_ascii=False), flush=True)
