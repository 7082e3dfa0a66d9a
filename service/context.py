"""The node as every action gets it: who we are, and the tools that were chosen when it was built."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast
from zoneinfo import ZoneInfo

from federation.node import FederationNode
from schemas.calendar import WorkingCalendar
from schemas.clock import Clock, local_date
from schemas.entropy import Entropy
from schemas.points import Point
from schemas.regions import Divisions
from service.callbacks import Callbacks
from service.counted import Counted
from service.database import Database
from service.held import Held
from service.settings import Settings
from service.vault import Vault


def _asleep(job: str) -> None:
    """Wake nothing: where no scheduler runs (a command, a test), ``tick`` does the work."""


@dataclass(frozen=True)
class Node:
    """One region's node, built once in ``service.app`` and passed to every action and query.

    It holds no data and opens nothing by itself. ``wake("matching")`` tells the scheduler that a
    job has something to do now; it may be called from any thread, after or before the commit.
    """

    region: str
    name: str
    base_url: str
    settings: Settings
    clock: Clock
    entropy: Entropy
    zone: ZoneInfo
    calendar: WorkingCalendar
    divisions: Divisions
    vault: Vault = field(repr=False)
    fed: FederationNode = field(repr=False)
    database: Database = field(repr=False)
    point: Point = field(repr=False)
    callbacks: Callbacks = field(default_factory=Callbacks, repr=False)
    held: Held = field(default_factory=Held, repr=False)
    counted: Counted = field(default_factory=Counted, repr=False)
    wake: Callable[[str], None] = field(default=_asleep, repr=False)

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return self.clock.now()

    def today(self) -> date:
        """The present day in the node's zone."""
        return local_date(self.clock.now(), self.zone)


if TYPE_CHECKING:
    CurrentNode = Annotated[Node, "the node, as a parameter of a route"]


def __getattr__(name: str) -> Any:
    """Make `CurrentNode` when the first route asks for it, so that no command pays for loading FastAPI (PEP 562)."""
    if name != "CurrentNode":
        raise AttributeError(name)
    from fastapi import Depends, Request  # noqa: PLC0415 - see above

    def node_of(request: Request) -> Node:
        return cast("Node", request.app.state.node)

    globals()[name] = Annotated[Node, Depends(node_of)]
    return globals()[name]
