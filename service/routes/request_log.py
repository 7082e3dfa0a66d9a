"""The outermost room of a request: one line in the log, one count, and no exception leaves it (pure ASGI)."""

import time
from typing import Final

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.routes.errors import fault_response
from service.routes.metrics import OWN_PAGE, Counts

_UNMATCHED: Final = "(none)"
_log = structlog.stdlib.get_logger("tonglu.request")


class RequestLog:
    """Logs each request by its route's pattern, counts it, and turns an exception into a fault with a reference.

    Visits to the person's own page leave no line and no count (rule 10); their faults do.
    """

    def __init__(self, app: ASGIApp, *, counts: Counts) -> None:
        self.app = app
        self.counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as fault:
            answer = fault_response(Request(scope), fault)
            if status:
                # The answer had begun: all that is left is to break it off, which the server does.
                raise
            await answer(scope, receive, send_and_note)
        finally:
            route = _pattern(scope)
            self.counts.request(scope["path"], status)
            if not OWN_PAGE.fullmatch(scope["path"]):
                _log.info(
                    "request",
                    method=scope["method"],
                    route=route,
                    status=status,
                    milliseconds=round((time.perf_counter() - began) * 1000, 1),
                    **_refused(scope),
                )


def _refused(scope: Scope) -> dict[str, str]:
    """Which account asked for what is not its role's (OWASP ASVS 5.0, 16.3.2): its id, which the access log knows."""
    state = scope.get("state", {})
    return {"officer": state["officer"].id} if state.get("refused") and "officer" in state else {}


def _pattern(scope: Scope) -> str:
    """The pattern of the route that FastAPI matched; it has no ids in it."""
    matched = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return str(getattr(matched, "path", _UNMATCHED))
