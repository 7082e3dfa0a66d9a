"""How a request to `/me` becomes a visit: a cookie of its own, apart from the officers'.

HttpOnly, SameSite=Strict, and Secure with the ``__Host-`` prefix where the node's base URL is https. Forms carry the
token that belongs to it (``service.web.csrf``).
"""

from typing import Annotated, Final

from fastapi import Depends, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.problems import SignInRequired
from service.context import CurrentNode, Node
from service.officers.doors import check_sent_form
from service.portal.sessions import VISIT_LIFE, visitor
from service.web.cookies import forget_cookie, sent_cookie, set_cookie
from service.web.csrf import ANONYMOUS_COOKIE
from service.web.languages import LANGUAGE_COOKIE, page_language
from service.web.viewer import PageLanguage, Viewer

VISIT_COOKIE: Final = "tonglu_me"
"""The cookie of a visit to the own page."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


async def page_visit(request: Request, node: CurrentNode) -> str:
    """The token of the visit that a page of `/me` belongs to; for a form also that it came from a page of ours.

    Raises :class:`SignInRequired` once the visit is over, or ``CsrfFailed``.
    """
    token = sent_cookie(request, VISIT_COOKIE)
    if token is None:
        raise SignInRequired

    def language(session: Session) -> str:
        return visitor(session, node, token).language

    spoken = await node.database.read(language)
    # Bound to the form cookie that the entry page has set, so that switching the language works on every page.
    secret = sent_cookie(request, ANONYMOUS_COOKIE) or token
    request.state.viewer = Viewer(
        name="", area_name=node.name, form_secret=secret, language=_chosen(request, spoken), own_page=True
    )
    if request.method not in _SAFE:
        await check_sent_form(request, secret)
    return token


PageVisit = Annotated[str, Depends(page_visit)]
"""The token of the visit, as a parameter of a page's route."""


def set_visit_cookie(response: Response, node: Node, token: str) -> None:
    """Let the browser keep the visit for half an hour."""
    set_cookie(response, VISIT_COOKIE, token, secure=_https(node), max_age=int(VISIT_LIFE.total_seconds()))


def clear_visit_cookie(response: Response, node: Node) -> None:
    """Take the visit from the browser."""
    forget_cookie(response, VISIT_COOKIE, secure=_https(node))


def _chosen(request: Request, spoken: str) -> PageLanguage | None:
    """The language chosen on this machine just now, else the person's language of service."""
    return page_language(sent_cookie(request, LANGUAGE_COOKIE)) or page_language(spoken)


def _https(node: Node) -> bool:
    return node.base_url.startswith("https://")
