"""The privacy notice, for everyone, in both languages."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.consents.notices import current
from service.officers.doors import known_viewer
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(known_viewer)])


@router.get("/notice")
async def notice_page(request: Request) -> Response:
    """The notice in force (PIPL art. 17), with its version."""
    return pages_of(request).render(request, "consents/notice.html", wording=current())
