"""凭证和提醒 on the own page: the certificate's code with what the holder chooses to show, and how reminders stop.

Besides, the page that a reminder's mail leads to: whoever holds its secret may say *done* or *stop*, without code or
PIN, and learns nothing about anyone there.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.certificates import Disclosable
from schemas.problems import NotFound
from service.certificates.actions import CertificateView
from service.certificates.queries import ReceivedView, own_certificate, own_certificates, received_certificates
from service.certificates.routes import slip_answer
from service.certificates.slip import qr_svg
from service.context import CurrentNode
from service.portal import sessions
from service.portal.doors import PageVisit
from service.portal.routes import change_own_plan
from service.reminders.actions import find_plan_to_stop, set_done
from service.reminders.offers import end_plan
from service.reminders.queries import PlanView, own_plans
from service.web.flash import Done
from service.web.forms import Form, public_form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

Shown = Annotated[list[Disclosable] | None, Query(max_length=3)]

_DONE = {"stop": "plan_stopped", "done": "plan_done", "pause": "plan_paused", "resume": "plan_resumed"}


@router.get("/me/holdings")
async def holdings_page(request: Request, node: CurrentNode, token: PageVisit) -> Response:
    """凭证和提醒: what there is, and how to stop it."""

    def read(session: Session) -> tuple[list[CertificateView], list[ReceivedView], list[PlanView]]:
        key = sessions.visitor(session, node, token).key
        return (
            own_certificates(session, node, key),
            received_certificates(session, node, key),
            own_plans(session, node, key),
        )

    issued, received, plans = await node.database.read(read)
    return pages_of(request).render(request, "portal/holdings.html", issued=issued, received=received, plans=plans)


@router.get("/me/certificates/{certificate_id}")
async def certificate_page(
    request: Request, node: CurrentNode, token: PageVisit, certificate_id: str, show: Shown = None
) -> Response:
    """One certificate with its code; the holder ticks what the code shows."""
    shown = None if show is None and "chosen" not in request.query_params else show or []
    view = await node.database.read(
        lambda session: own_certificate(
            session, node, sessions.visitor(session, node, token).key, certificate_id, shown
        )
    )
    query = "&".join(["chosen=1", *(f"show={claim.value}" for claim in view.shown)])
    return pages_of(request).render(
        request,
        "portal/certificate.html",
        view=view,
        query=query,
        form=Form.of(show=[claim.value for claim in view.shown]),
    )


@router.get("/me/certificates/{certificate_id}/qr.svg")
async def certificate_code(
    request: Request, node: CurrentNode, token: PageVisit, certificate_id: str, show: Shown = None
) -> Response:
    """The certificate's QR code, showing what the holder ticked."""
    view = await node.database.read(
        lambda session: own_certificate(
            session, node, sessions.visitor(session, node, token).key, certificate_id, show or []
        )
    )
    return Response(qr_svg(view.text), media_type="image/svg+xml")


@router.get("/me/certificates/{certificate_id}/slip.pdf")
async def certificate_slip(
    request: Request, node: CurrentNode, token: PageVisit, certificate_id: str, show: Shown = None
) -> Response:
    """The certificate's slip to print, showing what the holder ticked."""
    view = await node.database.read(
        lambda session: own_certificate(
            session, node, sessions.visitor(session, node, token).key, certificate_id, show or []
        )
    )
    return await slip_answer(request, node.name, view, node.now)


@router.post("/me/plans/{plan_id}/{step}")
async def change_plan(request: Request, node: CurrentNode, token: PageVisit, plan_id: str, step: str) -> Response:
    """`stop`, `pause`, `resume` a reminder, or be `done` for this period."""
    await node.database.write(
        lambda session: change_own_plan(session, node, sessions.visitor(session, node, token), plan_id, step)
    )
    return pages_of(request).see_other(request, "/me/holdings", Done(_DONE[step]))


@router.get("/me/reminders/{secret}")
async def stop_page(request: Request, node: CurrentNode, secret: str) -> Response:
    """The page that a reminder's mail leads to."""
    found = await node.database.read(lambda session: _there(session, secret))
    return pages_of(request).render(request, "portal/stop.html", secret=secret, found=found, said=None)


@router.post("/me/reminders/{secret}")
async def stop(request: Request, node: CurrentNode, secret: str) -> Response:
    """Stop a reminder, or be done for this period; also one click in a mail program (RFC 8058)."""
    one_click = (await sent_form(request)).text("List-Unsubscribe") == "One-Click"
    step = "stop" if one_click else (await public_form(request)).choice("step", ["stop", "done"])

    def act(session: Session) -> None:
        plan = find_plan_to_stop(session, secret)
        if step == "stop":
            end_plan(session, node, plan)
        elif step == "done":
            set_done(session, plan)

    try:
        await node.database.write(act)
    except NotFound:
        # Stopped already: that is what was wanted.
        step = "stop"
    if one_click:
        return Response(status_code=200)
    return pages_of(request).render(request, "portal/stop.html", secret=secret, found=step == "done", said=step)


def _there(session: Session, secret: str) -> bool:
    try:
        find_plan_to_stop(session, secret)
    except NotFound:
        return False
    return True
