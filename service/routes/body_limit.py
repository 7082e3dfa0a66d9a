"""How much a request may bring (pure ASGI): what is larger is refused before it fills the memory."""

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.problems import TooLarge
from service.routes.errors import error_response

MAX_BODY_BYTES: Final = 1024 * 1024
"""What a request may bring, unless it is a file."""
MAX_TOGETHER_BYTES: Final = 96 * 1024 * 1024
"""What all uploads that are coming in may hold at once: three of the largest."""
_TOO_LARGE_STATUS: Final = 413
_OVERLOADED_STATUS: Final = 503
_UPLOADS: Final = re.compile(r"(/api/v1)?/ledgers(/.*)?")
_OWN_BOUND: Final = "/federation/"


def _refusal(allowed: int) -> TooLarge:
    """What is said of too large a body; of a file, also how large it may be."""
    if allowed == MAX_BODY_BYTES:
        return TooLarge()
    return TooLarge(
        "The file is too large (at most %(megabytes)s MB); split the ledger.",
        megabytes=(allowed - MAX_BODY_BYTES) >> 20,
    )


class BodyLimit:
    """Refuses a body that is too large, by its announced length and by what really comes.

    ``max_upload_bytes`` holds for ledgers: a file and, beside it, what any request may bring; ``max_together_bytes``
    for all of them that are on their way at one time: whoever comes on top is asked to come again. The federation's
    endpoints bound their bodies themselves: peers get a signed refusal.
    """

    def __init__(self, app: ASGIApp, *, max_upload_bytes: int, max_together_bytes: int = MAX_TOGETHER_BYTES) -> None:
        self.app = app
        self.max_upload_bytes = max_upload_bytes
        self.max_together_bytes = max_together_bytes
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http" or scope["path"].startswith(_OWN_BOUND):
            await self.app(scope, receive, send)
            return
        is_upload = _UPLOADS.fullmatch(scope["path"]) is not None
        allowed = self.max_upload_bytes if is_upload else MAX_BODY_BYTES
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if announced.isdigit() and int(announced[:20]) > allowed:
            await error_response(Request(scope), _refusal(allowed))(scope, receive, send)
            return
        taken = 0

        async def receive_bounded() -> Message:
            nonlocal taken
            message = await receive()
            came = len(message.get("body", b""))
            taken += came
            self._held += came if is_upload else 0
            # The framework passes its own exceptions on while it reads a body, and no others.
            if taken > allowed:
                raise HTTPException(_TOO_LARGE_STATUS)
            if is_upload and self._held > self.max_together_bytes:
                raise HTTPException(_OVERLOADED_STATUS)
            return message

        try:
            await self.app(scope, receive_bounded, send)
        finally:
            self._held -= taken if is_upload else 0
