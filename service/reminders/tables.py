"""The tables of reminders. No row holds a person's id or an address in clear."""

from datetime import date, datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class ReminderPlan(SQLModel, table=True):
    """A schedule that a person asked for, with all that sending needs.

    ``sealed`` (under the node's key, context ``reminder_plan.sealed:<id>``, padded) is the JSON of
    :class:`service.reminders.plans.PlanContent`. ``state``: ``active``, ``paused``, or ``ending`` with its
    present period, because another region goes on with it; a stopped plan is deleted.
    ``stop_digest`` finds the plan whose *stop* page was opened.
    """

    __tablename__ = "reminder_plan"

    id: str = Field(primary_key=True, max_length=36)
    link: bytes = Field(sa_type=LargeBinary, index=True)
    kind: str = Field(max_length=20)
    cadence: str = Field(max_length=10)
    lead_days: str = Field(max_length=8)
    state: str = Field(max_length=6)
    period: str = Field(max_length=10)
    period_ends_on: date = Field(index=True)
    stop_digest: bytes = Field(sa_type=LargeBinary, index=True)
    sealed: bytes = Field(sa_type=LargeBinary)


class Reminder(SQLModel, table=True):
    """One message of a plan's present period: step 1 is the reminder, step 2 the follow-up.

    The rows of a period are deleted when it ends, and those that wait as soon as the plan is stopped or paused.
    ``state``: ``waiting``, ``sent`` or ``undeliverable``.
    """

    __tablename__ = "reminder"
    __table_args__ = (Index("ix_reminder_due", "state", "due_on", "id"),)

    id: str = Field(primary_key=True, max_length=36)
    plan_id: str = Field(max_length=36, index=True)
    step: int
    channel: str = Field(max_length=6)
    state: str = Field(max_length=13)
    due_on: date
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    holder: str | None = Field(default=None, max_length=36)


class ReceivedPlan(SQLModel, table=True):
    """A plan that another region offers, until its person is found here or 35 days are over.

    ``sealed`` (under the node's key) says whose it is; no column does. ``look_again``: the matching job is to look for
    the person; ``looked``: it did so before.
    """

    __tablename__ = "received_plan"

    peer: str = Field(primary_key=True, max_length=12)
    id: str = Field(primary_key=True, max_length=36)
    message_id: str = Field(max_length=36)
    received_at: datetime = Field(sa_type=UtcDateTime)
    look_again: bool = True
    looked: bool = False
    sealed: bytes = Field(sa_type=LargeBinary)


class ReminderCount(SQLModel, table=True):
    """All that stays of a period: how many messages each channel carried in a quarter, node-wide."""

    __tablename__ = "reminder_count"

    channel: str = Field(primary_key=True, max_length=6)
    quarter: str = Field(primary_key=True, max_length=6)
    sent: int = 0


class ChannelState(SQLModel, table=True):
    """How the way out is doing: failures in a row, and when to try again."""

    __tablename__ = "reminder_channel"

    channel: str = Field(primary_key=True, max_length=6)
    failures: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
