"""Taking back the offer of a plan to another region, with the plan or without."""

from contextlib import suppress

from sqlmodel import Session

from federation import outbox
from schemas.envelope import Outgoing
from schemas.messages import ErasureRequested
from schemas.problems import NoActivePeer, UnknownPeer
from schemas.regions import contains
from service.context import Node
from service.reminders.plans import drop_plan, open_plan, seal_plan
from service.reminders.tables import ReminderPlan

ERASURE = "tonglu.erasure.requested.v1"


def take_back(session: Session, node: Node, plan: ReminderPlan, region: str | None = None) -> None:
    """Take an offer back (to one region, or to any): what has not left never leaves, the rest is to be erased there."""
    content = open_plan(node, plan)
    if content.going_to is None or (region is not None and not contains(content.going_to, region)):
        return
    held = content.message or ""
    row = outbox.find_message(session, held)
    if row is None or not outbox.cancel(session, node.fed, held):
        data = ErasureRequested(message_ids=(held,)).to_wire()
        # Where trust in that region was ended since, nobody is left to tell.
        with suppress(UnknownPeer, NoActivePeer):
            outbox.enqueue(session, node.fed, Outgoing(content.going_to, ERASURE, "node", data))
    plan.sealed = seal_plan(node, plan.id, content.model_copy(update={"going_to": None, "message": None}))
    session.add(plan)
    session.flush()
    node.wake("delivery")


def end_plan(session: Session, node: Node, plan: ReminderPlan) -> None:
    """Delete a plan with all its rows, and take back its offer to another region."""
    take_back(session, node, plan)
    drop_plan(session, plan)
