"""Months as the reports have them: their days, their instants where the node is, and when they close."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from schemas.calendar import WorkingCalendar
from schemas.problems import InvalidInput
from service.reports.charts import bar_rows
from service.reports.months import Month, working_days_between

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_month_begins_and_ends_where_the_node_is():
    december = Month.parse("2026-12")
    assert (str(december.plus(1)), str(december.plus(-12)), december.last) == ("2027-01", "2025-12", date(2026, 12, 31))
    assert december.begins_at(SHANGHAI) == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert december.plus(1).begins_at(SHANGHAI) == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert december.begins_at(ZoneInfo("Asia/Urumqi")) == datetime(2026, 11, 30, 18, tzinfo=UTC)
    # Where clocks change within a month, it begins at midnight before and after.
    assert Month.parse("2026-04").begins_at(ZoneInfo("Europe/Berlin")) == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert [Month(year, 2).last.day for year in (2027, 2028, 2100, 2000)] == [28, 29, 28, 29]


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-00", "2026-1", "1999-12", "2026-10-01", "２０２６-１０", "2026-10\n"]
)
def test_what_is_no_month_is_refused(text):
    with pytest.raises(InvalidInput):
        Month.parse(text)


def test_a_month_closes_on_its_fifth_working_day_holidays_and_worked_weekends_counted():
    calendar = WorkingCalendar.load(None)
    # 1 to 7 October 2026 are holidays, the 10th (a Saturday) is worked.
    assert Month.parse("2026-09").closes_on(calendar) == date(2026, 10, 13)
    assert Month.parse("2026-11").closes_on(calendar) == date(2026, 12, 7)
    # 15 to 23 February 2026 are holidays; Saturday the 14th and Saturday the 28th are worked.
    assert Month.parse("2026-01").closes_on(calendar) == date(2026, 2, 6)
    assert working_days_between(calendar, date(2026, 9, 30), date(2026, 10, 10)) == 3
    assert working_days_between(calendar, date(2026, 9, 30), date(2026, 9, 30)) == 0


def test_bars_are_as_long_as_their_numbers_and_hidden_ones_have_none():
    rows = bar_rows(["东", "西"], [[40, 20], [None, 10]])
    assert [[bar and (bar.label, bar.percent) for bar in row.bars] for row in rows] == [
        [("40", 82), None],
        [("20", 41), ("10", 20.5)],
    ]
    assert [bar and bar.percent for row in bar_rows(["东"], [[0]]) for bar in row.bars] == [0]
    assert bar_rows(["东"], [[1.5]])[0].bars[0].label == "1.5"
