"""What withdrawing, protecting, ending and erasing mean for plans; ``app.py`` registers these as callbacks.

Each finds the person's plans by their one-way link and acts in the same transaction: nothing more is sent.
"""

from collections.abc import Sequence

from sqlmodel import Session

from schemas.claims import ConsentPurpose
from service.context import Node
from service.reminders.actions import set_paused, take_contact
from service.reminders.offers import end_plan, recall_acceptance, take_back
from service.reminders.plans import drop_plan, open_plan, plan_link, plans_of
from service.reminders.receiving import look_again
from service.reminders.tables import ReminderPlan
from service.vault import KeyHolder


def on_withdrawn(session: Session, node: Node, person: KeyHolder, purpose: str) -> None:
    """A consent was withdrawn: the plan that rested on it is gone, with what was queued; an offer is taken back."""
    parsed = ConsentPurpose.parse(purpose)
    kind, region = parsed.reminder_kind, parsed.region if parsed.action == "share_with_peer" else None
    for plan in _plans(session, node, person):
        if kind is not None and plan.kind == kind.value:
            end_plan(session, node, plan)
        elif region is not None:
            take_back(session, node, plan, region)
            recall_acceptance(session, node, plan, region)


def on_protected(session: Session, node: Node, person: KeyHolder) -> None:
    """A person is hidden from now on: their plans rest, until they start them again."""
    for plan in _plans(session, node, person):
        take_back(session, node, plan)
        if not recall_acceptance(session, node, plan):
            set_paused(session, node, plan, "paused")


def on_corrected(session: Session, node: Node, person: KeyHolder, email: str | None, language: str) -> None:
    """A record was corrected: the plans write to the new address from now on."""
    for plan in _plans(session, node, person):
        take_contact(session, node, plan, email=email, language=language)


def on_ended(session: Session, node: Node, people: Sequence[KeyHolder]) -> None:
    """The last journeys here of some people ended: their plans here end, but for one that another region was offered.

    That one goes on until the other region says that it does.
    """
    keys = [node.vault.open_key(person.wrapped_key) for person in people if person.wrapped_key is not None]
    for plan in plans_of(session, node, *keys):
        if open_plan(node, plan).going_to is None and plan.state != "ending":
            drop_plan(session, plan)


def on_erased(session: Session, node: Node, person: KeyHolder) -> None:
    """A person is erased: their plans go, too, and with them what was offered elsewhere."""
    for plan in _plans(session, node, person):
        end_plan(session, node, plan)


def on_shareable(session: Session, node: Node, _person: KeyHolder) -> None:
    """Someone was registered or consented: a plan that another region offered may be theirs."""
    look_again(session, node)


def on_merged(session: Session, node: Node, kept: KeyHolder, other: KeyHolder) -> list[str]:
    """Two records are one now: the other's plans are the kept one's; of a kind that it has already, one rests.

    At most one reminder of a kind a period (rule 3). What rests stays with the other record, for undoing.
    """
    if kept.wrapped_key is None:
        return []
    kinds = {plan.kind for plan in _plans(session, node, kept)}
    moved = []
    for plan in _plans(session, node, other):
        if plan.kind not in kinds:
            plan.link = plan_link(node, node.vault.open_key(kept.wrapped_key))
            session.add(plan)
            moved.append(plan.id)
        elif plan.state == "active":
            set_paused(session, node, plan, "paused")
            moved.append(f"{plan.id} resumed")
    session.flush()
    return moved


def on_unmerged(session: Session, node: Node, kept: KeyHolder, other: KeyHolder, moved: list[str]) -> None:
    """They are two again: plans that had come along go back, those that were laid to rest go on."""
    if other.wrapped_key is None:
        return
    link = plan_link(node, node.vault.open_key(other.wrapped_key))
    for plan in _plans(session, node, kept):
        if plan.id in moved:
            plan.link = link
            session.add(plan)
    session.flush()
    for plan in _plans(session, node, other):
        if f"{plan.id} resumed" in moved and plan.state == "paused":
            set_paused(session, node, plan, "active")


def _plans(session: Session, node: Node, person: KeyHolder) -> list[ReminderPlan]:
    if person.wrapped_key is None:
        return []
    return plans_of(session, node, node.vault.open_key(person.wrapped_key))
