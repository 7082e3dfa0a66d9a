"""Searching: people by what an officer has in the hand (posted, so that no address holds it), regions by name."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from schemas.problems import LocalError
from schemas.regions import contains
from service.context import CurrentNode
from service.officers.doors import PageOfficer, RegisterOfficer
from service.registry.searching.search import search_people
from service.web.forms import Form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)


@router.get("/search")
async def search_page(request: Request, _officer: RegisterOfficer) -> Response:
    """An empty search: where a reload of the hits leads."""
    return pages_of(request).render(request, "registry/search.html", form=Form(), hits=None)


@router.post("/search")
async def search_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """At most 20 hits, masked, without a total (rule 11)."""
    form = await sent_form(request)
    try:
        hits = await node.database.write(lambda session: search_people(session, node, form.text("q"), by=officer))
    except LocalError as error:
        if error.status != 422:
            raise
        form.take(error)
        return pages_of(request).render(request, "registry/search.html", status=422, form=form, hits=None)
    return pages_of(request).render(request, "registry/search.html", form=form, hits=hits)


@router.get("/regions")
async def regions(
    request: Request,
    node: CurrentNode,
    _officer: PageOfficer,
    q: Annotated[str, Query(max_length=40)] = "",
    region: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The divisions outside this region that a piece of a name, or its pinyin initials, may mean; a piece of the page.

    The other end of a move lies outside: what lies within is not offered.
    """
    found = node.divisions.search(region or q, limit=200) if (region or q).strip() else []
    found = [one for one in found if not contains(node.region, one.code) and not contains(one.code, node.region)][:20]
    return pages_of(request).render(
        request, "registry/regions.html", names=[node.divisions.full_name(one.code) for one in found], typed=region or q
    )
