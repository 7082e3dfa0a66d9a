"""Noting that a person is to be told of a request; whether and when they are is decided later, away from it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Literal

from sqlmodel import Session, col, delete, update

from federation.tables import insert_new
from service.context import Node
from service.request_notices.tables import RequestNotice

Direction = Literal["sent", "received"]
KEPT_FOR = timedelta(days=90)
"""How long it is known that a request was told: as long as its contents may stay."""
WAITS_FOR = timedelta(days=7)
"""After that a notice that could not leave tells nothing new."""
_PAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class ToTell:
    """A request, and the person it is about: `None` where it matched nobody, or nobody who may be seen."""

    request_id: str
    peer: str
    direction: Direction
    person_id: str | None
    email: str | None = None
    language: str | None = None
    """Where and how to tell them, once that was looked up: it is looked up, and logged, once."""


def queue_notices(session: Session, node: Node, people: Sequence[ToTell]) -> None:
    """Note whom to tell of requests, in the transaction that put or matched them; each request once."""
    now = node.now()
    rows = [
        {
            "id": one.request_id,
            "sealed": seal_again(node, one),
            "created_at": now,
            "next_attempt_at": now,
            "attempts": 0,
        }
        for one in people
    ]
    insert_new(session, RequestNotice, rows)


def queue_found(session: Session, node: Node, one: ToTell) -> None:
    """An officer found whom a question is about that matched nobody by itself: they are told, if nobody was."""
    row = session.get(RequestNotice, one.request_id)
    if row is None or (row.sealed is None and row.attempts):
        return
    if row.sealed is not None and read_back(node, row).person_id is not None:
        return
    row.sealed, row.next_attempt_at = seal_again(node, one), node.now()
    session.add(row)
    session.flush()


def read_back(node: Node, row: RequestNotice) -> ToTell:
    """What a waiting row says."""
    return ToTell(row.id, **json.loads(node.vault.open_secret(_context(row.id), row.sealed or b"")))


def purge_notices(session: Session, node: Node) -> int:
    """Forget what was told, and what could not be told in a week; returns how many."""
    now = node.now()
    stale = update(RequestNotice).where(
        col(RequestNotice.sealed).is_not(None), col(RequestNotice.created_at) < now - WAITS_FOR
    )
    done = session.exec(stale.values(sealed=None)).rowcount
    return done + session.exec(delete(RequestNotice).where(col(RequestNotice.created_at) < now - KEPT_FOR)).rowcount


def seal_again(node: Node, one: ToTell) -> bytes:
    """The sealed content of a row; of one length, whoever it is about."""
    content = {name: value for name, value in asdict(one).items() if name != "request_id"}
    return node.vault.seal_secret(_context(one.request_id), json.dumps(content).encode(), pad_to=_PAD_BYTES)


def _context(request_id: str) -> str:
    return f"request_notice.sealed:{request_id}"
