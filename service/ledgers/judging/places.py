"""Which division a ledger means by 云台县 · 杨柳乡, by an address or by a code."""

import re
from functools import lru_cache
from unicodedata import normalize

from schemas.regions import Divisions, is_region_code
from service.ledgers.judging.cells import blank, plain

_FILLER = re.compile(r"[\s/、,，\-_()（）>]+")
_LEADING_CODE = re.compile(r"(\d{6}|\d{9}|\d{12})(?!\d)")
_UNKNOWN_CITY = re.compile(r"[^省市县区]{1,8}?(市|州(?!市)|盟|地区)")
_WIDE_SUFFIXES = ("省", "市", "县", "区", "自治区", "自治县")
_NARROW_SUFFIXES = (*_WIDE_SUFFIXES, "镇", "乡", "街道")
_SHORTEST_NAME = 2
_PROVINCE_DIGITS = 2
_COUNTY_DIGITS = 6
_COUNTY_END = re.compile(r"[省市县区旗州盟]")
_LONGEST_COUNTY = 20
_JOINING = "或和与及至到转往→➜>-—~～"


class Places:
    """Regions by name or code. One ledger names few of them many times, so answers are kept."""

    def __init__(self, divisions: Divisions) -> None:
        self._divisions = divisions
        self.resolve = lru_cache(maxsize=4096)(self._resolve)

    def _resolve(self, parts: tuple[str, ...]) -> str | None:
        """Give the longest code that the parts, widest first, name together; `None` where they name none.

        Parts that the table does not hold are passed over (a prefecture between province and county often is), so
        that 云台县 · 某某乡 is the county. A name that fits two divisions is not one, and two counties in one cell
        (青禾县/云台县) are none: never guessed. The first digits of a document number are no part: they say where it
        was issued, not where somebody came from.
        """
        code: str | None = None
        try:
            for part in parts:
                text = normalize("NFKC", plain(part))
                if not blank(text):
                    code = self._part(text, code) or code
        except _TwoPlaces:
            return None
        return code

    def _part(self, text: str, within: str | None) -> str | None:
        bare = _FILLER.sub("", text)
        written = bare if bare.isdigit() else (found[0] if (found := _LEADING_CODE.match(bare)) else "")
        code = _shorten(written)
        if code is not None and (len(written) >= 6 or self._divisions.get(code)):
            return code if within is None or code.startswith(within) else None
        if bare.isdigit():
            return bare if self._divisions.get(bare) else None
        return self._divisions.find(bare, within) or self._with_suffix(bare, within) or self._beginning(bare, within)

    def _with_suffix(self, text: str, within: str | None) -> str | None:
        """Find 云台 as 云台县, where only one division is called so."""
        suffixes = _WIDE_SUFFIXES if within is None else _NARROW_SUFFIXES
        found = {self._divisions.find(text + suffix, within) for suffix in suffixes} - {None}
        return found.pop() if len(found) == 1 else None

    def _beginning(self, text: str, within: str | None) -> str | None:
        """Read an address from its beginning, as far as it names divisions."""
        for length in range(len(text) - 1, _SHORTEST_NAME - 1, -1):
            if text[:length].isdigit():
                break
            found = self._divisions.find(text[:length], within)
            if found is not None:
                if self._begins_elsewhere(text[length:], found):
                    raise _TwoPlaces
                return self._beginning(text[length:], found) or found
        city = _UNKNOWN_CITY.match(text)
        if city is not None and len(within or "") <= _PROVINCE_DIGITS and len(text) > city.end():
            rest = text[city.end() :]
            return self._divisions.find(rest, within) or self._beginning(rest, within)
        return None

    def _begins_elsewhere(self, rest: str, found: str) -> bool:
        """Tell whether the text behind a county names another one."""
        rest = rest.lstrip(_JOINING)
        for ending in _COUNTY_END.finditer(rest[:_LONGEST_COUNTY]):
            other = self._divisions.find(rest[: ending.end()]) or ""
            if 0 < len(other) <= _COUNTY_DIGITS and not (other.startswith(found) or found.startswith(other)):
                return True
        return False


class _TwoPlaces(Exception):
    """A cell names two counties."""


def _shorten(code: str) -> str | None:
    """Give a division code without the zeros that statistics fill it up with: 790101000000 is 790101, 790000 is 79."""
    while len(code) > 6 and code.endswith("000"):
        code = code[:-3]
    while len(code) in (4, 6) and code.endswith("00"):
        code = code[:-2]
    fills_a_field = code.startswith("0") or len(set(code)) == 1
    return code if is_region_code(code) and not fills_a_field else None
