"""JSON: a person's own page. `POST /me/session` gives a token; what is asked with it is logged nowhere."""

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session

from schemas.claims import ConsentPurpose
from schemas.problems import NotFound, SignInRequired
from schemas.wire import WireDate
from service.access_log import entries_of_person
from service.context import CurrentNode, Node
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer, client_address
from service.officers.passwords import PasswordChecks
from service.paging import PageAfter, PageLimit
from service.portal import acts, codes, sessions
from service.portal.record import OwnConsent, OwnRecord, own_consents, own_record
from service.portal.requests import OwnRequestView, RequestKind, make_request, requests_of_person
from service.portal.sentences import Line, line_of
from service.registry.doubles.merging import merged_keys
from service.registry.people import OpenPerson
from service.reminders.actions import find_plan, set_done, set_paused, stop_own_plan
from service.web.languages import Languages
from service.web.templating import pages_of

router = APIRouter(route_class=JsonRoute, tags=["own page"])

PAGE_LINES = 50

_bearer = HTTPBearer(auto_error=False, description="The token of `POST /api/v1/me/session`.")


class SessionRequest(BaseModel):
    """What opens the page. The `pin` is chosen on the first visit with a code, and asked for ever after."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    date_of_birth: WireDate
    pin: Annotated[str, Field(min_length=1, max_length=200, repr=False)]


class SessionAnswer(BaseModel):
    """The token of a visit, and until when it is good."""

    token: str
    expires_at: datetime


class AccessCodeAnswer(BaseModel):
    """A fresh access code, shown this once, and until when it is good."""

    code: str
    expires_at: datetime


class PurposeRequest(BaseModel):
    """One of the purposes that a person consented to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: ConsentPurpose


class OwnRequestMessages(BaseModel):
    """Whether I want to be told of each request about me."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: bool


class RequestRequest(BaseModel):
    """What the person asks of the office."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: RequestKind


class LogPage(BaseModel):
    """Lines of the access log, newest first; `next` goes on after them."""

    items: list[Line]
    next: str | None


class ConsentList(BaseModel):
    """The person's consents, newest first."""

    items: list[OwnConsent]


class RequestList(BaseModel):
    """A person's requests, newest first."""

    items: list[OwnRequestView]
    next: None = None


async def visit_token(bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """The token of a visit. Raises `SignInRequired`."""
    if bearer is None:
        raise SignInRequired
    return bearer.credentials


VisitToken = Annotated[str, Depends(visit_token)]


@router.post("/people/{person_id}/access-code", status_code=201)
async def access_code(person_id: str, node: CurrentNode, officer: CurrentOfficer) -> AccessCodeAnswer:
    """Give a person a code for their own page; the ones before it are good no more."""
    issued = await node.database.write(lambda session: codes.issue_access_code(session, node, person_id, by=officer))
    return AccessCodeAnswer(code=issued.code, expires_at=issued.expires_at)


@router.get("/people/{person_id}/requests")
async def person_requests(person_id: str, node: CurrentNode, officer: CurrentOfficer) -> RequestList:
    """List what a person asked of the office on their own page."""
    items = await node.database.write(lambda session: requests_of_person(session, node, person_id, by=officer))
    return RequestList(items=items)


@router.post("/me/session")
async def enter(body: SessionRequest, request: Request, node: CurrentNode) -> SessionAnswer:
    """Open a visit to one's own page."""
    checks = cast("PasswordChecks", request.app.state.password_checks)
    visit = await sessions.enter(node, checks, body.code, body.date_of_birth, body.pin, address=client_address(request))
    return SessionAnswer(token=visit.token, expires_at=visit.expires_at)


@router.delete("/me/session", status_code=204)
async def leave(node: CurrentNode, token: VisitToken) -> Response:
    """End the visit."""
    await node.database.write(lambda session: sessions.leave(session, token))
    return Response(status_code=204)


@router.get("/me")
async def me(node: CurrentNode, token: VisitToken) -> OwnRecord:
    """All that the node holds about me."""
    return await node.database.read(lambda session: own_record(session, node, sessions.visitor(session, node, token)))


@router.get("/me/access-log")
async def access_log(
    request: Request,
    node: CurrentNode,
    token: VisitToken,
    after: PageAfter = None,
    limit: PageLimit = PAGE_LINES,
) -> LogPage:
    """Who looked at my record, and what was done."""
    languages = pages_of(request).languages
    return await node.database.read(lambda session: log_page(session, node, token, languages, after=after, limit=limit))


@router.get("/me/consents")
async def consents(node: CurrentNode, token: VisitToken) -> ConsentList:
    """My consents, withdrawn ones included."""
    items = await node.database.read(
        lambda session: own_consents(session, node, sessions.visitor(session, node, token).key)
    )
    return ConsentList(items=items)


@router.post("/me/withdrawals")
async def withdraw(body: PurposeRequest, node: CurrentNode, token: VisitToken) -> ConsentList:
    """Withdraw a consent; it works at once, also on what is queued."""

    def act(session: Session, person: OpenPerson) -> list[OwnConsent]:
        acts.withdraw(session, node, person, body.purpose)
        return own_consents(session, node, person.key)

    return ConsentList(items=await node.database.write(lambda session: act(session, _visitor(session, node, token))))


@router.post("/me/request-messages", status_code=204)
async def request_messages(body: OwnRequestMessages, node: CurrentNode, token: VisitToken) -> None:
    """Be told of each request about me, or not."""

    def act(session: Session) -> None:
        acts.switch_request_messages(session, node, _visitor(session, node, token), on=body.on)

    await node.database.write(act)


@router.post("/me/consents")
async def consent_again(body: PurposeRequest, node: CurrentNode, token: VisitToken) -> ConsentList:
    """Take a withdrawal back."""

    def act(session: Session, person: OpenPerson) -> list[OwnConsent]:
        acts.consent_again(session, node, person, body.purpose)
        return own_consents(session, node, person.key)

    return ConsentList(items=await node.database.write(lambda session: act(session, _visitor(session, node, token))))


@router.post("/me/requests", status_code=201)
async def ask(body: RequestRequest, node: CurrentNode, token: VisitToken) -> OwnRequestView:
    """Ask something of the office: it owes an answer within 15 working days."""
    return await node.database.write(
        lambda session: make_request(session, node, _visitor(session, node, token), body.kind)
    )


@router.post("/me/keep", status_code=204)
async def keep(node: CurrentNode, token: VisitToken) -> None:
    """Do not be erased after all when the legal hold is over."""
    await node.database.write(lambda session: acts.keep_record(session, node, sessions.visitor(session, node, token)))


@router.delete("/me/reminder-plans/{plan_id}", status_code=204)
async def stop_plan(plan_id: str, node: CurrentNode, token: VisitToken) -> Response:
    """Stop one of my reminders; nothing more is sent."""
    await node.database.write(lambda session: stop_own_plan(session, node, _visitor(session, node, token).key, plan_id))
    return Response(status_code=204)


@router.post("/me/reminder-plans/{plan_id}/{step}", status_code=204)
async def change_plan(plan_id: str, step: str, node: CurrentNode, token: VisitToken) -> Response:
    """`done`: no more in this period · `pause` · `resume`."""
    await node.database.write(
        lambda session: change_own_plan(session, node, _visitor(session, node, token), plan_id, step)
    )
    return Response(status_code=204)


def change_own_plan(session: Session, node: Node, person: OpenPerson, plan_id: str, step: str) -> None:
    """Do one of the steps on a plan of this person. Raises `NotFound` for another plan or step."""
    if step == "stop":
        stop_own_plan(session, node, person.key, plan_id)
        return
    plan = find_plan(session, node, person.key, plan_id)
    match step:
        case "done":
            set_done(session, plan)
        case "pause":
            set_paused(session, node, plan, "paused")
        case "resume":
            set_paused(session, node, plan, "active")
        case _:
            raise NotFound


def log_page(
    session: Session, node: Node, token: str, languages: Languages, *, after: str | None, limit: int
) -> LogPage:
    """One page of the visitor's own log, in words."""
    person = sessions.visitor(session, node, token)
    keys = merged_keys(session, node, person.id)
    found = entries_of_person(session, node, person, also=keys, after=after, limit=limit + 1)
    lines = [line_of(item, languages, node.divisions) for item in found[:limit]]
    return LogPage(items=lines, next=lines[-1].id if len(found) > limit else None)


def _visitor(session: Session, node: Node, token: str) -> OpenPerson:
    return sessions.visitor(session, node, token)
