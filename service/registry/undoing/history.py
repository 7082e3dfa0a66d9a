"""What each save changed in a record: who, when, which fields, from what to what; sealed, and kept 30 days (rule 9).

Three things need it. A save can be taken back for ten minutes (:mod:`service.registry.undoing.taking_back`). An officer
who had the record open while a colleague saved is told who changed which field when, and loses nothing
(:mod:`service.registry.undoing.meanwhile`). And a former address is sealed here, and nowhere else, until it goes.

A change is found from the opened person only, by a one-way link, and all of them look alike from outside.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, col, delete, select

from schemas.clock import parse_rfc3339, rfc3339
from schemas.entropy import uuid7
from service.consents.folder import read_consents, read_refusals
from service.context import Node
from service.officers.rules import Officer
from service.registry.people import OpenPerson
from service.registry.rules import UNDO
from service.registry.tables import Arrival, Departure, Person, RecordChange

KEPT: Final = timedelta(days=30)
MOST_READ: Final = 200
_LINK: Final = "record_change"
_PAD_BYTES: Final = 1024

MOVE_COLUMNS: Final = (
    "person_id",
    "area",
    "journey",
    "other_journey",
    "state",
    "origin_region",
    "destination_region",
    "arrived_on",
    "departed_on",
    "expected_return_on",
    "declared_on",
    "confirmed_at",
    "ended_on",
    "ended_reason",
    "ended_at",
    "settle_at",
)
"""What a save may change of a move; who registered it, and when, stays."""

Facts = dict[str, Any]
Pairs = dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """One save. ``fields`` and ``moves`` give before and after; ``sheets`` the consents before and after.

    ``version`` is the record's after it. ``with_move`` is a move that was registered by the same save.
    """

    id: str
    at: datetime
    kind: str
    officer_id: str
    officer: str
    version: int
    fields: Pairs = field(default_factory=dict, repr=False)
    moves: dict[str, Pairs] = field(default_factory=dict, repr=False)
    sheets: Pairs = field(default_factory=dict, repr=False)
    with_move: str | None = None
    undone: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that were changed, by name."""
        return tuple(sorted(self.fields))

    def undoable_by(self, officer: Officer, now: datetime) -> bool:
        """Tell whether this officer may still take it back: their own, for ten minutes."""
        return not self.undone and self.officer_id == officer.id and now - self.at <= UNDO


@dataclass(slots=True)
class Before:
    """How a record stood before an action touched it; :func:`note_change` compares it with what stands then."""

    facts: Facts
    moves: dict[str, Facts]
    sheets: Facts | None = None


def facts_of(person: Person, opened: OpenPerson) -> Facts:
    """What a save may change of a person, as plain values."""
    identity = opened.identity
    born = identity.date_of_birth
    return {
        "name": identity.name,
        "document_type": identity.document_type.value,
        "document_number": identity.document_number,
        "date_of_birth": born.isoformat() if born else None,
        "phone": opened.contact.phone,
        "email": opened.contact.email,
        "address": opened.address,
        "language": opened.language,
        "area": person.area,
        "state": person.state,
        "protection_reason": person.protection_reason,
        "protection_until": person.protection_until.isoformat() if person.protection_until else None,
    }


def facts_of_move(move: Arrival | Departure) -> Facts:
    """What a save may change of a move, as plain values."""
    return {name: _plain(getattr(move, name)) for name in MOVE_COLUMNS if hasattr(move, name)}


def sheets_of(session: Session, node: Node, key: bytes) -> Facts:
    """The person's notices, consents and refusals as they stand."""
    return {"consents": read_consents(session, node, key), "refusals": read_refusals(session, node, key)}


def before_save(person: Person, opened: OpenPerson, moves: Sequence[Arrival | Departure] = ()) -> Before:
    """Remember how a record stands before it is changed."""
    return Before(facts_of(person, opened), {move.id: facts_of_move(move) for move in moves})


def note_change(
    session: Session,
    node: Node,
    kind: str,
    before: Before,
    *,
    person: Person,
    now_open: OpenPerson,
    moves: Sequence[Arrival | Departure] = (),
    by: Officer,
    with_move: str | None = None,
) -> str | None:
    """Keep what differs from ``before``; give the change's id, or None where nothing does.

    ``now_open`` is the person as they stand now; the row's version must be the new one already.
    """
    after = facts_of(person, now_open)
    fields = {name: (value, after[name]) for name, value in before.facts.items() if value != after[name]}
    changed_moves: dict[str, Pairs] = {}
    for move in moves:
        earlier = before.moves[move.id]
        later = facts_of_move(move)
        if earlier != later:
            changed_moves[move.id] = {
                name: (earlier[name], later[name]) for name in later if earlier[name] != later[name]
            }
    sheets: Pairs = {}
    if before.sheets is not None:
        standing = sheets_of(session, node, now_open.key)
        sheets = {
            name: (before.sheets[name], standing[name]) for name in standing if before.sheets[name] != standing[name]
        }
    if not fields and not changed_moves and not sheets:
        return None
    change = Change(
        id=uuid7(node.now(), node.entropy),
        at=node.now(),
        kind=kind,
        officer_id=by.id,
        officer=by.name,
        version=person.version,
        fields=fields,
        moves=changed_moves,
        sheets=sheets,
        with_move=with_move,
    )
    session.add(
        RecordChange(
            id=change.id, link=_link(node, now_open.key), at=change.at, sealed=_seal(node, now_open.key, change)
        )
    )
    session.flush()
    return change.id


def changes_of(session: Session, node: Node, key: bytes) -> list[Change]:
    """The saves of the last 30 days in the record of the person whose key this is, newest first."""
    wanted = select(RecordChange).where(RecordChange.link == _link(node, key))
    rows = session.exec(wanted.order_by(col(RecordChange.id).desc()).limit(MOST_READ)).all()
    return [_opened(node, key, row) for row in rows]


def find_change(session: Session, node: Node, key: bytes, change_id: str) -> Change | None:
    """One save in the record of the person whose key this is, or None."""
    row = session.get(RecordChange, change_id)
    return _opened(node, key, row) if row is not None and row.link == _link(node, key) else None


def mark_undone(session: Session, node: Node, key: bytes, change: Change) -> None:
    """Keep that a save was taken back; its values go at once."""
    row = session.get_one(RecordChange, change.id)
    names = dict.fromkeys(change.fields, (None, None))
    row.sealed = _seal(
        node,
        key,
        Change(
            change.id, change.at, change.kind, change.officer_id, change.officer, change.version, names, undone=True
        ),
    )
    session.add(row)
    session.flush()


def drop_changes(session: Session, node: Node, key: bytes) -> None:
    """Delete the changes of a person who is being erased."""
    session.execute(delete(RecordChange).where(col(RecordChange.link) == _link(node, key)))


def purge_changes(session: Session, node: Node) -> int:
    """Delete the changes of more than 30 days ago, former addresses with them (job)."""
    gone = session.execute(delete(RecordChange).where(col(RecordChange.at) < node.now() - KEPT))
    return int(getattr(gone, "rowcount", 0) or 0)


def as_column(name: str, value: Any) -> Any:
    """A plain value as a column of a person or a move holds it."""
    if value is None:
        return None
    if name.endswith("_at"):
        return parse_rfc3339(value)
    return date.fromisoformat(value) if name == "protection_until" else value


def _plain(value: object) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value


def _link(node: Node, key: bytes) -> bytes:
    return node.vault.link(key, _LINK)


def _seal(node: Node, key: bytes, change: Change) -> bytes:
    told: Mapping[str, Any] = {
        "kind": change.kind,
        "officer_id": change.officer_id,
        "officer": change.officer,
        "version": change.version,
        "fields": change.fields,
        "moves": change.moves,
        "sheets": change.sheets,
        "with_move": change.with_move,
        "undone": change.undone,
    }
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return node.vault.seal(key, text, f"record_change.sealed:{change.id}", pad_to=_PAD_BYTES)


def _opened(node: Node, key: bytes, row: RecordChange) -> Change:
    told = json.loads(node.vault.unseal_bytes(key, row.sealed, f"record_change.sealed:{row.id}"))
    return Change(
        id=row.id,
        at=row.at,
        kind=told["kind"],
        officer_id=told["officer_id"],
        officer=told["officer"],
        version=told["version"],
        fields=_pairs(told["fields"]),
        moves={move: _pairs(pairs) for move, pairs in told["moves"].items()},
        sheets=_pairs(told["sheets"]),
        with_move=told["with_move"],
        undone=told["undone"],
    )


def _pairs(told: Mapping[str, Sequence[Any]]) -> Pairs:
    return {name: (pair[0], pair[1]) for name, pair in told.items()}
