"""Handing a person the code of their own page, at the counter: shown once, to be printed or copied by hand."""

import io

import segno
from fastapi import APIRouter, Request
from starlette.responses import Response

from schemas.problems import DateOfBirthMissing
from service.context import CurrentNode
from service.officers.doors import PageOfficer
from service.portal.codes import IssuedCode, issue_access_code
from service.registry.pages_frame import person_head
from service.web.forms import Form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)


@router.get("/people/{person_id}/access-code")
async def code_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Say what a code does, and offer to make one."""
    head = await node.database.write(lambda session: person_head(session, node, person_id, by=officer))
    return pages_of(request).render(
        request, "portal/access_code.html", head=head, current_tab="", form=Form(), issued=None, qr="", base_url=""
    )


@router.post("/people/{person_id}/access-code")
async def make_code(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Make a code and show it once; one made before is good for nothing from now on."""
    form = Form()
    issued: IssuedCode | None = None
    head = await node.database.write(lambda session: person_head(session, node, person_id, by=officer))
    try:
        issued = await node.database.write(lambda session: issue_access_code(session, node, person_id, by=officer))
    except DateOfBirthMissing as error:
        form.take(error)
    return pages_of(request).render(
        request,
        "portal/access_code.html",
        status=200 if issued is not None else 409,
        head=head,
        current_tab="",
        form=form,
        issued=issued,
        qr=_qr(f"{node.base_url}/me#{issued.code}") if issued is not None else "",
        base_url=node.base_url,
    )


def _qr(text: str) -> str:
    """The way to the page with the code in the address's fragment, which browsers do not send."""
    out = io.BytesIO()
    segno.make_qr(text, error="m").save(
        out, kind="svg", scale=4, border=4, xmldecl=False, svgns=True, light="#fff", title=None, omitsize=True
    )
    return out.getvalue().decode()
