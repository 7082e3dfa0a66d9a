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


def read_array(raw: bytes, most: int) -> list[Member]:
    """The members of a JSON array of at most `most`, each with its flaw, if it has one.

    Raises `UnreadableJsonError` where the whole cannot be read: not UTF-8, no array, bad syntax, far too deep.
    """
    text = _text(raw)
    reader = _Reader()
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
        member, after = reader.read(text, place)
        members.append(member)
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
    member, after = _Reader().read(text, _skip(text, 0))
    if member.flaw is not None or _skip(text, after) != len(text):
        raise UnreadableJsonError(member.flaw or "more than one document")
    return member.value


class _Reader:
    """Python's decoder with hooks that note what must not be there; the walk over a value is for the rare cases."""

    def __init__(self) -> None:
        self._notes: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._no_float,
            parse_constant=self._no_float,
        )

    def read(self, text: str, place: int) -> tuple[Member, int]:
        """The value that begins at a place, and where it ends."""
        self._notes.clear()
        try:
            value, after = self._decoder.raw_decode(text, place)
        except (json.JSONDecodeError, StopIteration):
            raise UnreadableJsonError("not JSON") from None
        except RecursionError:
            raise UnreadableJsonError("far too many levels") from None
        part = text[place:after]
        flaw = self._notes[0] if self._notes else None
        deep = part.count("{") + part.count("[") > MAX_DEPTH
        if flaw is None and (deep or "\\ud" in part or "\\uD" in part):
            flaw = _walk(value, 1)
        return Member(value, flaw, len(part) if part.isascii() else len(part.encode("utf-8"))), after

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            self._notes.append("a key stands twice")
        return found

    def _integer(self, digits: str) -> int:
        # The length first: Python refuses (and a slow reader would suffer) to turn thousands of digits into a number.
        if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
            self._notes.append("a number is too large")
            return 0
        return int(digits)

    def _no_float(self, _: str) -> int:
        self._notes.append("numbers are whole")
        return 0


def _walk(value: Any, depth: int) -> str | None:
    """Whether a value is too deep or holds half of a surrogate pair; says which, and quotes nothing."""
    if isinstance(value, str):
        return None if _is_text(value) else "half of a surrogate pair"
    if not isinstance(value, dict | list):
        return None
    if depth > MAX_DEPTH:
        return f"more than {MAX_DEPTH} levels"
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return next(filter(None, (_walk(item, depth + 1) for item in inner)), None)


def _text(raw: bytes) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise UnreadableJsonError("no byte order mark")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableJsonError("not UTF-8") from None


def _skip(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t", "\n", "\r"):
        place += 1
    return place


def _end(text: str, place: int, members: list[Member]) -> list[Member]:
    if _skip(text, place + 1) != len(text):
        raise UnreadableJsonError("more than one document")
    return members


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
