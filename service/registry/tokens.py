"""Search over sealed names: keyed hashes of the pieces that officers type.

A person has one token for each of: the full name, the surname, every two adjacent characters, every prefix of two
letters or more of the name's pinyin (for each reading of the surname: 单 is shan and dan, 曾 zeng and ceng), the same
of its initials, the document's last four characters and the phone's last four digits. Tokens are keyed by the area of
the record (`Vault.token`), so equal names of two townships do not show as equal.

What a stolen database still tells: how often a token occurs within an area. A token that occurs for eight people of a
hundred may be guessed to be a common surname; which record it is of stays sealed.

A query becomes, word by word, one or more tokens that must all be there; `plans_of` gives the alternatives.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from unicodedata import combining, normalize

from schemas.identity import PersonIdentity, fold_name, normalise_document_number
from schemas.readings import HAN, SURNAME_READINGS, reading_of
from service.vault import Vault

MIN_QUERY = 2
"""Characters of the shortest query."""

MAX_PINYIN = 30
"""Letters of pinyin (or of a Latin name) that are indexed by prefix."""

MOST_WORDS = 6
"""Words of a query: each may double the alternatives."""

MOST_PIECES = 12
"""Pieces that are looked for at once: each is a table in a join, of which SQLite takes 64. More than twelve pairs of
characters tell nobody apart whom twelve do not."""

TAIL = 4
"""Characters of a document number and of a phone that are searched for."""

_LATIN = re.compile(r"[a-z]+")
_UNIT = re.compile(f"{HAN.pattern}|[a-z]+")

Piece = tuple[str, str]
"""A kind and a value: what one token is the keyed hash of."""


def pieces_of(identity: PersonIdentity, phone: str | None) -> set[Piece]:
    """Give the pieces by which a person is found."""
    name = searched_name(identity.name)
    pieces: set[Piece] = {("name", name)}
    pieces |= {("pair", a + b) for a, b in pairwise(name)}
    pieces |= {("surname", surname) for surname in _surnames(name)}
    for spelt, initials in spellings(fold_name(identity.name)):
        pieces |= {("pinyin", spelt[:n]) for n in range(MIN_QUERY, min(len(spelt), MAX_PINYIN) + 1)}
        pieces |= {("initials", initials[:n]) for n in range(MIN_QUERY, len(initials) + 1)}
    number = identity.document_number
    if number is not None and len(number) >= TAIL:
        pieces.add(("id_tail", number[-TAIL:]))
    if phone is not None and len(phone) >= TAIL:
        pieces.add(("phone_tail", phone[-TAIL:]))
    return pieces


def tokens_of(vault: Vault, area: str, identity: PersonIdentity, phone: str | None) -> list[bytes]:
    """Give a person's search tokens in the area of their record, sorted."""
    return sorted({vault.token(area, kind, value) for kind, value in pieces_of(identity, phone)})


def plans_of(query: str) -> list[list[Piece]]:
    """Turn a query into alternatives, each a list of pieces that must all be there; empty when it is too short.

    Words are separated by spaces; each narrows the hits (`王 0012`). Raises `ValueError` for more than `MOST_WORDS`.
    """
    whole = fold_name(query)
    if len(whole.replace(" ", "")) < MIN_QUERY:
        return []
    digits = re.sub(r"[\s+-]", "", whole)
    words = [digits] if digits.isdigit() and len(digits) > TAIL else whole.split()
    if len(words) > MOST_WORDS:
        raise ValueError("too many words")
    plans: list[list[Piece]] = [[]]
    for word in words:
        alternatives = _word(word, alone=len(words) == 1)
        plans = [plan + other for plan in plans for other in alternatives]
    if len(words) > 1 and _LATIN.fullmatch("".join(words)):
        plans.append([("pinyin", "".join(words)[:MAX_PINYIN])])
    return [list(dict.fromkeys(plan))[:MOST_PIECES] for plan in plans if plan]


def spellings(name: str) -> tuple[tuple[str, str], ...]:
    """Give the pinyin of a folded name with its initials, once for each reading of the surname.

    A Latin word stands for itself and has one initial; characters without a reading (rare ones, private use) are
    left out.
    """
    units = _UNIT.findall(_plain(name))
    if not units:
        return ()
    first, *rest = [_readings(unit, surname=place == 0) for place, unit in enumerate(units)]
    tail = "".join(readings[0] for readings in rest)
    tail_initials = "".join(readings[0][:1] for readings in rest)
    found = {reading + tail: reading[:1] + tail_initials for reading in first}
    return tuple((spelt, initials) for spelt, initials in found.items() if len(spelt) >= MIN_QUERY)


@lru_cache(maxsize=16384)
def _readings(unit: str, *, surname: bool) -> list[str]:
    if not HAN.match(unit):
        return [unit]
    usual = _letters(reading_of(unit))
    return list(dict.fromkeys([usual, *(SURNAME_READINGS.get(unit, ()) if surname else ())]))


def _word(word: str, *, alone: bool) -> list[list[Piece]]:
    """The alternatives that one word of a query stands for."""
    tail = normalise_document_number(word)
    found: list[list[Piece]] = []
    if re.fullmatch(r"[0-9]{3}[0-9X]|[0-9A-Z]{4}", tail) and any(c.isdigit() for c in tail):
        found.append([("id_tail", tail)])
    digits = re.sub(r"[\s+-]", "", word)
    if digits.isdigit() and len(digits) >= TAIL:
        found.append([("phone_tail", digits[-TAIL:])])
    if len(digits) > TAIL and re.fullmatch(r"[0-9A-Z]{5,}", tail) and any(c.isdigit() for c in tail):
        found.append([("id_tail", tail[-TAIL:])])
    latin = _letters(word)
    if latin == re.sub(r"[·'’.-]", "", _plain(word)) and len(latin) >= MIN_QUERY:
        found += [[("pinyin", latin[:MAX_PINYIN])], [("initials", latin)]]
    elif HAN.search(word):
        squeezed = searched_name(word)
        if len(squeezed) == 1:
            return [] if alone else [[("surname", squeezed)]]
        found.append([("pair", a + b) for a, b in pairwise(squeezed)])
    return found


def _surnames(name: str) -> Iterable[str]:
    return [name[:1]] if HAN.match(name) else []


def searched_name(name: str) -> str:
    """Fold a name to the form of its full-name token: without spaces and dots."""
    return fold_name(name).replace(" ", "").replace("·", "")


def _plain(text: str) -> str:
    """Latin letters without their accents (`José` is found by `jose`); ü stays apart from u, as v."""
    parted = normalize("NFD", text.lower().replace("ü", "v"))
    return "".join(c for c in parted if not combining(c))


def _letters(text: str) -> str:
    return "".join(_LATIN.findall(_plain(text)))
