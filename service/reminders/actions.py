"""Plans: made for one person who asked, changed and stopped at once, by the office or by the person."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session, col, select

from schemas.claims import Cadence, Channel, ConsentPurpose, ReminderKind
from schemas.entropy import uuid4
from schemas.identity import Language, age_on
from schemas.problems import DateOfBirthMissing, InvalidInput, NoConsent, NotFound, UnderAge, WrongState
from service.consents.consents import live_consent
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson, find_person, unseal_person
from service.reminders.offers import end_plan
from service.reminders.plans import (
    PlanContent,
    PlanState,
    cadence_of,
    drop_waiting,
    new_stop_secret,
    open_period,
    open_plan,
    plan_link,
    plans_of,
    seal_plan,
    stop_digest,
)
from service.reminders.rules import check_schedule, period_of
from service.reminders.tables import Reminder, ReminderPlan

ADULT_AGE = 18
PURPOSE = "persons_request"


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """What a person wants to be reminded of. `lead_days`: reminder and follow-up, days before the period's last day."""

    kind: ReminderKind
    cadence: Cadence
    channel: Channel
    lead_days: tuple[int, ...]
    anchor_on: date | None = None


def make_plan(session: Session, node: Node, person_id: str, draft: PlanDraft, *, by: Officer) -> ReminderPlan:
    """Make a plan that a person asked for at the counter.

    Raises :class:`NotFound`, :class:`NoConsent` (no live `remind:<kind>`), :class:`UnderAge`,
    :class:`DateOfBirthMissing`, :class:`InvalidInput` and :class:`WrongState` (there is one of that kind already).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = unseal_person(
        session,
        node,
        find_person(session, node, person_id, by),
        actor=by.as_actor,
        action="reminder_plan.made",
        purpose=PURPOSE,
        fields=("identity", "contact"),
    )
    return make_own_plan(session, node, person, draft)


def make_own_plan(
    session: Session, node: Node, person: OpenPerson, draft: PlanDraft, *, not_before: date | None = None
) -> ReminderPlan:
    """Make a plan for an opened person, with no message before a day; raises like :func:`make_plan`."""
    today = node.today()
    check_schedule(draft.cadence, draft.anchor_on, draft.lead_days, today)
    if person.identity.date_of_birth is None:
        raise DateOfBirthMissing
    if age_on(person.identity.date_of_birth, today) < ADULT_AGE:
        raise UnderAge("Reminders are for people of 18 or more.")
    consent = live_consent(session, node, person.key, ConsentPurpose.remind(draft.kind))
    if consent is None:
        raise NoConsent
    if draft.channel is not Channel.EMAIL:
        raise InvalidInput(errors=[{"field": "channel", "message": "This node sends reminders by e-mail only."}])
    if person.contact.email is None:
        raise InvalidInput(errors=[{"field": "channel", "message": "No e-mail address is on record."}])
    if any(plan.kind == draft.kind.value for plan in plans_of(session, node, person.key)):
        raise WrongState("There is a reminder of this kind already.")
    plan_id, stop = uuid4(node.entropy), new_stop_secret(node)
    content = PlanContent(
        email=person.contact.email,
        language=Language(person.language),
        anchor_on=draft.anchor_on,
        consent=consent.id,
        stop=stop,
    )
    period = period_of(draft.cadence, draft.anchor_on, today)
    plan = ReminderPlan(
        id=plan_id,
        link=plan_link(node, person.key),
        kind=draft.kind.value,
        cadence=draft.cadence.value,
        lead_days=",".join(map(str, draft.lead_days)),
        state="active",
        period=period.code,
        period_ends_on=period.last_day,
        stop_digest=stop_digest(stop),
        sealed=seal_plan(node, plan_id, content),
    )
    session.add(plan)
    session.flush()
    open_period(session, node, plan, period, max(today, not_before or today))
    return plan


def stop_plan(session: Session, node: Node, person_id: str, plan_id: str, *, by: Officer) -> None:
    """Stop a plan at the person's word: it is gone at once, with what was queued. Raises :class:`NotFound`."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = unseal_person(
        session,
        node,
        find_person(session, node, person_id, by),
        actor=by.as_actor,
        action="reminder_plan.stopped",
        purpose=PURPOSE,
        fields=(),
    )
    end_plan(session, node, find_plan(session, node, person.key, plan_id))


def stop_own_plan(session: Session, node: Node, key: bytes, plan_id: str) -> None:
    """Stop a plan of the person whose key this is. Raises :class:`NotFound`."""
    end_plan(session, node, find_plan(session, node, key, plan_id))


def find_plan(session: Session, node: Node, key: bytes, plan_id: str) -> ReminderPlan:
    """Find one plan of the person whose key this is. Raises :class:`NotFound` for anyone else's."""
    plan = session.get(ReminderPlan, plan_id)
    if plan is None or plan.link != plan_link(node, key):
        raise NotFound
    return plan


def find_plan_to_stop(session: Session, secret: str) -> ReminderPlan:
    """Find the plan whose *stop* link was opened. Raises :class:`NotFound`, also once it is stopped."""
    plan = session.exec(select(ReminderPlan).where(col(ReminderPlan.stop_digest) == stop_digest(secret))).first()
    if plan is None:
        raise NotFound
    return plan


def set_done(session: Session, plan: ReminderPlan) -> None:
    """No more messages in this period: the person pressed *done*. Nothing records that they did."""
    drop_waiting(session, [plan.id])


def set_paused(session: Session, node: Node, plan: ReminderPlan, state: PlanState) -> None:
    """Pause a plan, or let it go on with what is still ahead of this period."""
    if plan.state == state:
        return
    if plan.state == "ending":
        drop_waiting(session, [plan.id])
        return
    plan.state = state
    session.add(plan)
    drop_waiting(session, [plan.id])
    if state == "active":
        _reopen(session, node, plan)


def take_contact(session: Session, node: Node, plan: ReminderPlan, *, email: str | None, language: str) -> None:
    """Take a person's corrected address and language into a plan; without an address it rests."""
    content = open_plan(node, plan)
    changed = {"email": email or content.email, "language": Language(language)}
    plan.sealed = seal_plan(node, plan.id, content.model_copy(update=changed))
    session.add(plan)
    session.flush()
    if email is None:
        set_paused(session, node, plan, "paused")


def _reopen(session: Session, node: Node, plan: ReminderPlan) -> None:
    sent = {row.step: row for row in session.exec(select(Reminder).where(col(Reminder.plan_id) == plan.id)).all()}
    today = node.today()
    period = period_of(cadence_of(plan), open_plan(node, plan).anchor_on, min(today, plan.period_ends_on))
    if not sent:
        open_period(session, node, plan, period, today)
    elif set(sent) == {1}:
        open_period(session, node, plan, period, max(today, sent[1].due_on + timedelta(days=1)))
