"""Taking back the offer of a plan to another region, with the plan or without."""

from contextlib import suppress

from sqlmodel import Session

from federation import outbox
from federation.tables import MessageState
from schemas.envelope import Outgoing
from schemas.messages import ErasureRequested
from schemas.problems import NoActivePeer, UnknownPeer
from schemas.regions import contains
from service.context import Node
from service.copies import newest_of, withdraw
from service.reminders.plans import drop_plan, open_plan, seal_plan
from service.reminders.tables import ReminderPlan

ERASURE = "tonglu.erasure.requested.v1"


def take_back(session: Session, node: Node, plan: ReminderPlan, region: str | None = None) -> None:
    """Take an offer back (to one region, or to any): what has not left never leaves, the rest is to be erased there."""
    content = open_plan(node, plan)
    if content.going_to is None or (region is not None and not contains(content.going_to, region)):
        return
    held = content.message or ""
    has_left = not withdraw(session, node, held)
    if has_left:
        data = ErasureRequested(message_ids=(newest_of(session, held),)).to_wire()
        # Where trust in that region was ended since, nobody is left to tell.
        with suppress(UnknownPeer, NoActivePeer):
            outbox.enqueue(session, node.fed, Outgoing(content.going_to, ERASURE, "node", data))
    # Its answer may be on its way: then the other region goes on, and this one must not go on, too.
    taken_back_from = content.going_to if has_left else content.taken_back_from
    changed = {"going_to": None, "message": None, "taken_back_from": taken_back_from}
    plan.sealed = seal_plan(node, plan.id, content.model_copy(update=changed))
    session.add(plan)
    session.flush()
    node.wake("delivery")


def recall_acceptance(session: Session, node: Node, plan: ReminderPlan, region: str | None = None) -> bool:
    """Stop the word that we go on with a plan of another region (one, or any), for it tells that its person is here.

    What that region did not receipt leaves no more; it goes on with the plan, and ours, made for it, ends: a person is
    reminded by one region. Returns whether the plan was dropped.
    """
    content = open_plan(node, plan)
    if content.acceptance is None or content.accepted_from is None:
        return False
    if region is not None and not contains(content.accepted_from, region):
        return False
    row = outbox.find_message(session, content.acceptance)
    if row is None or row.state == MessageState.RECEIPTED:
        return False
    outbox.cancel(session, node.fed, content.acceptance)
    node.wake("delivery")
    if content.is_ours:
        changed = {"acceptance": None, "accepted_from": None}
        plan.sealed = seal_plan(node, plan.id, content.model_copy(update=changed))
        session.add(plan)
        session.flush()
        return False
    drop_plan(session, plan)
    return True


def end_plan(session: Session, node: Node, plan: ReminderPlan) -> None:
    """Delete a plan with all its rows, and take back its offer to another region."""
    take_back(session, node, plan)
    if not recall_acceptance(session, node, plan):
        drop_plan(session, plan)
