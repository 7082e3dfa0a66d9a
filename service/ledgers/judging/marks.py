"""A table from 63-bit hashes to 63-bit numbers that costs 16 bytes a place: whom a long ledger has named so far.

A dictionary of a million people would take 200 MB of a node that may have 300. This one is two arrays, with open
addressing and linear probing (Knuth, The Art of Computer Programming 3, 6.4): a hash's place is its low bits, or the
next free one behind it. Nothing is ever taken out. It doubles when it is three fifths full, which costs a look at each
entry, once for as many entries as it holds; and because old and new lie side by side for that moment, it is made of
parts, of which one doubles at a time.
"""

from array import array
from typing import Final

_FIRST_BITS: Final = 6
_PARTS: Final = 64
_PART_SHIFT: Final = 57
"""A hash's highest six of 63 bits say in which part it is; its lowest, where there."""
_EMPTY: Final = 0


class Marks:
    """Hashes with a number each. A hash is above 0 and below 2⁶³."""

    def __init__(self) -> None:
        """Nothing is in it yet."""
        self._parts = [_Part() for _ in range(_PARTS)]

    def __len__(self) -> int:
        """How many hashes are in it."""
        return sum(map(len, self._parts))

    def get(self, mark: int) -> int | None:
        """Give the number of a hash; `None` for one that is not in it."""
        return self._parts[mark >> _PART_SHIFT].get(mark)

    def add(self, mark: int, number: int) -> None:
        """Put a hash in; one that is in it keeps its number."""
        self._parts[mark >> _PART_SHIFT].add(mark, number)


class _Part:
    """The same, for hashes of one beginning."""

    def __init__(self) -> None:
        self._count = 0
        self._make(1 << _FIRST_BITS)

    def __len__(self) -> int:
        return self._count

    def get(self, mark: int) -> int | None:
        place = self._place(mark)
        return self._numbers[place] if self._marks[place] == mark else None

    def add(self, mark: int, number: int) -> None:
        place = self._place(mark)
        if self._marks[place] == mark:
            return
        self._marks[place], self._numbers[place] = mark, number
        self._count += 1
        if self._count * 5 > len(self._marks) * 3:
            self._grow()

    def _place(self, mark: int) -> int:
        marks, last = self._marks, self._last
        place = mark & last
        while (found := marks[place]) != _EMPTY and found != mark:
            place = (place + 1) & last
        return place

    def _make(self, places: int) -> None:
        self._marks = array("q", [_EMPTY]) * places
        self._numbers = array("q", [_EMPTY]) * places
        self._last = places - 1

    def _grow(self) -> None:
        marks, numbers = self._marks, self._numbers
        self._make(2 * len(marks))
        for mark, number in zip(marks, numbers, strict=True):
            if mark != _EMPTY:
                place = self._place(mark)
                self._marks[place], self._numbers[place] = mark, number
