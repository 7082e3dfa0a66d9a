"""Who may do what with a task. Pure decisions."""

from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from service.officers.rules import Officer, Role
from service.work_items.tables import WorkItem

Kind = Literal[
    "answer_request",
    "request_unanswered",
    "duplicate",
    "import_rows",
    "message_parked",
    "persons_request",
    "agreement_ending",
    "unusual_access",
    "legal_hold",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

BY_HAND: Final = frozenset(
    {"request_unanswered", "import_rows", "persons_request", "agreement_ending", "unusual_access"}
)
"""Kinds that an officer says are done; the others close with the work itself: the answer, the decision, the message."""

PROMISED_WORKING_DAYS: Final[dict[Kind, int]] = {"duplicate": 10, "message_parked": 2}
"""Within so many working days these are seen to, the day that they arose not counted (Civil Code 201-204). No law sets
a term for them: it is a promise of ours. Ten days are what an office has to answer another one, after which a double
would have been asked about; a refused message holds a question up, hence two.
"""

SUPERVISORS_ALONE: Final = frozenset({"unusual_access", "legal_hold"})
"""Kinds that clerks never see."""

UNDO: Final = timedelta(minutes=10)
"""So long whoever said that a task is done can take it back."""


def may_see(officer: Officer, item: WorkItem) -> bool:
    """Tell whether a task is of this officer's area and kind of work."""
    return officer.sees_people and officer.sees(item.area) and (not item.for_supervisor or officer.has(Role.SUPERVISOR))


def may_take(officer: Officer, item: WorkItem) -> bool:
    """Tell whether this officer may do a task: one that they see, and that does not concern themselves."""
    return may_see(officer, item) and item.not_for != officer.name


def has_say(officer: Officer, item: WorkItem) -> bool:
    """Tell whether a task is the officer's to hand over or to call done: their own, the pool's, or any for a
    supervisor.
    """
    return item.assignee in (None, officer.name) or officer.has(Role.SUPERVISOR)


def may_undo(item: WorkItem, officer: Officer, now: datetime) -> bool:
    """Tell whether the officer can take back that a task is done."""
    return (
        item.state == "done"
        and item.done_by == officer.name
        and item.done_at is not None
        and now - item.done_at <= UNDO
    )
