"""The passkey's way in, through the lock, and onto the own account. It needs a script; all else works without."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from schemas.problems import SignInFailed, TongluError, TooManyAttempts, WrongState
from service.context import CurrentNode
from service.officers import passkeys
from service.officers.doors import PageOfficer, check_sent_form, client_address, session_token
from service.officers.pages import let_in, lock_page_with, sign_in_page_with
from service.officers.pages_account import recovery_page, with_password
from service.web.errors import local_path
from service.web.forms import Form, public_form, sent_form
from service.web.languages import N_

router = APIRouter(include_in_schema=False)

NO_PASSKEY = N_("The passkey did not verify. Try again, or sign in with your password.")


@router.post("/signin/passkey/options")
async def sign_in_options(request: Request, node: CurrentNode) -> Response:
    """Give a challenge to sign."""
    await public_form(request)
    return JSONResponse(passkeys.begin_sign_in(node))


@router.post("/signin/passkey")
async def sign_in_with_passkey(request: Request, node: CurrentNode) -> Response:
    """Sign in with what the authenticator signed."""
    form = await public_form(request)
    following, address = local_path(form.text("next")), client_address(request)
    try:
        token = await passkeys.sign_in_with_passkey(node, form.text("step"), form.text("credential"), address=address)
    except (SignInFailed, TooManyAttempts) as error:
        return sign_in_page_with(request, _refused(error), following, status=error.status)
    return let_in(request, node, token, following)


@router.post("/unlock/passkey/options")
async def unlock_options(request: Request, node: CurrentNode) -> Response:
    """Give a challenge to sign, to who has a session here; whose it is, is not told."""
    await check_sent_form(request, session_token(request, node))
    return JSONResponse(passkeys.begin_sign_in(node))


@router.post("/unlock/passkey")
async def unlock_form(request: Request, node: CurrentNode) -> Response:
    """Go on after the passkey of the session's officer signed."""
    token = session_token(request, node) or ""
    await check_sent_form(request, token)
    form = await sent_form(request)
    following, address = local_path(form.text("next")), client_address(request)
    if not form.needed("credential"):
        return lock_page_with(request, form, token, following, status=422)
    try:
        renewed = await passkeys.unlock_with_passkey(
            node, token, form.text("step"), form.text("credential"), address=address
        )
    except (SignInFailed, TooManyAttempts) as error:
        return lock_page_with(request, _refused(error), token, following, status=error.status)
    return let_in(request, node, renewed, following)


@router.post("/account/passkeys/options")
async def enrolment_options(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Give what a new passkey is made from, to who typed the password again."""
    form = await sent_form(request)
    if not await with_password(request, node, officer, form):
        return JSONResponse({}, status_code=422)
    return JSONResponse(await node.database.write(lambda session: passkeys.begin_enrolment(session, node, officer)))


@router.post("/account/passkeys")
async def enrol(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Take a new passkey."""
    form = await sent_form(request)
    token = session_token(request, node) or ""
    try:
        codes = await node.database.write(
            lambda session: passkeys.enrol(
                session, node, officer, step=form.text("step"), credential=form.text("credential"), token=token
            )
        )
    except SignInFailed as error:
        raise WrongState("No passkey was added: its answer did not verify.") from error
    return recovery_page(request, codes, "passkey_added")


def _refused(error: TongluError) -> Form:
    form = Form()
    if isinstance(error, TooManyAttempts):
        form.take(error, {"": "name"})
    else:
        form.refuse("name", NO_PASSKEY)
    return form
