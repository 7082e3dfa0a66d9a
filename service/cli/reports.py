"""`tonglu report`: a month of a report, as a table, as JSON, or as a workbook."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from service.cli.opening import AsJson, Directory, open_node


def register(main: typer.Typer) -> None:
    """Add the command."""
    main.command()(report)


def report(
    directory: Directory,
    name: Annotated[str, typer.Argument(help="monthly_flows, response_times, register_quality or privacy.")],
    *,
    month: Annotated[str | None, typer.Option(help="A month, 2026-10; the newest closed one unless given.")] = None,
    area: Annotated[str | None, typer.Option(help="A township's code; the whole region unless given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a workbook (.xlsx); there must be no such file yet.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a month of a report; under ten is not told, and of an open month tens alone."""
    from schemas.problems import NotFound
    from service.officers.rules import Officer, Role
    from service.reports.queries import NAMES, read_closed, read_report
    from service.reports.texts import HEADS, TABLES, row_name, shown_value
    from service.reports.workbook import workbook
    from service.web.languages import Languages

    known = next((one for one in NAMES if one == name), None)
    if known is None:
        raise NotFound("There is no such report.")
    english = Languages().translator("en")
    with open_node(directory) as node:
        operator = Officer("", "operator", frozenset({Role.SUPERVISOR}), node.region, "en")
        if out is not None:
            closed = node.database.read_sync(
                lambda session: read_closed(session, node, known, by=operator, month=month, area=area)
            )
            with out.open("xb") as file:
                file.write(workbook(node, closed, english))
            typer.echo(f"{out}: {closed.name} {closed.month}")
            return
        found = node.database.read_sync(
            lambda session: read_report(session, node, known, by=operator, month=month, area=area)
        )
        if as_json:
            typer.echo(json.dumps(asdict(found), ensure_ascii=False, default=str))
        else:
            as_of = f"{found.counted_at.astimezone(node.zone):%Y-%m-%d %H:%M}"
            so_far = "" if found.closed_at else f" (not closed: in tens, rounded down, as of {as_of})"
            typer.echo(f"{found.name} {found.month} {node.divisions.full_name(found.area)}{so_far}")
            for table in found.tables:
                typer.echo(f"\n{TABLES[table.title]}")
                typer.echo("\t".join(["", *(HEADS[code] for code in table.head)]))
                for row in table.rows:
                    label = row_name(node, row.code, english, table=table.title)
                    typer.echo("\t".join([label, *(shown_value(value) for value in row.values)]))
