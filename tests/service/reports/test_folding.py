"""Regions without a number are one line where they are many."""

from service.reports.folding import FEW, folded
from service.reports.queries import HIDDEN_MARK, NONE_MARK, SMALL_MARK, Row, Table


def table(quiet, title="by_peer"):
    rows = [Row(f"{790000 + number}", (SMALL_MARK, NONE_MARK)) for number in range(quiet)]
    told = [Row("790900", (12, NONE_MARK)), Row("790901", (HIDDEN_MARK, NONE_MARK))]
    return Table(title, ("asked", "days"), (*rows, *told, Row("other", (SMALL_MARK, NONE_MARK)), Row("", (40, 2.5))))


def test_many_regions_without_a_number_are_one_row_before_the_others_and_the_total():
    shown = folded(table(FEW + 1))
    assert [row.code for row in shown.rows] == ["790900", "790901", f"folded:{FEW + 1}", "other", ""]
    assert shown.rows[2].values == (SMALL_MARK, NONE_MARK)
    assert shown.rows[-1].values == (40, 2.5)


def test_a_few_regions_and_the_region_s_own_offices_are_listed_by_name():
    assert folded(table(FEW)) == table(FEW)
    assert folded(table(50, "by_office")) == table(50, "by_office")
    every = Table("by_peer", ("asked",), tuple(Row(f"{790000 + number}", (SMALL_MARK,)) for number in range(12)))
    assert [row.code for row in folded(every).rows] == ["folded:12"]
