"""Search over sealed names: keyed hashes of the pieces that officers type.

A person has one token for each of: the full name, the surname, every two adjacent characters, every prefix of two
letters or more of the name's pinyin (for each reading of the surname: 单 is shan and dan, 曾 zeng and ceng, 万俟 moqi;
and of characters that are read in two ways in names), the same of its initials, of what follows a dot and of each
word of a Latin name, the document's last four characters and the phone's last four digits. Tokens are keyed by the
area of the record (`Vault.token`), so equal names of two townships do not show as equal.

What a stolen database still tells: how often a token occurs within an area, and in which records. A token that occurs
for eight people of a hundred may be guessed to be a common surname, and so those records' surname; measured and said in
docs/concepts/privacy.md.

A query becomes, word by word, one or more tokens that must all be there; `plans_of` gives the alternatives. A whole
document number needs no token: it is equal to one blind index.

**Taking tokens away again** makes them anew from the record (`service.registry.rows`): an index over the people of all
tokens would double the largest table. So a change of this module may add pieces, and must go on making the old ones
until a revision of the database has indexed everyone anew.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations, islice, pairwise
from unicodedata import category, combining, normalize

from schemas.identity import PersonIdentity, document_type_of, fold_name, is_plain_han, normalise_document_number
from schemas.readings import COMPOUND_PARTS, GIVEN_READINGS, HAN, SURNAME_READINGS, reading_of
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

MOST_SPELLINGS = 8
"""Ways to read one name that are indexed."""

MOST_MIXED = 4
"""Ways to read the characters of a name that is half in letters."""

DOCUMENT = "document"
"""The kind of the one piece that is no token: a whole document number."""

_PASSPORT = re.compile(r"[A-Z]{1,3}[0-9]{6,12}")
_TONED = re.compile(r"(?:[a-z]+[1-5])+[a-z]*")
_CALLED_FROM_ABROAD = re.compile(r"(?:\+|00)86[\s-]*(?=1[\d\s-]{10,}$)")
_PASSPORT_V = re.compile("(?<=[ln])yu")
"""How passports and some officers write lü and nü."""
_LONG_INITIALS = re.compile("(?<=[zcs])h")
_VOWEL = re.compile("[aeiouv]")
_LATIN = re.compile(r"[a-z]+")
_HAN_DOT = re.compile(f"(?<={HAN.pattern})[\u1427\u3002\uff61\u2010-\u2015-](?={HAN.pattern})")
"""What stands for the dot of a name beside the look-alikes that `fold_name` knows: syllabics, a full stop, dashes."""

_UNIT = re.compile(f"{HAN.pattern}|[a-z]+")

Piece = tuple[str, str]
"""A kind and a value: what one token is the keyed hash of."""

Made = dict[Piece, bytes]
"""Tokens of one area that were made already."""


def pieces_of(identity: PersonIdentity, phone: str | None) -> set[Piece]:
    """Give the pieces by which a person is found."""
    folded = fold_name(identity.name)
    name = _squeezed(folded)
    pieces: set[Piece] = {("name", name)}
    pieces |= {("pair", a + b) for a, b in pairwise(name)}
    pieces |= {("surname", surname) for surname in _surnames(name)}
    pieces |= _spelt_pieces(folded)
    if not (folded.isalpha() and HAN.match(folded)):
        dotless = searched_name(folded)
        pieces |= {("name", dotless), *(("pair", a + b) for a, b in pairwise(dotless))}
        pieces.update(*map(_spelt_pieces, _parts(folded)))
    number = identity.document_number
    if number is not None and len(number) >= TAIL:
        pieces.add(("id_tail", number[-TAIL:]))
    if phone is not None and len(phone) >= TAIL:
        pieces.add(("phone_tail", phone[-TAIL:]))
    return pieces


def tokens_of(
    vault: Vault, area: str, identity: PersonIdentity, phone: str | None, made: Made | None = None
) -> list[bytes]:
    """Give a person's search tokens in the area of their record, sorted.

    `made` holds tokens of this area, for a moment in which many people are indexed: two thirds of the pieces of a few
    thousand people are somebody else's, too.
    """
    if made is None:
        return sorted({vault.token(area, kind, value) for kind, value in pieces_of(identity, phone)})
    tokens = set()
    for piece in pieces_of(identity, phone):
        token = made.get(piece)
        if token is None:
            token = made[piece] = vault.token(area, *piece)
        tokens.add(token)
    return sorted(tokens)


def plans_of(query: str) -> list[list[Piece]]:
    """Turn a query into alternatives, each a list of pieces that must all be there; empty when it is too short.

    Words are separated by spaces; each narrows the hits (`王 0012`). Raises `ValueError` for more than `MOST_WORDS`.
    """
    whole = _CALLED_FROM_ABROAD.sub("", fold_name(query))
    if len(whole.replace(" ", "")) < MIN_QUERY:
        return []
    number = normalise_document_number(whole)
    if document_type_of(number) is not None or _PASSPORT.fullmatch(number):
        return [[(DOCUMENT, number)]]
    digits = re.sub(r"[\s+-]", "", whole)
    words = [digits] if digits.isdigit() and len(digits) > TAIL else whole.split()
    if len(words) > MOST_WORDS:
        raise ValueError("too many words")
    spelt = [_spelling(word) for word in words]
    plans = _spelt([one for one in spelt if one is not None]) if None not in spelt else []
    if None in spelt or any(c.isdigit() for c in whole):
        narrowed: list[list[Piece]] = [[]]
        for word in words:
            alternatives = _word(word, alone=len(words) == 1)
            narrowed = [plan + other for plan in narrowed for other in alternatives]
        plans += narrowed + _mixed(words)
    return [list(dict.fromkeys(plan))[:MOST_PIECES] for plan in plans if plan]


def spellings(name: str) -> tuple[tuple[str, str], ...]:
    """Give the pinyin of a folded name with its initials, once for each way to read it, at most `MOST_SPELLINGS`.

    A Latin word stands for itself and has one initial; characters without a reading (rare ones, private use) are
    left out.
    """
    units = _UNIT.findall(_plain(name))
    if not units:
        return ()
    ways = [tuple(_readings(unit, surname=place == 0)) for place, unit in enumerate(units)]
    orders = [ways]
    compound = COMPOUND_PARTS.get("".join(units[:2]))
    if compound is not None:
        orders.insert(0, [(part,) for part in compound] + ways[2:])
    found: dict[str, str] = {}
    for order in orders:
        for reading in islice(_read(order), MOST_SPELLINGS):
            found["".join(reading)] = "".join(part[:1] for part in reading)
    return tuple((spelt, initials) for spelt, initials in found.items() if len(spelt) >= MIN_QUERY)


def _read(ways: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """The ways to read a name: the usual one first, then those with one character read otherwise, and so on."""
    usual = [way[0] for way in ways]
    yield usual
    otherwise = [(place, reading) for place, way in enumerate(ways) for reading in way[1:]]
    for many in range(1, len(otherwise) + 1):
        for chosen in combinations(otherwise, many):
            if len({place for place, _ in chosen}) == many:
                changed = dict(chosen)
                yield [changed.get(place, reading) for place, reading in enumerate(usual)]


@lru_cache(maxsize=16384)
def _readings(unit: str, *, surname: bool) -> list[str]:
    if not HAN.match(unit):
        return [unit]
    others = SURNAME_READINGS if surname else GIVEN_READINGS
    return list(dict.fromkeys([*others.get(unit, ()), _letters(reading_of(unit))]))


def _spelt_pieces(name: str) -> set[Piece]:
    """The pieces of a folded name in letters."""
    pieces: set[Piece] = set()
    for spelt, initials in spellings(name):
        pieces |= {("pinyin", spelt[:n]) for n in range(MIN_QUERY, min(len(spelt), MAX_PINYIN) + 1)}
        pieces |= {("initials", initials[:n]) for n in range(MIN_QUERY, len(initials) + 1)}
    for word in _latin_words(name):
        pieces |= {("pinyin", word[:n]) for n in range(MIN_QUERY, min(len(word), MAX_PINYIN) + 1)}
    return pieces


def _parts(name: str) -> list[str]:
    """What of a name is said by itself: what follows each dot (买买提 of 阿迪力·买买提), and a name in Latin letters
    without its accents (`Müller` is printed MULLER, and no Chinese keyboard has ü).
    """
    if not HAN.search(name):
        return ["".join(c for c in normalize("NFD", name) if not combining(c))]
    parts = _HAN_DOT.sub("·", name).split("·")
    return ["·".join(parts[place:]) for place in range(1, len(parts))]


def _latin_words(name: str) -> list[str]:
    """The words of a name in Latin letters: each of them is typed alone, too (`Smith` of `Anna María Smith`)."""
    if HAN.match(name):
        return []
    words = [_LATIN.findall(word) for word in re.split(r"[ ·-]", re.sub(r"['’.]", "", _plain(name)))]
    return [letters[0] for letters in words if len(letters) == 1]


def _spelling(word: str) -> str | None:
    """The letters of a word that may be pinyin, initials or Latin; tones are dropped (`han2`, `hán`)."""
    plain = re.sub(r"[·'’.-]", "", _plain(word))
    if _TONED.fullmatch(plain):
        plain = re.sub(r"[0-9]", "", plain)
    return plain if _LATIN.fullmatch(plain) else None


def _spelt(words: list[str]) -> list[list[Piece]]:
    """The alternatives of a query in letters alone: run together, or word by word as in a Latin name."""
    joined = "".join(words)
    plans: list[list[Piece]] = [[("pinyin", joined[:MAX_PINYIN])], [("initials", joined)]]
    if _PASSPORT_V.search(joined):
        plans.append([("pinyin", _PASSPORT_V.sub("v", joined)[:MAX_PINYIN])])
    if _LONG_INITIALS.search(joined) and not _VOWEL.search(joined):
        plans.append([("initials", _LONG_INITIALS.sub("", joined))])
    long = [word for word in words if len(word) >= MIN_QUERY]
    if len(words) > 1 and long:
        plans.append([("pinyin", word[:MAX_PINYIN]) for word in long])
    return plans


def _mixed(words: list[str]) -> list[list[Piece]]:
    """The alternatives of a name half in characters and half in letters (`单xiong`, `单 xx 0019`, `shan雄信`): as it
    is read, with those characters that tokens hold as they are written.
    """
    tails = [word for word in words if any(c.isdigit() for c in word)]
    name = searched_name("".join(word for word in words if word not in tails))
    units = _UNIT.findall(_plain(name))
    if not {True, False} <= {HAN.match(unit) is not None for unit in units}:
        return []
    kept: list[list[Piece]] = [[("surname", surname) for surname in _surnames(name)]]
    kept[0] += [("pair", a + b) for a, b in pairwise(name) if HAN.match(a) and HAN.match(b)]
    for tail in tails:
        kept = [plan + other for plan in kept for other in _word(tail, alone=False)]
    found: list[Piece] = []
    for spelt, initials in spellings(name)[:MOST_MIXED]:
        found.append(("pinyin", spelt[:MAX_PINYIN]))
        if len(initials) == len(units):
            each = zip(units, initials, strict=True)
            found.append(("initials", "".join(first if HAN.match(unit) else unit for unit, first in each)))
    return [[*plan, piece] for plan in kept for piece in found]


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
    spelt = _spelling(word)
    if spelt is not None and not alone:
        return [*found, *([[("pinyin", spelt[:MAX_PINYIN])], [("initials", spelt)]] if len(spelt) >= MIN_QUERY else [])]
    squeezed = searched_name(word)
    if spelt is None and _is_written(squeezed):
        if len(squeezed) == 1:
            return found if alone else [*found, [("surname", squeezed)]]
        found.append([("pair", a + b) for a, b in pairwise(squeezed)])
    return found


def _is_written(word: str) -> bool:
    """Whether a word has letters or characters of any script but plain Latin, private-use ones included."""
    return any(not c.isascii() and (category(c)[0] == "L" or category(c) == "Co") for c in word)


def _surnames(name: str) -> Iterable[str]:
    return [name[:1]] if HAN.match(name) else []


def searched_name(name: str) -> str:
    """Fold a name to the form that is searched for: without spaces, dots and what is typed for a dot."""
    return _squeezed(_HAN_DOT.sub("·", fold_name(name)))


def _squeezed(folded: str) -> str:
    return folded.replace(" ", "").replace("·", "")


def _plain(text: str) -> str:
    """Latin letters without accents and tones (`José` is found by `jose`); ü stays apart from u, as v."""
    if is_plain_han(text):
        return text
    parted = normalize("NFD", text.lower()).replace("u:", "v")
    parted = re.sub("u[\u0300-\u0307\u0309-\u036f]*\u0308", "v", parted)
    return "".join(c for c in parted if not combining(c))


@lru_cache(maxsize=65536)
def _letters(text: str) -> str:
    return "".join(_LATIN.findall(_plain(text)))
