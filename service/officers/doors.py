"""How a request becomes an officer: by bearer token in the API, by cookie on the pages.

The cookie is HttpOnly, SameSite=Strict and, where the node's base URL is https, Secure with the ``__Host-`` prefix.
Whatever changes something on a page carries the form token that belongs to the cookie (``service.web.csrf``).
"""

from ipaddress import ip_address
from typing import Annotated, Final, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response

from schemas.problems import Forbidden, SecondFactorSetupRequired, SessionLocked, SignInRequired
from service.context import CurrentNode, Node
from service.officers.passwords import PasswordChecks
from service.officers.rules import SESSION_LIFE, Officer
from service.officers.sessions import Door, OpenSession, find_session, touch_session
from service.web.cookies import cookie_name, forget_cookie, set_cookie
from service.web.csrf import FIELD, HEADER, check_form
from service.web.languages import page_language
from service.web.viewer import Viewer

_COOKIE: Final = "tonglu_session"
OWN_ACCOUNT: Final = "/account"
"""Where an officer sets up a second factor, before anything else where the node asks for one."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
bearer = HTTPBearer(auto_error=False, description="The token of `POST /api/v1/session`.")


async def current_officer(
    request: Request,
    node: CurrentNode,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Officer:
    """The officer of an API request. Raises :class:`SignInRequired` or :class:`SecondFactorSetupRequired`."""
    if credentials is None:
        raise SignInRequired
    found = await _found(node, credentials.credentials, "api")
    if found.enrolling:
        raise SecondFactorSetupRequired
    request.state.officer = found.officer
    return found.officer


async def page_officer(request: Request, node: CurrentNode) -> Officer:
    """The officer of a page request; for a form also that it came from a page of ours.

    Puts the page's viewer at ``request.state.viewer``. Raises :class:`SignInRequired`, :class:`SessionLocked`,
    :class:`SecondFactorSetupRequired` (for all but the pages where one is set up) or
    :class:`~schemas.problems.CsrfFailed`.
    """
    token = session_token(request, node)
    if token is None:
        raise SignInRequired
    found = await _found(node, token, "page")
    officer = found.officer
    request.state.officer = officer
    request.state.viewer = _viewer(node, officer, token)
    if found.enrolling and not request.url.path.startswith(OWN_ACCOUNT):
        raise SecondFactorSetupRequired
    if request.method not in _SAFE:
        await check_sent_form(request, token)
    return officer


async def known_viewer(request: Request, node: CurrentNode) -> None:
    """Let a public page show its frame to an officer who is signed in; to anyone else it is the same page without."""
    token = session_token(request, node)
    if token is None:
        return
    found = await node.database.read(lambda session: find_session(session, node, token, "page"))
    if found is not None and not found.locked:
        request.state.viewer = _viewer(node, found.officer, token)


async def check_sent_form(request: Request, secret: str | None) -> None:
    """Let a form pass that carries the token of the cookie ``secret``. Raises ``CsrfFailed``."""
    sent = request.headers.get(HEADER)
    if sent is None:
        field = (await request.form()).get(FIELD)
        sent = field if isinstance(field, str) else None
    check_form(request, secret, sent)


def password_checks(request: Request) -> PasswordChecks:
    """The application's password checker, which lets only a few run at once."""
    return cast("PasswordChecks", request.app.state.password_checks)


def client_address(request: Request) -> str:
    """Where the request came from, for counting wrong passwords; empty where that is no address.

    A proxy on this machine is believed when it names the client (``FORWARDED_ALLOW_IPS`` names others), nobody else.
    """
    try:
        return str(ip_address(request.client.host if request.client else ""))
    except ValueError:
        return ""


def session_token(request: Request, node: Node) -> str | None:
    """The token of the page's session cookie, if one was sent."""
    return request.cookies.get(cookie_name(_COOKIE, secure=_https(node)))


def set_session_cookie(response: Response, node: Node, token: str) -> None:
    """Let the browser keep the session until it is closed, twelve hours at most."""
    set_cookie(response, _COOKIE, token, secure=_https(node), max_age=int(SESSION_LIFE.total_seconds()))


def clear_session_cookie(response: Response, node: Node) -> None:
    """Take the session from the browser."""
    forget_cookie(response, _COOKIE, secure=_https(node))


CurrentOfficer = Annotated[Officer, Depends(current_officer)]
"""The signed-in officer, as a parameter of an API route."""

PageOfficer = Annotated[Officer, Depends(page_officer)]
"""The signed-in officer, as a parameter of a page's route."""


async def register_officer(officer: PageOfficer) -> Officer:
    """The officer of a page that is for who works with people. Raises :class:`~schemas.problems.Forbidden`.

    Such a page is refused when it is asked for, not only when its form is sent.
    """
    if not officer.sees_people:
        raise Forbidden
    return officer


RegisterOfficer = Annotated[Officer, Depends(register_officer)]
"""The signed-in clerk or supervisor, as a parameter of a page's route."""


def _viewer(node: Node, officer: Officer, token: str) -> Viewer:
    return Viewer(
        name=officer.name,
        area_name=node.divisions.full_name(officer.area),
        form_secret=token,
        language=page_language(officer.language),
        roles=frozenset(str(role) for role in officer.roles),
    )


async def _found(node: Node, token: str, door: Door) -> OpenSession:
    found = await node.database.read(lambda session: find_session(session, node, token, door))
    if found is None:
        raise SignInRequired
    if found.locked:
        raise SessionLocked
    if found.stale:
        await node.database.write(lambda session: touch_session(session, node, token))
    return found


def _https(node: Node) -> bool:
    return node.base_url.startswith("https://")
