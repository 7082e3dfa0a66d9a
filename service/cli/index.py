"""`tonglu index`: everyone is found by what this version looks for; a running node does the same by itself."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from service.cli.opening import Directory, open_node


def register(main: typer.Typer) -> None:
    """Add the command."""
    main.command()(index)


def index(
    directory: Directory,
    *,
    again: Annotated[bool, typer.Option("--again", help="From the start, whatever was done before.")] = False,
) -> None:
    """Let records from before an upgrade be found by all that this version looks for.

    A node does this by itself; the command shows how far it is and goes on where it stopped. It may run meanwhile.
    """
    from service.registry.searching.indexing import index_anew, index_from_the_start, is_due, left_to_index

    with open_node(directory) as node:
        if again:
            node.database.write_sync(index_from_the_start)
        with _progress(node.database.read_sync(left_to_index)) as told:
            asyncio.run(index_anew(node, told))
        if node.database.read_sync(is_due):
            typer.echo("the node is at it itself just now", err=True)
            raise typer.Exit(1)
        typer.echo("everyone is indexed")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show how many people are done, on stderr, where somebody looks on."""
    if not sys.stderr.isatty():
        yield lambda _people: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("indexing", total=total)
        yield lambda people: progress.advance(task, people)
