"""Pages of signing in and out, the lock, the password and the language."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from schemas.problems import (
    CsrfFailed,
    InvalidInput,
    PasswordChangeRequired,
    SignInFailed,
    TongluError,
    TooManyAttempts,
)
from service.context import CurrentNode, Node
from service.officers.actions import set_language
from service.officers.doors import (
    PageOfficer,
    check_sent_form,
    clear_session_cookie,
    client_address,
    password_checks,
    session_token,
    set_session_cookie,
)
from service.officers.sessions import close_session, find_session, lock_session
from service.officers.signing_in import CodeWanted, change_password, give_code, sign_in, unlock
from service.web.cookies import sent_cookie, set_cookie
from service.web.csrf import ANONYMOUS_COOKIE
from service.web.errors import local_path
from service.web.flash import Done
from service.web.forms import NEEDED, Form, public_form, sent_form
from service.web.languages import LANGUAGE_COOKIE, N_, page_language
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

WRONG_CODE = N_("The code is wrong, used already or too old. After five minutes, sign in anew.")
NOT_THE_SAME = N_("The two new passwords are not the same.")
ONE_TIME = N_("This was a one-time password. Choose one of your own to go on.")
_YEAR_SECONDS = 365 * 24 * 3600
Next = Annotated[str, Query(alias="next", max_length=200)]


@router.get("/signin")
async def sign_in_page(request: Request, next_path: Next = "/") -> Response:
    """Ask for name and password. Who was here last is not shown."""
    return sign_in_page_with(request, Form(), local_path(next_path))


@router.post("/signin")
async def sign_in_form(request: Request, node: CurrentNode) -> Response:
    """Open a session; a one-time password leads on to choosing one."""
    form = await public_form(request)
    name, password = form.needed("name"), form.secret("password")
    if not form.ok:
        return sign_in_page_with(request, form, local_path(form.text("next")), status=422)
    try:
        opened = await sign_in(
            node, password_checks(request), name, password, address=client_address(request), door="page"
        )
    except PasswordChangeRequired:
        again = Form.of(name=name)
        return pages_of(request).render(request, "officers/password.html", form=again, message=ONE_TIME, fresh=True)
    except (SignInFailed, TooManyAttempts) as error:
        form.take(error)
        return sign_in_page_with(request, form, local_path(form.text("next")), status=error.status)
    following = local_path(form.text("next"))
    if isinstance(opened, CodeWanted):
        return code_page(request, Form(), opened.step, following)
    return let_in(request, node, opened.token, following)


@router.post("/signin/code")
async def code_form(request: Request, node: CurrentNode) -> Response:
    """Finish signing in with the second factor."""
    form = await public_form(request)
    step, code, following = form.text("step"), form.needed("code"), local_path(form.text("next"))
    if not form.ok:
        return code_page(request, form, step, following, status=422)
    try:
        token = await give_code(node, step, code, address=client_address(request))
    except SignInFailed:
        form.refuse("code", WRONG_CODE)
    except TooManyAttempts as error:
        form.take(error)
    else:
        return let_in(request, node, token, following)
    return code_page(request, form, step, following, status=401)


@router.post("/password/first")
async def first_password_form(request: Request, node: CurrentNode) -> Response:
    """Put an own password in the place of the one-time one, and sign in with it."""
    form = await public_form(request)
    return await _change(request, node, form, form.needed("name"), fresh=True)


@router.get("/password")
async def password_page(request: Request, _officer: PageOfficer) -> Response:
    """Ask for the old and a new password."""
    return pages_of(request).render(request, "officers/password.html", form=Form(), message=None, fresh=False)


@router.post("/password")
async def password_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Change the officer's own password; every other session ends."""
    return await _change(request, node, await sent_form(request), officer.name, fresh=False)


@router.post("/signout")
async def sign_out(request: Request, node: CurrentNode) -> Response:
    """End the session, locked or not."""
    token = session_token(request, node)
    await check_sent_form(request, token)
    if token is not None:
        await node.database.write(lambda session: close_session(session, node, token))
    response = pages_of(request).see_other(request, "/signin")
    clear_session_cookie(response, node)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@router.get("/lock")
async def lock_page(request: Request, node: CurrentNode, next_path: Next = "/") -> Response:
    """Ask for the password of the officer whose session this is, without naming them."""
    token = session_token(request, node)
    if token is None:
        return pages_of(request).see_other(request, "/signin")
    found = await node.database.read(lambda session: find_session(session, node, token, "page"))
    if found is None:
        return pages_of(request).see_other(request, "/signin")
    if not found.locked:
        return pages_of(request).see_other(request, local_path(next_path))
    return lock_page_with(request, Form(), token, local_path(next_path))


@router.post("/lock")
async def lock(request: Request, node: CurrentNode) -> Response:
    """Lock the session at once."""
    token = session_token(request, node)
    await check_sent_form(request, token)
    if token is not None:
        await node.database.write(lambda session: lock_session(session, token))
    return pages_of(request).see_other(request, "/lock")


@router.post("/unlock")
async def unlock_form(request: Request, node: CurrentNode) -> Response:
    """Go on after the password was given again."""
    token = session_token(request, node)
    await check_sent_form(request, token)
    form = await sent_form(request)
    if token is None:
        return pages_of(request).see_other(request, "/signin")
    following = local_path(form.text("next"))
    password = form.secret("password")
    if not form.ok:
        return lock_page_with(request, form, token, following, status=422)
    try:
        renewed = await unlock(node, password_checks(request), token, password, address=client_address(request))
    except (SignInFailed, TooManyAttempts) as error:
        form.take(error)
        return lock_page_with(request, form, token, following, status=error.status)
    return let_in(request, node, renewed, following)


@router.post("/language")
async def choose_language(request: Request, node: CurrentNode) -> Response:
    """Show all pages in the other language; an officer's choice is remembered."""
    form = await sent_form(request)
    token = session_token(request, node)
    try:
        await check_sent_form(request, token)
    except CsrfFailed:
        # A public page shows its own token to a browser whose session is over.
        await check_sent_form(request, sent_cookie(request, ANONYMOUS_COOKIE))
    language = page_language(form.text("to"))
    if language is None:
        raise InvalidInput(errors=[{"field": "to", "message": NEEDED}])
    if token is not None:
        found = await node.database.read(lambda session: find_session(session, node, token, "page"))
        if found is not None and not found.locked:
            await node.database.write(lambda session: set_language(session, language, by=found.officer))
    response = pages_of(request).see_other(request, local_path(form.text("next")))
    secure = node.base_url.startswith("https://")
    set_cookie(response, LANGUAGE_COOKIE, language, secure=secure, max_age=_YEAR_SECONDS)
    return response


async def _change(request: Request, node: Node, form: Form, name: str, *, fresh: bool) -> Response:
    old, new, again = form.secret("password"), form.secret("new_password"), form.secret("new_password_again")
    if form.ok and new != again:
        form.refuse("new_password_again", NOT_THE_SAME)
    if form.ok:
        try:
            token = await change_password(
                node,
                password_checks(request),
                name,
                old,
                new,
                token=None if fresh else session_token(request, node),
                address=client_address(request),
                door="page",
            )
        except TongluError as error:
            form.take(error)
        else:
            response = pages_of(request).see_other(request, "/", Done("password_changed"))
            set_session_cookie(response, node, token)
            return response
    return pages_of(request).render(
        request, "officers/password.html", status=422, form=form, message=ONE_TIME if fresh else None, fresh=fresh
    )


def let_in(request: Request, node: Node, token: str, following: str) -> Response:
    """Go on to the page that was asked for, signed in."""
    response = pages_of(request).see_other(request, following)
    set_session_cookie(response, node, token)
    return response


def code_page(request: Request, form: Form, step: str, following: str, *, status: int = 200) -> Response:
    """Ask for the second factor."""
    return pages_of(request).render(
        request, "officers/code.html", status=status, form=form, step=step, following=following
    )


def sign_in_page_with(request: Request, form: Form, following: str, *, status: int = 200) -> Response:
    """Ask for name and password, and offer the other ways there are."""
    node: Node = request.app.state.node
    return pages_of(request).render(
        request,
        "officers/signin.html",
        status=status,
        form=form,
        following=following,
        provider=node.settings.oidc_issuer is not None,
    )


def lock_page_with(request: Request, form: Form, token: str, following: str, *, status: int = 200) -> Response:
    """Ask for the password, or a passkey, of the officer whose session this is, without naming them."""
    return pages_of(request).render(
        request, "officers/lock.html", status=status, form_secret=token, form=form, following=following
    )
