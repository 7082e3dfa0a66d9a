"""The page that belongs to no room: help."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)


@router.get("/help")
async def help_page(request: Request) -> Response:
    """The keys, the states in words, and what to do when something goes wrong."""
    return pages_of(request).render(request, "web/help.html")
