"""The base of the error tree, and its RFC 9457 document."""

import re
from typing import Any, ClassVar, Literal

Retry = Literal["now", "later", "after_fixing", "never"]


class TongluError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    retry: ClassVar[Retry] = "never"
    message: ClassVar[str] = "Something went wrong."

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the first line of the docstring as the message."""
        super().__init_subclass__(**kwargs)
        first = (cls.__doc__ or "").strip().splitlines()
        if first:
            cls.message = first[0]

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        """`detail` (an English msgid) replaces the docstring's first line; `facts` fill it and go to the problem."""
        self.msgid = self.message if detail is None else detail
        self.facts: dict[str, Any] = facts
        super().__init__(self.msgid)

    @property
    def detail(self) -> str:
        """What happened, in English, with its facts filled in."""
        return fill(self.msgid, self.facts)

    def __str__(self) -> str:
        """The detail, prefixed by the code."""
        return f"{self.code}: {self.detail}"


def fill(message: str, facts: dict[str, Any]) -> str:
    """Put facts into a message's `%(name)s` places; a place without its fact shows its name."""
    return re.sub(r"%\((\w+)\)[sd]", lambda place: str(facts.get(place[1], place[1])), message)


def problem_document(error: TongluError, instance: str | None = None) -> dict[str, Any]:
    """The error as an RFC 9457 problem: `type`, `title`, `status`, `detail`, `retry`, `instance`?, and the facts."""
    document: dict[str, Any] = dict(error.facts)
    document |= {
        "type": f"/problems/{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.detail,
        "retry": error.retry,
    }
    if instance is not None:
        document["instance"] = instance
    return document
