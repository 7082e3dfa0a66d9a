"""No number under ten is told, and none can be computed from all that is told (rule 11).

The tests do not ask the algorithm: they read the published table as anyone may, and look for another table, different
in the hidden number, that would have been published just so.
"""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from service.reports.suppression import SMALL, Cell, Lines, Shown, protect, protect_change

SHAPES = st.sampled_from([(1, 2), (2, 1), (2, 2), (3, 2), (2, 3)])
COUNTS = st.one_of(st.integers(0, 12), st.integers(0, 60), st.sampled_from([0, 9, 10]))


@st.composite
def tables(draw):
    rows, columns = draw(SHAPES)
    lines = Lines([f"r{n}" for n in range(rows)], [f"c{n}" for n in range(columns)])
    counts = {(row, column): draw(COUNTS) for row in lines.rows for column in lines.columns}
    return lines, lines.with_totals(counts)


def published(table: dict[Cell, int], shown: dict[Cell, Shown]) -> dict[Cell, object]:
    """What a reader sees: the number, or which of the two marks."""
    return {cell: table[cell] if shown[cell] == "yes" else shown[cell] for cell in table}


def fits(other: dict[Cell, int], told: dict[Cell, object]) -> bool:
    """Whether another table would look the same: marks mean what the page says they mean."""
    for cell, seen in told.items():
        value = other[cell]
        if seen == "small":
            good = 0 <= value < SMALL
        elif seen == "hidden":
            good = value >= SMALL
        else:
            good = value == seen
        if not good:
            return False
    return True


def neighbours(lines: Lines, table: dict[Cell, int]):
    """Every table whose counts differ by one at most: enough, for solutions differ by cycles of such steps."""
    inner = [(row, column) for row in lines.rows for column in lines.columns]
    for steps in product((-1, 0, 1), repeat=len(inner)):
        yield lines.with_totals({cell: table[cell] + step for cell, step in zip(inner, steps, strict=True)})


@given(tables())
@settings(max_examples=120)
def test_no_hidden_number_can_be_computed(case):
    lines, table = case
    shown = protect(lines, table)
    told = published(table, shown)
    assert all(shown[cell] == "small" for cell in table if table[cell] < SMALL), "under ten is never told"
    secret = {cell for cell in table if shown[cell] != "yes"}
    for other in neighbours(lines, table):
        if not secret:
            break
        if fits(other, told):
            secret -= {cell for cell in secret if other[cell] != table[cell]}
    assert not secret, f"{told} tells {secret}"
    # Whoever noted the tens of the month that went on learns no count of one to nine from the closed one either.
    inner = [cell for cell in table if "" not in cell]
    few = {cell for cell in table if 0 < table[cell] < SMALL}
    for other in neighbours(lines, table):
        if not few:
            break
        if fits(other, told) and all(other[cell] // SMALL == table[cell] // SMALL for cell in inner):
            few -= {cell for cell in few if other[cell] != table[cell]}
    assert not few, f"{told} and the tens tell {few}"


@given(tables())
@settings(max_examples=150)
def test_what_a_total_leaves_over_is_never_about_fewer_than_ten(case):
    lines, table = case
    shown = protect(lines, table)
    for cells, total in lines.lines():
        hidden = [cell for cell in cells if shown[cell] != "yes"]
        if shown[total] == "yes" and hidden:
            assert len(hidden) > 1
            assert sum(table[cell] for cell in hidden) >= SMALL


@st.composite
def corrected(draw):
    rows, columns = draw(st.sampled_from([(1, 2), (2, 1), (2, 2)]))
    lines = Lines([f"r{n}" for n in range(rows)], [f"c{n}" for n in range(columns)])
    inner = [(row, column) for row in lines.rows for column in lines.columns]
    before = {cell: draw(COUNTS) for cell in inner}
    steps = st.one_of(st.just(0), st.integers(-12, 12), st.integers(-60, 60))
    after = {cell: max(0, before[cell] + draw(steps)) for cell in inner}
    return lines, lines.with_totals(before), lines.with_totals(after)


@given(corrected())
@settings(max_examples=80)
def test_a_correction_tells_no_small_number_either_alone_or_with_the_first_count(case):
    lines, before, after = case
    change = {cell: after[cell] - before[cell] for cell in before}
    first, second = protect(lines, before), protect_change(lines, change, before)
    for cell in before:
        if second[cell] == "yes":
            assert abs(change[cell]) >= SMALL
            assert after[cell] >= SMALL, "what is left can be computed where the first count was told"
    told, corrections = published(before, first), published(change, second)
    secret_first = {cell for cell in before if first[cell] != "yes"}
    secret_change = {cell for cell in before if second[cell] != "yes"}
    secret_after = {cell for cell in before if after[cell] < SMALL}
    earlier = [other for other in neighbours(lines, before) if fits(other, told)]
    changes = [
        other
        for other in neighbours(lines, change)
        if all(seen == "hidden" or other[cell] == seen for cell, seen in corrections.items())
    ]
    for one, more in product(earlier, changes):
        if all(one[cell] + more[cell] >= 0 for cell in before):
            secret_first -= {cell for cell in secret_first if one[cell] != before[cell]}
            secret_change -= {cell for cell in secret_change if more[cell] != change[cell]}
            secret_after -= {cell for cell in secret_after if one[cell] + more[cell] != after[cell]}
        if not (secret_first or secret_change or secret_after):
            break
    assert not secret_first | secret_change | secret_after, f"{told} {corrections}"


def test_two_nines_are_not_told_by_their_total():
    """Each line keeps the rule of company, and yet eighteen is nine and nine: the audit hides more."""
    lines = Lines(["a", "b", "c"], ["x"])
    table = lines.with_totals({("a", "x"): 9, ("b", "x"): 9, ("c", "x"): 40})
    shown = protect(lines, table)
    assert shown["a", "x"] == shown["b", "x"] == "small"
    assert shown["c", "x"] == "hidden"
    assert shown["", ""] == "yes"


def test_the_tens_of_a_month_that_went_on_do_not_tell_what_the_closed_one_hides():
    """29 was told as twenty and some: beside a total of 38 that leaves nine, so the total goes, too."""
    lines = Lines(["a", "b"], ["x"])
    shown = protect(lines, lines.with_totals({("a", "x"): 9, ("b", "x"): 29}))
    assert set(shown.values()) == {"small", "hidden"}
    shown = protect(lines, lines.with_totals({("a", "x"): 8, ("b", "x"): 29}))
    assert shown["", ""] == "yes"


def test_a_table_without_small_numbers_is_told_whole():
    lines = Lines(["a", "b"], ["x", "y"])
    shown = protect(lines, lines.with_totals({("a", "x"): 10, ("a", "y"): 20, ("b", "x"): 30, ("b", "y"): 40}))
    assert set(shown.values()) == {"yes"}


def test_a_county_of_forty_peers_is_protected_in_a_moment():
    lines = Lines([f"r{n}" for n in range(25)], [f"c{n}" for n in range(40)])
    counts = {
        (row, column): (i * j * 7) % 23 for i, row in enumerate(lines.rows) for j, column in enumerate(lines.columns)
    }
    shown = protect(lines, lines.with_totals(counts))
    assert shown["", ""] == "yes"
