"""An agreement's dates: when it should be renewed, and what counts as its successor. Pure."""

from datetime import date, timedelta
from typing import Protocol

RENEW_WITHIN_DAYS = 30
"""So long before an agreement runs out an officer is told: a letter there and back, and two signatures."""


class Dated(Protocol):
    """What an agreement says of its time."""

    id: str
    peer: str
    state: str
    valid_from: date
    valid_until: date


def a_year_after(day: date) -> date:
    """The same day of the next year; for the 29th of February the 28th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 2, 28)


def follows(agreement: Dated, other: Dated) -> bool:
    """Whether a signed agreement takes over where another one ends: without a day between, and for longer."""
    return (
        agreement.id != other.id
        and agreement.peer == other.peer
        and agreement.state == "signed"
        and agreement.valid_from <= other.valid_until + timedelta(days=1)
        and agreement.valid_until > other.valid_until
    )
