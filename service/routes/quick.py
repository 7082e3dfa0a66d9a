"""Finding the route of a request among two hundred without trying them all.

FastAPI tries its routes one after another, at a few microseconds each, which at our size costs more than all else that
a request goes through. Here each first word of an address (``arrivals`` of ``/api/v1/arrivals/{id}/end``) gets a
router of its own, with the routes that begin with it in their order; a router whose word it is not says no at once.
"""

from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

_PARAMETER: Final = "{"


class WordRouter(APIRouter):
    """The routes below one first word, after a prefix that is the application's (``/api/v1``)."""

    def __init__(self, start: str) -> None:
        super().__init__()
        self.start = start
        self.below = start if start.endswith("/") else f"{start}/"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say no to whatever does not begin with the word; else do as every router does."""
        path: str = scope["path"]
        if path == self.start or path.startswith(self.below):
            return super().matches(scope)
        return Match.NONE, {}


def by_word(routers: Iterable[APIRouter], prefix: str = "") -> list[BaseRoute]:
    """Group the routes of ``routers`` under ``prefix`` by the first word of their paths, for ``app.router.routes``.

    Of two routes that fit one address the earlier one still wins, for both are in the same group. Applications may
    share what this gives, and with it what FastAPI works out at the first request to each. Raises ``ValueError`` for a
    route that begins with a parameter, which would belong to every group.
    """
    groups: dict[tuple[str, str], WordRouter] = {}
    for router in routers:
        for context in iter_route_contexts(router.routes):
            path, route = context.path or "", context.original_route
            word = path.removeprefix("/").partition("/")[0]
            if word.startswith(_PARAMETER):
                raise ValueError(f"{path} begins with a parameter")
            # A router that was included in another one may have brought a prefix of its own.
            own = path.removesuffix(getattr(route, "path", ""))
            group = groups.setdefault((word, own), WordRouter(f"{prefix}/{word}"))
            group.routes.append(route)
    whole = APIRouter()
    for (_, own), group in groups.items():
        whole.include_router(group, prefix=prefix + own)
    return whole.routes
