"""The ``Idempotency-Key`` header, as one pure ASGI middleware.

A request that changes something and carries a key is read whole, looked up, and answered from what was kept; else it
runs with its name in :data:`service.idempotency.current`, and an answer that says "done" is kept. Two such requests at
once in this process wait for each other. Signing in and access codes make secrets, which are told once: they take no
key, and one sent along is ignored.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.problems import InvalidInput, TongluError, TooLarge
from service.context import Node
from service.idempotency import Answer, Submission, current, first_answer, keep_answer, submission
from service.officers.doors import session_token
from service.officers.rules import Officer
from service.officers.sessions import Door, find_session
from service.routes.errors import error_response

HEADER: Final = "idempotency-key"
_NAME: Final = HEADER.encode("ascii")
REPEATED_HEADER: Final = "Idempotency-Replayed"
MAX_BYTES: Final = 33 * 1024 * 1024
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_WITHOUT: Final = re.compile(r"/api/v1/(session(/.*)?|me/session|people/[^/]+/access-code)|/me(/.*)?|/federation/.*")
_KEPT_HEADERS: Final = ("content-type", "location", "x-tonglu-location")


def takes_key(method: str, path: str) -> bool:
    """Whether a request may carry the header: one that changes something and makes no secret."""
    return method in _CHANGING and _WITHOUT.fullmatch(path) is None


class Once:
    """Repeats the first answer to a request that is sent again under the same key."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._running: dict[bytes, asyncio.Lock] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http" or not takes_key(scope["method"], scope["path"]):
            await self.app(scope, receive, send)
            return
        key = next((value.decode("latin-1") for name, value in scope["headers"] if name == _NAME), None)
        if key is None:
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        node: Node = scope["app"].state.node
        try:
            if not _KEY.fullmatch(key):
                message = "A key has 1 to 255 visible ASCII characters."
                raise InvalidInput(errors=[{"field": "Idempotency-Key", "message": message}])
            who = await _who(node, request)
            if who is None:
                await self.app(scope, receive, send)
                return
            content = await _whole_body(receive)
            query = scope["query_string"].decode("latin-1")
            # An answer is not repeated to an officer who may see other things by now: that is another request.
            rights = f"{who.area} {' '.join(sorted(who.roles))}"
            sent = submission(who.id, key, f"{rights} {scope['method']}", f"{scope['path']}?{query}", content)
            await self._run(node, sent, content, scope=scope, receive=receive, send=send)
        except TongluError as error:
            await error_response(request, error)(scope, receive, send)

    async def _run(
        self, node: Node, sent: Submission, content: bytes, *, scope: Scope, receive: Receive, send: Send
    ) -> None:
        lock = self._running.setdefault(sent.key, asyncio.Lock())
        try:
            async with lock:
                first = await node.database.read(lambda session: first_answer(session, node, sent))
                if first is not None:
                    await _repeat(first)(scope, receive, send)
                else:
                    await self._first_time(node, sent, content, scope=scope, receive=receive, send=send)
        finally:
            if not lock.locked():
                self._running.pop(sent.key, None)

    async def _first_time(
        self, node: Node, sent: Submission, content: bytes, *, scope: Scope, receive: Receive, send: Send
    ) -> None:
        start: Message = {}
        body = bytearray()

        async def keep_then_send(message: Message) -> None:
            # Held back until the answer is kept: what was answered can be repeated.
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            answer = Answer(start["status"], bytes(body), _headers_to_keep(start))
            if answer.status < 400 and not sent.kept:
                await node.database.write(lambda session: keep_answer(session, node, sent, answer))
            await send(start)
            await send({"type": "http.response.body", "body": bytes(body)})

        token = current.set(sent)
        try:
            await self.app(scope, _replayed(content, receive), keep_then_send)
        finally:
            current.reset(token)


async def _who(node: Node, request: Request) -> Officer | None:
    """The officer whose request this is; the keys of two never meet.

    None for strangers, and for a session that is locked or still lacks its second factor: nothing is kept for them, and
    nothing repeated to whoever sits there now.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    door: Door = "api"
    if scheme.lower() != "bearer" or not token:
        # A page's form, sent again by the script while the line was down.
        token, door = session_token(request, node) or "", "page"
    if not token:
        return None
    found = await node.database.read(lambda session: find_session(session, node, token, door))
    return None if found is None or found.locked or found.enrolling else found.officer


async def _whole_body(receive: Receive) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(content)
        content.extend(message.get("body", b""))
        if len(content) > MAX_BYTES:
            raise TooLarge
        if not message.get("more_body", False):
            return bytes(content)


def _replayed(content: bytes, receive: Receive) -> Receive:
    """Give the body that was read already, then whatever else comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return again


def _headers_to_keep(start: Message) -> Mapping[str, str]:
    headers = MutableHeaders(raw=list(start["headers"]))
    return {name: headers[name] for name in _KEPT_HEADERS if name in headers}


def _repeat(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**answer.headers, REPEATED_HEADER: "true"})
