"""Checking one certificate, without sign-in; nothing is kept of what was checked."""

from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.certificates.verify import check_certificate
from service.context import CurrentNode
from service.officers.doors import known_viewer
from service.web.forms import Form, public_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(known_viewer)])

MAX_CHARACTERS: Final = 16_384


@router.get("/check")
async def check_page(request: Request) -> Response:
    """Ask for the text of a certificate's code."""
    return pages_of(request).render(request, "certificates/check.html", form=Form(), check=None)


@router.post("/check")
async def check_form(request: Request, node: CurrentNode) -> Response:
    """Say whether the certificate is valid, against pinned keys and the status list at hand."""
    form = await public_form(request)
    text = form.needed("certificate")
    if not form.ok or len(text) > MAX_CHARACTERS:
        return pages_of(request).render(request, "certificates/check.html", status=422, form=form, check=None)
    check = await node.database.read(lambda session: check_certificate(session, node, text))
    return pages_of(request).render(request, "certificates/check.html", form=Form(), check=check)
