"""The person's own page `/me`: code, birth date and PIN, then five cards, one thing a page.

Large type, plain sentences, and 快速离开 always in sight: it ends the visit and goes to a page of no interest.
"""

from datetime import date
from typing import Final, cast

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from schemas.claims import ConsentPurpose
from schemas.clock import local_date
from schemas.problems import InvalidInput, SignInFailed, SignInRequired, TooManyAttempts
from service.context import CurrentNode, Node
from service.officers.doors import client_address
from service.officers.passwords import PasswordChecks
from service.portal import acts, sessions
from service.portal.doors import VISIT_COOKIE, PageVisit, clear_visit_cookie, page_visit, set_visit_cookie
from service.portal.record import OwnRecord, own_record
from service.portal.requests import ANSWER_WORKING_DAYS, RequestKind, make_request
from service.portal.routes import log_page
from service.registry.people import OpenPerson
from service.web.cookies import sent_cookie
from service.web.flash import Done
from service.web.forms import Form, public_form, sent_form
from service.web.languages import N_, chosen_language
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

ELSEWHERE: Final = "https://www.weather.com.cn/"
"""Where 快速离开 goes: the national weather page, which nobody asks about."""

LOG_LINES: Final = 100

MESSAGES: Final = {
    "tonglu.verification.requested.v1": N_("a question to confirm your move"),
    "tonglu.departure.notified.v1": N_("the note that you left for there"),
    "tonglu.arrival.confirmed.v1": N_("the note that you arrived here"),
    "tonglu.arrival.ended.v1": N_("the note that your stay here ended"),
    "tonglu.erasure.requested.v1": N_("the request to erase what was sent"),
}
"""What was sent about the person, in words."""

REQUESTS: Final = {
    RequestKind.COPY: N_("A copy on paper of what is held about me"),
    RequestKind.CORRECT: N_("Correct something"),
    RequestKind.OBJECT: N_("I object to how my facts are used"),
    RequestKind.LIMIT: N_("Hide my record from now on"),
    RequestKind.MOVE: N_("Hand my record over to another office"),
    RequestKind.ERASE: N_("Erase my record"),
}


@router.get("/me")
async def home_page(request: Request, node: CurrentNode) -> Response:
    """The five cards; without a visit, the way in."""
    try:
        token = await page_visit(request, node)
    except SignInRequired:
        response = _entry_page(request, Form())
        clear_visit_cookie(response, node)
        return response
    languages = pages_of(request).languages
    record, log = await node.database.read(
        lambda session: (
            own_record(session, node, sessions.visitor(session, node, token)),
            log_page(session, node, token, languages, after=None, limit=1),
        )
    )
    return pages_of(request).render(request, "portal/home.html", record=record, last=next(iter(log.items), None))


@router.post("/me")
async def enter(request: Request, node: CurrentNode) -> Response:
    """Come in with code, date of birth and PIN."""
    form = await public_form(request)
    code = form.needed("code")
    born = form.date("date_of_birth")
    pin = form.needed("pin")
    if not form.ok or born is None:
        return _entry_page(request, form, status=422)
    checks = cast("PasswordChecks", request.app.state.password_checks)
    try:
        visit = await sessions.enter(node, checks, code, date.fromisoformat(born), pin, address=client_address(request))
    except (SignInFailed, TooManyAttempts, InvalidInput) as error:
        form.take(error)
        return _entry_page(request, form, status=error.status)
    response = pages_of(request).see_other(request, "/me")
    set_visit_cookie(response, node, visit.token)
    return response


@router.get("/me/exit")
async def leave(request: Request, node: CurrentNode) -> Response:
    """快速离开: end the visit, and be somewhere else."""
    token = sent_cookie(request, VISIT_COOKIE)
    if token is not None:
        await node.database.write(lambda session: sessions.leave(session, token))
    response = RedirectResponse(ELSEWHERE, status_code=303)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Clear-Site-Data"] = '"cache"'
    clear_visit_cookie(response, node)
    return response


@router.get("/me/information")
async def information_page(request: Request, node: CurrentNode, token: PageVisit) -> Response:
    """我的信息: all that is held, in clear."""
    return pages_of(request).render(
        request, "portal/information.html", record=await _record(node, token), messages_said=MESSAGES
    )


@router.get("/me/looked")
async def looked_page(request: Request, node: CurrentNode, token: PageVisit, after: str | None = None) -> Response:
    """谁看过我的信息: plain sentences, by month."""
    languages = pages_of(request).languages
    log = await node.database.read(
        lambda session: log_page(session, node, token, languages, after=after, limit=LOG_LINES)
    )
    months: dict[str, list[object]] = {}
    for line in log.items:
        months.setdefault(local_date(line.at, node.zone).isoformat()[:7], []).append(line)
    return pages_of(request).render(
        request,
        "portal/looked.html",
        months=months,
        spoken=chosen_language(request),
        first=after is not None,
        next_after=log.next,
    )


@router.get("/me/consents")
async def consents_page(request: Request, node: CurrentNode, token: PageVisit) -> Response:
    """我的同意: one tap off, one tap on again."""
    return pages_of(request).render(request, "portal/consents.html", record=await _record(node, token))


@router.post("/me/consents/{step}")
async def change_consent(request: Request, node: CurrentNode, token: PageVisit, step: str) -> Response:
    """Withdraw (`off`) a consent, or take that back (`on`)."""
    form = await sent_form(request)
    try:
        purpose = ConsentPurpose.parse(form.text("purpose"))
    except ValueError:
        raise InvalidInput(errors=[{"field": "purpose", "message": "There is no such consent."}]) from None
    change = acts.withdraw if step == "off" else acts.consent_again

    def act(session: Session) -> None:
        change(session, node, sessions.visitor(session, node, token), purpose)

    await node.database.write(act)
    done = Done("withdrawn" if step == "off" else "consent_saved")
    return pages_of(request).see_other(request, "/me/consents", done)


@router.post("/me/request-messages/{step}")
async def switch_messages(request: Request, node: CurrentNode, token: PageVisit, step: str) -> Response:
    """Be told of each request about me (`on`), or not (`off`)."""
    await sent_form(request)

    def act(session: Session) -> None:
        acts.switch_request_messages(session, node, sessions.visitor(session, node, token), on=step == "on")

    await node.database.write(act)
    return pages_of(request).see_other(request, "/me/consents", Done("saved"))


@router.get("/me/requests")
async def requests_page(request: Request, node: CurrentNode, token: PageVisit) -> Response:
    """我的申请: download, ask, and by when we owe an answer."""
    return _requests_page(request, await _record(node, token), Form())


@router.post("/me/requests")
async def ask(request: Request, node: CurrentNode, token: PageVisit) -> Response:
    """Put a request before the office."""
    form = await sent_form(request)
    kind = form.choice("kind", [one.value for one in RequestKind])
    if not form.ok:
        return _requests_page(request, await _record(node, token), form, status=422)
    await node.database.write(
        lambda session: make_request(session, node, sessions.visitor(session, node, token), RequestKind(kind))
    )
    return pages_of(request).see_other(request, "/me/requests", Done("own_request_made"))


@router.post("/me/keep")
async def keep(request: Request, node: CurrentNode, token: PageVisit) -> Response:
    """Do not be erased after all when the legal hold is over."""
    await sent_form(request)
    await node.database.write(lambda session: acts.keep_record(session, node, sessions.visitor(session, node, token)))
    return pages_of(request).see_other(request, "/me/requests", Done("kept_after_all"))


@router.get("/me/download")
async def download(node: CurrentNode, token: PageVisit) -> Response:
    """All that is held about the person, as a file (PIPL art. 45)."""
    record = await _record(node, token)
    return Response(
        record.model_dump_json(indent=2),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="my-record.json"'},
    )


async def _record(node: Node, token: str) -> OwnRecord:
    def read(session: Session) -> OwnRecord:
        person: OpenPerson = sessions.visitor(session, node, token)
        return own_record(session, node, person)

    return await node.database.read(read)


def _entry_page(request: Request, form: Form, *, status: int = 200) -> Response:
    return pages_of(request).render(request, "portal/enter.html", form=form, status=status)


def _requests_page(request: Request, record: OwnRecord, form: Form, *, status: int = 200) -> Response:
    speak = pages_of(request).translator(request)
    return pages_of(request).render(
        request,
        "portal/requests.html",
        record=record,
        form=form,
        kinds=REQUESTS,
        kinds_shown=[(kind.value, speak.gettext(text)) for kind, text in REQUESTS.items()],
        working_days=ANSWER_WORKING_DAYS,
        status=status,
    )
