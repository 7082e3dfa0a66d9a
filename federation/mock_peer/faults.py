"""What a mock peer's answers can do wrong, once each: ``peer.next(late(2), status(503), …)``.

A fault acts at one of four places, in the order of an answer's life: *instead* of reading or taking the request, on
the *results* before they are signed, on the *signature*, or on the *delivery* of the finished answer. What the
fault does not prevent happens: an answer that is lost is lost after the messages were taken.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from federation.keys import NodeKeys
from federation.mock_peer.bending import AnswerBend
from federation.mock_peer.wire import Fields
from schemas.problems import FederationError, MessageRefused, problem_document

JSON = "application/json"
PROBLEM = "application/problem+json"

Results = list[dict[str, Any]]


@dataclass(frozen=True)
class Delivery:
    """How an answer goes out: after ``delay_seconds``, in chunks with pauses, cut after some bytes, or not at all.

    ``reset`` ends the connection without an answer; ``silent`` keeps it open and says nothing. ``twice`` sends the
    whole answer two times over the one connection.
    """

    status: int = 0
    headers: Fields = ()
    body: bytes = b""
    delay_seconds: float = 0.0
    chunk_bytes: int | None = None
    pause_seconds: float = 0.0
    cut_at: int | None = None
    reset: bool = False
    silent: bool = False
    twice: bool = False


@dataclass(frozen=True)
class ProblemAnswer:
    """A problem document (RFC 9457) and the status that it goes out with."""

    status: int
    document: dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """The place of a message in its batch, and the problem document that it is refused with."""

    index: int
    document: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with one answer."""

    name: str
    before_reading: bool = False
    instead: Delivery | None = None
    problem: ProblemAnswer | None = None
    refusal: Refusal | None = None
    results: Callable[[Results], Results] | None = None
    content: Callable[[bytes], bytes] | None = None
    signature: AnswerBend | None = None
    delivery: Callable[[Delivery], Delivery] | None = None


# --- No answer ---------------------------------------------------------------------------------------------------


def reset_before_reading() -> Fault:
    """The connection is reset before the body was read; nothing took effect."""
    return Fault("reset_before_reading", before_reading=True, instead=Delivery(reset=True))


def reset_after_reading() -> Fault:
    """The connection is reset after the body was read, before anything took effect."""
    return Fault("reset_after_reading", instead=Delivery(reset=True))


def answer_lost() -> Fault:
    """The messages are taken, and the connection is reset before the answer."""
    return Fault("answer_lost", delivery=lambda one: replace(one, reset=True))


def cut(at_byte: int = 10) -> Fault:
    """The messages are taken, and the answer ends in the middle of its body."""
    return Fault("cut", delivery=lambda one: replace(one, cut_at=at_byte))


def timeout() -> Fault:
    """The messages are taken, and no answer ever comes; the connection stays open."""
    return Fault("timeout", delivery=lambda one: replace(one, silent=True))


# --- Time --------------------------------------------------------------------------------------------------------


def late(seconds: float) -> Fault:
    """The right answer, after some seconds."""
    return Fault("late", delivery=lambda one: replace(one, delay_seconds=seconds))


def slow(chunk_bytes: int = 16, pause_seconds: float = 0.1) -> Fault:
    """The right answer, some bytes at a time."""
    return Fault(
        "slow", delivery=lambda one: replace(one, chunk_bytes=chunk_bytes, pause_seconds=pause_seconds)
    )  # fmt: skip


def twice() -> Fault:
    """The right answer, two times over one connection."""
    return Fault("twice", delivery=lambda one: replace(one, twice=True))


# --- Other answers -------------------------------------------------------------------------------------------------


def status(code: int, *, retry_after_seconds: int | None = None, content_type: str = "text/html") -> Fault:
    """Any status, unsigned, as a proxy on the way would answer; nothing took effect."""
    headers = [("content-type", content_type)]
    if retry_after_seconds is not None:
        headers.append(("retry-after", str(retry_after_seconds)))
    page = b"<html><body>somebody on the way</body></html>"
    return Fault(f"status_{code}", instead=Delivery(code, tuple(headers), page))


def unsigned_problem(problem: FederationError) -> Fault:
    """A problem of the protocol that nobody signed; nothing took effect."""
    body = json.dumps(problem_document(problem)).encode()
    answer = Delivery(problem.status, (("content-type", PROBLEM),), body)
    return Fault(f"unsigned_{problem.code}", instead=answer)


def signed_problem(problem: FederationError, *, status_code: int | None = None, retry: str | None = None) -> Fault:
    """A signed problem for the whole request, with another status or ``retry`` if given; nothing took effect."""
    code = status_code or problem.status
    document = problem_document(problem) | {"status": code} | ({"retry": retry} if retry else {})
    return Fault(f"signed_{problem.code}", problem=ProblemAnswer(code, document))


def redirect(to: str, code: int = 307) -> Fault:
    """A redirect, unsigned; nothing took effect."""
    answer = Delivery(code, (("location", to),), b"")
    return Fault(f"redirect_{code}", instead=answer)


# --- Signatures ----------------------------------------------------------------------------------------------------


def wrong_key(keys: NodeKeys) -> Fault:
    """The answer is signed by another key, under that key's own id."""
    return Fault("wrong_key", signature=AnswerBend(keys=keys))


def borrowed_keyid(keys: NodeKeys, keyid: str) -> Fault:
    """The answer is signed by another key that calls itself by the pinned key's id."""
    return Fault("borrowed_keyid", signature=AnswerBend(keys=keys, keyid=keyid))


def wrong_signature() -> Fault:
    """One bit of the signature is turned."""
    return Fault("wrong_signature", signature=AnswerBend(alter=True))


def no_signature() -> Fault:
    """The right answer, unsigned."""
    return Fault("no_signature", signature=AnswerBend(unsigned=True))


def component_missing(component: str = '"@status"') -> Fault:
    """A component is not covered (``'"content-digest";req'`` unties the answer from its request)."""
    return Fault("component_missing", signature=AnswerBend(without=component))


def other_application(tag: str = "tonglu-v1") -> Fault:
    """Another ``tag``: signed for another application (RFC 9421, 2.3)."""
    return Fault("other_application", signature=AnswerBend(tag=tag))


def other_label(label: str = "sig1") -> Fault:
    """Another label."""
    return Fault("other_label", signature=AnswerBend(label=label))


def digest_sha512() -> Fault:
    """The content is named by a sha-512 digest, well signed."""
    return Fault("digest_sha512", signature=AnswerBend(digest="sha-512"))


def altered_body() -> Fault:
    """The body is changed after it was signed."""
    return Fault("altered_body", delivery=lambda one: replace(one, body=one.body.replace(b"accepted", b"refused ")))


def of_another_request(peer_request: Any) -> Fault:
    """A well signed answer, to another request (a ``SignedRequest``)."""
    return Fault("of_another_request", signature=AnswerBend(request=peer_request))


# --- Results -------------------------------------------------------------------------------------------------------


def results_reversed() -> Fault:
    """The results in the wrong order."""
    return Fault("results_reversed", results=lambda found: found[::-1])


def result_missing() -> Fault:
    """The last result is left out."""
    return Fault("result_missing", results=lambda found: found[:-1])


def wrong_receipt_digest() -> Fault:
    """The first result names another content."""

    def bend(found: Results) -> Results:
        return [found[0] | {"digest": "0" * 64}, *found[1:]]

    return Fault("wrong_receipt_digest", results=bend)


def refused(problem: MessageRefused, *, index: int = 0, retry: str | None = None) -> Fault:
    """One message of the batch is refused and not taken; the others are."""
    document = problem_document(problem) | ({"retry": retry} if retry else {})
    return Fault(f"refused_{problem.code}", refusal=Refusal(index, document))


def all_duplicates() -> Fault:
    """Each message is said to have been accepted before."""

    def bend(found: Results) -> Results:
        return [one | {"result": "duplicate", "first": {**one, "result": "accepted"}} for one in found]

    return Fault("all_duplicates", results=bend)


def broken_json() -> Fault:
    """A signed body that is no JSON."""
    return Fault("broken_json", content=lambda body: body[:-1])


def duplicate_keys() -> Fault:
    """A signed body with one key two times, the second one good."""
    return Fault("duplicate_keys", content=lambda body: body.replace(b'"result":', b'"result":"refused","result":', 1))


def too_big(size_bytes: int = 8_388_608) -> Fault:
    """A signed body that is blown up with spaces."""
    return Fault("too_big", content=lambda body: body + b" " * size_bytes)


def coded(coding: str = "gzip") -> Fault:
    """An answer that says it is coded."""
    return Fault(
        "coded", delivery=lambda one: replace(one, headers=(*one.headers, ("content-encoding", coding)))
    )  # fmt: skip
