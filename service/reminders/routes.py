"""JSON: reminder plans and reminders, only ever of one person."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from schemas.claims import Cadence, Channel, ReminderKind
from schemas.messages.plan_handed_over import LeadDays
from schemas.regions import RegionCode
from schemas.wire import WireDate
from service.context import CurrentNode
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.reminders import actions, handing, queries
from service.reminders.actions import PlanDraft
from service.reminders.plans import PlanState
from service.reminders.queries import PlanView

router = APIRouter(route_class=JsonRoute, tags=["reminders"])

PersonId = Annotated[str, Query(max_length=36, description="Whose it is; without the right one: 404.")]


class PlanRequest(BaseModel):
    """A reminder that a person asked for. `lead_days`: one or two numbers, days before the period's last day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person_id: Annotated[str, Field(max_length=36)]
    kind: ReminderKind
    cadence: Cadence
    channel: Channel
    lead_days: LeadDays
    anchor_on: WireDate | None = None


class HandOver(BaseModel):
    """To which region a plan moves along with its person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person_id: Annotated[str, Field(max_length=36)]
    peer: RegionCode


class PlanAnswer(BaseModel):
    """A plan as it stands."""

    id: str
    kind: ReminderKind
    cadence: Cadence
    channel: Channel
    lead_days: tuple[int, ...]
    anchor_on: date | None
    state: PlanState
    period: str
    next_on: date | None

    @classmethod
    def of(cls, view: PlanView) -> "PlanAnswer":
        """The answer for a view."""
        return cls(
            id=view.id,
            kind=view.kind,
            cadence=view.cadence,
            channel=view.channel,
            lead_days=view.lead_days,
            anchor_on=view.anchor_on,
            state=view.state,
            period=view.period,
            next_on=view.next_on,
        )


class PlanList(BaseModel):
    """The plans of one person."""

    items: list[PlanAnswer]
    next: None = None


class ReminderAnswer(BaseModel):
    """A message of the present period: step 1 is the reminder, step 2 the follow-up."""

    id: str
    plan_id: str
    kind: ReminderKind
    period: str
    step: int
    due_on: date
    state: str


class ReminderList(BaseModel):
    """The messages of one person's plans in their present periods."""

    items: list[ReminderAnswer]
    next: None = None


@router.post("/reminder-plans", status_code=201)
async def make_plan(body: PlanRequest, node: CurrentNode, officer: CurrentOfficer) -> PlanAnswer:
    """Make a plan that a person asked for."""
    draft = PlanDraft(
        kind=body.kind,
        cadence=body.cadence,
        channel=body.channel,
        lead_days=body.lead_days,
        anchor_on=body.anchor_on,
    )

    def act(session: Session) -> PlanAnswer:
        plan = actions.make_plan(session, node, body.person_id, draft, by=officer)
        return PlanAnswer.of(queries.view_of(session, node, plan))

    return await write_once(node, act)


@router.delete("/reminder-plans/{plan_id}", status_code=204)
async def stop_plan(plan_id: str, node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = "") -> Response:
    """Stop a plan: it is gone at once, with what was queued."""
    await node.database.write(lambda session: actions.stop_plan(session, node, person_id, plan_id, by=officer))
    return Response(status_code=204)


@router.post("/reminder-plans/{plan_id}/hand-over")
async def hand_over_plan(plan_id: str, body: HandOver, node: CurrentNode, officer: CurrentOfficer) -> PlanAnswer:
    """Offer a plan to the region where its person lives from now on; it goes on here until that region says it does."""

    def act(session: Session) -> PlanAnswer:
        plan = handing.hand_over(session, node, body.person_id, plan_id, body.peer, by=officer)
        return PlanAnswer.of(queries.view_of(session, node, plan))

    return await write_once(node, act, status=200)


@router.get("/people/{person_id}/reminder-plans")
async def list_plans(person_id: str, node: CurrentNode, officer: CurrentOfficer) -> PlanList:
    """List one person's plans."""
    views = await node.database.write(lambda session: queries.plans_of_person(session, node, person_id, by=officer))
    return PlanList(items=[PlanAnswer.of(view) for view in views])


@router.get("/reminders")
async def list_reminders(node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = "") -> ReminderList:
    """List the messages of one person's plans in their present periods."""
    views = await node.database.write(lambda session: queries.reminders_of_person(session, node, person_id, by=officer))
    return ReminderList(
        items=[
            ReminderAnswer(
                id=view.id,
                plan_id=view.plan_id,
                kind=view.kind,
                period=view.period,
                step=view.step,
                due_on=view.due_on,
                state=view.state,
            )
            for view in views
        ]
    )
