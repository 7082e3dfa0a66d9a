"""Opening a node's directory for one command: settings checked, database migrated, and closed in the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from service.context import Node

Directory = Annotated[Path, typer.Argument(help="The node's directory (made by `tonglu init`).", metavar="DIR")]
"""The first argument of nearly every command."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]


class FixedClock:
    """A clock that shows one moment: `tick --at` runs what is due as if it were then."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        """The moment it was set to."""
        return self._moment


@contextmanager
def open_node(directory: Path, *, at: datetime | None = None, **overrides: Any) -> Iterator["Node"]:
    """The node in `directory`, as actions take it; no scheduler runs, nothing listens.

    `at` stops its clock at a moment; `overrides` are settings that win over the environment. Raises SettingInvalid.
    """
    from service.building import build_node
    from service.settings import Settings

    settings = Settings.load(directory, **overrides)
    node = build_node(settings, clock=None if at is None else FixedClock(at))
    try:
        yield node
    finally:
        node.database.close()
