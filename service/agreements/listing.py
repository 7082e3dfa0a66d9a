"""The list of peers as officers read it: by the sound of the name, a page at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from unicodedata import combining, normalize

from schemas.readings import reading_of
from service.agreements.troubles import Trouble
from service.agreements.views import PeerView

PAGE: Final = 50

Item = tuple[PeerView, Trouble | None]


def _needs_someone(item: Item) -> bool:
    view, trouble = item
    return (view.parked or 0) > 0 or (trouble is not None and trouble.needs_someone)


def _waits(item: Item) -> bool:
    return (item[0].waiting or 0) > 0


def _is_live(item: Item) -> bool:
    return item[0].state in ("active", "invited")


KINDS: Final[Mapping[str, Callable[[Item], bool]]] = {
    "": bool,
    "attention": _needs_someone,
    "waiting": _waits,
    "connected": _is_live,
    "suspended": lambda item: item[0].state == "suspended",
    "paper": lambda item: item[0].state == "paper",
    "revoked": lambda item: item[0].state == "revoked",
}
"""The closed filters of the list, by the value of `show`."""


@dataclass(frozen=True, slots=True)
class PeersPage:
    """One page of the list; ``counts`` of each filter, ``next`` the region to go on after."""

    items: Sequence[Item]
    counts: Mapping[str, int]
    show: str
    named: str
    next: str | None

    @property
    def is_long(self) -> bool:
        """Whether there are more peers than one page holds: then they are looked for by name."""
        return self.counts[""] > PAGE


def peers_page(
    found: Sequence[Item], *, show: str = "", named: str = "", after: str = "", size: int = PAGE
) -> PeersPage:
    """Give the page of the list that comes after a region; a filter that is none shows all.

    ``named`` is part of a name, its pinyin or initials, or the beginning of a code.
    """
    show = show if show in KINDS else ""
    counts = {kind: sum(map(belongs, found)) for kind, belongs in KINDS.items()}
    wanted = "".join(named.split()).casefold()
    chosen = [item for item in found if KINDS[show](item) and _is_named(item[0], wanted)]
    chosen.sort(key=lambda item: (_spelt(item[0].name), item[0].region))
    begin = next((place for place, (view, _) in enumerate(chosen, 1) if view.region == after), 0)
    items = chosen[begin : begin + size]
    return PeersPage(items, counts, show, named, items[-1][0].region if len(chosen) > begin + size else None)


PLACE_READINGS: Final = {"长": "chang", "重": "chong", "厦": "xia", "蚌": "beng", "泊": "bo", "乐": "le", "朝": "chao"}
"""Characters that are read otherwise in names of places than most often elsewhere."""


def _is_named(view: PeerView, wanted: str) -> bool:
    spelt = _spelt(view.name)
    initials = "".join(reading[0] for reading in spelt)
    return wanted in view.name.casefold() or any(
        text.startswith(wanted) for text in ("".join(spelt), initials, view.region)
    )


@lru_cache(maxsize=4096)
def _spelt(name: str) -> tuple[str, ...]:
    """What a name sorts by: the reading of each character without tones; one without a reading stands for itself."""
    return tuple(PLACE_READINGS.get(letter) or _plain(reading_of(letter)) or letter for letter in name)


def _plain(reading: str) -> str:
    return "".join(letter for letter in normalize("NFD", reading) if not combining(letter))
