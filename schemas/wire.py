"""What every wire format shares: the base model and the text types of JSON documents between nodes.

JSON has one spelling for each value here: a date is `YYYY-MM-DD`, a time is RFC 3339 with an offset, a number is
a number, and what is absent is left out (never `null`). Pydantic alone would also take `5` for a date.
"""

from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, model_validator

from schemas.clock import parse_rfc3339, rfc3339

MAX_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps (RFC 8259, 6; RFC 7493, 2.2)."""


def _only_date(value: object) -> object:
    if isinstance(value, str):
        if len(value) != 10:
            raise ValueError("a date is YYYY-MM-DD")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("a date is YYYY-MM-DD") from None
    if type(value) is not date:
        raise ValueError("a date is YYYY-MM-DD")
    return value


def _only_time(value: object) -> object:
    if isinstance(value, str):
        return parse_rfc3339(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("a time is RFC 3339 text with an offset")
    return value


def _only_bool(value: object) -> object:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - pydantic reports a ValueError alone
    return value


def _only_int(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a whole number")  # noqa: TRY004 - as above
    return value


WireDate = Annotated[date, BeforeValidator(_only_date)]
"""A day, `YYYY-MM-DD`."""

WireTime = Annotated[datetime, BeforeValidator(_only_time), PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""A moment, RFC 3339 with an offset; written in UTC."""

WireBool = Annotated[bool, BeforeValidator(_only_bool)]
"""`true` or `false`; neither 1 nor "yes"."""

WireInt = Annotated[int, BeforeValidator(_only_int), Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
"""A whole number written as a JSON number."""

_HEX = r"[0-9a-f]"
Uuid = Annotated[str, StringConstraints(pattern=rf"^{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}$")]
"""A UUID as 36 lower-case characters (RFC 9562, 4)."""

Uuid7 = Annotated[
    str, StringConstraints(pattern=rf"^{_HEX}{{8}}-{_HEX}{{4}}-7{_HEX}{{3}}-[89ab]{_HEX}{{3}}-{_HEX}{{12}}$")
]
"""A UUID version 7 as 36 lower-case characters (RFC 9562, 5.7)."""

_B64 = r"[A-Za-z0-9_-]"
Base64Url = Annotated[str, StringConstraints(pattern=rf"^{_B64}+$", max_length=12_288)]
"""Base64url without padding (RFC 7515, 2)."""

CompactJws = Annotated[str, StringConstraints(pattern=rf"^{_B64}+\.{_B64}+\.{_B64}+$", max_length=12_288)]
"""A JWS in compact serialisation (RFC 7515, 7.1)."""

CompactJwe = Annotated[
    str, StringConstraints(pattern=rf"^{_B64}+\.{_B64}*\.{_B64}+\.{_B64}+\.{_B64}+$", max_length=8_192)
]
"""A JWE in compact serialisation (RFC 7516, 7.1)."""


class WireModel(BaseModel):
    """A document between nodes: frozen, without unknown fields, without `null`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, value: Any) -> Any:
        if isinstance(value, dict) and any(item is None for item in value.values()):
            raise ValueError("what is absent is left out, never null")
        return value

    @classmethod
    def from_wire(cls, document: object) -> Self:
        """Read a parsed JSON document; raises pydantic's `ValidationError`, which shows no input."""
        return cls.model_validate(document)

    def to_wire(self) -> dict[str, Any]:
        """The JSON document, with what is absent left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
