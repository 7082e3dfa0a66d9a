"""Which imports a list of moves may be narrowed to: an office's own ledgers, by day, source and size, never by name."""

from typing import Any, Final

from sqlmodel import Session, col, or_, select

from service.callbacks import ImportedLedger
from service.ledgers.tables import LedgerImport

MOST: Final = 200
"""So many imports are offered, the newest ones; an older one is reached from its own page."""

WITH_MOVES: Final = ("importing", "committed", "undoing")
"""States in which moves of an import may stand in the register."""


def imported_ledgers(session: Session, kind: str, area: str, chosen: str | None) -> list[ImportedLedger]:
    """The imports of `kind` (`arrivals`, `departures`) into `area` and below, newest first.

    `chosen` is the one that a list is narrowed to just now: it is among them however old, if it lies in the area.
    """
    inside = (LedgerImport.kind == kind, col(LedgerImport.area).startswith(area, autoescape=True))
    with_moves = col(LedgerImport.state).in_(WITH_MOVES)
    columns: Any = (
        LedgerImport.id,
        LedgerImport.created_at,
        LedgerImport.source,
        LedgerImport.source_region,
        LedgerImport.registered,
    )
    newest = select(LedgerImport.id).where(*inside, with_moves).order_by(col(LedgerImport.id).desc()).limit(MOST)
    wanted = or_(col(LedgerImport.id).in_(newest.subquery().select()), col(LedgerImport.id) == chosen)
    found = session.exec(select(*columns).where(*inside, with_moves, wanted).order_by(col(LedgerImport.id).desc()))
    return [ImportedLedger(*row) for row in found]
