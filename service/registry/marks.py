"""Where a pass over the register stopped, by the name of the pass."""

from typing import Final

from sqlmodel import Session

from service.registry.tables import RegisterMark

DONE: Final = "done"


def mark_of(session: Session, name: str) -> str | None:
    """How far a pass came; None where it never began."""
    row = session.get(RegisterMark, name)
    return row.value if row is not None else None


def set_mark(session: Session, name: str, value: str) -> None:
    """Note how far a pass came."""
    session.merge(RegisterMark(name=name, value=value))
    session.flush()
