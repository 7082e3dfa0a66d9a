"""Region codes and the divisions they name.

A code is GB/T 2260 for province (2 digits), prefecture (4) and county (6), GB/T 10114 for township (9), and has 12
digits for a village; a shorter code contains the longer ones that begin with it.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated
from unicodedata import normalize

from pydantic import StringConstraints

RegionCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}([0-9]{2}([0-9]{2}([0-9]{3}([0-9]{3})?)?)?)?$")]
"""A division code of 2, 4, 6, 9 or 12 digits."""

LENGTHS = (2, 4, 6, 9, 12)
_LONGEST = 60


def is_region_code(text: str) -> bool:
    """Whether the text has the form of a division code; whether the division exists is another question."""
    return len(text) in LENGTHS and text.isascii() and text.isdigit()


def contains(outer: str, inner: str) -> bool:
    """Whether the region `outer` is or contains `inner`."""
    return inner.startswith(outer)


def longest_match(code: str, codes: Iterable[str]) -> str | None:
    """Of the codes that contain `code`, the longest; of overlapping peers that one is addressed."""
    return max((other for other in codes if contains(other, code)), key=len, default=None)


def ancestors(code: str) -> list[str]:
    """The codes that contain `code`, the widest first, itself last."""
    return [code[:length] for length in LENGTHS if length <= len(code)]


@dataclass(frozen=True, slots=True)
class Division:
    """A named region; `parent` is the code of the one around it, or None."""

    code: str
    name: str
    parent: str | None


class Divisions:
    """A table of divisions. Codes that it does not hold are kept everywhere.

    Such a code stands for its own name, unless the region has told what it is called (`know_as`).
    """

    def __init__(self, divisions: Iterable[Division]) -> None:
        """Of two rows with one code the later one stands."""
        self._by_code = {division.code: division for division in divisions}
        self._told: dict[str, str] = {}

    @classmethod
    def load(cls, paths: Sequence[Path] = ()) -> "Divisions":
        """Read the table of the package and any CSV files beside it (`code,name,parent`).

        Raises `ValueError` that names file and line for a row without a code or a name; `OSError` for a file that
        cannot be opened.
        """
        packaged = resources.files("schemas").joinpath("data/divisions.csv").read_text("utf-8")
        found = _read(packaged, "divisions.csv")
        for path in paths:
            found += _read(path.read_text("utf-8-sig"), path.name)
        return cls(found)

    def __len__(self) -> int:
        """How many divisions the table holds."""
        return len(self._by_code)

    def get(self, code: str) -> Division | None:
        """The division, or None where the table does not hold it."""
        return self._by_code.get(code)

    def know_as(self, names: Mapping[str, str]) -> None:
        """Call divisions that the table does not hold by these names, and no longer by those given before."""
        self._told = dict(names)

    def name(self, code: str) -> str:
        """The division's own name (`杨柳乡`), or what it is known as; the code itself where neither is."""
        found = self._by_code.get(code)
        return found.name if found else self._told.get(code, code)

    def full_name(self, code: str) -> str:
        """The name from the county down (`云台县杨柳乡`); an unknown part stands as its code."""
        names = [self.name(code)]
        for outer in reversed(ancestors(code)[:-1]):
            if len(outer) < 6:
                break
            names.append(self._by_code[outer].name if outer in self._by_code else self._told.get(outer, ""))
        return "".join(reversed(names))

    def children(self, code: str | None) -> list[Division]:
        """The divisions right below a code (the outermost ones for None), by code."""
        return self._children.get(code, [])

    def find(self, text: str, within: str | None = None) -> str | None:
        """The code that a name stands for: `云台县`, `云台县杨柳乡`, `拟省澜江市 临港街道`, or a code in digits.

        `within` narrows the search to a region. None where nothing or more than one division fits.
        """
        wanted = re.sub(r"[\s/、,，-]", "", normalize("NFKC", text))
        if not wanted or len(wanted) > _LONGEST:
            return None
        if is_region_code(wanted):
            return wanted if within is None or contains(within, wanted) else None
        found = self._named(wanted, within)
        return found.pop() if len(found) == 1 else None

    def search(self, query: str, limit: int = 20) -> list[Division]:
        """Divisions by a part of the name, by pinyin or its initials (`ytx`); never by code, which few know by heart.

        At most `limit`, those that begin with the query first, each group by pinyin.
        """
        wanted = normalize("NFKC", query).strip().replace(" ", "").lower()
        if not wanted:
            return []
        hits: list[tuple[int, str, str, Division]] = []
        for division in self._by_code.values():
            place = self._rank(division, wanted)
            if place is not None:
                hits.append((place, self._pinyin[division.code][0], division.code, division))
        hits.sort(key=lambda hit: hit[:3])
        return [hit[3] for hit in hits[:limit]]

    def _rank(self, division: Division, wanted: str) -> int | None:
        if division.name.startswith(wanted):
            return 0
        spelt = self._pinyin[division.code]
        if any(form.startswith(wanted) for form in spelt):
            return 1
        return 2 if wanted in division.name else None

    def _named(self, text: str, within: str | None, around: str = "") -> set[str]:
        """The codes that the whole text names: a name, or a name and then one below it."""
        found: set[str] = set()
        for length in range(1, len(text) + 1):
            for code in self._by_name.get(text[:length], ()):
                if not contains(around, code) or code == around:
                    continue
                if length < len(text):
                    found |= self._named(text[length:], within, code)
                elif within is None or contains(within, code):
                    found.add(code)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for division in self._by_code.values():
            names.setdefault(normalize("NFKC", division.name), []).append(division.code)
        return names

    @cached_property
    def _children(self) -> dict[str | None, list[Division]]:
        below: dict[str | None, list[Division]] = {}
        for division in sorted(self._by_code.values(), key=lambda one: one.code):
            below.setdefault(division.parent, []).append(division)
        return below

    @cached_property
    def _pinyin(self) -> dict[str, tuple[str, ...]]:
        """Of each code: the whole pinyin, and its initials."""
        from pypinyin import Style, pinyin  # noqa: PLC0415 - its dictionary takes 100 ms, and only searches need it

        spelt: dict[str, tuple[str, ...]] = {}
        for code, division in self._by_code.items():
            parts = [part[0].lower() for part in pinyin(division.name, style=Style.NORMAL)]
            spelt[code] = ("".join(parts), "".join(part[:1] for part in parts))
        return spelt


def _read(text: str, name: str) -> list[Division]:
    found: list[Division] = []
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        code, called = (row.get("code") or "").strip(), (row.get("name") or "").strip()
        if not is_region_code(code) or not called:
            raise ValueError(f"{name}, line {number}: a division needs a code (2, 4, 6, 9 or 12 digits) and a name")
        found.append(Division(code, called, (row.get("parent") or "").strip() or None))
    return found
