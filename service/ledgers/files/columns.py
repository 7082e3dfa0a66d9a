"""Where a sheet's header is, and which of its columns are read.

Titles, notes and blank rows may stand above the header, and the header may have two or three rows of merged cells.
Every place and depth in the first rows is tried; the one that maps the most fields is the header. In exports that
lost the merging, an upper header's text is carried on over the blanks to its right.
"""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from unicodedata import category

from service.ledgers.files.fields import MANY_COLUMNS, Cell, Chosen, Field, KeptColumn, LedgerKind, ToldColumn, Why
from service.ledgers.files.headers import DATES, DETAIL, Meaning, fold_header, is_forbidden, meaning_of

HEADER_SEARCH_ROWS = 60
"""So many rows from the top may be titles and notes."""
DEEPEST_HEADER = 3
_FEWEST_COLUMNS = 3
"""A name, a date and a place: with fewer columns there is no journey."""
_LONGEST_LABEL = 40
_LONGEST_HEADER = 200
"""Characters of a cell that are compared with spellings: what is longer is none of them."""
_INFORMS = re.compile(r"[:：]")
_LONG_NUMBER = re.compile(r"[0-9０-９]{7,}[XxＸｘ]?")
_TITLE = re.compile(r"台账|登记|名册|名单|汇总|统计|一览|[表册]|register|ledger|list|table", re.IGNORECASE)
_NEEDED = frozenset({Field.NAME, Field.MOVED_ON, Field.REGION})

Row = Sequence[Cell]
Merge = tuple[tuple[int, int], tuple[int, int]]
"""First and last cell of a merged range, as (row, column) from 0."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A sheet's header as understood: `columns[field]` are the places of the cells to read, in order of level.

    `first_row` is the place of the first row below the header. `beside`: so many places further on the same columns
    stand once more, as on a sheet that is printed in two halves. `named` are the headers by place.
    """

    kind: LedgerKind
    columns: dict[Field, tuple[int, ...]]
    kept: tuple[KeptColumn, ...]
    dropped: tuple[tuple[int, str], ...]
    told: tuple[ToldColumn, ...]
    first_row: int
    certain: bool
    beside: tuple[int, ...] = ()
    named: tuple[tuple[int, str], ...] = ()

    @property
    def halves(self) -> "tuple[Layout, ...]":
        """This layout, and the same one for each time that its columns stand again further on."""
        further = (
            replace(self, columns={field: tuple(at + by for at in places) for field, places in self.columns.items()})
            for by in self.beside
        )
        return (self, *further)

    @property
    def complete(self) -> bool:
        """Tell whether a journey can be made of a row: a name, a date and a place are there to read."""
        return self.columns.keys() >= _NEEDED

    @property
    def missing(self) -> tuple[Field, ...]:
        """The fields without which no journey can be made and that no column fills."""
        return tuple(sorted(_NEEDED - self.columns.keys()))

    @property
    def width(self) -> int:
        """One more than the last place that is read or named."""
        places = [place for places in self.columns.values() for place in places]
        return max([*places, *(place for place, _ in self.dropped)], default=-1) + 1


def find_layout(
    rows: Sequence[Row], merges: Sequence[Merge], kind: LedgerKind, chosen: Chosen | None = None
) -> Layout | None:
    """Find the header among the first rows of a sheet and map its columns for a ledger of `kind`.

    `chosen` wins over what the headers say. Returns `None` where no row names a name and at least one thing more about
    the person's move or document.
    """
    best: Layout | None = None
    best_score = 1
    for top in range(min(len(rows), HEADER_SEARCH_ROWS)):
        if best is not None and best.complete and top > best.first_row:
            # What stands further down, were it a header with more columns, is another table's: its people come later.
            break
        if not any(_text(cell) for cell in rows[top]) or _stands_under_groups(rows, merges, top):
            continue
        for depth in range(1, min(DEEPEST_HEADER, len(rows) - top) + 1):
            if depth > 1 and not _continues(rows[top + depth - 1]):
                break
            layout = _layout(rows, merges, top, depth, kind=kind, chosen=chosen or {})
            score = _score(layout)
            if score > best_score:
                best, best_score = layout, score
    return best


def likely_header(rows: Sequence[Row], merges: Sequence[Merge], kind: LedgerKind) -> Layout | None:
    """Where no spelling is known: take the first row of several short texts, so that an officer can say what is what.

    Nothing is read by it until somebody has chosen.
    """
    for top in range(min(len(rows), HEADER_SEARCH_ROWS)):
        texts = [text for cell in rows[top] if (text := _text(cell))]
        if len(set(texts)) >= _FEWEST_COLUMNS and _continues(rows[top]):
            return _layout(rows, merges, top, 1, kind=kind, chosen={})
    return None


def looks_like_header(row: Row, layout: Layout) -> bool:
    """Tell whether a row below the header repeats it, as printed pages do."""
    for place in layout.columns[Field.NAME]:
        cell = row[place] if place < len(row) else None
        if not isinstance(cell, str):
            return False
        found = meaning_of((cell,), layout.kind)
        if found is None or found.field is not Field.NAME:
            return False
    return True


def other_header(row: Row, layout: Layout) -> Layout | None:
    """Give the layout of another table that begins with this row, below the first; `None` where it is no such header.

    The same header once more is none, nor is one that puts the same things into the same columns. What is given may
    lack columns: then the rows below it are of no table that is understood.
    """
    texts = [(place, fold_header(text)) for place, cell in enumerate(row) if (text := _text(cell))]
    headers = {place: fold_header(name) for place, name in layout.named}
    if all(text in headers.get(place, "") for place, text in texts):
        return None
    found = _layout([row], [], 0, 1, kind=layout.kind, chosen={})
    return None if found.columns == layout.columns else found


def _score(layout: Layout) -> int:
    if Field.NAME not in layout.columns:
        return 0
    return sum(len(places) for places in layout.columns.values())


def _continues(row: Row) -> bool:
    """Tell whether a row may be the lower part of a header: short texts without long digits."""
    for cell in row:
        if cell is None or cell == "":
            continue
        if not isinstance(cell, str) or len(cell) > _LONGEST_LABEL:
            return False
        if sum(character.isdigit() for character in cell) > 2:
            return False
    return any(cell not in (None, "") for cell in row)


def _stands_under_groups(rows: Sequence[Row], merges: Sequence[Merge], top: int) -> bool:
    """Tell whether the row above is the upper part of a header, which may not be passed over.

    姓名, 电话 under 配偶情况 are somebody else's, however well the lower row alone would do. Several short texts are
    groups; a single one is a title, unless it stands over some columns only and is not called a ledger, list or table.
    """
    if top == 0 or not _continues(rows[top - 1]):
        return False
    texts = {place: text for place, cell in enumerate(rows[top - 1]) if (text := _text(cell))}
    if any(_INFORMS.search(text) for text in texts.values()):
        return False
    if len(set(texts.values())) != 1:
        return len(texts) > 1
    width = max(place for place, cell in enumerate(rows[top]) if _text(cell)) + 1
    ends = [last + 1 for (row, _), (_, last) in merges if row == top - 1 and last + 1 < width]
    return not _TITLE.search(next(iter(texts.values()))) and (0 not in texts or bool(ends))


def _layout(
    rows: Sequence[Row], merges: Sequence[Merge], top: int, depth: int, *, kind: LedgerKind, chosen: Chosen
) -> Layout:
    labels = _labels(rows, merges, top, depth)
    meanings = [(place, meaning_of(parts, kind)) for place, parts in enumerate(labels)]
    guessed = _choose([(place, found) for place, found in meanings if found is not None])
    named = [(place, _shown(parts)) for place, parts in enumerate(labels)]
    decided = _decided(named, labels, chosen)
    columns = _with_decided(guessed, decided)
    beside = _beside(columns, labels, decided)
    field_at = {place + by: field for field, places in columns.items() for place in places for by in (0, *beside)}
    known = {place for place, found in meanings if found is not None}
    return Layout(
        kind=kind,
        columns=columns,
        kept=tuple(KeptColumn(field_at[place], name) for place, name in named if place in field_at),
        dropped=tuple((place, name) for place, name in named if place not in field_at),
        told=tuple(
            ToldColumn(key, field_at.get(place), _why(place, labels[place], field_at, decided, known))
            for place, key in _keys(named).items()
        ),
        first_row=top + depth,
        certain=any(found.tells_kind and place in field_at for place, found in meanings if found is not None),
        beside=beside,
        named=tuple(named),
    )


def _beside(
    columns: dict[Field, tuple[int, ...]], labels: Sequence[tuple[str, ...]], decided: dict[int, Field | None]
) -> tuple[int, ...]:
    """Find where all columns that are read stand once more under the same headers: never some of them alone."""
    read = [place for places in columns.values() for place in places]
    if not columns.keys() >= _NEEDED:
        return ()
    first, last = min(read), max(read)
    for step in range(last - first + 1, len(labels) - last):
        steps = range(step, len(labels) - last, step)
        found = tuple(
            itertools.takewhile(
                lambda by: all(labels[at + by] == labels[at] and at + by not in decided for at in read), steps
            )
        )
        if found:
            return found
    return ()


def _keys(named: Sequence[tuple[int, str]]) -> dict[int, str]:
    """Give each named column a name of its own: the second 电话 is 电话#2."""
    met: Counter[str] = Counter()
    keys: dict[int, str] = {}
    for place, name in named:
        if name:
            met[name] += 1
            keys[place] = name if met[name] == 1 else f"{name}#{met[name]}"
    return keys


def _decided(
    named: Sequence[tuple[int, str]], labels: Sequence[tuple[str, ...]], chosen: Chosen
) -> dict[int, Field | None]:
    """Give what was chosen, by place; what may not be held is never read, whoever chose it."""
    if not chosen:
        return {}
    return {
        place: chosen[key]
        for place, key in _keys(named).items()
        if key in chosen and not (chosen[key] and is_forbidden(labels[place]))
    }


def _with_decided(
    guessed: dict[Field, tuple[int, ...]], decided: dict[int, Field | None]
) -> dict[Field, tuple[int, ...]]:
    columns: dict[Field, tuple[int, ...]] = {}
    for field in Field:
        places = tuple(place for place in guessed.get(field, ()) if place not in decided)
        own = tuple(place for place, wanted in decided.items() if wanted is field)
        if own and field in MANY_COLUMNS:
            places = tuple(sorted({*places, *own}))
        elif own:
            places = own[:1]
        if places:
            columns[field] = places
    return columns


def _why(
    place: int,
    parts: tuple[str, ...],
    field_at: dict[int, Field],
    decided: dict[int, Field | None],
    known: set[int],
) -> Why:
    if place in decided:
        return Why.CHOSEN
    if place in field_at:
        return Why.KNOWN
    if is_forbidden(parts):
        return Why.FORBIDDEN
    return Why.SPARE if place in known else Why.UNKNOWN


def _choose(meanings: Sequence[tuple[int, Meaning]]) -> dict[Field, tuple[int, ...]]:
    """Take for each field its best column; a place or a date may take several, one for each level."""
    chosen: dict[Field, tuple[int, ...]] = {}
    for field in Field:
        offered = [(place, found) for place, found in meanings if found.field is field]
        if not offered:
            continue
        rank = min(found.rank for _, found in offered)
        levels: dict[int, int] = {}
        for place, found in offered:
            if found.rank == rank:
                levels.setdefault(found.level, place)
        if field is Field.REGION and len(levels) > 1:
            levels.pop(DETAIL, None)
        elif field in DATES and DETAIL in levels:
            levels = {DETAIL: levels[DETAIL]}
        elif field in DATES and not {0, 1} <= levels.keys():
            # A day or a month of no year is no date.
            continue
        chosen[field] = tuple(levels[level] for level in sorted(levels))
    return chosen


def _labels(rows: Sequence[Row], merges: Sequence[Merge], top: int, depth: int) -> list[tuple[str, ...]]:
    """Give each column its header texts, upper first, with merged cells filled in."""
    width = max(len(row) for row in rows[top : top + depth])
    grid = [
        [_text(row[place]) if place < len(row) else "" for place in range(width)] for row in rows[top : top + depth]
    ]
    merged: set[tuple[int, int]] = set()
    for (first_row, first), (last_row, last) in merges:
        if top <= first_row and last_row < top + depth and last < width and last > first:
            for place in range(first, last + 1):
                grid[first_row - top][place] = grid[first_row - top][first]
                merged.add((first_row - top, place))
    for level, (upper, lower) in enumerate(itertools.pairwise(grid)):
        for place in range(1, width):
            # Beside merged cells a blank is a blank, unless its neighbour is itself a group that was never merged:
            # 配偶情况 over 姓名, 电话 must not lend its second column to the person.
            group = lower[place - 1] and (level, place - 1) not in merged
            if lower[place] and not upper[place] and (group or not merged):
                upper[place] = upper[place - 1]
    return [tuple(line[place] for line in grid) for place in range(width)]


def _text(cell: Cell) -> str:
    return " ".join(cell[:_LONGEST_HEADER].split()) if isinstance(cell, str) else ""


def _shown(parts: tuple[str, ...]) -> str:
    """Name a column as the report does: 户籍地/乡镇, cut to a length that fits a line."""
    # A header is shown on terminals and pages: what would steer them is left out.
    clean = ["".join(one for one in part if not category(one).startswith("C")) for part in parts]
    # Somebody's number in a header's place is no name of a column.
    names = list(dict.fromkeys(_LONG_NUMBER.sub("…", part) for part in clean if part))
    return "/".join(name[:_LONGEST_LABEL] for name in names)
