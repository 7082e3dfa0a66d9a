"""Two officers on one record: the second is told who changed what meanwhile, per field, and loses nothing.

A form carries the version that its officer saw. Where the record has gone on since, the changes kept for undoing
(:mod:`service.registry.undoing.history`) say which fields a colleague changed. What the two changed apart goes
together; where both changed the same field to different values, the second officer chooses: theirs or mine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from schemas.clock import rfc3339
from schemas.identity import mask_document_number
from service.context import Node
from service.registry.undoing.history import Change, Facts, changes_of


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


def conflicts_since(
    session: Session, node: Node, key: bytes, *, seen: int, standing: Facts, wanted: Mapping[str, Any], whole_form: bool
) -> tuple[list[FieldConflict], frozenset[str]]:
    """Compare what an officer wants with what colleagues changed since version ``seen``.

    ``wanted`` are the officer's values by field. With ``whole_form`` all fields of a page were sent, and those that
    are as they stood at ``seen`` were not touched. Gives the fields on which both disagree, and those in which the
    colleague's value stays because the officer did not touch it.
    """
    since = [one for one in changes_of(session, node, key) if one.version > seen and not one.undone]
    conflicts: list[FieldConflict] = []
    untouched: set[str] = set()
    for name, mine in wanted.items():
        touching = [one for one in since if name in one.fields]
        if not touching or mine == standing[name]:
            continue
        if whole_form and mine == _value_at(touching, name):
            untouched.add(name)
        else:
            newest = touching[0]
            conflicts.append(FieldConflict(name, standing[name], mine, newest.officer, newest.at))
    return conflicts, frozenset(untouched)


def _value_at(touching: Sequence[Change], name: str) -> Any:
    """What stood before the oldest of these changes (newest first)."""
    return touching[-1].fields[name][0]


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
