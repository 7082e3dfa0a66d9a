"""The reminder run (发送批次): the scheduler only ticks, the rows are the truth.

One tick does three things. First it *rolls over* plans whose period has ended: what was sent is added to the node-wide
count of its channel, every row of the period is deleted, and the next period's rows are made. Then, by day and on a
working day only, it *claims* what is due, a few rows at a time, under a lease: of many processes each row is one's.
Then it *sends* each mail and records it at once. Whoever dies in between holds a lease that runs out, and the mail is
sent again under the same Message-ID.

Right before a mail leaves, its row and plan are read once more: what was withdrawn, stopped or paused since the claim
is not sent. Should a reminder and its follow-up both be due after a long silence, only the follow-up goes.

When the mail server cannot be reached, the channel rests, longer each time, and that is kept in the database; a mail
that the server does not take for now waits alone. The run never reads a person's record.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, select

from schemas.claims import Channel, ReminderKind
from schemas.clock import Clock, SystemClock, local_date
from schemas.entropy import SystemEntropy, uuid4
from schemas.quarters import Quarter
from service.context import Node
from service.mail import MAX_ATTEMPTS, LineDown, Mailer, MailRefused, may_send, retry_after
from service.reminders.mail import Mail, compose
from service.reminders.plans import cadence_of, open_period, open_plan
from service.reminders.rules import next_period, period_of
from service.reminders.tables import ChannelState, Reminder, ReminderCount, ReminderPlan

CLAIM_ROWS = 10
LEASE = timedelta(seconds=40)
"""How long a claim holds. Nothing is sent in its second half: a mail may take so long."""

ROLL_ROWS = 200
_CHANNEL = Channel.EMAIL.value
_SAFETY = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Claim:
    """A reminder that this run may send until `until`."""

    reminder_id: str
    until: datetime


MailerOpener = Callable[[str], Mailer]


async def run_reminders(node: Node, *, open_mailer: MailerOpener = Mailer.open, machine: Clock | None = None) -> int:
    """Do what is due once; returns how many mails were sent. The work of the job ``reminders``.

    Leases are between processes: they go by the ``machine``'s clock, whatever time the node works at.
    """
    now = node.now()
    while await node.database.write(lambda session: roll_over(session, node, now)) == ROLL_ROWS:
        pass
    url = node.settings.smtp_url
    if url is None or not may_send(now, node.zone, node.calendar):
        return 0
    if await node.database.read(lambda session: _resting(session, now)):
        return 0
    machine = machine or SystemClock()
    await node.database.write(lambda session: drop_superseded(session, node, machine.now()))
    return await _Run(node, url, open_mailer, machine).send_all()


def roll_over(session: Session, node: Node, now: datetime, limit: int = ROLL_ROWS) -> int:
    """End the periods that are over and open the present ones, for at most ``limit`` plans; returns for how many."""
    today = local_date(now, node.zone)
    ended = select(ReminderPlan).where(col(ReminderPlan.period_ends_on) < today)
    plans = session.exec(ended.order_by(col(ReminderPlan.period_ends_on)).limit(limit)).all()
    if not plans:
        return 0
    ids = [plan.id for plan in plans]
    sent = select(Reminder.sent_at).where(col(Reminder.plan_id).in_(ids), col(Reminder.sent_at).is_not(None))
    _count(session, node, [at for at in session.exec(sent).all() if at is not None])
    session.execute(delete(Reminder).where(col(Reminder.plan_id).in_(ids)))
    for plan in plans:
        if plan.state == "ending":
            session.delete(plan)
            continue
        anchor_on = open_plan(node, plan).anchor_on if plan.cadence == "yearly" else None
        cadence = cadence_of(plan)
        period = period_of(cadence, anchor_on, plan.period_ends_on)
        while period.last_day < today:
            period = next_period(cadence, anchor_on, period)
        if plan.state == "active":
            open_period(session, node, plan, period, today)
        else:
            plan.period, plan.period_ends_on = period.code, period.last_day
            session.add(plan)
    session.flush()
    return len(plans)


def drop_superseded(session: Session, node: Node, machine_now: datetime) -> None:
    """Drop reminders that never left although their follow-up is due: one mail is enough."""
    today = node.today()
    later = aliased(Reminder)
    due = select(later.plan_id).where(col(later.state) == "waiting", col(later.due_on) <= today, col(later.step) == 2)
    session.execute(
        delete(Reminder).where(
            col(Reminder.state) == "waiting",
            col(Reminder.due_on) <= today,
            col(Reminder.step) == 1,
            or_(col(Reminder.locked_until).is_(None), col(Reminder.locked_until) <= machine_now),
            col(Reminder.plan_id).in_(due),
        )
    )


def claim_due(
    session: Session, node: Node, machine_now: datetime, holder: str, *, limit: int = CLAIM_ROWS
) -> list[Claim]:
    """Claim at most ``limit`` reminders that are due and nobody's, for `LEASE` by the machine's clock."""
    now = node.now()
    today = local_date(now, node.zone)
    free = (
        select(Reminder.id)
        .where(
            col(Reminder.state) == "waiting",
            col(Reminder.due_on) <= today,
            or_(col(Reminder.next_attempt_at).is_(None), col(Reminder.next_attempt_at) <= now),
            or_(col(Reminder.locked_until).is_(None), col(Reminder.locked_until) <= machine_now),
        )
        .order_by(col(Reminder.due_on), col(Reminder.id))
        .limit(limit)
    )
    until = machine_now + LEASE
    claimed = session.execute(
        update(Reminder)
        .where(col(Reminder.id).in_(free))
        .values(locked_until=until, holder=holder)
        .returning(col(Reminder.id))
        .execution_options(synchronize_session=False)
    )
    return [Claim(reminder_id, until) for reminder_id in sorted(claimed.scalars())]


def mail_to_send(session: Session, node: Node, claim: Claim, holder: str) -> Mail | None:
    """What to send for a claim; None when the plan was stopped or paused since, or the claim is another's."""
    reminder = session.get(Reminder, claim.reminder_id)
    if reminder is None or reminder.state != "waiting" or reminder.holder != holder:
        return None
    plan = session.get(ReminderPlan, reminder.plan_id)
    if plan is None or plan.state == "paused":
        return None
    content = open_plan(node, plan)
    return Mail(
        reminder_id=reminder.id,
        to=content.email,
        language=content.language,
        kind=ReminderKind(plan.kind),
        until=plan.period_ends_on,
        stop=content.stop,
    )


def record_sent(session: Session, reminder_id: str, now: datetime) -> None:
    """A mail was taken by the server, and the line is good."""
    _settle(session, reminder_id, state="sent", sent_at=now, next_attempt_at=None)
    session.execute(delete(ChannelState).where(col(ChannelState.channel) == _CHANNEL))


def record_refused(session: Session, reminder_id: str, now: datetime, *, for_good: bool) -> None:
    """A mail was not taken: it waits alone, or is given up for this period."""
    reminder = session.get(Reminder, reminder_id)
    if reminder is None:
        return
    attempts = reminder.attempts + 1
    state = "undeliverable" if for_good or attempts >= MAX_ATTEMPTS else "waiting"
    _settle(session, reminder_id, state=state, attempts=attempts, next_attempt_at=now + retry_after(attempts))


def record_line_down(session: Session, holder: str, now: datetime) -> None:
    """The mail server is out of reach: give back what is claimed, and let the channel rest, longer each time."""
    session.execute(
        update(Reminder)
        .where(col(Reminder.holder) == holder, col(Reminder.state) == "waiting")
        .values(locked_until=None, holder=None)
    )
    row = session.get(ChannelState, _CHANNEL) or ChannelState(channel=_CHANNEL)
    row.failures += 1
    row.next_attempt_at = now + retry_after(row.failures)
    session.add(row)


class _Run:
    """One run: who holds the claims, and the connection while there is one."""

    def __init__(self, node: Node, url: str, open_mailer: MailerOpener, machine: Clock) -> None:
        self._node = node
        self._machine = machine
        self._url = url
        self._open_mailer = open_mailer
        # Not from the node's entropy: a claim's holder must differ between processes that share a seed.
        self._holder = uuid4(SystemEntropy())
        self._mailer: Mailer | None = None

    async def send_all(self) -> int:
        """Claim and send until nothing is due, the line is down or the day ends."""
        node, sent = self._node, 0
        try:
            while may_send(node.now(), node.zone, node.calendar):
                claim = partial(claim_due, node=node, machine_now=self._machine.now(), holder=self._holder)
                claims = await node.database.write(claim)
                if not claims:
                    break
                node.point("reminders.claimed")
                for one in claims:
                    sent += await self._send(one)
        except LineDown:
            await node.database.write(lambda session: record_line_down(session, self._holder, node.now()))
        finally:
            if self._mailer is not None:
                await asyncio.to_thread(self._mailer.close)
        return sent

    async def _send(self, claim: Claim) -> int:
        node = self._node
        if self._machine.now() > claim.until - _SAFETY:
            return 0
        mail = await node.database.read(lambda session: mail_to_send(session, node, claim, self._holder))
        if mail is None:
            return 0
        message = compose(node, mail, node.now())
        if self._mailer is None:
            self._mailer = await asyncio.to_thread(self._open_mailer, self._url)
        try:
            await asyncio.to_thread(self._mailer.send, message)
        except MailRefused as error:
            for_good = error.for_good
            await node.database.write(
                lambda session: record_refused(session, claim.reminder_id, node.now(), for_good=for_good)
            )
            return 0
        node.point("reminders.sent")
        await node.database.write(lambda session: record_sent(session, claim.reminder_id, node.now()))
        return 1


def _resting(session: Session, now: datetime) -> bool:
    row = session.get(ChannelState, _CHANNEL)
    return row is not None and row.next_attempt_at is not None and row.next_attempt_at > now


def _settle(session: Session, reminder_id: str, **values: object) -> None:
    session.execute(
        update(Reminder).where(col(Reminder.id) == reminder_id).values(locked_until=None, holder=None, **values)
    )


def _count(session: Session, node: Node, sent: list[datetime]) -> None:
    for at in sent:
        quarter = str(Quarter.of(local_date(at, node.zone)))
        row = session.get(ReminderCount, (_CHANNEL, quarter)) or ReminderCount(channel=_CHANNEL, quarter=quarter)
        row.sent += 1
        session.add(row)
        session.flush()
