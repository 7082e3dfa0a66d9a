"""How alike two records are, as a score of points that says why. Pure decisions; a person decides, never the score.

Each piece of evidence has its points; the sum, between 0 and 100, is put into one of three words. What speaks against
(two different document numbers of one kind, both right by their checksums) takes points away. A telephone number
counts only beside other evidence: families share one, and a pair must never show who belongs to whom (rule 1).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal
from unicodedata import combining, normalize

from schemas.identity import DocumentType, PersonIdentity, fold_name, resident_id_checksum_ok
from schemas.readings import HAN, reading_of

Evidence = Literal[
    "same_document",
    "near_document",
    "same_name",
    "same_sound",
    "same_birth",
    "same_phone",
    "same_email",
    "other_document",
    "other_birth",
]

POINTS: Final[dict[Evidence, int]] = {
    "same_document": 60,
    "near_document": 20,
    "same_name": 25,
    "same_sound": 15,
    "same_birth": 25,
    "same_phone": 15,
    "same_email": 15,
    "other_document": -30,
    "other_birth": -20,
}
WORTH_A_LOOK: Final = 40
PROBABLE: Final = 60
NEARLY_SURE: Final = 85


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two records are: points from 0 to 100, and the evidence in the order of its weight."""

    points: int
    evidence: tuple[Evidence, ...]

    @property
    def word(self) -> str:
        """The score as a code of three: ``nearly_sure``, ``probable`` or ``possible``."""
        if self.points >= NEARLY_SURE:
            return "nearly_sure"
        return "probable" if self.points >= PROBABLE else "possible"

    @property
    def worth_a_look(self) -> bool:
        """Whether an officer should compare the two."""
        return self.points >= WORTH_A_LOOK


def likeness(
    one: PersonIdentity,
    other: PersonIdentity,
    *,
    phones: tuple[str | None, str | None] = (None, None),
    emails: tuple[str | None, str | None] = (None, None),
) -> Likeness:
    """Weigh two people against each other."""
    found: list[Evidence] = [*_documents(one, other)]
    if fold_name(one.name) == fold_name(other.name):
        found.append("same_name")
    elif sound_of(one.name) == sound_of(other.name):
        found.append("same_sound")
    if one.date_of_birth is not None and other.date_of_birth is not None:
        found.append("same_birth" if one.date_of_birth == other.date_of_birth else "other_birth")
    if found and _equal(phones):
        found.append("same_phone")
    if found and _equal(emails):
        found.append("same_email")
    return Likeness(max(0, min(100, sum(POINTS[piece] for piece in found))), _ordered(found))


def sound_of(name: str) -> str:
    """How a name sounds, for equality: pinyin without tones, character by character; what has no reading stands.

    闫 and 阎 sound alike, as do 静 and 婧: the usual slips of a typed name.
    """
    return "".join(_sound(character) for character in fold_name(name) if character not in " ·")


@lru_cache(maxsize=16384)
def _sound(character: str) -> str:
    spelt = reading_of(character) if HAN.match(character) else ""
    parted = normalize("NFD", spelt)
    return "".join(one for one in parted if not combining(one)) or character


def _documents(one: PersonIdentity, other: PersonIdentity) -> Iterable[Evidence]:
    first, second = one.document_number, other.document_number
    if first is None or second is None or one.document_type is not other.document_type:
        return
    if first == second:
        yield "same_document"
    elif len(first) == len(second) and _slips(first, second):
        yield "near_document"
    elif one.document_type is not DocumentType.RESIDENT_ID or (_right(first) and _right(second)):
        yield "other_document"


def _slips(first: str, second: str) -> bool:
    """One character differs, or two neighbours changed places."""
    places = [place for place, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if len(places) == 1:
        return True
    if len(places) != 2 or places[1] != places[0] + 1:
        return False
    a, b = places
    return first[a] == second[b] and first[b] == second[a]


def _right(number: str) -> bool:
    return len(number) == 18 and resident_id_checksum_ok(number)


def _equal(values: tuple[str | None, str | None]) -> bool:
    return values[0] is not None and values[0] == values[1]


def _ordered(found: list[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(found, key=lambda piece: -abs(POINTS[piece])))
