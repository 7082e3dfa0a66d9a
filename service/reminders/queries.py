"""Reading plans and reminders: always those of one person, and of the present period alone."""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, select

from schemas.claims import Cadence, Channel, ReminderKind
from service.context import Node
from service.officers.rules import Officer
from service.registry.people import find_person, unseal_person
from service.reminders.actions import PURPOSE
from service.reminders.plans import PlanState, cadence_of, lead_days_of, open_plan, plans_of
from service.reminders.tables import Reminder, ReminderPlan

_STATES: dict[str, PlanState] = {"active": "active", "paused": "paused", "ending": "ending"}


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as its person's office and the person see it. `next_on`: the day of the next message of this period."""

    id: str
    kind: ReminderKind
    cadence: Cadence
    channel: Channel
    lead_days: tuple[int, ...]
    anchor_on: date | None
    state: PlanState
    period: str
    period_ends_on: date
    next_on: date | None


@dataclass(frozen=True, slots=True)
class ReminderView:
    """A message of the present period: `waiting`, `sent` or `undeliverable`."""

    id: str
    plan_id: str
    kind: ReminderKind
    period: str
    step: int
    due_on: date
    state: str


def plans_of_person(session: Session, node: Node, person_id: str, *, by: Officer) -> list[PlanView]:
    """The plans of one person; logged, so it needs a writing transaction. Raises :class:`NotFound`."""
    return own_plans(session, node, _key(session, node, person_id, by))


def reminders_of_person(session: Session, node: Node, person_id: str, *, by: Officer) -> list[ReminderView]:
    """The messages of one person's plans in their present periods. Raises :class:`NotFound`."""
    return own_reminders(session, node, _key(session, node, person_id, by))


def own_plans(session: Session, node: Node, key: bytes) -> list[PlanView]:
    """The plans of the person whose key this is; for the person's own page."""
    return [view_of(session, node, plan) for plan in plans_of(session, node, key)]


def own_reminders(session: Session, node: Node, key: bytes) -> list[ReminderView]:
    """The messages of the present periods of the person whose key this is."""
    return [
        ReminderView(row.id, plan.id, ReminderKind(plan.kind), plan.period, row.step, row.due_on, row.state)
        for plan in plans_of(session, node, key)
        for row in _rows(session, plan)
    ]


def view_of(session: Session, node: Node, plan: ReminderPlan) -> PlanView:
    """A plan as it stands."""
    waiting = [row.due_on for row in _rows(session, plan) if row.state == "waiting"]
    return PlanView(
        id=plan.id,
        kind=ReminderKind(plan.kind),
        cadence=cadence_of(plan),
        channel=Channel.EMAIL,
        lead_days=lead_days_of(plan),
        anchor_on=open_plan(node, plan).anchor_on,
        state=_STATES[plan.state],
        period=plan.period,
        period_ends_on=plan.period_ends_on,
        next_on=min(waiting, default=None),
    )


def _rows(session: Session, plan: ReminderPlan) -> list[Reminder]:
    return list(session.exec(select(Reminder).where(col(Reminder.plan_id) == plan.id).order_by(col(Reminder.step))))


def _key(session: Session, node: Node, person_id: str, by: Officer) -> bytes:
    opened = unseal_person(
        session,
        node,
        find_person(session, node, person_id, by),
        actor=by.as_actor,
        action="reminder_plan.shown",
        purpose=PURPOSE,
        fields=("reminder_plan",),
    )
    return opened.key
