"""Quarters, working days, deadlines, and dates known by month."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.calendar import Deadline, PartialDate, WorkingCalendar
from schemas.quarters import Quarter


@pytest.fixture(scope="module")
def calendar():
    return WorkingCalendar.load()


def test_a_quarter_knows_its_days():
    quarter = Quarter.parse(" 2026q4 ")
    assert quarter == "2026Q4"
    assert (quarter.first_day, quarter.last_day) == (date(2026, 10, 1), date(2026, 12, 31))
    assert quarter.next() == "2027Q1"
    assert quarter.next().previous() == quarter
    assert Quarter("9999Q4").last_day == date.max


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2999, 12, 31)))
@settings(derandomize=True, max_examples=200)
def test_every_day_lies_in_its_quarter(day):
    quarter = Quarter.of(day)
    assert quarter.first_day <= day <= quarter.last_day
    assert quarter.last_day + timedelta(days=1) == quarter.next().first_day
    assert quarter < quarter.next()
    assert quarter.previous().next() == quarter


@pytest.mark.parametrize("text", ["", "2026Q5", "2026Q0", "26Q1", "2026-4", "2026Q44", "0000Q1", "２026Q1"])
def test_other_texts_are_no_quarters(text):
    with pytest.raises(ValueError, match="2026Q4"):
        Quarter.parse(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Quarter).validate_json(f'"{text}"')


def test_pydantic_reads_and_writes_quarters():
    adapter = TypeAdapter(Quarter)
    assert isinstance(adapter.validate_json('"2026Q4"'), Quarter)
    assert adapter.dump_json(Quarter("2026Q4")) == b'"2026Q4"'
    with pytest.raises(ValidationError):
        adapter.validate_python("2026q4")


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 11, 20), True),  # a Friday
        (date(2026, 11, 21), False),  # a Saturday
        (date(2026, 10, 1), False),  # National Day
        (date(2026, 10, 10), True),  # a Saturday that is worked for it
        (date(2026, 2, 14), True),  # a Saturday that is worked for Spring Festival
        (date(2026, 2, 17), False),  # the first day of the lunar year
        (date(2004, 1, 22), False),  # the first list there is
    ],
)
def test_the_official_list_tells_working_days(calendar, day, works):
    assert calendar.is_working_day(day) is works


def test_the_list_is_that_of_the_package_it_was_made_from(calendar):
    import chinese_calendar

    day = date(2004, 1, 1)
    while day < date(2027, 1, 1):
        assert calendar.is_working_day(day) is chinese_calendar.is_workday(day), day
        day += timedelta(days=1)


def test_the_start_day_does_not_count(calendar):
    assert calendar.add_working_days(date(2026, 11, 16), 1) == Deadline(date(2026, 11, 17), provisional=False)
    assert calendar.add_working_days(date(2026, 11, 20), 1).on == date(2026, 11, 23)


def test_ten_working_days_step_over_national_day_and_count_the_worked_saturday(calendar):
    assert calendar.add_working_days(date(2026, 9, 30), 10) == Deadline(date(2026, 10, 20), provisional=False)


def test_working_days_count_backwards_too(calendar):
    assert calendar.add_working_days(date(2026, 10, 12), -2).on == date(2026, 10, 9)


def test_no_working_days_is_the_day_itself_or_the_next_one(calendar):
    assert calendar.add_working_days(date(2026, 11, 20), 0).on == date(2026, 11, 20)
    assert calendar.add_working_days(date(2026, 11, 21), 0).on == date(2026, 11, 23)


def test_a_deadline_on_a_holiday_moves_on(calendar):
    assert calendar.next_working_day(date(2026, 10, 1)) == date(2026, 10, 8)
    assert calendar.add_days(date(2026, 9, 21), 10) == Deadline(date(2026, 10, 8), provisional=False)


def test_a_year_without_its_list_is_provisional(calendar):
    assert not calendar.is_provisional(2026)
    assert calendar.is_provisional(2027)
    assert calendar.add_working_days(date(2026, 12, 28), 2).provisional is False
    over = calendar.add_working_days(date(2026, 12, 28), 5)
    assert over == Deadline(date(2027, 1, 5), provisional=True)
    assert calendar.add_working_days(date(2027, 1, 4), -2).provisional is True


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2027, 1, 1), False),
        (date(2027, 5, 3), True),  # two days in May since 2025
        (date(2028, 5, 1), False),
        (date(2028, 5, 2), False),
        (date(2027, 10, 1), False),
        (date(2028, 10, 3), False),
        (date(2027, 2, 8), True),  # lunar: unknown without the list
        (date(2027, 1, 2), False),  # a Saturday
        (date(2000, 5, 3), False),  # three days in May before 2008
    ],
)
def test_without_a_list_weekends_and_fixed_dates_are_taken(calendar, day, works):
    assert calendar.is_working_day(day) is works


def test_a_local_file_adds_years_and_local_holidays(tmp_path):
    local = tmp_path / "local.csv"
    local.write_text("date,kind,name\n2027,year,\n2027-02-08,holiday,春节\n2026-11-23,holiday,本地节日\n", "utf-8")
    calendar = WorkingCalendar.load(local)
    assert not calendar.is_provisional(2027)
    assert not calendar.is_working_day(date(2027, 2, 8))
    assert not calendar.is_working_day(date(2026, 11, 23))
    assert calendar.is_working_day(date(2027, 10, 1)), "a complete list says all there is"


@pytest.mark.parametrize("row", ["2027-02-30,holiday,x", "2027-02-08,feast,x", "soon,year,"])
def test_a_broken_calendar_file_is_named_with_its_line(tmp_path, row):
    broken = tmp_path / "broken.csv"
    broken.write_text(f"date,kind,name\n{row}\n", "utf-8")
    with pytest.raises(ValueError, match=r"broken\.csv, line 2"):
        WorkingCalendar.load([broken])


@given(st.dates(min_value=date(2004, 2, 1), max_value=date(2026, 10, 1)), st.integers(1, 40))
@settings(derandomize=True, max_examples=150)
def test_between_start_and_deadline_lie_exactly_so_many_working_days(start, count):
    calendar = _loaded()
    end = calendar.add_working_days(start, count).on
    days = [start + timedelta(days=step) for step in range(1, (end - start).days + 1)]
    assert sum(map(calendar.is_working_day, days)) == count
    assert calendar.is_working_day(end)


def _loaded(cache={}):  # noqa: B006 - one load for all examples
    return cache.setdefault("calendar", WorkingCalendar.load())


def test_a_month_is_never_filled_up():
    month, day = PartialDate.parse("2026-02"), PartialDate.of(date(2026, 2, 17))
    assert (month.is_exact, day.is_exact) == (False, True)
    assert (month.earliest, month.latest) == (date(2026, 2, 1), date(2026, 2, 28))
    assert day.earliest == day.latest == date(2026, 2, 17)
    assert str(month) == "2026-02"


def test_partial_dates_compare_by_time():
    assert sorted(map(PartialDate, ["2026-03", "2026-02-17", "2026-02", "2025-12-31"])) == [
        "2025-12-31",
        "2026-02",
        "2026-02-17",
        "2026-03",
    ]


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-02-30", "2026-2", "2026/02", "春节", "2026-02-17T00:00:00Z"]
)
def test_other_texts_are_no_dates(text):
    with pytest.raises(ValueError):
        PartialDate.parse(text)
    with pytest.raises(ValidationError):
        TypeAdapter(PartialDate).validate_python(text)
