"""A plan that moves along with its person: handed over to the region where they live from now on.

The person asks for it, and allows sharing with that region. The plan goes on here until the other region says from
which quarter it reminds; where it says nothing, nothing changes. Taking the plan or the consent back takes the message
back, or has it erased there (``offers``).
"""

from sqlmodel import Session, col, select

from federation.peers import peer_for
from federation.tables import Peer, PeerState
from schemas.claims import Purpose
from schemas.envelope import Incoming, Outgoing
from schemas.messages import PlanAccepted
from schemas.problems import (
    DateOfBirthMissing,
    InvalidMessage,
    NoActivePeer,
    NoAgreementInForce,
    NoConsent,
    UnknownPeer,
    WrongState,
)
from schemas.quarters import Quarter
from service.access_log import Actor, record_nobody
from service.agreements.queries import agreement_in_force
from service.consents.consents import live_share_consent
from service.context import Node
from service.copies import enqueue_with_copy
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson, find_person, unseal_person
from service.reminders.actions import PURPOSE, find_plan
from service.reminders.plans import cadence_of, drop_plan, lead_days_of, open_plan, seal_plan
from service.reminders.rules import next_period, period_of
from service.reminders.tables import Reminder, ReminderPlan

HANDED_OVER = "tonglu.plan.handed_over.v1"


def hand_over(session: Session, node: Node, person_id: str, plan_id: str, region: str, *, by: Officer) -> ReminderPlan:
    """Offer a plan to another region, at the person's word.

    Raises `NotFound`, `UnknownPeer`, `NoActivePeer`, `NoConsent` (to share with that region), `NoAgreementInForce`,
    `DateOfBirthMissing`, `WrongState` (offered already, or it is about to end).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = unseal_person(
        session,
        node,
        find_person(session, node, person_id, by),
        actor=by.as_actor,
        action="reminder_plan.handed_over",
        purpose=PURPOSE,
        fields=("identity",),
    )
    plan = find_plan(session, node, person.key, plan_id)
    content = open_plan(node, plan)
    if content.going_to is not None or plan.state == "ending":
        raise WrongState("This reminder was offered to another region already.")
    message = _offer(session, node, person, plan, region)
    peer = peer_for(session, region)
    going_to = peer.region if peer is not None else region
    plan.sealed = seal_plan(node, plan.id, content.model_copy(update={"going_to": going_to, "message": message}))
    session.add(plan)
    session.flush()
    node.wake("delivery")
    return plan


def take_accepted(session: Session, node: Node, incoming: Incoming, peer: Peer) -> None:
    """The other region reminds from a quarter on: a plan whose present period lies before it ends with that period.

    What was never offered to this peer is left alone. An offer that was taken back while its answer was on its way ends
    the plan all the same: the person has it there now. Raises `InvalidMessage` for a quarter that would
    leave one out.
    """
    data = incoming.data
    if not isinstance(data, PlanAccepted):
        raise InvalidMessage
    record_nobody(session, node, Actor.peer(peer.region))
    plan = session.get(ReminderPlan, data.plan)
    content = open_plan(node, plan) if plan is not None else None
    if plan is None or content is None or peer.region not in (content.going_to, content.taken_back_from):
        return
    present = Quarter.of(plan.period_ends_on)
    if data.from_period > _quarter_after(node, plan):
        raise _refused("data.from_period", "it leaves a period out")
    if data.from_period <= present or plan.state == "paused":
        drop_plan(session, plan)
        return
    plan.state = "ending"
    changed = {"going_to": None, "message": None, "taken_back_from": None}
    plan.sealed = seal_plan(node, plan.id, content.model_copy(update=changed))
    session.add(plan)
    session.flush()


def _offer(session: Session, node: Node, person: OpenPerson, plan: ReminderPlan, region: str) -> str:
    peer = peer_for(session, region)
    if peer is None or peer.state == PeerState.PAPER:
        raise UnknownPeer
    if peer.state != PeerState.ACTIVE:
        raise NoActivePeer
    consent = live_share_consent(session, node, person.key, peer.region)
    if consent is None:
        raise NoConsent
    agreement = agreement_in_force(session, peer.region, node.today(), Purpose.PERSONS_REQUEST)
    if agreement is None:
        raise NoAgreementInForce
    if person.identity.date_of_birth is None:
        raise DateOfBirthMissing
    # The journey is left out: its id stands beside the person, and nothing may lead from a person to a plan.
    data = {
        "plan": plan.id,
        "kind": plan.kind,
        "cadence": plan.cadence,
        "lead_days": list(lead_days_of(plan)),
        "language": person.language,
        "next_period": str(_next_quarter(session, node, plan)),
        "consent": consent.to_record().to_wire(),
    }
    anchor_on = open_plan(node, plan).anchor_on
    if anchor_on is not None:
        data["anchor_on"] = anchor_on.isoformat()
    offer = Outgoing(
        recipient=peer.region,
        type=HANDED_OVER,
        subject=plan.id,
        data=data,
        agreement=agreement.id,
        purpose=Purpose.PERSONS_REQUEST,
        person=person.identity,
    )
    return enqueue_with_copy(session, node, offer)


def _next_quarter(session: Session, node: Node, plan: ReminderPlan) -> Quarter:
    """The quarter of the first period in which nothing was sent yet."""
    sent = select(Reminder.id).where(col(Reminder.plan_id) == plan.id, col(Reminder.state) != "waiting").limit(1)
    return _quarter_after(node, plan) if session.exec(sent).first() else Quarter.of(plan.period_ends_on)


def _quarter_after(node: Node, plan: ReminderPlan) -> Quarter:
    anchor_on, cadence = open_plan(node, plan).anchor_on, cadence_of(plan)
    present = period_of(cadence, anchor_on, plan.period_ends_on)
    return Quarter.of(next_period(cadence, anchor_on, present).last_day)


def _refused(field: str, message: str) -> InvalidMessage:
    return InvalidMessage(errors=[{"field": field, "message": message}])
