"""What goes wrong becomes an answer: a problem (RFC 9457) in the reader's language, or a page for a browser.

Nothing that a caller sends may make a healthy node answer 5xx: what the framework, the validation and the database say
about bad input is turned into the error tree here. A fault of ours gets a reference number, which stands in the answer
and in the log; the log names the exception's class and the lines it passed through, never its text, which may quote
what was being worked on.
"""

import re
import traceback
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from schemas.problems import (
    Forbidden,
    InternalFault,
    InvalidInput,
    LocalError,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    TongluError,
    TooLarge,
    fill,
    problem_document,
)
from service.officers.doors import known_viewer
from service.routes.accept import accepted_language
from service.web.errors import error_page, fault_page, new_reference, not_found_page, wants_page
from service.web.languages import N_, Translator
from service.web.templating import pages_of

PROBLEM_TYPE: Final = "application/problem+json"
UNAVAILABLE_RETRY_SECONDS: Final = 5
_MOST_LINES: Final = 8
_MOST_FIELDS: Final = 100
"""Of so many fields a refusal tells what is wrong: it is never much longer than what was sent."""
_ELSEWHERE: Final = re.compile(r"[/\\\\](site-packages|lib[/\\\\]python3)")
_log = structlog.stdlib.get_logger(__name__)

FIELD_MESSAGES: Final = {
    "missing": N_("This is needed."),
    "extra_forbidden": N_("This node does not take this field."),
    "json_invalid": N_("The content is not JSON."),
    "enum": N_("This is not one of the allowed values."),
    "literal_error": N_("This is not one of the allowed values."),
    "string_too_short": N_("This is too short."),
    "string_too_long": N_("This is too long."),
    "too_short": N_("This is too short."),
    "too_long": N_("This is too long."),
    "date_from_datetime_parsing": N_("This is not a date (YYYY-MM-DD)."),
    "date_parsing": N_("This is not a date (YYYY-MM-DD)."),
}
"""What is said of a field, by pydantic's error type; it never quotes what was sent."""
NOT_VALID: Final = N_("This is not valid.")


def add_error_handlers(app: FastAPI) -> None:
    """Let every error of the tree, of the framework and of the database leave as a problem or a page."""
    app.add_exception_handler(TongluError, _tonglu_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_exception_handler(DataError, _unstorable)


def error_response(request: Request, error: TongluError) -> Response:
    """The answer for an error of the tree."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, InternalFault):
        _log.warning("refused", code=error.code)
    if isinstance(error, Forbidden):
        request.state.refused = True
    if wants_page(request):
        return error_page(request, error)
    translator = translator_of(request)
    document = problem_document(error)
    document["title"] = fill(translator.gettext(error.message), error.facts)
    document["detail"] = fill(translator.gettext(error.msgid), error.facts)
    if "errors" in document:
        document["errors"] = [_translated(translator, item) for item in document["errors"]]
    headers = {"Content-Language": translator.language, "Vary": "Accept-Language"}
    wait = error.facts.get("retry_after_seconds", _wait_of(error))
    if wait is not None:
        headers["Retry-After"] = str(wait)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(document, error.status, headers, media_type=PROBLEM_TYPE)


def fault_response(request: Request, fault: BaseException) -> Response:
    """The answer for a fault of ours, with the reference under which the log tells where it happened."""
    reference = new_reference()
    _log.error("fault", reference=reference, exception=type(fault).__name__, at=where(fault))
    if wants_page(request):
        return fault_page(request, reference)
    return error_response(request, InternalFault(reference=reference))


def where(fault: BaseException) -> list[str]:
    """The lines of ours that an exception passed through, the causes' first, without the exceptions' texts."""
    lines: list[str] = []
    cause: BaseException | None = fault
    while cause is not None:
        frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(cause.__traceback__)]
        ours = [frame for frame in frames if not _ELSEWHERE.search(frame)]
        lines[:0] = [type(cause).__name__, *(ours or frames)[-_MOST_LINES:]]
        cause = cause.__cause__
    return lines


def translator_of(request: Request) -> Translator:
    """The texts in the language that the caller accepts; Chinese unless they say otherwise."""
    language = accepted_language(request.headers.get("accept-language", ""))
    return pages_of(request).languages.translator(language)


def field_errors(errors: Any) -> list[dict[str, str]]:
    """Pydantic's errors as ``{"field", "message"}``, without what was sent."""
    found = []
    for error in errors[:_MOST_FIELDS]:
        # The first part says where in the request; a number is a place in a list.
        place = [str(part) for part in error["loc"]]
        name = ".".join(place[1:]) if len(place) > 1 else ".".join(place)
        if error["type"] == "json_invalid":
            name = "body"
        found.append({"field": name[:100], "message": FIELD_MESSAGES.get(error["type"], NOT_VALID)})
    return found


async def _tonglu_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, TongluError):
        raise error
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, InternalFault):
        return fault_response(request, error)
    return error_response(request, error)


async def _invalid_request(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return error_response(request, InvalidInput(errors=field_errors(error.errors())))


async def _framework_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if wants_page(request):
        await _give_frame(request)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return not_found_page(request) if wants_page(request) else error_response(request, NotFound())
    known: dict[int, LocalError | TongluError] = {
        405: MethodNotAllowed(),
        413: TooLarge(),
        503: Overloaded(),
    }
    answer = error_response(request, known.get(error.status_code) or InvalidInput(errors=[]))
    for name in ("allow",):
        value = (error.headers or {}).get("Allow")
        if value is not None:
            answer.headers[name] = value
    return answer


async def _give_frame(request: Request) -> None:
    """Let the page about an address that is none have its navigation, for an officer who is signed in."""
    if request.url.path == "/me" or request.url.path.startswith("/me/"):
        return
    # What keeps the database from answering just now does not keep a page from saying that it is not there.
    with suppress(TongluError):
        await known_viewer(request, request.app.state.node)


async def _unstorable(request: Request, error: Exception) -> Response:
    """The database cannot hold a value (a NUL character in a text, a number out of range): bad input."""
    _log.warning("unstorable", exception=type(error).__name__)
    return error_response(request, InvalidInput(errors=[]))


def _translated(translator: Translator, item: object) -> object:
    if not isinstance(item, dict) or "message" not in item:
        return item
    return {**item, "message": fill(translator.gettext(str(item["message"])), item)}


def _wait_of(error: TongluError) -> int | None:
    return UNAVAILABLE_RETRY_SECONDS if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None
