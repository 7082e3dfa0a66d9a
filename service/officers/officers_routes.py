"""JSON: the officers of the administrator's area."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from service.context import CurrentNode
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers import administration
from service.officers.administration import Account, Colleague
from service.officers.doors import CurrentOfficer, password_checks
from service.officers.routes import Name, OwnSession
from service.officers.rules import Role, require

router = APIRouter(route_class=JsonRoute, tags=["officers"])

Roles = Annotated[list[Role], Field(min_length=1, max_length=4)]
Area = Annotated[str, Field(max_length=12)]


class NewOfficer(BaseModel):
    """A colleague to add; the administrator's own area unless given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    roles: Roles
    area: Area | None = None


class OfficerChanges(BaseModel):
    """What is to change. `link`: what the sign-in service calls the officer; empty takes the link off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: Roles | None = None
    area: Area | None = None
    link: Annotated[str | None, Field(max_length=255, repr=False)] = None


class OneTimePassword(BaseModel):
    """A password to tell once: it must be changed before anything else, and lapses when nobody did."""

    officer: str
    password: Annotated[str, Field(repr=False)]
    expires_at: datetime


class OfficerView(BaseModel):
    """An account. `waits`: sign-in rests after wrong passwords; `linked`: with the sign-in service.

    `one_time_until`: until when the one-time password is good, of who has one; once it has lapsed, reset the account.
    """

    name: str
    roles: list[Role]
    area: str
    disabled: bool
    must_change_password: bool
    one_time_until: datetime | None
    one_time_lapsed: bool
    totp: bool
    passkeys: int
    linked: bool
    waits: bool
    sessions: int
    created_at: datetime

    @classmethod
    def of(cls, account: Account) -> "OfficerView":
        """The view of an account."""
        return cls.model_validate(account, from_attributes=True)


class OfficerList(BaseModel):
    """The officers of the area, by the sound of their names."""

    items: list[OfficerView]


class OfficerSessions(BaseModel):
    """A colleague's sessions, the last used first."""

    items: list[OwnSession]


@router.get("/officers")
async def get_officers(node: CurrentNode, officer: CurrentOfficer) -> OfficerList:
    """List the officers of one's area (administrator)."""
    found = await node.database.read(lambda session: administration.list_officers(session, node, by=officer))
    return OfficerList(items=[OfficerView.of(one) for one in found])


@router.post("/officers", status_code=201)
async def post_officer(
    request: Request, node: CurrentNode, officer: CurrentOfficer, body: NewOfficer
) -> OneTimePassword:
    """Add a colleague (administrator); the answer holds the one-time password, good for 72 hours."""
    require(officer, Role.ADMINISTRATOR)
    made = await password_checks(request).one_time(node.entropy)

    def add(session: Session) -> OneTimePassword:
        new = Colleague(body.name, body.roles, body.area)
        until = administration.add_colleague(session, node, new, made, by=officer)
        return OneTimePassword(officer=body.name, password=made.told, expires_at=until)

    return await write_once(node, add)


@router.patch("/officers/{name}")
async def patch_officer(name: str, node: CurrentNode, officer: CurrentOfficer, body: OfficerChanges) -> OfficerView:
    """Change a colleague's roles, area or link to the sign-in service (administrator; never one's own)."""
    return await write_once(
        node,
        lambda session: OfficerView.of(
            administration.change_officer(
                session, node, name, roles=body.roles, area=body.area, link=body.link, by=officer
            )
        ),
        status=200,
    )


@router.post("/officers/{name}/disable", status_code=204)
async def disable(name: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Shut a colleague out at once (administrator)."""
    await write_once(node, lambda session: administration.disable(session, node, name, by=officer), status=204)


@router.post("/officers/{name}/enable", status_code=204)
async def enable(name: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Let a colleague in again (administrator)."""
    await write_once(node, lambda session: administration.enable(session, node, name, by=officer), status=204)


@router.post("/officers/{name}/reset")
async def reset(request: Request, name: str, node: CurrentNode, officer: CurrentOfficer) -> OneTimePassword:
    """Give a colleague a new one-time password and take their second factors off (administrator)."""
    require(officer, Role.ADMINISTRATOR)
    made = await password_checks(request).one_time(node.entropy)

    def renew(session: Session) -> OneTimePassword:
        until = administration.reset(session, node, name, made, by=officer)
        return OneTimePassword(officer=name, password=made.told, expires_at=until)

    return await write_once(node, renew, status=200)


@router.get("/officers/{name}/sessions")
async def get_officer_sessions(name: str, node: CurrentNode, officer: CurrentOfficer) -> OfficerSessions:
    """List a colleague's sessions (administrator)."""
    _, found = await node.database.read(lambda session: administration.show_officer(session, node, name, by=officer))
    return OfficerSessions(items=[OwnSession.model_validate(one, from_attributes=True) for one in found])


@router.delete("/officers/{name}/sessions", status_code=204)
async def delete_officer_sessions(name: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Sign a colleague out everywhere (administrator)."""
    await write_once(node, lambda session: administration.end_all_sessions(session, node, name, by=officer), status=204)
