"""One effect for a request that was sent twice: the first answer is kept for a day and given again.

A caller that got no answer sends the same request once more under the same ``Idempotency-Key``; a page's form carries
such a key by itself. What must not happen twice runs through :func:`write_once` (JSON) or :func:`form_once` (pages):
the effect and the answer to repeat are committed together, so that even a node that is killed between its commit and
its answer repeats it. For all other requests ``service.routes.once`` keeps the answer after it was made.

Answers may show a person, hence they are sealed, and deleted after 24 hours. Only answers that say that something was
done are kept: a refusal changed nothing, and asking again is as good.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel
from sqlalchemy import LargeBinary
from sqlmodel import Field, Session, SQLModel, col, delete

from schemas.problems import Conflict, IdempotencyMismatch
from service.context import Node
from service.database import SetWork, UtcDateTime

KEEP = timedelta(hours=24)
A = TypeVar("A")
T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel | None)


class IdempotencyKey(SQLModel, table=True):
    """A request that was carried out: which (hashed), and what was answered (sealed)."""

    __tablename__ = "idempotency_key"

    key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    request: bytes = Field(sa_type=LargeBinary)
    answer: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)


class Acting(Protocol):
    """Whoever sent the request: keys of two officers never meet."""

    @property
    def id(self) -> str:
        """The officer's or the session's id."""


@dataclass(slots=True)
class Submission:
    """One request under a key. ``kept`` becomes true once its answer is stored."""

    key: bytes
    request: bytes
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to repeat."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


current: ContextVar[Submission | None] = ContextVar("tonglu_submission", default=None)
"""The request that runs in this context, if it came with a key (set by ``service.routes.once``)."""


def submission(who: str, key: str, method: str, target: str, content: bytes) -> Submission:
    """Name a request: by whom, under which key; and what it asked for."""
    return Submission(
        key=sha256(f"{who}\n{key}".encode()).digest(),
        request=sha256(f"{method} {target}\n".encode() + content).digest(),
    )


def first_answer(session: Session, node: Node, sent: Submission) -> Answer | None:
    """The answer that this request got before, or None. Raises :class:`IdempotencyMismatch` for another request."""
    row = session.get(IdempotencyKey, sent.key)
    if row is None or node.now() - row.created_at >= KEEP:
        return None
    if row.request != sent.request:
        raise IdempotencyMismatch
    kept = json.loads(node.vault.open_secret(_context(sent), row.answer))
    return Answer(kept["status"], b64decode(kept["body"]), kept["headers"])


def keep_answer(session: Session, node: Node, sent: Submission, answer: Answer) -> None:
    """Store an answer to be repeated. Raises :class:`Conflict` when the key was just used by another request."""
    row = session.get(IdempotencyKey, sent.key)
    if row is not None and node.now() - row.created_at < KEEP:
        raise Conflict("The same request is being carried out just now.")
    text = {"status": answer.status, "body": b64encode(answer.body).decode(), "headers": dict(answer.headers)}
    sealed = node.vault.seal_secret(_context(sent), json.dumps(text).encode(), pad_to=256)
    row = row or IdempotencyKey(key=sent.key, request=sent.request, answer=sealed, created_at=node.now())
    row.request, row.answer, row.created_at = sent.request, sealed, node.now()
    session.add(row)
    session.flush()


async def write_once(node: Node, fn: Callable[[Session], Model], *, status: int = 201) -> Model:
    """Run ``fn`` as ``node.database.write`` does, and commit the answer to repeat together with its effect.

    For JSON routes that change something: what ``fn`` returns is what the route returns, with ``status``; where it
    returns nothing, neither does the route. Without an ``Idempotency-Key`` on the request it is a plain write.
    """
    sent = current.get()
    result = await node.database.write(lambda session: _kept(session, node, sent, fn(session), status))
    if sent is not None:
        sent.kept = True
    return result


async def write_together_once(
    node: Node, work: SetWork[A, T], argument: A, show: Callable[[Session, T], Model], *, status: int = 201
) -> Model:
    """Run ``work`` as ``node.database.write_together`` does; ``show`` makes the answer of this argument's value.

    What is kept to be repeated is as for `write_once`.
    """
    sent = current.get()

    def finish(session: Session, value: T) -> Model:
        return _kept(session, node, sent, show(session, value), status)

    result = await node.database.write_together(_Finished[A, T, Model](work), (argument, finish))
    if sent is not None:
        sent.kept = True
    return result


@dataclass(frozen=True)
class _Finished(Generic[A, T, Model]):
    """A set's work, and after it what each caller makes of its own value."""

    work: SetWork[A, T]

    def __call__(self, session: Session, items: Sequence[tuple[A, Callable[[Session, T], Model]]]) -> list[Model]:
        values = self.work(session, [argument for argument, _ in items])
        return [finish(session, value) for value, (_, finish) in zip(values, items, strict=True)]


def _kept(session: Session, node: Node, sent: Submission | None, result: Model, status: int) -> Model:
    if sent is not None and result is None:
        keep_answer(session, node, sent, Answer(status))
    elif sent is not None and result is not None:
        body = result.model_dump_json().encode()
        keep_answer(session, node, sent, Answer(status, body, {"content-type": "application/json"}))
    return result


async def form_once(
    node: Node, officer: Acting, form_key: str, content: Mapping[str, object], fn: Callable[[Session], str]
) -> str:
    """Run ``fn`` once for a page's form, sent however often; returns the text that it returned the first time.

    ``form_key`` came hidden in the form, ``content`` are all its typed values; the text is where to go on, say. A form
    sent again with other values raises :class:`IdempotencyMismatch`; an empty key makes this a plain write.
    """
    if not form_key:
        return await node.database.write(fn)
    sent = _form_submission(officer, form_key, content)

    def run(session: Session) -> str:
        first = first_answer(session, node, sent)
        if first is not None:
            return first.body.decode()
        text = fn(session)
        keep_answer(session, node, sent, Answer(303, text.encode()))
        return text

    return await node.database.write(run)


async def form_sent_before(node: Node, officer: Acting, form_key: str, content: Mapping[str, object]) -> bool:
    """Tell whether this very form was carried out already, so that what comes before carrying it out is left out."""
    if not form_key:
        return False
    sent = _form_submission(officer, form_key, content)
    return await node.database.read(lambda session: first_answer(session, node, sent) is not None)


def _form_submission(officer: Acting, form_key: str, content: Mapping[str, object]) -> Submission:
    typed = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False).encode("utf-8", "surrogatepass")
    # The script sends the same key as a header, under which the whole answer is kept: a space, which no header's key
    # may have, keeps the two apart.
    return submission(officer.id, f"form {form_key}", "FORM", "", typed)


def purge_answers(session: Session, node: Node) -> None:
    """Delete the answers that are a day old."""
    session.exec(delete(IdempotencyKey).where(col(IdempotencyKey.created_at) <= node.now() - KEEP))


def _context(sent: Submission) -> str:
    return f"idempotency_key.answer:{sent.key.hex()}"
