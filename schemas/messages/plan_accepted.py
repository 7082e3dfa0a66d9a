"""`tonglu.plan.accepted.v1`: the recipient goes on with a plan."""

from schemas.messages.base import MessageData
from schemas.quarters import Quarter
from schemas.wire import Uuid


class PlanAccepted(MessageData):
    """The recipient sends the plan's reminders from this quarter on."""

    plan: Uuid
    from_period: Quarter
