"""The answer to a batch: one result a message, in order, as both sides read and write it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from schemas.clock import rfc3339
from schemas.problems import MessageRefused, problem_document
from schemas.strict_json import UnreadableJsonError, read_document

_RESULTS = ("accepted", "refused", "duplicate")


@dataclass(frozen=True)
class Result:
    """How one message ended.

    ``digest`` is the SHA-256 of its RFC 8785 form (``None`` where it has none); a ``duplicate`` repeats in ``first``
    how the message ended when it first came. ``problem`` is an RFC 9457 document.
    """

    id: str | None
    streamseq: int | None
    result: Literal["accepted", "refused", "duplicate"]
    digest: str | None
    recorded_at: str
    problem: dict[str, Any] | None = None
    first: "Result | None" = None

    def to_wire(self) -> dict[str, Any]:
        """The result as JSON."""
        document: dict[str, Any] = {
            "id": self.id,
            "streamseq": self.streamseq,
            "result": self.result,
            "digest": self.digest,
            "recorded_at": self.recorded_at,
        }
        if self.problem is not None:
            document["problem"] = self.problem
        if self.first is not None:
            document["first"] = self.first.to_wire()
        return document

    @property
    def final(self) -> "Result":
        """What counts: of a duplicate, how the message ended when it first came."""
        return self.first if self.result == "duplicate" and self.first is not None else self

    @property
    def code(self) -> str | None:
        """The problem's code (``/problems/<code>``)."""
        return problem_code(self.problem or {})

    @property
    def retry(self) -> str | None:
        """What the sender may do about the problem."""
        return str(self.problem.get("retry")) if self.problem else None


def refused(
    error: MessageRefused, *, message_id: str | None, streamseq: int | None, digest: str | None, now: datetime
) -> Result:
    """The result of a message that was refused."""
    return Result(message_id, streamseq, "refused", digest, rfc3339(now), problem_document(error))


def problem_code(problem: dict[str, Any]) -> str | None:
    """The code of a problem document; ``None`` for one that is none of ours."""
    kind = problem.get("type")
    known = isinstance(kind, str) and kind.startswith("/problems/") and kind[10:].replace("_", "").isalnum()
    return str(kind)[10:50] if known else None


def read_results(body: bytes, sent: list[tuple[str, str]] | None = None) -> list[Result] | None:
    """The results in an answer; ``None`` when they cannot be read, or do not answer the messages ``sent`` (id and
    digest, in order).

    Without ``sent`` those that cannot be read are left out.
    """
    try:
        found = read_document(body)
    except UnreadableJsonError:
        return None
    if not isinstance(found, list):
        return None
    results = [one for one in map(_read, found) if one is not None]
    if sent is None:
        return results
    fits = len(found) == len(results) and [(one.id, one.digest) for one in results] == sent
    return results if fits else None


def _read(document: Any, *, nested: bool = False) -> Result | None:
    if not isinstance(document, dict) or document.get("result") not in _RESULTS:
        return None
    problem, first = document.get("problem"), document.get("first")
    result = document["result"]
    earlier = _read(first, nested=True) if result == "duplicate" and not nested else None
    if (result == "refused") != isinstance(problem, dict) or (result == "duplicate") != (earlier is not None):
        return None
    digest, recorded_at, message_id = document.get("digest"), document.get("recorded_at"), document.get("id")
    if not isinstance(recorded_at, str) or not isinstance(message_id, str) or not isinstance(digest, str):
        return None
    seq = document.get("streamseq")
    streamseq = seq if isinstance(seq, int) else None
    return Result(message_id, streamseq, result, digest, recorded_at, problem, earlier)
