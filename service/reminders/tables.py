"""The tables of reminders. No row holds a person's id or an address in clear."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel


class ReminderPlan(SQLModel, table=True):
    """A schedule that a person asked for, with all that sending needs.

    ``sealed`` (under the node's key, context ``reminder_plan:<id>``) is the JSON
    ``{"email", "language", "anchor_on", "consent", "stop"}``: the plan's own copy of the contact, the
    language, the yearly day, the consent's id and the secret of the *stop* link.
    """

    __tablename__ = "reminder_plan"

    id: str = Field(primary_key=True)
    link: bytes = Field(index=True)
    kind: str
    cadence: str
    channel: str
    lead_days: str
    state: str
    period: str
    period_ends_on: date = Field(index=True)
    stop_digest: bytes = Field(index=True)
    sealed: bytes


class Reminder(SQLModel, table=True):
    """One message of the current period: step 1 is the reminder, step 2 the follow-up.

    Rows of a period are deleted when it ends. ``state`` is ``waiting``, ``sent`` or ``undeliverable``.
    """

    __tablename__ = "reminder"

    id: str = Field(primary_key=True)
    plan_id: str = Field(index=True)
    step: int
    channel: str
    state: str
    due_on: date = Field(index=True)
    sent_at: datetime | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    locked_until: datetime | None = None
    holder: str | None = None


class ReminderCount(SQLModel, table=True):
    """All that stays of a period: how many messages a channel carried in a quarter, node-wide."""

    __tablename__ = "reminder_count"

    channel: str = Field(primary_key=True)
    quarter: str = Field(primary_key=True)
    sent: int = 0


class ChannelState(SQLModel, table=True):
    """How the way out is doing: failures in a row, and when to try again."""

    __tablename__ = "reminder_channel"

    channel: str = Field(primary_key=True)
    failures: int = 0
    next_attempt_at: datetime | None = None
