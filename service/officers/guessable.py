"""Which passwords somebody who knows the office guesses first (OWASP ASVS 5.0, 6.1.2, 6.2.11 and 6.2.12). Pure.

A list of leaked passwords does not know how a colleague, or somebody from the same town, guesses: the officer's name,
the township and this product in characters, in pinyin and by their initials, with a year behind them; a birthday; a
telephone or identity number; rows of neighbouring keys; one piece over and over. No rule here asks for kinds of
characters: any sentence passes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self
from unicodedata import normalize

from schemas.readings import spelt_name

ENOUGH_BESIDES: Final = 8
"""A password's length (``PASSWORD_MIN_CHARACTERS``): so much beside a word that is guessed is a password by itself."""
OUR_WORDS: Final = (
    "tonglu", "同路", "password", "mima", "密码", "admin", "管理员", "流动人口", "liudong", "woaini", "5201314",
)  # fmt: skip
"""Words that are guessed first here (the last two: *I love you*, in pinyin and in figures)."""
_SUFFIXES: Final = re.compile(r"(街道|自治县|自治州|开发区|[省市县区乡镇村])$")
_ROWS: Final = (
    "1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz",
    "1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/",
)  # fmt: skip
_NEIGHBOURS: Final = frozenset(
    pair for row in _ROWS for one, other in pairwise(row) for pair in (one + other, other + one)
)
_SHIFTED: Final = str.maketrans("!@#$%^&*()", "1234567890")
_LEET: Final = str.maketrans("@$013457", "asoleast")
_DATE: Final = re.compile(
    r"(19|20)\d\d[-./]?(0[1-9]|1[0-2])[-./]?(0[1-9]|[12]\d|3[01])|(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])(19|20)\d\d"
)
_NUMBER: Final = re.compile(r"1[3-9]\d{9}|\d{17}[\dx]")
"""A mobile number, a resident identity number."""
_OVER_AND_OVER: Final = re.compile(r"(.{1,5})\1+")
_BESIDE_A_DATE: Final = 4
_FIRST_HAN: Final = "\u2e80"
"""Where East Asian writing begins in Unicode."""
_MOST_STROKES: Final = 2
_LONG: Final = 12
_MOST_STROKES_LONG: Final = 3
"""``qwer1234`` is two strokes over the keys; whoever needs three for twelve characters types a row, too."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """What is guessed of one officer: ``words`` in full, and ``initials`` (``wf``), which count with figures alone."""

    words: frozenset[str]
    initials: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """The names of people and places, also without 市 or 镇 behind them, in pinyin, and by their initials."""
        words, initials = set(), set()
        for name in names:
            for form in {name, _SUFFIXES.sub("", name)}:
                words.add(_plain(form))
                spelt = spelt_name(form)
                words.add(spelt.replace(" ", "").casefold())
                # Each character by itself: a name's spelling runs given names together.
                initials.add("".join(spelt_name(one)[:1] for one in form).casefold())
        return cls(
            frozenset(word for word in words if len(word) > (2 if word.isascii() else 1)),
            frozenset(one for one in initials if len(one) > 1),
        )

    def hit(self, password: str) -> bool:
        """Whether a password is one of these words and little besides."""
        plain = _plain(password)
        readings = {plain, plain.translate(_LEET)}
        if any(made_of(word, reading) for word in self.words for reading in readings):
            return True
        return any(
            one in plain and re.fullmatch(r"[^a-z]{0,8}", plain.replace(one, "", 1), re.ASCII) is not None
            for one in self.initials
        )


def made_of(word: str, password: str) -> bool:
    """Whether a password is a word, however often, and less than a password's length besides.

    A Chinese character counts for two letters: there are thousands of them.
    """
    word, password = word.casefold(), password.casefold()
    besides = password.replace(word, "")
    return word in password and sum(2 if one >= _FIRST_HAN else 1 for one in besides) < ENOUGH_BESIDES


def is_pattern(password: str) -> bool:
    """Whether a password is a row of keys, one piece over and over, a date, or a number that others know."""
    plain = _plain(password)
    if _NUMBER.fullmatch(plain) or _OVER_AND_OVER.fullmatch(plain):
        return True
    dated = _DATE.search(plain)
    if dated and len(plain) - len(dated[0]) < _BESIDE_A_DATE:
        return True
    keys = plain.translate(_SHIFTED)
    strokes = 1 + sum(one != other and one + other not in _NEIGHBOURS for one, other in pairwise(keys))
    return strokes <= (_MOST_STROKES_LONG if len(keys) >= _LONG else _MOST_STROKES)


def _plain(text: str) -> str:
    return normalize("NFKC", text).casefold()
