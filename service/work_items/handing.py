"""Tasks handed over together, and taken back within ten minutes, as long as nobody has touched them since.

A task has no history: who handed it over to whom is nobody's business once it is done. What taking back needs stands
where answers to repeat stand (`service.idempotency`): sealed, found by the officer who handed over alone, gone after a
day.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session

from schemas.clock import parse_rfc3339, rfc3339
from schemas.problems import Conflict, WrongState
from service.context import Node
from service.idempotency import IdempotencyKey
from service.officers.queries import find_officer
from service.officers.rules import Officer
from service.work_items.actions import find_item, hand_over, reopen_item
from service.work_items.away import is_away
from service.work_items.rules import UNDO, may_take
from service.work_items.tables import WorkItem

_PAD_BYTES = 256


def hand_over_items(
    session: Session, node: Node, name: str, items: Sequence[str], *, to: str | None, by: Officer
) -> list[WorkItem]:
    """Hand tasks to a colleague, or into the pool (`to` is None): all of them or none.

    `name` is what `undo_item` takes: the task's own id for a single one. Raises as `hand_over`.
    """
    had = {one: find_item(session, one, by=by).assignee for one in items}
    handed = [hand_over(session, node, one, to=to, by=by) for one in had]
    key, now = _key(by, name), node.now()
    text = json.dumps({"at": rfc3339(now), "to": to, "items": had}, ensure_ascii=False)
    row = session.get(IdempotencyKey, key) or IdempotencyKey(key=key, request=key, answer=b"", created_at=now)
    row.answer, row.created_at = node.vault.seal_secret(_context(key), text.encode(), pad_to=_PAD_BYTES), now
    session.add(row)
    session.flush()
    return handed


def undo_item(session: Session, node: Node, name: str, *, by: Officer) -> list[WorkItem]:
    """Take one's own last step back within ten minutes: that tasks were handed over, or that one is done.

    What was handed over goes back to who had it, if they may still take it, else into the pool. Raises `NotFound`,
    `WrongState` (too late, somebody else's, or no longer as it was left) and `Conflict` for one that somebody took.
    """
    item = session.get(WorkItem, name)
    row = session.get(IdempotencyKey, _key(by, name))
    if row is None or (item is not None and item.state == "done"):
        return [reopen_item(session, node, name, by=by)]
    kept = json.loads(node.vault.open_secret(_context(row.key), row.answer))
    at: datetime = parse_rfc3339(kept["at"])
    if node.now() - at > UNDO:
        raise WrongState
    back = [_give_back(session, node, one, kept["to"], had, by=by) for one, had in kept["items"].items()]
    session.delete(row)
    session.flush()
    return back


def _give_back(session: Session, node: Node, item_id: str, to: str | None, had: str | None, *, by: Officer) -> WorkItem:
    item = find_item(session, item_id, by=by)
    if item.state != "open":
        raise WrongState
    if item.assignee != to:
        if item.assignee is None:
            raise WrongState
        raise Conflict("%(assignee)s has this task already.", assignee=item.assignee)
    officer = find_officer(session, had) if had is not None else None
    fits = officer is not None and may_take(officer, item) and not is_away(session, node, officer.name)
    item.assignee = had if fits else None
    session.add(item)
    return item


def _key(by: Officer, name: str) -> bytes:
    # No key of a request has a space in it: the two never meet.
    return sha256(f"{by.id}\nhanded over {name}".encode()).digest()


def _context(key: bytes) -> str:
    return f"work_item.handed_over:{key.hex()}"
