"""The way to the sign-in service and back."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from schemas.problems import NotFound, ProviderRefused, ProviderUnavailable, TooManyAttempts
from service.context import CurrentNode, Node
from service.officers.doors import client_address, set_session_cookie
from service.officers.pages import code_page, sign_in_page_with
from service.officers.provider import Provider
from service.officers.signing_in import CodeWanted, note_failure
from service.web.cookies import forget_cookie, sent_cookie, set_cookie
from service.web.forms import Form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

COOKIE: Final = "tonglu_provider"
_SECONDS: Final = 600
Given = Annotated[str, Query(max_length=4000)]


@router.get("/signin/provider")
async def begin(request: Request, node: CurrentNode) -> Response:
    """Send the browser to the sign-in service; another site's link leads to our own page first."""
    provider = _provider(request)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return pages_of(request).see_other(request, "/signin")
    try:
        address, state = await provider.begin()
    except ProviderUnavailable as error:
        return _again(request, error)
    response = RedirectResponse(address, status_code=303)
    # Lax, not strict: the browser comes back from another site. It opens nothing by itself.
    set_cookie(response, COOKIE, state, secure=_https(node), max_age=_SECONDS, samesite="lax")
    return response


@router.get("/signin/provider/done")
async def finish(
    request: Request, node: CurrentNode, code: Given = "", state: Given = "", iss: str | None = None
) -> Response:
    """Take what the service says, and sign in whom it names."""
    provider = _provider(request)
    try:
        opened = await provider.finish(
            code=code, state=state, cookie=sent_cookie(request, COOKIE), issuer=iss, address=client_address(request)
        )
    except TooManyAttempts as error:
        response = _again(request, error)
    except (ProviderRefused, ProviderUnavailable) as error:
        response = _again(request, error)
        await note_failure(node)
    else:
        if isinstance(opened, CodeWanted):
            response = code_page(request, Form(), opened.step, "/")
        else:
            # A page, not a redirect: a browser that comes from another site would not send the strict cookie along.
            response = pages_of(request).render(request, "officers/signed_in.html")
            set_session_cookie(response, node, opened.token)
    forget_cookie(response, COOKIE, secure=_https(node))
    return response


def _provider(request: Request) -> Provider:
    provider = cast("Provider | None", request.app.state.provider)
    if provider is None:
        raise NotFound
    return provider


def _https(node: Node) -> bool:
    return node.base_url.startswith("https://")


def _again(request: Request, error: ProviderRefused | ProviderUnavailable | TooManyAttempts) -> Response:
    form = Form()
    form.take(error, {"": "name"})
    return sign_in_page_with(request, form, "/", status=error.status)
