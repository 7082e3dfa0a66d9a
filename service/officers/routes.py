"""JSON: signing in and out, one's own password, and who one is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, ConfigDict, Field

from service.context import CurrentNode
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer, bearer, client_address, password_checks
from service.officers.rules import PASSWORD_MAX_CHARACTERS, Role
from service.officers.sessions import change_password, close_session, sign_in

router = APIRouter(route_class=JsonRoute, tags=["session"])

Name = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(min_length=1, max_length=PASSWORD_MAX_CHARACTERS)]


class SignIn(BaseModel):
    """An officer's name and password. `code`: the second factor of officers who have one; today none has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    password: Annotated[Password, Field(repr=False)]
    code: Annotated[str | None, Field(max_length=20, repr=False)] = None


class PasswordChange(BaseModel):
    """A new password in the place of the old or the one-time one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    password: Annotated[Password, Field(repr=False)]
    new_password: Annotated[str, Field(max_length=1000, repr=False)]


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
    """Sign in. A one-time password is refused with `password_change_required`: it must be changed first."""
    token = await sign_in(
        node, password_checks(request), body.name, body.password, address=client_address(request), door="api"
    )
    return Token(token=token)


@router.post("/session/password")
async def post_password(request: Request, node: CurrentNode, body: PasswordChange) -> Token:
    """Change the password, a one-time one too. All other sessions end; the answer opens a new one."""
    token = await change_password(
        node,
        password_checks(request),
        body.name,
        body.password,
        body.new_password,
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
