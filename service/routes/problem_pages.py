"""The pages at ``/problems/<code>``: what a problem means and what to do, in the reader's language. Public."""

import inspect
import re
from functools import cache
from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from schemas import problems
from schemas.problems import NotFound, TongluError
from service.officers.doors import known_viewer
from service.routes.problem_texts import EXPLAINED
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(known_viewer)])

RETRY_WORDS: Final = {
    "now": N_("At once, as a new request."),
    "later": N_("Later; a node does so by itself."),
    "after_fixing": N_("After something is put right."),
    "never": N_("No: the same will be refused again."),
}


@cache
def kinds() -> dict[str, list[type[TongluError]]]:
    """Every code with the errors that carry it: between nodes and here it may be one each."""
    found: dict[str, list[type[TongluError]]] = {}
    for _, kind in inspect.getmembers(problems, inspect.isclass):
        if issubclass(kind, TongluError) and not kind.__subclasses__():
            found.setdefault(kind.code, []).append(kind)
    return dict(sorted(found.items()))


def with_gaps(message: str) -> str:
    """A message without the facts of a case: each of its places is an ellipsis."""
    return re.sub(r"%\(\w+\)[sd]", "…", message)


@router.get("/problems")
async def problems_page(request: Request) -> Response:
    """All problems."""
    return pages_of(request).render(request, "routes/problems.html", kinds=kinds(), with_gaps=with_gaps)


@router.get("/problems/{problem}")
async def problem_page(request: Request, problem: str) -> Response:
    """One problem."""
    if problem not in EXPLAINED or problem not in kinds():
        raise NotFound
    return pages_of(request).render(
        request,
        "routes/problem.html",
        code=problem,
        kinds=kinds()[problem],
        explained=EXPLAINED[problem],
        retry_words=RETRY_WORDS,
        with_gaps=with_gaps,
    )
