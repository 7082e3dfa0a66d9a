"""Forms that an officer has started and put aside (F8): sealed, their own alone, gone after 24 hours (rule 9)."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlmodel import Session, col, delete, select

from schemas.entropy import uuid7
from schemas.problems import NotFound, WrongState
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.tables import ParkedForm

KEPT: Final = timedelta(hours=24)
MOST: Final = 20
"""Forms that one officer may have put aside."""
_PAD_BYTES: Final = 4096

ParkedKind = Literal["arrivals", "departures"]
Typed = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Parked:
    """A form put aside; `typed` are its fields exactly as they were."""

    id: str
    kind: str
    parked_at: datetime
    typed: Typed = field(repr=False)

    @property
    def name(self) -> str:
        """The name that was typed so far, by which the officer knows it again; may be empty."""
        return (self.typed.get("name") or [""])[0].strip()


def park(session: Session, node: Node, kind: ParkedKind, typed: Typed, *, by: Officer) -> str:
    """Put a form aside, in the place of the one it was taken up from; give its id.

    Raises `Forbidden`, `WrongState` when twenty are waiting already.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    drop_parked(session, (typed.get("parked") or [""])[0], by=by)
    if len(parked_of(session, node, by.id)) >= MOST:
        raise WrongState("Twenty forms are put aside already. Finish or discard one first.")
    row = ParkedForm(id=uuid7(node.now(), node.entropy), officer_id=by.id, kind=kind, parked_at=node.now(), sealed=b"")
    kept = {name: values for name, values in typed.items() if name != "parked"}
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    row.sealed = node.vault.seal_secret(_context(row.id), text, pad_to=_PAD_BYTES)
    session.add(row)
    session.flush()
    return row.id


def parked_of(session: Session, node: Node, officer_id: str) -> list[Parked]:
    """The forms that this officer has put aside within 24 hours, newest first."""
    wanted = select(ParkedForm).where(ParkedForm.officer_id == officer_id, ParkedForm.parked_at > node.now() - KEPT)
    rows = session.exec(wanted.order_by(col(ParkedForm.id).desc())).all()
    return [_opened(node, row) for row in rows]


def take_up(session: Session, node: Node, parked_id: str, *, by: Officer) -> Parked:
    """Give a form to go on with; it stays until it is saved or discarded. Raises `NotFound`, another officer's too."""
    row = session.get(ParkedForm, parked_id)
    if row is None or row.officer_id != by.id or row.parked_at <= node.now() - KEPT:
        raise NotFound
    return _opened(node, row)


def drop_parked(session: Session, parked_id: str, *, by: Officer) -> bool:
    """Discard a form of this officer's; tell whether there was one."""
    row = session.get(ParkedForm, parked_id) if parked_id else None
    if row is None or row.officer_id != by.id:
        return False
    session.delete(row)
    session.flush()
    return True


def drop_all_parked(session: Session, officer_id: str) -> None:
    """Discard what an officer who works here no longer had put aside: it is nobody else's to read."""
    session.execute(delete(ParkedForm).where(col(ParkedForm.officer_id) == officer_id))


def purge_parked(session: Session, node: Node) -> int:
    """Delete the forms that nobody went on with for 24 hours (job)."""
    gone = session.execute(delete(ParkedForm).where(col(ParkedForm.parked_at) <= node.now() - KEPT))
    return int(getattr(gone, "rowcount", 0) or 0)


def _opened(node: Node, row: ParkedForm) -> Parked:
    typed = json.loads(node.vault.open_secret(_context(row.id), row.sealed).decode("utf-8", "surrogatepass"))
    return Parked(row.id, row.kind, row.parked_at, typed)


def _context(parked_id: str) -> str:
    return f"parked_form.sealed:{parked_id}"
