"""A node whose access log the tests fill, number, check and tamper with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from schemas.clock import FakeClock
from schemas.points import pass_by
from service.access_log import (
    Actor,
    LogCheckpoint,
    record,
)
from service.context import Node
from service.log_tree import latest_checkpoint, sequence
from service.log_verify import Verdict, verify_log

CLERK = Actor("officer", "王芳", "790303001")
PEER = Actor.peer("790101")


@dataclass(frozen=True)
class Someone:
    """Whoever owns a key."""

    wrapped_key: bytes | None


def someone(node: Node) -> Someone:
    return Someone(node.vault.new_person_key().wrapped)


def write(node: Node, fn: Callable[[Session], Any]) -> Any:
    return node.database.write_sync(fn)


def number(node: Node, limit: int = 500) -> int:
    done: int = write(
        node,
        lambda session: sequence(
            session, keys=node.fed.keys, region=node.region, now=node.now(), point=pass_by, limit=limit
        ),
    )
    return done


def verified(node: Node, **older: str | None) -> Verdict:
    return node.database.read_sync(lambda session: verify_log(session, node.fed.keys, node.region, **older))


def head(node: Node) -> str:
    newest = node.database.read_sync(latest_checkpoint)
    assert newest is not None
    return newest.text


def nine_entries(node: Node, clock: FakeClock) -> Node:
    """The node with nine numbered entries under three checkpoints."""
    person = someone(node)
    for batch in range(3):
        write(node, lambda session: record(session, node, CLERK, "officer.signed_in"))
        clock.advance(seconds=1)
        write(node, lambda session: record(session, node, CLERK, "person.shown", person=person, purpose="counter"))
        write(node, lambda session: record(session, node, PEER, "peer.suspended", purpose="task", automatic=True))
        clock.advance(seconds=batch + 1)
        assert number(node) == 3
    assert verified(node).whole
    return node


def tamper(node: Node, *statements: str) -> None:
    def run(session: Session) -> None:
        for statement in statements:
            session.execute(text(statement))

    write(node, run)


def recompute(node: Node, *, sign: bool = False) -> None:
    """Do what someone with the database, and (with ``sign``) even the keys, would do to hide a change."""
    checkpoints = "SELECT size, at, text FROM log_checkpoint ORDER BY size"
    kept = node.database.read_sync(lambda session: session.execute(text(checkpoints)).all())
    tamper(
        node,
        'UPDATE access_log_entry SET "index" = NULL',
        "DELETE FROM log_leaf",
        "DELETE FROM log_state",
        "DELETE FROM log_checkpoint",
    )
    number(node)
    if not sign:
        tamper(node, "DELETE FROM log_checkpoint")
        rows = [LogCheckpoint(size=row.size, at=row.at, text=row.text) for row in kept]
        write(node, lambda session: session.add_all(rows))
