"""Deadlines, release times, and the words of an answer."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from schemas.calendar import WorkingCalendar
from schemas.claims import AnswerWord, Claim, Urgency
from schemas.problems import InvalidInput
from service.verification import rules
from service.verification.rules import NOBODY, Standing

CALENDAR = WorkingCalendar.load()
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON_AND_FIVE = (time(12), time(17))
ALL = list(Claim)
C, N, R, W = AnswerWord.CONFIRMED, AnswerWord.NOT_CONFIRMED, AnswerWord.NO_RECORD, AnswerWord.WITHHELD


def at(day: int, hour: int, minute: int = 0, month: int = 9) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("now", "leaves"),
    [
        (at(21, 9), at(21, 12)),
        (at(21, 12), at(21, 17)),
        (at(21, 17, 1), at(22, 12)),
        (at(18, 18), at(20, 12)),  # the Sunday after is worked (调休)
        (at(24, 20), at(28, 12)),  # Friday to Sunday: 中秋
        (at(30, 18), at(8, 12, month=10)),  # the National Day week
    ],
)
def test_answers_leave_at_release_times_of_working_days(now, leaves):
    assert rules.leaves_at(now.astimezone(UTC), NOON_AND_FIVE, CALENDAR, SHANGHAI) == leaves


def test_always_means_at_once():
    now = at(26, 20)
    assert rules.leaves_at(now, "always", CALENDAR, SHANGHAI) == now


def test_an_answer_is_due_in_working_days_of_the_agreement_or_of_the_urgency():
    friday = date(2026, 11, 20)
    assert rules.due_on(CALENDAR, friday, Urgency.NORMAL, 10).on == date(2026, 12, 4)
    assert rules.due_on(CALENDAR, friday, Urgency.NORMAL, 5).on == date(2026, 11, 27)
    assert rules.due_on(CALENDAR, friday, Urgency.URGENT, 10).on == date(2026, 11, 25)
    assert rules.due_on(CALENDAR, friday, Urgency.URGENT, 2).on == date(2026, 11, 24)
    assert rules.expires_on(CALENDAR, date(2026, 12, 4)) == date(2026, 12, 18)


def test_a_date_in_a_year_without_its_list_is_provisional():
    assert rules.due_on(CALENDAR, date(2026, 12, 30), Urgency.NORMAL, 10).provisional


def test_without_a_journey_nothing_but_no_record_is_said():
    for claim in ALL:
        assert rules.allowed_words(claim, NOBODY, ()) == (R,)
        assert rules.allowed_words(claim, Standing(registered=True, consent=True), ()) == (R,)


def test_where_a_person_is_needs_their_consent_too():
    unasked, asked = Standing(arrivals=True, registered=True), Standing(arrivals=True, registered=True, consent=True)
    for claim in (Claim.REGISTERED_HERE, Claim.ARRIVAL_DECLARED):
        assert rules.allowed_words(claim, unasked, ()) == (R,)
        assert rules.allowed_words(claim, asked, ()) == (C, N, R)
    assert rules.allowed_words(Claim.IDENTITY, unasked, ()) == (C, N, R)


def test_a_departure_is_confirmed_only_to_its_destination():
    assert C in rules.allowed_words(Claim.DEPARTURE_DECLARED, Standing(departures=True), ())
    assert rules.allowed_words(Claim.DEPARTURE_DECLARED, Standing(arrivals=True), ()) == (N, R)


def test_what_the_agreement_does_not_hold_is_withheld_from_anyone():
    withheld = rules.withheld_claims(ALL, [Claim.IDENTITY])
    assert withheld == set(ALL) - {Claim.IDENTITY}
    for standing in (NOBODY, Standing(departures=True, consent=True)):
        assert rules.allowed_words(Claim.REGISTERED_HERE, standing, withheld) == (W,)


def test_only_confirmed_is_answered_by_itself():
    leaving = Standing(departures=True)
    both = [Claim.IDENTITY, Claim.DEPARTURE_DECLARED]
    assert rules.automatic_answer(both, leaving, ()) == {Claim.IDENTITY: C, Claim.DEPARTURE_DECLARED: C}
    assert rules.automatic_answer(both, NOBODY, ()) is None
    assert rules.automatic_answer([*both, Claim.REGISTERED_HERE], leaving, ()) is None
    withheld = {Claim.REGISTERED_HERE}
    told = rules.automatic_answer([*both, Claim.REGISTERED_HERE], leaving, withheld)
    assert told == {Claim.IDENTITY: C, Claim.DEPARTURE_DECLARED: C, Claim.REGISTERED_HERE: W}
    assert rules.automatic_answer([Claim.REGISTERED_HERE], leaving, withheld) is None


def test_an_officer_answers_each_claim_with_a_possible_word():
    leaving = Standing(departures=True)
    asked = [Claim.IDENTITY, Claim.DEPARTURE_DECLARED]
    rules.check_answers({Claim.IDENTITY: C, Claim.DEPARTURE_DECLARED: N}, asked, leaving, ())
    for answers in (
        {Claim.IDENTITY: C},
        {Claim.IDENTITY: C, Claim.DEPARTURE_DECLARED: C, Claim.REGISTERED_HERE: R},
        {Claim.IDENTITY: W, Claim.DEPARTURE_DECLARED: C},
    ):
        with pytest.raises(InvalidInput):
            rules.check_answers(answers, asked, leaving, ())
    with pytest.raises(InvalidInput):
        rules.check_answers({Claim.IDENTITY: C, Claim.DEPARTURE_DECLARED: R}, asked, NOBODY, ())


def test_what_lapsed_before_it_left_is_no_record():
    prepared = {Claim.IDENTITY: C, Claim.REGISTERED_HERE: W}
    assert rules.still_true(prepared, NOBODY, {Claim.REGISTERED_HERE}) == {
        Claim.IDENTITY: R,
        Claim.REGISTERED_HERE: W,
    }


@pytest.mark.parametrize(
    ("answers", "confirms"),
    [
        ({Claim.DEPARTURE_DECLARED: C}, True),
        ({Claim.DEPARTURE_DECLARED: N, Claim.IDENTITY: C}, False),
        ({Claim.DEPARTURE_DECLARED: R}, False),
        ({Claim.DEPARTURE_DECLARED: W, Claim.IDENTITY: C}, True),
        ({Claim.IDENTITY: C}, True),
        ({Claim.IDENTITY: R}, False),
        ({Claim.REGISTERED_HERE: C}, False),
    ],
)
def test_an_arrival_is_confirmed_by_the_departure_else_by_the_identity(answers, confirms):
    assert rules.confirms_arrival(answers) is confirms
