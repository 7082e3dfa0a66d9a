"""The JSON that programs send: read once, strictly, before anything is made of it.

Python's reader takes the last of two fields with one name, other encodings than UTF-8, and numbers that are none (NaN):
what one reader checks and another one uses would differ. Here such a body is refused (RFC 8259, 4 and 8.1; RFC 7493).
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import params
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from schemas.problems import InvalidInput, UnsupportedMediaType
from service.web.languages import N_

_NOT_JSON: Final = N_("The content is not JSON.")
_TWICE: Final = N_("A field stands twice.")
_TOO_LONG: Final = N_("This is too long.")
MAX_FIELDS: Final = 1000
"""More than any body has: each field that is none costs a line of the refusal."""


class JsonRoute(APIRoute):
    """A route of the JSON API: its body is JSON, said to be JSON, and names each field once.

    Raises :class:`UnsupportedMediaType` for a body of another type, :class:`InvalidInput` for one that is no good JSON.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, which finds the body read already."""
        handle = super().get_route_handler()
        if self.body_field is None or isinstance(self.body_field.field_info, params.Form):
            return handle

        async def read_then_handle(request: Request) -> Response:
            read = _JsonRequest(request.scope, request.receive)
            await read.json()
            return await handle(read)

        return read_then_handle


class _JsonRequest(Request):
    _read: Any
    """The content, once it was read."""

    async def json(self) -> Any:
        if not hasattr(self, "_read"):
            content = await self.body()
            if content and not _is_json(self.headers.get("content-type", "")):
                raise UnsupportedMediaType
            self._read = _parsed(content) if content else None
        return self._read


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError):
        # A ValueError is also what is not UTF-8, begins with a byte order mark, or has a number of thousands of digits.
        raise InvalidInput(errors=[{"field": "body", "message": _NOT_JSON}]) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_FIELDS:
        raise InvalidInput(errors=[{"field": "body", "message": _TOO_LONG}])
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInput(errors=[{"field": "body", "message": _TWICE}])
    return found


def _no_number(_: str) -> None:
    raise ValueError
