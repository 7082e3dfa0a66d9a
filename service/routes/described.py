"""The OpenAPI document: what every operation has in common and no route says by itself.

Each operation may answer with a problem (RFC 9457) instead of what it promises; input that is not valid does so, too,
and not in the framework's own shape. Every change may carry an `Idempotency-Key`.
"""

from typing import Any, Final

from fastapi import FastAPI

from service.routes.errors import PROBLEM_TYPE
from service.routes.once import HEADER, takes_key

_PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "Why a request was not carried out (RFC 9457); some problems carry facts of their own besides.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "retry"],
    "properties": {
        "type": {"type": "string", "description": "`/problems/` and the problem's code."},
        "title": {"type": "string", "description": "The problem in words, in the language that was asked for."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What happened this time."},
        "retry": {"type": "string", "enum": ["now", "later", "after_fixing", "never"]},
        "errors": {
            "type": "array",
            "description": "The fields to correct; what was sent is never quoted.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_CONTENT: Final = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_KEY: Final[dict[str, Any]] = {
    "name": HEADER.title(),
    "in": "header",
    "required": False,
    "description": "Sent again with the same body within 24 hours, the first answer is repeated.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_OF_THE_FRAMEWORK: Final = ("HTTPValidationError", "ValidationError")


class Described(FastAPI):
    """An application whose OpenAPI document is complete."""

    def openapi(self) -> dict[str, Any]:
        """Give the framework's document, completed when it is made."""
        if self.openapi_schema is None:
            _complete(super().openapi())
        return super().openapi()


def _complete(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            if "422" in answers:
                answers["422"] = {"description": "Something sent is not valid.", "content": _CONTENT}
            answers.setdefault("default", {"description": "A problem.", "content": _CONTENT})
            if takes_key(method.upper(), path):
                operation.setdefault("parameters", []).append(_KEY)
    shapes = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _OF_THE_FRAMEWORK:
        shapes.pop(name, None)
    shapes["Problem"] = _PROBLEM
