"""When a reminder is due: periods, nights, holidays, and what a schedule may say."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import WorkingCalendar
from schemas.claims import Cadence
from schemas.problems import InvalidInput
from service.mail import may_send, retry_after
from service.reminders.rules import (
    check_schedule,
    due_days,
    next_period,
    period_of,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = WorkingCalendar.load()
LONG_AGO = date(2000, 1, 1)


def test_a_quarterly_period_is_the_calendar_quarter():
    period = period_of(Cadence.QUARTERLY, None, date(2026, 11, 22))
    assert (period.code, period.first_day, period.last_day) == ("2026Q4", date(2026, 10, 1), date(2026, 12, 31))
    assert next_period(Cadence.QUARTERLY, None, period).code == "2027Q1"


def test_a_yearly_period_ends_on_its_own_day():
    anchor = date(2027, 3, 15)
    period = period_of(Cadence.YEARLY, anchor, date(2026, 11, 22))
    assert (period.code, period.first_day, period.last_day) == ("2027-03-15", date(2026, 3, 16), anchor)
    assert next_period(Cadence.YEARLY, anchor, period).code == "2028-03-15"


def test_a_first_anchor_beyond_a_year_is_waited_for():
    assert period_of(Cadence.YEARLY, date(2028, 5, 1), date(2026, 11, 22)).last_day == date(2028, 5, 1)


def test_the_29th_of_february_is_the_28th_where_there_is_none():
    anchor = date(2028, 2, 29)
    period = period_of(Cadence.YEARLY, anchor, date(2028, 1, 1))
    assert period.last_day == anchor
    following = next_period(Cadence.YEARLY, anchor, period)
    assert following.last_day == date(2029, 2, 28)
    assert next_period(Cadence.YEARLY, anchor, following).last_day == date(2030, 2, 28)
    assert period_of(Cadence.YEARLY, anchor, date(2032, 2, 29)).last_day == date(2032, 2, 29)


def test_reminder_and_follow_up_fall_so_many_days_before_the_last():
    period = period_of(Cadence.QUARTERLY, None, date(2026, 11, 22))
    days = due_days(period, (14, 3), CALENDAR, LONG_AGO)
    assert [(due.step, due.on) for due in days] == [(1, date(2026, 12, 17)), (2, date(2026, 12, 28))]


def test_a_holiday_moves_to_the_next_working_day():
    # 1 to 7 October 2026 are the National Day holidays; so the anchor's reminder waits for the 8th.
    period = period_of(Cadence.YEARLY, date(2026, 10, 12), date(2026, 9, 1))
    assert [due.on for due in due_days(period, (9,), CALENDAR, LONG_AGO)] == [date(2026, 10, 8)]


def test_where_no_working_day_is_left_in_the_period_the_last_one_before_is_taken():
    period = period_of(Cadence.YEARLY, date(2026, 10, 4), date(2026, 9, 1))
    assert [due.on for due in due_days(period, (2,), CALENDAR, LONG_AGO)] == [date(2026, 9, 30)]


def test_two_that_fall_on_one_day_become_one():
    period = period_of(Cadence.YEARLY, date(2026, 10, 12), date(2026, 9, 1))
    assert [(due.step, due.on) for due in due_days(period, (10, 7), CALENDAR, LONG_AGO)] == [(1, date(2026, 10, 8))]


def test_days_that_have_passed_are_left_out():
    period = period_of(Cadence.QUARTERLY, None, date(2026, 12, 20))
    assert [due.step for due in due_days(period, (14, 3), CALENDAR, date(2026, 12, 20))] == [2]
    assert due_days(period, (14, 3), CALENDAR, date(2026, 12, 30)) == []


@given(
    day=st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    leads=st.lists(st.integers(0, 60), min_size=1, max_size=2, unique=True).map(lambda days: sorted(days)[::-1]),
    anchor=st.none() | st.dates(date(2024, 1, 1), date(2030, 12, 31)),
)
def test_every_message_falls_on_a_working_day_of_its_period_in_order(day, leads, anchor):
    cadence = Cadence.QUARTERLY if anchor is None else Cadence.YEARLY
    period = period_of(cadence, anchor, day)
    assert day <= period.last_day
    days = [due.on for due in due_days(period, leads, CALENDAR, LONG_AGO)]
    assert 1 <= len(days) <= len(leads)
    assert days == sorted(set(days))
    assert all(CALENDAR.is_working_day(one) and period.first_day <= one <= period.last_day for one in days)
    following = next_period(cadence, anchor, period)
    assert following.first_day == period.last_day + timedelta(days=1)


@pytest.mark.parametrize(
    ("local", "allowed"),
    [
        ("2026-12-17T07:59:59", False),
        ("2026-12-17T08:00:00", True),
        ("2026-12-17T19:59:59", True),
        ("2026-12-17T20:00:00", False),
        ("2026-12-19T10:00:00", False),
        ("2026-10-01T10:00:00", False),
        ("2026-10-10T10:00:00", True),
    ],
    ids=["too early", "morning", "evening", "night", "Saturday", "holiday", "worked Saturday"],
)
def test_messages_leave_by_day_on_working_days_only(local, allowed):
    moment = datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).astimezone(UTC)
    assert may_send(moment, SHANGHAI, CALENDAR) is allowed


@pytest.mark.parametrize(
    ("cadence", "anchor", "leads", "field"),
    [
        (Cadence.QUARTERLY, None, (), "lead_days"),
        (Cadence.QUARTERLY, None, (3, 2, 1), "lead_days"),
        (Cadence.QUARTERLY, None, (61,), "lead_days"),
        (Cadence.QUARTERLY, None, (-1,), "lead_days"),
        (Cadence.QUARTERLY, None, (3, 14), "lead_days"),
        (Cadence.QUARTERLY, None, (3, 3), "lead_days"),
        (Cadence.QUARTERLY, date(2027, 1, 1), (3,), "anchor_on"),
        (Cadence.YEARLY, None, (3,), "anchor_on"),
        (Cadence.YEARLY, date(2020, 1, 1), (3,), "anchor_on"),
        (Cadence.YEARLY, date(2099, 1, 1), (3,), "anchor_on"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_at_its_field(cadence, anchor, leads, field):
    with pytest.raises(InvalidInput) as refused:
        check_schedule(cadence, anchor, leads, date(2026, 11, 22))
    assert [error["field"] for error in refused.value.facts["errors"]] == [field]


def test_waiting_grows_to_an_hour_and_no_further():
    assert [retry_after(failures).total_seconds() for failures in (1, 2, 3, 7, 100)] == [60, 120, 240, 3600, 3600]
