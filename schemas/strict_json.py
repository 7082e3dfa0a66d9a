"""JSON as the protocol takes it: one spelling for each value, and bounds.

I-JSON (RFC 7493) and a little more, so that every node reads the same document out of the same bytes: UTF-8 without
a byte order mark, no key twice in one object, no floating-point numbers, whole numbers that every reader keeps, no
halves of surrogate pairs, at most eight levels. One message that breaks this spoils itself alone, not its batch, as
long as the batch can be read at all: `read_array` therefore parses member by member and notes the flaws on the way.
"""

import json
from dataclasses import dataclass
from typing import Any

from schemas.wire import MAX_INTEGER

MAX_DEPTH = 8
"""Objects and arrays within each other, the document itself included."""


class UnreadableJsonError(ValueError):
    """The bytes are not JSON of the expected form at all."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the array: its value, what is wrong with it (None: nothing), and its size in bytes."""

    value: Any
    flaw: str | None
    size: int


class _Flaw:
    """Stands in a parsed document for what must not be there."""

    __slots__ = ("says",)

    def __init__(self, says: str) -> None:
        self.says = says


class _Doubled(dict[str, Any]):
    """An object in which a key stands twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Doubled(found)


def _integer(digits: str) -> int | _Flaw:
    # The length first: Python refuses (and a slow reader would suffer) to turn thousands of digits into a number.
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        return _Flaw("a number is too large")
    return int(digits)


def _no_float(_: str) -> _Flaw:
    return _Flaw("numbers are whole")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
)


def read_array(raw: bytes, most: int) -> list[Member]:
    """The members of a JSON array of at most `most`, each with its flaw, if it has one.

    Raises `UnreadableJsonError` where the whole cannot be read: not UTF-8, no array, bad syntax, far too deep.
    """
    text = _text(raw)
    members: list[Member] = []
    place = _skip(text, 0)
    if text[place : place + 1] != "[":
        raise UnreadableJsonError("an array is expected")
    place = _skip(text, place + 1)
    if text[place : place + 1] == "]":
        return _end(text, place, members)
    while True:
        if len(members) == most:
            raise UnreadableJsonError(f"at most {most} members")
        value, after = _decode(text, place)
        members.append(Member(value, flaw_of(value), len(text[place:after].encode("utf-8"))))
        place = _skip(text, after)
        mark = text[place : place + 1]
        if mark == "]":
            return _end(text, place, members)
        if mark != ",":
            raise UnreadableJsonError("a comma or the end of the array is expected")
        place = _skip(text, place + 1)


def read_document(raw: bytes) -> Any:
    """One whole JSON document; raises `UnreadableJsonError` for any flaw."""
    text = _text(raw)
    value, after = _decode(text, _skip(text, 0))
    flaw = flaw_of(value)
    if flaw is not None or _skip(text, after) != len(text):
        raise UnreadableJsonError(flaw or "more than one document")
    return value


def flaw_of(value: Any, depth: int = 1) -> str | None:
    """What makes a parsed value unfit, or None; the message quotes nothing of the value."""
    if isinstance(value, str):
        return None if _is_text(value) else "half of a surrogate pair"
    if isinstance(value, _Flaw):
        return value.says
    if isinstance(value, dict):
        if isinstance(value, _Doubled):
            return "a key stands twice"
        if depth > MAX_DEPTH:
            return f"more than {MAX_DEPTH} levels"
        for key, item in value.items():
            flaw = "half of a surrogate pair" if not _is_text(key) else flaw_of(item, depth + 1)
            if flaw:
                return flaw
    elif isinstance(value, list):
        if depth > MAX_DEPTH:
            return f"more than {MAX_DEPTH} levels"
        for item in value:
            flaw = flaw_of(item, depth + 1)
            if flaw:
                return flaw
    return None


def _text(raw: bytes) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise UnreadableJsonError("no byte order mark")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableJsonError("not UTF-8") from None


def _decode(text: str, place: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, place)
    except (json.JSONDecodeError, StopIteration):
        raise UnreadableJsonError("not JSON") from None
    except RecursionError:
        raise UnreadableJsonError("far too many levels") from None


def _skip(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t", "\n", "\r"):
        place += 1
    return place


def _end(text: str, place: int, members: list[Member]) -> list[Member]:
    if _skip(text, place + 1) != len(text):
        raise UnreadableJsonError("more than one document")
    return members


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
