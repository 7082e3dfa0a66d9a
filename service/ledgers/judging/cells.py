"""What spreadsheets and people put around a value, and the words with which a cell says nothing."""

import re
import tomllib
from functools import cache
from importlib import resources
from unicodedata import normalize

from service.ledgers.files.fields import Cell

_PROTECTED = re.compile(r'^=\s*"([^"]*)"$')
_QUOTED = re.compile(r'^["“]([^"“”]*)["”]$')
_ERROR = re.compile(r"#+|#(N/A|VALUE!|REF!|NAME\?|NUM!|NULL!|DIV/0!)", re.IGNORECASE)
_JOINING = re.compile(r"[\s_()·]+")
_APOSTROPHES = "'‘’`＇"
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""As OWASP lists them: a Chinese spreadsheet folds full-width signs, and what is pasted breaks at tabs and lines."""
_AROUND = " \t\r\n\v\f\x1a\x85\u00a0\u00ad\u3000\ufeff" + "".join(
    chr(code)
    for first, last in ((0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x2069))
    for code in range(first, last + 1)
)
"""Blanks of all widths, and marks of direction, which a copy from a chat or a phone brings along."""
_DITTO = frozenset({"同上", "同前", "同左", "〃", "″", "〞", "”", "“", '"', "''", "々", "ditto"})


@cache
def words() -> dict[str, frozenset[str]]:
    """Give the words of `data/words.toml`, folded for comparing."""
    text = resources.files("service.ledgers").joinpath("data/words.toml").read_text("utf-8")
    return {key: frozenset(fold_word(word) for word in listed.split()) for key, listed in tomllib.loads(text).items()}


def fold_word(text: str) -> str:
    """Return a word without differences of width, case and joining."""
    folded = normalize("NFKC", text).casefold().strip()
    return _JOINING.sub("", folded) or folded


def unwrap(text: str) -> str:
    """Take off what protects a value from a spreadsheet: `'…`, a tab, `="…"`; and blanks around it."""
    bare = text.strip(_AROUND)
    if bare.isalnum():
        return bare
    for wrapping in (_PROTECTED, _QUOTED):
        if found := wrapping.match(bare):
            bare = found[1].strip(_AROUND)
    return bare.lstrip(_APOSTROPHES).strip()


def ditto(text: str) -> bool:
    """Tell whether a cell points to the one above it, which another order of rows would change: 同上, 〃."""
    return len(text) < 6 and text.casefold() in _DITTO


def blank(text: str) -> bool:
    """Tell whether a text says nothing: empty, a dash, 无, 不详 and the like."""
    return not text or (len(text) < 10 and fold_word(text) in words()["blank"])


def spoilt(text: str) -> bool:
    """Tell whether a spreadsheet has put an error or a row of hashes in the place of a value."""
    return bool(_ERROR.fullmatch(text))


def formula(text: str) -> bool:
    """Tell whether a spreadsheet would run the text (CWE-1236); it is kept as the text that it is."""
    return text.startswith(_FORMULA_STARTS) and not blank(text)


def plain(cell: Cell) -> str:
    """Give a cell's text, unwrapped; whole numbers without `.0`."""
    if cell is None or isinstance(cell, bool):
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return unwrap(str(cell))
