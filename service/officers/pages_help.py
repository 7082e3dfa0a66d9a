"""Help: for everyone, signed in or not."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.officers.doors import known_viewer
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(known_viewer)])


@router.get("/help")
async def help_page(request: Request) -> Response:
    """The keys, the states in words, and what to do when something goes wrong."""
    return pages_of(request).render(request, "web/help.html")
