"""Running the application: one or two listeners, or none, until a signal ends it.

With a second listener for peers, one process serves two sockets: the federation's paths answer on that one alone, and
everything else on the other alone, so that a firewall can treat officers and peers apart.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Literal

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from service.heads import BoundedHeads
from service.settings import Settings, split_listen

Only = Literal["officers", "federation", "worker"]

FEDERATION_PATHS = ("/federation/", "/.well-known/tonglu")
BOTH = ("/healthz", "/readyz")
GRACE_SECONDS = 10


class Listeners:
    """Pure ASGI: answers each path on the listener that it belongs to, and 404 on the other."""

    def __init__(self, app: ASGIApp, federation_port: int) -> None:
        """Serve `app`; what arrives on `federation_port` is a peer's."""
        self._app = app
        self._federation_port = federation_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what belongs to the listener that it came to."""
        if scope["type"] == "http" and not scope["path"].startswith(BOTH):
            at_peers = (scope.get("server") or (None, None))[1] == self._federation_port
            if at_peers != scope["path"].startswith(FEDERATION_PATHS):
                await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body", "body": b""})
                return
        await self._app(scope, receive, send)


def serve(app: FastAPI, settings: Settings, *, only: Only | None, ready: Callable[[str], None]) -> bool:
    """Run `app` until SIGTERM or SIGINT; `ready` is told each address once it answers. False when the start failed.

    Raises OSError when an address is taken.
    """
    # uvicorn raises the signal again when it is done; the process then ends by itself, with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if only == "worker":
        return asyncio.run(_work(app, ready))
    sockets = []
    served: ASGIApp = app
    if only != "federation" or settings.federation_listen is None:
        sockets.append(bind(settings.listen))
    if settings.federation_listen is not None and only != "officers":
        sockets.append(bind(settings.federation_listen))
        if only is None:
            served = Listeners(app, sockets[-1].getsockname()[1])
    config = uvicorn.Config(
        served,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        http=BoundedHeads,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, ready)
    server.run(sockets)
    return server.started


class _Server(uvicorn.Server):
    """uvicorn, which says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            for one in sockets or []:
                self._ready(address(one))


async def _work(app: FastAPI, ready: Callable[[str], None]) -> bool:
    """The jobs without a listener."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with app.router.lifespan_context(app):
        ready("worker")
        await ended.wait()
    return True


def bind(listen: str) -> socket.socket:
    """A listening socket at ``host:port``; port 0 takes a free one. Raises OSError that names the address."""
    host, port = split_listen(listen)
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    one = socket.socket(family, kind, protocol)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind(where)
    except OSError as error:
        with contextlib.suppress(OSError):
            one.close()
        raise OSError(error.errno, error.strerror, listen) from None
    one.set_inheritable(True)
    return one


def address(one: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = one.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
