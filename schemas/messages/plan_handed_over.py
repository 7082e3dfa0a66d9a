"""`tonglu.plan.handed_over.v1`: a reminder plan that moves along with its person."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.claims import Cadence, ReminderKind
from schemas.identity import Language
from schemas.messages.base import AboutPerson, ConsentRecord
from schemas.quarters import Quarter
from schemas.wire import Uuid, WireDate, WireInt

LeadDays = Annotated[tuple[Annotated[WireInt, Field(ge=0, le=60)], ...], Field(min_length=1, max_length=2)]
"""Days before the period's last day or the anchor: of the reminder, and of the follow-up if there is one."""


class PlanHandedOver(AboutPerson):
    """A plan that the person asked to take along, answered by `plan.accepted` or by nothing.

    Until then the sender goes on with it. A `yearly` plan has its `anchor_on`, a `quarterly` one has none.
    """

    plan: Uuid
    journey: Uuid | None = None
    kind: ReminderKind
    cadence: Cadence
    anchor_on: WireDate | None = None
    lead_days: LeadDays
    language: Language
    next_period: Quarter
    consent: ConsentRecord

    @model_validator(mode="after")
    def _anchor_of_a_year(self) -> Self:
        if (self.cadence is Cadence.YEARLY) != (self.anchor_on is not None):
            raise ValueError("a yearly plan has an anchor_on, a quarterly one has none")
        return self
