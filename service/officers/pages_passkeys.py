"""The passkey's way in and onto the own account. It needs a script; all else works without."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from schemas.problems import SignInFailed, WrongState
from service.context import CurrentNode
from service.officers import passkeys
from service.officers.doors import PageOfficer, client_address, session_token
from service.officers.pages import let_in, sign_in_page_with
from service.officers.pages_account import recovery_page, with_password
from service.officers.signing_in import note_failure
from service.web.errors import local_path
from service.web.forms import Form, public_form, sent_form
from service.web.languages import N_

router = APIRouter(include_in_schema=False)

NO_PASSKEY = N_("The passkey did not verify. Try again, or sign in with your password.")


@router.post("/signin/passkey/options")
async def sign_in_options(request: Request, node: CurrentNode) -> Response:
    """Give a challenge to sign."""
    await public_form(request)
    return JSONResponse(await node.database.write(lambda session: passkeys.begin_sign_in(session, node)))


@router.post("/signin/passkey")
async def sign_in_with_passkey(request: Request, node: CurrentNode) -> Response:
    """Sign in with what the authenticator signed."""
    form = await public_form(request)
    following, address = local_path(form.text("next")), client_address(request)
    try:
        # The challenge is used up first, in a transaction of its own: a wrong answer does not bring it back.
        challenge = await node.database.write(lambda session: passkeys.use_challenge(session, node, form.text("step")))
        token = await node.database.write(
            lambda session: passkeys.sign_in_with_passkey(
                session, node, challenge, form.text("credential"), address=address
            )
        )
    except SignInFailed:
        await note_failure(node)
        again = Form()
        again.refuse("name", NO_PASSKEY)
        return sign_in_page_with(request, again, following, status=401)
    return let_in(request, node, token, following)


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
