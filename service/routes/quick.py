"""Finding the route of a request among two hundred without trying them all.

FastAPI tries its routes one after another, at a few microseconds each, which at our size costs more than all else that
a request goes through. Here each first word of an address (``arrivals`` of ``/api/v1/arrivals/{id}/end``) gets a
router of its own, with the routes that begin with it in their order; a request is led to the router of its word at
once (``ByWord``). What none of them answers goes the ordinary way past all routers, where one whose word it is not says
no at once.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

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


Words = Sequence[tuple[str, BaseRoute]]
"""Routers, each with what the addresses that it answers begin with."""


class ByWord:
    """Leads a request to the routers of its first word, in their order, and any other to ``app`` (pure ASGI)."""

    def __init__(self, app: ASGIApp, router: APIRouter, words: Words) -> None:
        self.app = app
        self.router = router
        self.of_start: dict[str, list[BaseRoute]] = {}
        for start, route in words:
            self.of_start.setdefault(start, []).append(route)
        prefixes = {start.rpartition("/")[0] for start in self.of_start}
        # The longest first: every address begins with the empty one.
        self.prefixes = sorted((f"{prefix}/" for prefix in prefixes), key=len, reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "http":
            for route in self._of(scope["path"]):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.setdefault("router", self.router)
                    scope.update(found)
                    await route.handle(scope, receive, send)
                    return
        await self.app(scope, receive, send)

    def _of(self, path: str) -> Sequence[BaseRoute]:
        for prefix in self.prefixes:
            if path.startswith(prefix):
                word = path[len(prefix) :].partition("/")[0]
                return self.of_start.get(f"{prefix}{word}", ())
        return ()


def add_by_word(app: FastAPI, words: Words) -> None:
    """Give an application the routes of ``by_word``, and lead requests to them by their word."""
    app.router.routes.extend(route for _, route in words)
    app.router.middleware_stack = ByWord(app.router.middleware_stack, app.router, words)


def by_word(routers: Iterable[APIRouter], prefix: str = "") -> Words:
    """Group the routes of ``routers`` under ``prefix`` by the first word of their paths, for ``add_by_word``.

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
    return [(group.start, route) for group, route in zip(groups.values(), whole.routes, strict=True)]
