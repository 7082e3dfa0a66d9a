"""Two officers on one record: the second is told who changed what meanwhile, per field, and loses nothing.

A form carries the version that its officer saw. Where the record has gone on since, the changes kept for undoing
(:mod:`service.registry.undoing.history`) say which fields a colleague changed. What the two changed apart goes
together; where both changed the same field to different values, the second officer chooses: theirs or mine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from schemas.clock import rfc3339
from schemas.identity import mask_document_number
from schemas.problems import Conflict
from service.context import Node
from service.registry.tables import Person
from service.registry.undoing.history import Change, Facts, Pairs, changes_of


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """One field that two officers changed to different values. Values are plain; None is empty."""

    field: str
    theirs: Any
    mine: Any
    changed_by: str
    changed_at: datetime

    def as_told(self) -> dict[str, Any]:
        """The conflict as an API's problem names it: masked as an opened record is."""
        return {
            "field": self.field,
            "theirs": _masked(self.field, self.theirs),
            "mine": _masked(self.field, self.mine),
            "changed_by": self.changed_by,
            "changed_at": rfc3339(self.changed_at),
        }


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What a colleague changed while a form was open: on what both disagree, and the facts that stand now.

    ``untouched`` are fields of the form that the officer left alone, and in which the colleague's value stays.
    """

    conflicts: list[FieldConflict]
    untouched: frozenset[str]
    standing: Facts
    version: int

    def require_agreement(self) -> None:
        """Raise `Conflict` where both changed a field to different values: which, theirs and mine, by whom and when."""
        if self.conflicts:
            raise Conflict(version=self.version, conflicts=[one.as_told() for one in self.conflicts])


def meanwhile_since(
    session: Session,
    node: Node,
    person: Person,
    *,
    seen: int | None,
    standing: Facts,
    wanted: Mapping[str, Any],
    whole_form: bool,
    move_id: str | None = None,
) -> Meanwhile:
    """Compare what an officer wants in a person's record, or in one of its moves, with what colleagues saved since.

    ``seen`` is the version of the record that the officer saw; nothing is found where none was sent, or nobody saved
    since. ``wanted`` are the officer's values by field. With ``whole_form`` all fields of a page were sent, and those
    that are as they stood at ``seen`` were not touched.
    """
    if seen is None or seen == person.version:
        return Meanwhile([], frozenset(), standing, person.version)
    key = node.vault.open_key(person.wrapped_key)
    saves = [one for one in changes_of(session, node, key) if one.version > seen and not one.undone]
    conflicts: list[FieldConflict] = []
    untouched: set[str] = set()
    for name, mine in wanted.items():
        touching = [(one, pairs[name]) for one in saves if name in (pairs := _pairs(one, move_id))]
        if not touching or mine == standing[name]:
            continue
        # Newest first: what stood at first is what the oldest of them changed.
        if whole_form and mine == touching[-1][1][0]:
            untouched.add(name)
        else:
            newest = touching[0][0]
            conflicts.append(FieldConflict(name, standing[name], mine, newest.officer, newest.at))
    return Meanwhile(conflicts, frozenset(untouched), standing, person.version)


def _pairs(change: Change, move_id: str | None) -> Pairs:
    return change.fields if move_id is None else change.moves.get(move_id, {})


def _masked(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "document_number":
        return mask_document_number(value)
    if name == "phone":
        return f"{value[:3]}{'*' * max(2, len(value) - 7)}{value[-4:]}" if len(value) > 8 else "*" * len(value)
    if name == "email":
        box, _, host = value.partition("@")
        return f"{box[:1]}***@{host}"
    return "****-**-**" if name == "date_of_birth" else "***" if name == "address" else value
