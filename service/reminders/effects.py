"""What withdrawing, protecting, ending and erasing mean for plans; ``app.py`` registers these as callbacks.

Each finds the person's plans by their one-way link and acts in the same transaction: nothing more is sent.
"""

from sqlmodel import Session

from schemas.claims import ConsentPurpose
from service.context import Node
from service.reminders.actions import set_paused, take_contact
from service.reminders.plans import drop_plan, plans_of
from service.reminders.tables import ReminderPlan
from service.vault import KeyHolder


def on_withdrawn(session: Session, node: Node, person: KeyHolder, purpose: str) -> None:
    """A consent was withdrawn: the plan that rested on it is gone, with what was queued."""
    kind = ConsentPurpose.parse(purpose).reminder_kind
    for plan in _plans(session, node, person):
        if kind is not None and plan.kind == kind.value:
            drop_plan(session, plan)


def on_protected(session: Session, node: Node, person: KeyHolder) -> None:
    """A person is hidden from now on: their plans rest, until they start them again."""
    for plan in _plans(session, node, person):
        set_paused(session, node, plan, "paused")


def on_corrected(session: Session, node: Node, person: KeyHolder, email: str | None, language: str) -> None:
    """A record was corrected: the plans write to the new address from now on."""
    for plan in _plans(session, node, person):
        take_contact(session, node, plan, email=email, language=language)


def on_ended(session: Session, node: Node, person: KeyHolder) -> None:
    """A person's last journey here ended: their plans here end with it."""
    for plan in _plans(session, node, person):
        drop_plan(session, plan)


def on_erased(session: Session, node: Node, person: KeyHolder) -> None:
    """A person is erased: their plans go, too."""
    on_ended(session, node, person)


def _plans(session: Session, node: Node, person: KeyHolder) -> list[ReminderPlan]:
    if person.wrapped_key is None:
        return []
    return plans_of(session, node, node.vault.open_key(person.wrapped_key))
