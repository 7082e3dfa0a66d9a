"""What a plan's sealed column holds, and the rows of its present period."""

from datetime import date
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, delete, select

from federation.keys import b64url
from schemas.claims import Cadence, Channel
from schemas.entropy import uuid4
from schemas.identity import Language
from service.context import Node
from service.reminders.rules import Period, due_days
from service.reminders.tables import Reminder, ReminderPlan

PlanState = Literal["active", "paused", "ending"]
"""``ending``: another region goes on with the plan once the present period is over."""

_PAD_BYTES = 512
_STOP_BYTES = 16


class PlanContent(BaseModel):
    """What sending needs: the plan's own copy of the address and the language, so that no person is looked up.

    ``going_to`` is the region to which the plan is offered, ``message`` what carries the offer, ``taken_back_from`` the
    region from which an offer was taken back when it may have been there already. A plan that came from another region
    names it (``accepted_from``) and the message that says we go on with it (``acceptance``); ``is_ours`` says that it
    stood here before.
    """

    model_config = ConfigDict(frozen=True)

    email: str = Field(repr=False)
    language: Language
    anchor_on: date | None
    consent: str
    stop: str = Field(repr=False)
    going_to: str | None = None
    message: str | None = None
    taken_back_from: str | None = None
    accepted_from: str | None = None
    acceptance: str | None = None
    is_ours: bool = True


def plan_link(node: Node, key: bytes) -> bytes:
    """The one-way link of a person to their plans."""
    return node.vault.link(key, ReminderPlan.__tablename__)


def seal_plan(node: Node, plan_id: str, content: PlanContent) -> bytes:
    """Close a plan's content under the node's own key: the run opens it without any person's."""
    return node.vault.seal_secret(_context(plan_id), content.model_dump_json().encode(), pad_to=_PAD_BYTES)


def open_plan(node: Node, plan: ReminderPlan) -> PlanContent:
    """Open a plan's content."""
    return PlanContent.model_validate_json(node.vault.open_secret(_context(plan.id), plan.sealed))


def new_stop_secret(node: Node) -> str:
    """A secret for the page on which a plan is stopped; 22 characters."""
    return b64url(node.entropy.token_bytes(_STOP_BYTES))


def stop_digest(secret: str) -> bytes:
    """What the database keeps of that secret to find the plan."""
    return sha256(b"tonglu reminder stop\x00" + secret.encode()).digest()


def lead_days_of(plan: ReminderPlan) -> tuple[int, ...]:
    """The days before the end of a period on which a plan's messages fall."""
    return tuple(int(days) for days in plan.lead_days.split(","))


def plans_of(session: Session, node: Node, *keys: bytes) -> list[ReminderPlan]:
    """The plans of the person whose key this is (or of several people), oldest first."""
    wanted = select(ReminderPlan).where(col(ReminderPlan.link).in_([plan_link(node, key) for key in keys]))
    return list(session.exec(wanted.order_by(col(ReminderPlan.id))).all())


def open_period(session: Session, node: Node, plan: ReminderPlan, period: Period, not_before: date) -> None:
    """Make the rows of a period's messages that are still ahead; the plan's earlier rows must be gone."""
    plan.period, plan.period_ends_on = period.code, period.last_day
    session.add(plan)
    for due in due_days(period, lead_days_of(plan), node.calendar, not_before):
        session.add(
            Reminder(
                id=uuid4(node.entropy),
                plan_id=plan.id,
                step=due.step,
                channel=Channel.EMAIL.value,
                state="waiting",
                due_on=due.on,
            )
        )
    session.flush()


def drop_waiting(session: Session, plan_ids: list[str]) -> None:
    """Delete what has not been sent of these plans; what is being sent this second cannot be called back."""
    session.execute(delete(Reminder).where(col(Reminder.plan_id).in_(plan_ids), col(Reminder.state) == "waiting"))


def drop_plan(session: Session, plan: ReminderPlan) -> None:
    """Delete a plan and all its rows."""
    session.execute(delete(Reminder).where(col(Reminder.plan_id) == plan.id))
    session.delete(plan)
    session.flush()


def cadence_of(plan: ReminderPlan) -> Cadence:
    """How often a plan comes round."""
    return Cadence(plan.cadence)


def _context(plan_id: str) -> str:
    return f"reminder_plan.sealed:{plan_id}"
