"""Pages for what goes wrong: said in the reader's language, with what to do, and with the right status.

Forbidden, absent and protected are one page with one wording (未找到，或不在您的区域), so that nobody learns from an
error whether a record exists.
"""

import re
import secrets
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from schemas.problems import Forbidden, NotFound, SecondFactorSetupRequired, SessionLocked, SignInRequired, TongluError
from service.web.templating import FETCH_HEADER, HTMX_HEADER, pages_of

NOT_FOUND_STATUS = 404
LOCKED_HEADER = "X-Tonglu-Locked"


def wants_page(request: Request) -> bool:
    """Whether the answer to this request is read in a browser: not the JSON API, not a peer, and HTML is accepted."""
    path = request.url.path
    if path.startswith(("/api/", "/federation/", "/.well-known/")) or path == "/openapi.json":
        return False
    return "text/html" in request.headers.get("Accept", "")


def error_page(request: Request, error: TongluError) -> Response:
    """The page for an error that a room raised; with `Retry-After` where waiting helps."""
    if isinstance(error, NotFound | Forbidden):
        return not_found_page(request)
    if isinstance(error, SignInRequired | SessionLocked) and HTMX_HEADER in request.headers:
        # A part of a page that renews itself: the sign-in page has no place within it, so the part stays as it is.
        return Response(status_code=204)
    if isinstance(error, SignInRequired) and request.url.path.startswith("/me/"):
        # A person's visit is over: the way in is their own page, not the officers'.
        return pages_of(request).see_other(request, "/me")
    if isinstance(error, SignInRequired):
        return pages_of(request).see_other(request, f"/signin?next={_way_back(request)}")
    if isinstance(error, SecondFactorSetupRequired):
        return pages_of(request).see_other(request, "/account")
    if isinstance(error, SessionLocked):
        return _locked(request)
    response = pages_of(request).render(
        request, "web/error.html", status=error.status, message=error.msgid, facts=error.facts, back=_before(request)
    )
    wait = error.facts.get("retry_after") or error.facts.get("retry_after_seconds")
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    return response


def _locked(request: Request) -> Response:
    """To the lock. A form that our script sent is told so instead, and is sent again once the page is unlocked."""
    if FETCH_HEADER in request.headers:
        return Response(status_code=401, headers={LOCKED_HEADER: "1"})
    return pages_of(request).see_other(request, f"/lock?next={_way_back(request)}")


def _before(request: Request) -> str | None:
    """The page of ours that a form came from, where the browser tells it."""
    path = local_path(urlsplit(request.headers.get("Referer", "")).path)
    return path if path != "/" else None


def _way_back(request: Request) -> str:
    """Where to go on after signing in: the page that was asked for; of a form, the start page."""
    return quote(request.url.path, safe="/") if request.method == "GET" else "/"


def local_path(text: str) -> str:
    """`text` when it is a path of this node, else the start page: nobody is sent elsewhere after signing in."""
    return text if re.fullmatch(r"/(?:[A-Za-z0-9._~-]+/?)*", text) else "/"


def not_found_page(request: Request) -> Response:
    """The one page for what is not there, not in this officer's area, or protected."""
    return pages_of(request).render(request, "web/not_found.html", status=NOT_FOUND_STATUS)


def fault_page(request: Request, reference: str | None = None) -> Response:
    """The page for a fault of ours: it has a reference number to tell, and says that nothing was saved."""
    shown = reference or new_reference()
    return pages_of(request).render(request, "web/fault.html", status=500, reference=shown)


def new_reference() -> str:
    """A number that an officer can read out and an operator finds in the log."""
    return secrets.token_hex(4).upper()
