"""Pages of one's own account: the second factor, recovery codes, passkeys, sessions.

What changes a way of signing in asks for the password again. Secrets are shown on the page that answers the form,
once, and on no page that an address leads to.
"""

from collections.abc import Callable
from typing import Final

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from sqlmodel import Session
from starlette.responses import Response

from schemas.problems import NotFound, SignInFailed, TongluError
from service.context import CurrentNode, Node
from service.officers import account
from service.officers.doors import PageOfficer, client_address, password_checks, session_token
from service.officers.factors import totp_address
from service.officers.rules import Officer
from service.officers.signing_in import confirm_password
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

WRONG_PASSWORD: Final = N_("The password is wrong.")
WRONG_CODE: Final = N_("The code is not right. Look at the newest one; is the telephone's clock right?")


@router.get("/account")
async def account_page(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """One's own ways of signing in, and where one is signed in."""
    return await _page(request, node, officer, Form())


@router.post("/account/totp")
async def begin_totp_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Show the secret for an authenticator, as a QR code and typed, and ask for a code of it."""
    form = await sent_form(request)
    if not await with_password(request, node, officer, form):
        return await _page(request, node, officer, form, status=422)
    try:
        step, secret = await node.database.write(lambda session: account.begin_own_totp(session, node, officer))
    except TongluError as error:
        form.take(error)
        return await _page(request, node, officer, form, status=error.status)
    return _totp_page(request, node, officer, Form.of(step=step), secret)


@router.post("/account/totp/confirm")
async def confirm_totp_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Let the authenticator count once a code of it is right; the step shows that the password was typed before."""
    form = await sent_form(request)
    code, step = form.needed("code"), form.text("step")
    token = session_token(request, node) or ""
    try:
        secret = await node.database.read(lambda session: account.totp_begun(session, node, officer, step))
        if form.ok:
            codes = await node.database.write(
                lambda session: account.set_up_totp(session, node, officer, code, step=step, token=token)
            )
            return recovery_page(request, codes, "totp_added")
    except SignInFailed:
        form.refuse("code", WRONG_CODE)
    except TongluError as error:
        form.take(error)
        return await _page(request, node, officer, form, status=error.status)
    return _totp_page(request, node, officer, form, secret, status=422)


@router.post("/account/totp/remove")
async def remove_totp_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Take the authenticator off."""
    token = session_token(request, node) or ""
    return await _act(
        request,
        node,
        officer,
        lambda session: account.take_off_totp(session, node, officer, token),
        Done("factor_removed"),
    )


@router.post("/account/passkeys/{passkey_id}/remove")
async def remove_passkey_form(request: Request, node: CurrentNode, officer: PageOfficer, passkey_id: str) -> Response:
    """Take a passkey off."""
    token = session_token(request, node) or ""
    return await _act(
        request,
        node,
        officer,
        lambda session: account.take_off_passkey(session, node, officer, passkey_id, token),
        Done("factor_removed"),
    )


@router.post("/account/recovery")
async def recovery_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Make new recovery codes in place of the old ones."""
    form = await sent_form(request)
    if await with_password(request, node, officer, form):
        try:
            codes = await node.database.write(lambda session: account.renew_recovery_codes(session, node, officer))
        except TongluError as error:
            form.take(error)
        else:
            return recovery_page(request, codes, None)
    return await _page(request, node, officer, form, status=422)


@router.post("/account/sessions/{which}/end")
async def end_session_form(request: Request, node: CurrentNode, officer: PageOfficer, which: str) -> Response:
    """End one of one's sessions, or all others."""
    token = session_token(request, node) or ""
    return await _act(
        request,
        node,
        officer,
        lambda session: account.end_own_session(session, node, officer, which, token),
        Done("sessions_ended"),
    )


async def with_password(request: Request, node: Node, officer: Officer, form: Form) -> bool:
    """Check the password that the form repeats; a wrong one counts as at the sign-in."""
    password = form.secret("password")
    if not form.ok:
        return False
    try:
        await confirm_password(node, password_checks(request), officer.name, password, address=client_address(request))
    except SignInFailed:
        form.refuse("password", WRONG_PASSWORD)
    except TongluError as error:
        form.take(error)
    return form.ok


def recovery_page(request: Request, codes: list[str], done: str | None) -> Response:
    """Show recovery codes, once; without any, go back to the account."""
    if not codes:
        return pages_of(request).see_other(request, "/account", Done(done) if done else None)
    return pages_of(request).render(request, "officers/recovery.html", codes=codes, form=None)


async def _act(request: Request, node: Node, officer: Officer, fn: Callable[[Session], None], done: Done) -> Response:
    form = await sent_form(request)
    if await with_password(request, node, officer, form):
        try:
            await node.database.write(fn)
        except NotFound:
            raise
        except TongluError as error:
            form.take(error)
        else:
            return pages_of(request).see_other(request, "/account", done)
    return await _page(request, node, officer, form, status=422)


async def _page(request: Request, node: Node, officer: Officer, form: Form, *, status: int = 200) -> Response:
    token = session_token(request, node) or ""
    own = await node.database.read(lambda session: account.own_account(session, node, officer, token))
    return pages_of(request).render(
        request, "officers/account.html", status=status, form=form, own=own, officer=officer
    )


def _totp_page(
    request: Request, node: Node, officer: Officer, form: Form, secret: str, *, status: int = 200
) -> Response:
    drawn = segno.make(totp_address(node, officer.name, secret), error="m")
    return pages_of(
        request
    ).render(
        request,
        "officers/totp.html",
        status=status,
        form=form,
        drawn=Markup(drawn.svg_inline(scale=5, border=2)),  # noqa: S704 - segno draws paths and numbers only
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
    )
