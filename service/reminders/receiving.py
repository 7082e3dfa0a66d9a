"""Plans that another region hands over: taken on for someone who lives here now and wants to be reminded by us.

On receipt nothing depends on who is in the register. The matching job looks for the person, now and whenever someone is
registered or consents; a plan that nobody is found for is dropped after 35 days, and its sender simply goes on. Taking
it on tells that region that the person is here, so it needs what any such word needs: an open arrival from there, the
person's live consent to share with that region, and their consent to this kind of reminder from us.
"""

import json
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, delete, select, update

from federation.outbox import enqueue
from federation.tables import Peer
from schemas.claims import Cadence, Channel, ConsentPurpose, Purpose, ReminderKind
from schemas.envelope import Incoming, Outgoing
from schemas.identity import PersonIdentity
from schemas.messages import PlanAccepted, PlanHandedOver
from schemas.problems import InvalidInput, InvalidMessage, LocalError
from schemas.quarters import Quarter
from schemas.regions import contains
from service.access_log import Actor, record_nobody
from service.consents.consents import live_consent
from service.context import Node
from service.registry.people import unseal_person
from service.registry.searching.matching import find_exact, open_arrivals
from service.registry.tables import Person
from service.registry.telling import may_share
from service.reminders.actions import PURPOSE, PlanDraft, make_own_plan
from service.reminders.plans import open_plan, plans_of, seal_plan
from service.reminders.rules import check_schedule
from service.reminders.tables import ReceivedPlan

ACCEPTED = "tonglu.plan.accepted.v1"
KEPT = timedelta(days=35)
_PAD_BYTES = 2048


class _Offer(BaseModel):
    """What is kept of an offer until its person is found, sealed under the node's key."""

    model_config = ConfigDict(frozen=True)

    person: PersonIdentity = Field(repr=False)
    kind: ReminderKind
    cadence: Cadence
    anchor_on: date | None
    lead_days: tuple[int, ...]
    next_period: Quarter
    agreement: str


def take_handed_over(session: Session, node: Node, incoming: Incoming, peer: Peer, now: datetime) -> list[Outgoing]:
    """Keep an offered plan, closed, for the matching job. Raises `InvalidMessage` for one that no plan can be."""
    data = incoming.data
    if not isinstance(data, PlanHandedOver):
        raise InvalidMessage
    if incoming.person is None or incoming.person.date_of_birth is None:
        raise _refused("data.subject_identity", "a person with a date of birth")
    purpose = data.consent.purpose
    shares = (
        purpose.region is not None and purpose.action == "share_with_peer" and contains(node.region, purpose.region)
    )
    if not shares and purpose.reminder_kind is not data.kind:
        raise _refused("data.consent.purpose", "a consent to share with this region, or to this kind of reminder")
    try:
        check_schedule(data.cadence, data.anchor_on, data.lead_days, node.today())
    except InvalidInput:
        raise _refused("data.lead_days", "the reminder before the follow-up, the day not far away") from None
    if session.get(ReceivedPlan, (peer.region, data.plan)) is not None:
        return []
    row = ReceivedPlan(peer=peer.region, id=data.plan, message_id=incoming.envelope.id, received_at=now, sealed=b"")
    offer = _Offer(
        person=incoming.person,
        kind=data.kind,
        cadence=data.cadence,
        anchor_on=data.anchor_on,
        lead_days=data.lead_days,
        next_period=data.next_period,
        agreement=incoming.envelope.agreement or "",
    )
    row.sealed = node.vault.seal_secret(_context(row), offer.model_dump_json().encode(), pad_to=_PAD_BYTES)
    session.add(row)
    session.flush()
    node.wake("matching")
    return []


def take_on_plans(session: Session, node: Node, limit: int = 100) -> int:
    """Look for the people of offered plans (part of the job ``matching``); returns how many were looked at."""
    waiting = select(ReceivedPlan).where(col(ReceivedPlan.look_again).is_(True))
    rows = session.exec(waiting.order_by(col(ReceivedPlan.message_id)).limit(limit)).all()
    for row in rows:
        _take_on(session, node, row)
    return len(rows)


def look_again(session: Session, node: Node) -> None:
    """Someone was registered or consented: what waits may match now."""
    done = session.exec(update(ReceivedPlan).where(col(ReceivedPlan.look_again).is_(False)).values(look_again=True))
    if done.rowcount:
        node.wake("matching")


def erase_received(session: Session, peer: str, message_ids: list[str]) -> None:
    """Delete what came by these messages of a peer and waits still; what a person took on since is their own plan."""
    came = col(ReceivedPlan.peer) == peer, col(ReceivedPlan.message_id).in_(message_ids)
    session.exec(delete(ReceivedPlan).where(*came))


def purge(session: Session, node: Node) -> int:
    """Delete offers for which nobody was found in 35 days; returns how many."""
    old = delete(ReceivedPlan).where(col(ReceivedPlan.received_at) < node.now() - KEPT)
    return session.exec(old).rowcount


def _take_on(session: Session, node: Node, row: ReceivedPlan) -> None:
    offer = _Offer.model_validate(json.loads(node.vault.open_secret(_context(row), row.sealed)))
    is_first, row.look_again, row.looked = not row.looked, False, True
    session.add(row)
    session.flush()
    actor = Actor.peer(row.peer)
    person = _found(session, node, row.peer, offer)
    if person is None:
        if is_first:
            record_nobody(session, node, actor)
        return
    start = max(offer.next_period, Quarter.of(node.today()))
    opened = unseal_person(
        session,
        node,
        person,
        actor=actor,
        action="reminder_plan.offered",
        purpose=PURPOSE,
        fields=("reminder_plan",),
        automatic=True,
    )
    draft = PlanDraft(offer.kind, offer.cadence, Channel.EMAIL, offer.lead_days, offer.anchor_on)
    ours = next((plan for plan in plans_of(session, node, opened.key) if plan.kind == offer.kind.value), None)
    try:
        plan = ours or make_own_plan(session, node, opened, draft, not_before=start.first_day)
    except LocalError:
        return  # no address, not yet of age: the sender goes on
    data = PlanAccepted(plan=row.id, from_period=start).to_wire()
    acceptance = enqueue(
        session,
        node.fed,
        Outgoing(row.peer, ACCEPTED, row.id, data, agreement=offer.agreement, purpose=Purpose.PERSONS_REQUEST),
    )
    said = {"accepted_from": row.peer, "acceptance": acceptance, "is_ours": ours is not None}
    plan.sealed = seal_plan(node, plan.id, open_plan(node, plan).model_copy(update=said))
    session.add(plan)
    session.delete(row)
    session.flush()
    node.wake("delivery")


def _found(session: Session, node: Node, peer: str, offer: _Offer) -> Person | None:
    """The person, if they are to be seen, came from there, allow telling that region, and want our reminders."""
    row = find_exact(session, node, offer.person)
    if row is None or not open_arrivals(session, row.id, peer):
        return None
    key = node.vault.open_key(row.wrapped_key)
    if may_share(session, node, key, peer, Purpose.PERSONS_REQUEST) is None:
        return None
    return row if live_consent(session, node, key, ConsentPurpose.remind(offer.kind)) is not None else None


def _context(row: ReceivedPlan) -> str:
    return f"received_plan.sealed:{row.peer}:{row.id}"


def _refused(field: str, message: str) -> InvalidMessage:
    return InvalidMessage(errors=[{"field": field, "message": message}])
