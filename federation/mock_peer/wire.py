"""How a mock peer calls others: over TCP, byte for byte as it is told, or straight into an application.

An ordinary client would mend what a test wants broken (a header twice, no ``Content-Type``, another ``Host``); these
two send what they are given. Redirects are not followed, and a bent answer is handed over as it came.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import httpcore

CALL_SECONDS = 30.0

Asgi = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[MutableMapping[str, Any]], Awaitable[None]]],
    Awaitable[None],
]
"""An ASGI application."""

Fields = tuple[tuple[str, str], ...]
"""Header fields, names in lower case, repeated ones repeated."""


class WireFault(OSError):
    """No whole answer came; the text says why in one or two words."""


@dataclass(frozen=True)
class Call:
    """One request as it goes over the wire."""

    method: str
    url: str
    headers: Fields = ()
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """One answer as it came."""

    status: int
    headers: Fields
    body: bytes

    def values(self, name: str) -> list[str]:
        """Every value of a header field."""
        return [value for field, value in self.headers if field == name]

    def value(self, name: str) -> str:
        """The first value of a header field; empty without one."""
        return next(iter(self.values(name)), "")


class Wire(Protocol):
    """Whatever carries a call and brings the answer back."""

    async def send(self, call: Call) -> Reply:
        """The answer, whatever its status; raises ``WireFault`` when none came whole."""
        ...

    async def aclose(self) -> None:
        """Let connections go."""
        ...


class TcpWire:
    """HTTP/1.1 over TCP or TLS."""

    def __init__(self, *, verify: ssl.SSLContext | None = None, seconds: float = CALL_SECONDS) -> None:
        """``verify`` replaces the trusted authorities (a test's own); a call ends after ``seconds``."""
        self._pool = httpcore.AsyncConnectionPool(ssl_context=verify or ssl.create_default_context())
        self._seconds = seconds

    async def send(self, call: Call) -> Reply:
        """Send the call as it is; ``Host`` and ``Content-Length`` are added where it has none."""
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in call.headers]
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._pool.request(call.method, call.url, headers=headers, content=call.body or None)
        except TimeoutError:
            raise WireFault("timeout") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise WireFault(type(error).__name__) from None
        return Reply(response.status, _fields(response.headers), response.content)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class AsgiWire:
    """Straight into applications of this process, by the host and port of the address."""

    def __init__(self, apps: MutableMapping[str, Asgi] | None = None) -> None:
        """``apps``: network location (``790101.example``) to application."""
        self.apps: MutableMapping[str, Asgi] = {} if apps is None else apps

    async def send(self, call: Call) -> Reply:
        """Call the application; what it raises before its answer is whole is a ``WireFault``."""
        parts = urlsplit(call.url)
        app = self.apps.get(parts.netloc)
        if app is None:
            raise WireFault("no connection")
        given = {name for name, _ in call.headers}
        headers = list(call.headers)
        headers += [] if "host" in given else [("host", parts.netloc)]
        headers += [] if "content-length" in given or not call.body else [("content-length", str(len(call.body)))]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": call.method,
            "scheme": parts.scheme,
            "path": unquote(parts.path) or "/",
            "raw_path": (parts.path or "/").encode("ascii"),
            "query_string": parts.query.encode("ascii"),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            "client": ("127.0.0.1", 1),
            "server": (parts.hostname or "", parts.port or 80),
            "state": {},
        }
        return await _Conversation(call.body).hold(app, scope)

    async def aclose(self) -> None:
        """Nothing is open."""


class _Conversation:
    """One request and its answer with an application."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._was_read = False
        self._status: int | None = None
        self._headers: Fields = ()
        self._chunks: list[bytes] = []
        self._is_whole = False

    async def hold(self, app: Asgi, scope: MutableMapping[str, Any]) -> Reply:
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:
            if not self._is_whole:
                raise WireFault(type(error).__name__) from error
        if self._status is None or not self._is_whole:
            raise WireFault("no answer")
        return Reply(self._status, self._headers, b"".join(self._chunks))

    async def _receive(self) -> Any:
        if self._was_read:
            return {"type": "http.disconnect"}
        self._was_read = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            self._status, self._headers = event["status"], _fields(event.get("headers", ()))
        elif event["type"] == "http.response.body":
            self._chunks.append(event.get("body", b""))
            self._is_whole = not event.get("more_body", False)


def _fields(raw: Any) -> Fields:
    return tuple((bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1")) for name, value in raw)
