"""A person's reminders: what they asked for, setting one up, stopping it.

They are live only inside the opened person: no page lists people by reminder (rule 3).
"""

from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.claims import Cadence, Channel, ReminderKind
from schemas.problems import LocalError, NoConsent, NotFound
from service.context import CurrentNode, Node
from service.idempotency import form_once
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.registry.pages_frame import PersonHead, person_head
from service.reminders import actions, handing, queries
from service.reminders.actions import PlanDraft
from service.web.dates import plain
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

NOT_A_NUMBER: Final = N_("Please give a number of days.")
NAME_A_REGION: Final = N_("Please choose a region from the list, by its name.")
CONSENT_FIRST: Final = N_(
    "The person has not consented to this reminder. Record the consent first, on the tab “Notice and consents”."
)


@router.get("/people/{person_id}/reminders")
async def reminders_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """The plans of one person and the messages of their present periods."""
    head, plans, messages = await node.database.write(
        lambda session: (
            person_head(session, node, person_id, by=officer),
            queries.plans_of_person(session, node, person_id, by=officer),
            queries.reminders_of_person(session, node, person_id, by=officer),
        )
    )
    return pages_of(request).render(
        request,
        "reminders/list.html",
        head=head,
        current_tab=f"/people/{person_id}/reminders",
        plans=plans,
        messages=messages,
    )


@router.get("/people/{person_id}/reminders/new")
async def new_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Ask what the person wants to be reminded of."""
    head = await node.database.write(lambda session: person_head(session, node, person_id, by=officer))
    form = Form.of(cadence=Cadence.QUARTERLY, first_days="14", second_days="3")
    return _form_page(request, head, form)


@router.post("/people/{person_id}/reminders")
async def make(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Set the reminders up."""
    form = await sent_form(request)
    kind = form.choice("kind", [str(one) for one in ReminderKind])
    cadence = form.choice("cadence", [str(one) for one in Cadence])
    yearly = cadence == Cadence.YEARLY
    anchor = form.date("anchor_on") if yearly else None
    lead_days = (*_days(form, "first_days"), *_days(form, "second_days", needed=False))
    if form.ok:
        draft = PlanDraft(
            kind=ReminderKind(kind),
            cadence=Cadence(cadence),
            channel=Channel.EMAIL,
            lead_days=lead_days,
            anchor_on=date.fromisoformat(anchor) if anchor else None,
        )
        try:
            await form_once(
                node,
                officer,
                form.key,
                form.typed | {"person": [person_id]},
                lambda session: actions.make_plan(session, node, person_id, draft, by=officer).id,
            )
        except NoConsent:
            form.refuse("kind", CONSENT_FIRST)
        except LocalError as error:
            form.take(error, {"lead_days": "first_days", "channel": ""})
        else:
            return pages_of(request).see_other(request, f"/people/{person_id}/reminders", Done("plan_made"))
    head = await node.database.write(lambda session: person_head(session, node, person_id, by=officer))
    return _form_page(request, head, form, status=422)


@router.post("/people/{person_id}/reminders/{plan_id}/stop")
async def stop(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, plan_id: str) -> Response:
    """Stop the reminders at once, with what was waiting."""
    await node.database.write(lambda session: actions.stop_plan(session, node, person_id, plan_id, by=officer))
    return pages_of(request).see_other(request, f"/people/{person_id}/reminders", Done("plan_stopped"))


@router.get("/people/{person_id}/reminders/{plan_id}/hand-over")
async def hand_over_page(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, plan_id: str
) -> Response:
    """Ask to which region the reminders move along."""
    return await _hand_over_page(request, node, officer, person_id, plan_id, form=Form())


@router.post("/people/{person_id}/reminders/{plan_id}/hand-over")
async def hand_over(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, plan_id: str
) -> Response:
    """Offer the reminders to the region where the person lives now."""
    form = await sent_form(request)
    typed = form.needed("region")
    region = node.divisions.find(typed) if typed else None
    if typed and region is None:
        form.refuse("region", NAME_A_REGION)
    if form.ok and region is not None:
        try:
            await node.database.write(
                lambda session: handing.hand_over(session, node, person_id, plan_id, region, by=officer).id
            )
        except LocalError as error:
            if error.status in {403, 404}:
                raise
            form.take(error)
        else:
            return pages_of(request).see_other(request, f"/people/{person_id}/reminders", Done("plan_offered"))
    return await _hand_over_page(request, node, officer, person_id, plan_id, form=form, status=422)


async def _hand_over_page(
    request: Request, node: Node, officer: Officer, person_id: str, plan_id: str, *, form: Form, status: int = 200
) -> Response:
    def read(session: Session) -> PersonHead:
        head = person_head(session, node, person_id, by=officer)
        if all(plan.id != plan_id for plan in queries.plans_of_person(session, node, person_id, by=officer)):
            raise NotFound
        return head

    head = await node.database.write(read)
    return pages_of(request).render(
        request,
        "reminders/hand_over.html",
        status=status,
        head=head,
        current_tab=f"/people/{person_id}/reminders",
        plan_id=plan_id,
        form=form,
    )


def _days(form: Form, name: str, *, needed: bool = True) -> tuple[int, ...]:
    text = plain(form.text(name))
    if not text and not needed:
        return ()
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        form.refuse(name, NOT_A_NUMBER)
        return ()
    return (int(text),)


def _form_page(request: Request, head: PersonHead, form: Form, *, status: int = 200) -> Response:
    return pages_of(request).render(
        request,
        "reminders/new.html",
        status=status,
        head=head,
        current_tab=f"/people/{head.id}/reminders",
        form=form,
        kinds=list(ReminderKind),
        cadences=list(Cadence),
    )
