"""Which numbers of a table may be told, so that none under ten is told or can be computed (rule 11 of the domain).

A table has a count for each row and column, and totals. Three steps decide, once, when the table is counted:

1. **Small.** A count under ten is hidden; it is shown as ``<10``, nought included. So are totals.
2. **Company.** Whoever has a total and all counts but one computes that one. So in each line whose total is shown,
   either nothing is hidden, or at least two counts are, which together come to ten or more; where they do not, the
   smallest count that is still shown is hidden, too (as ``…``: ten or more, not told), and at last the total. In a line
   whose total is hidden, at least one count is. Hiding in a row changes a column: repeat until nothing changes.
3. **Audit.** What is left is a puzzle: counts between nought and nine, or of ten and more, that add up to what is
   shown. A count with only one solution is told all the same (two hidden counts of nine and nine have the sum of
   eighteen, and no others have). Totals and counts are a flow through a graph: from a source to each row, from rows to
   columns, from columns back to the source. Another solution differs from this one by cycles, along which each count
   grows or shrinks by one within its bounds; and one cycle alone is a solution, too. So a count can be computed exactly
   if no such cycle goes through it (integral flows; R. Ahuja, T. Magnanti, J. Orlin, *Network Flows*, 3.5). For each
   that can, the smallest shown count of its lines is hidden, and all begins anew. Where all is hidden nothing can be
   computed: it ends.

The same holds for what is published beside a table, since all is cut out of one table: a township's own report is a row
of the region's, the table by peers its totals. The differences of later versions are tables of their own (the same
lines, counts of either sign): a difference under ten is hidden, as is one after which under ten are left; and since a
first count and its difference are told together, the audit of a difference assumes that the first count is known.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from service.reports.cycles import Edge, on_no_cycle

SMALL: Final = 10
"""Below this a count is not told."""
TOTAL: Final = ""

Cell = tuple[str, str]
"""A row's and a column's code; `TOTAL` stands for all of them."""
Shown = Literal["yes", "small", "hidden"]
Node = tuple[str, str]
Bounds = Callable[[Cell], tuple[int, int | None]]
"""Between which values whoever reads the table knows a hidden count to lie; None: no bound."""
Audit = tuple[Bounds, set[Cell] | None]
"""What a reader knows of hidden counts, and which of them must not be computed from it; None: any."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The shape of a table: its rows and columns, without the totals."""

    rows: Sequence[str]
    columns: Sequence[str]

    def cells(self) -> Iterator[Cell]:
        """Every cell, totals included."""
        for row in (*self.rows, TOTAL):
            for column in (*self.columns, TOTAL):
                yield row, column

    def lines(self) -> Iterator[tuple[list[Cell], Cell]]:
        """Every line: the cells that add up, and their total."""
        for row in (*self.rows, TOTAL):
            yield [(row, column) for column in self.columns], (row, TOTAL)
        for column in (*self.columns, TOTAL):
            yield [(row, column) for row in self.rows], (TOTAL, column)

    def with_totals(self, counts: Mapping[Cell, int]) -> dict[Cell, int]:
        """The counts with every total; a cell that is missing is nought."""
        table = dict.fromkeys(self.cells(), 0)
        for (row, column), count in counts.items():
            for cell in ((row, column), (row, TOTAL), (TOTAL, column), (TOTAL, TOTAL)):
                table[cell] += count
        return table


def protect(lines: Lines, table: Mapping[Cell, int]) -> dict[Cell, Shown]:
    """Decide of each count whether it is told. ``table`` has all totals.

    As long as the month went on, each count was told in tens (:mod:`.running`). The second audit takes it that somebody
    noted them, and so knows each count to within ten: not even then can a count between one and nine be computed. (Of
    totals the sum of the tens was told, which says nothing that the counts do not say.)
    """
    small = {cell for cell in lines.cells() if table[cell] < SMALL}

    def by_marks(cell: Cell) -> tuple[int, int | None]:
        return (0, SMALL - 1) if cell in small else (SMALL, None)

    def by_tens(cell: Cell) -> tuple[int, int | None]:
        if cell in small or TOTAL in cell:
            return by_marks(cell)
        tens = table[cell] // SMALL * SMALL
        return tens, tens + SMALL - 1

    few = {cell for cell in small if table[cell] > 0}
    hidden = _protect(lines, table, small, [(by_marks, None), (by_tens, few)])
    return {cell: _shown(cell, small, hidden) for cell in lines.cells()}


def protect_change(lines: Lines, change: Mapping[Cell, int], before: Mapping[Cell, int]) -> dict[Cell, Shown]:
    """Decide of each difference whether it is told; ``before`` are the counts that it comes on top of.

    All that is not told has one mark: not even that nothing changed is said.
    """
    secret = {cell for cell in lines.cells() if abs(change[cell]) < SMALL or before[cell] + change[cell] < SMALL}
    hidden = _protect(lines, change, secret, [(lambda cell: (-before[cell], None), None)])
    return {cell: "hidden" if cell in hidden else "yes" for cell in lines.cells()}


def _protect(lines: Lines, table: Mapping[Cell, int], first: set[Cell], audits: Sequence[Audit]) -> set[Cell]:
    hidden = set(first)
    while True:
        _give_company(lines, table, hidden)
        computable: set[Cell] = set()
        for bounds, secret in audits:
            found = _computable(table, hidden, bounds)
            computable |= found if secret is None else found & secret
        exposed = next((cell for cell in lines.cells() if cell in computable), None)
        anywhere = [cell for cell in lines.cells() if cell not in hidden]
        if exposed is None or not anywhere:
            return hidden
        row, column = exposed
        near = [cell for cell in anywhere if cell[0] == row or cell[1] == column]
        hidden.add(_smallest(near or anywhere, table))


def _give_company(lines: Lines, table: Mapping[Cell, int], hidden: set[Cell]) -> None:
    changed = True
    while changed:
        changed = False
        for cells, total in lines.lines():
            more = _to_hide(cells, total, table, hidden)
            if more is not None:
                hidden.add(more)
                changed = True


def _to_hide(cells: list[Cell], total: Cell, table: Mapping[Cell, int], hidden: Collection[Cell]) -> Cell | None:
    """The next cell of a line that must be hidden, or None."""
    gone = [cell for cell in cells if cell in hidden]
    left = [cell for cell in cells if cell not in hidden]
    if total in hidden:
        return None if gone or not left else _smallest(left, table)
    if not gone or (len(gone) > 1 and abs(sum(table[cell] for cell in gone)) >= SMALL):
        return None
    return _smallest(left, table) if left else total


def _smallest(cells: Sequence[Cell], table: Mapping[Cell, int]) -> Cell:
    """The cell whose loss tells the least less: counts before totals, then the smallest."""
    return min(cells, key=lambda cell: (cell.count(TOTAL), abs(table[cell]), cell))


def _computable(table: Mapping[Cell, int], hidden: Collection[Cell], bounds: Bounds) -> set[Cell]:
    """Those of the hidden counts that have one value only that fits what is shown (step 3)."""
    cells = sorted(hidden)
    edges = []
    for cell in cells:
        least, most = bounds(cell)
        tail, head = _ends(cell)
        edges.append(Edge(tail, head, there=most is None or table[cell] < most, back=table[cell] > least))
    return {cells[place] for place in on_no_cycle(edges)}


def _ends(cell: Cell) -> tuple[Node, Node]:
    """Where the flow of a cell comes from and where it goes: source, rows, columns, sink, and back to the source."""
    row, column = cell
    if row and column:
        return ("row", row), ("column", column)
    if row:
        return ("source", ""), ("row", row)
    if column:
        return ("column", column), ("sink", "")
    return ("sink", ""), ("source", "")


def _shown(cell: Cell, small: Collection[Cell], hidden: Collection[Cell]) -> Shown:
    if cell in small:
        return "small"
    return "hidden" if cell in hidden else "yes"
