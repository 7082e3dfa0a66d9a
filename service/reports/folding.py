"""Long tables of regions made short for a reader: a node with hundreds of peers exchanges with a few of them a month.

Only what a table shows decides, so nothing is told by it that the table does not tell.
"""

from typing import Final

from service.reports.queries import NONE_MARK, SMALL_MARK, Row, Table, Value

FEW: Final = 10
"""So many rows without a number are listed by name."""
FOLDED: Final = "folded:"
"""What the code of a folded row begins with; how many rows it stands for follows."""
_OF_REGIONS: Final = frozenset({"by_peer", "answers_given", "answers_got"})


def folded(table: Table) -> Table:
    """Give a table of regions with all its rows that show no number as one, where they are many."""
    quiet = [row for row in table.rows if _is_quiet(row)]
    if table.title not in _OF_REGIONS or len(quiet) <= FEW:
        return table
    values: tuple[Value, ...] = tuple(
        SMALL_MARK if any(row.values[place] == SMALL_MARK for row in quiet) else NONE_MARK
        for place in range(len(table.head))
    )
    loud = [row for row in table.rows if not _is_quiet(row)]
    # The rows of all other regions and of the total stay at the end.
    last = next((place for place, row in enumerate(loud) if not _is_region(row)), len(loud))
    rows = (*loud[:last], Row(f"{FOLDED}{len(quiet)}", values), *loud[last:])
    return Table(table.title, table.head, rows)


def _is_quiet(row: Row) -> bool:
    return _is_region(row) and all(value in (SMALL_MARK, NONE_MARK) for value in row.values)


def _is_region(row: Row) -> bool:
    return row.code.isdigit()
