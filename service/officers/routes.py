"""JSON: signing in and out, one's own password and sessions, and who one is."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from schemas.problems import SecondFactorRequired
from service.access_log import record
from service.context import CurrentNode
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer, bearer, client_address, password_checks
from service.officers.rules import PASSWORD_MAX_CHARACTERS, Role
from service.officers.sessions import close_session, end_one, end_sessions, sessions_of
from service.officers.signing_in import SignedIn, change_password, sign_in

router = APIRouter(route_class=JsonRoute, tags=["session"])

Name = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(min_length=1, max_length=PASSWORD_MAX_CHARACTERS)]
Code = Annotated[str | None, Field(max_length=40, repr=False)]


class SignIn(BaseModel):
    """An officer's name and password. `code`: six digits of the authenticator or a recovery code, of who has one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    password: Annotated[Password, Field(repr=False)]
    code: Code = None


class PasswordChange(BaseModel):
    """A new password in the place of the old or the one-time one; `code` as in signing in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    password: Annotated[Password, Field(repr=False)]
    new_password: Annotated[str, Field(max_length=1000, repr=False)]
    code: Code = None


class Token(BaseModel):
    """What later requests carry as `Authorization: Bearer`: good for 12 hours, and 2 hours after its last use."""

    token: str


class Me(BaseModel):
    """The officer that a token belongs to."""

    name: str
    roles: list[Role]
    area: str
    language: str


@router.post("/session")
async def post_session(request: Request, node: CurrentNode, body: SignIn) -> Token:
    """Sign in.

    A one-time password is refused with `password_change_required`: it must be changed first. Without the code of an
    officer who has a second factor it is `second_factor_required`; a wrong code is `sign_in_failed`.
    """
    opened = await sign_in(
        node,
        password_checks(request),
        body.name,
        body.password,
        code=body.code,
        address=client_address(request),
        door="api",
    )
    if not isinstance(opened, SignedIn):
        raise SecondFactorRequired
    return Token(token=opened.token)


@router.post("/session/password")
async def post_password(request: Request, node: CurrentNode, body: PasswordChange) -> Token:
    """Change the password, a one-time one too. All other sessions end; the answer opens a new one."""
    token = await change_password(
        node,
        password_checks(request),
        body.name,
        body.password,
        body.new_password,
        code=body.code,
        address=client_address(request),
        door="api",
    )
    return Token(token=token)


@router.get("/session")
async def get_session(officer: CurrentOfficer) -> Me:
    """Tell who is signed in."""
    return Me(name=officer.name, roles=sorted(officer.roles), area=officer.area, language=officer.language)


@router.delete("/session", status_code=204)
async def delete_session(
    node: CurrentNode,
    _officer: CurrentOfficer,
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
) -> None:
    """Sign out."""
    await node.database.write(lambda session: close_session(session, node, credentials.credentials))


class OwnSession(BaseModel):
    """One of one's own sessions: how it was opened, when, from where; `this` is the one that asks."""

    id: str
    door: Literal["api", "page"]
    way: Literal["password", "passkey", "provider"]
    second: bool
    address: str
    opened_at: datetime
    used_at: datetime
    this: bool


class OwnSessions(BaseModel):
    """One's own sessions, the last used first."""

    items: list[OwnSession]


@router.get("/sessions")
async def get_sessions(
    node: CurrentNode, officer: CurrentOfficer, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> OwnSessions:
    """List one's own sessions."""
    found = await node.database.read(
        lambda session: sessions_of(session, node, officer.id, token=credentials.credentials)
    )
    return OwnSessions(items=[OwnSession.model_validate(one, from_attributes=True) for one in found])


@router.delete("/sessions/{session_id}", status_code=204)
async def delete_one_session(session_id: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """End one of one's own sessions."""

    def end(session: Session) -> None:
        end_one(session, officer.id, session_id)
        record(session, node, officer.as_actor, "officer.sessions_ended", purpose=officer.id)

    await node.database.write(end)


@router.delete("/sessions", status_code=204)
async def delete_other_sessions(
    node: CurrentNode, officer: CurrentOfficer, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> None:
    """End all of one's own sessions but the one that asks."""

    def end(session: Session) -> None:
        end_sessions(session, officer.id, but=credentials.credentials)
        record(session, node, officer.as_actor, "officer.sessions_ended", purpose=officer.id)

    await node.database.write(end)
