"""The reminder run over a clock that we move: due days, nights, holidays, faults, crashes and two workers."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from sqlmodel import select

from schemas.claims import Cadence, Channel, ReminderKind
from schemas.clock import FakeClock
from service.database import Database
from service.registry.tables import Person
from service.reminders.actions import PlanDraft, find_plan_to_stop, set_done, set_paused
from service.reminders.effects import on_ended, on_erased, on_protected, on_withdrawn
from service.reminders.plans import drop_plan
from service.reminders.run import LEASE, claim_due, run_reminders
from service.reminders.tables import ChannelState, Reminder, ReminderCount, ReminderPlan
from tests.service.own_node import PERSON, make_side
from tests.service.reminders.conftest import QUARTERLY, WANTED, free_port

REMINDER_DAY, FOLLOW_UP_DAY = date(2026, 12, 17), date(2026, 12, 28)
ROOT = Path(__file__).parents[3]


def test_one_reminder_and_one_follow_up_on_their_days_and_no_more(here, sink, plan):
    plan()
    sent = {}
    for day in range(60):
        _at(here, date(2026, 11, 23) + timedelta(days=day))
        for hour in (8, 12, 19):
            _hour(here, hour)
            before = len(sink.mails)
            _run(here)
            if len(sink.mails) > before:
                sent[here.node.today()] = len(sink.mails) - before
    assert sent == {REMINDER_DAY: 1, FOLLOW_UP_DAY: 1}


def test_the_mail_says_nothing_about_health_to_whoever_sees_the_lock_screen(here, sink, plan):
    plan()
    _at(here, REMINDER_DAY)
    _run(here)
    (mail,) = sink.mails
    assert mail["To"] == PERSON["email"]
    preview = mail["Subject"] + " ".join(mail.get_content().split())[:200]
    for hint in ("健康", "检查", "体检", "health", "check", "Health", PERSON["name"]):
        assert hint not in preview
    body = mail.get_content()
    assert body.index("季度健康检查") < body.index("Quarterly health check")
    assert "2026-12-31" in body
    assert PERSON["name"] not in body
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].strip("<>") in body


def test_the_persons_own_language_stands_on_top(here, sink, plan):
    plan(QUARTERLY, WANTED, language="en")
    _at(here, REMINDER_DAY)
    _run(here)
    body = sink.mails[0].get_content()
    assert body.index("Quarterly health check") < body.index("季度健康检查")


@pytest.mark.parametrize("hour", [0, 7, 20, 23])
def test_at_night_nothing_leaves_and_in_the_morning_it_does(here, sink, plan, hour):
    plan()
    _at(here, REMINDER_DAY, hour)
    assert _run(here) == 0
    _at(here, REMINDER_DAY + timedelta(days=1), 8)
    assert _run(here) == 1


def test_on_a_weekend_nothing_leaves_even_when_it_is_late(here, sink, plan):
    plan()
    for day in (19, 20):
        _at(here, date(2026, 12, day))
        assert _run(here) == 0
    _at(here, date(2026, 12, 21))
    assert _run(here) == 1


def test_after_a_long_silence_only_the_follow_up_goes(here, sink, plan):
    plan()
    _at(here, FOLLOW_UP_DAY)
    assert (_run(here), _run(here)) == (1, 0)
    assert _states(here) == [(2, "sent")]


def test_when_the_period_ends_its_rows_go_and_a_count_per_channel_stays(here, sink, plan):
    for number in range(3):
        plan(name=f"刘{'一二三'[number]}", document_number=f"79010119850202121{number}")
    for day in (REMINDER_DAY, FOLLOW_UP_DAY):
        _at(here, day)
        _run(here)
    assert len(sink.mails) == 6
    _at(here, date(2027, 1, 1))
    _run(here)
    assert [(row.channel, row.quarter, row.sent) for row in _rows(here, ReminderCount)] == [("email", "2026Q4", 6)]
    assert all(row.state == "waiting" and row.due_on > date(2027, 1, 1) for row in _rows(here, Reminder))
    assert {row.period for row in _rows(here, ReminderPlan)} == {"2027Q1"}
    _at(here, date(2027, 3, 17))
    assert _run(here) == 3


def test_a_node_that_slept_for_two_quarters_sends_nothing_of_the_past(here, sink, plan):
    plan()
    _at(here, date(2027, 5, 6))
    assert _run(here) == 0
    assert _rows(here, ReminderPlan)[0].period == "2027Q2"
    assert _rows(here, ReminderCount) == []


def test_a_yearly_plan_keeps_its_own_day(here, sink, plan):
    draft = PlanDraft(ReminderKind.RESIDENCE_PERMIT, Cadence.YEARLY, Channel.EMAIL, (30,), date(2027, 3, 15))
    plan(draft, "remind:residence_permit")
    for year in (2027, 2028):
        on = date(year, 2, 13 if year == 2027 else 14)
        while not here.node.calendar.is_working_day(on):
            on += timedelta(days=1)
        _at(here, on - timedelta(days=1))
        assert _run(here) == 0
        _at(here, on)
        assert _run(here) == 1


def test_done_stops_the_follow_up_and_leaves_no_trace(here, sink, plan):
    _, made = plan()
    _at(here, REMINDER_DAY)
    _run(here)
    before = _columns(here)
    here.write(lambda session: set_done(session, session.get_one(ReminderPlan, made.id)))
    assert [(row["step"], row["state"]) for row in _columns(here)] == [(1, "sent")]
    assert _columns(here) == [row for row in before if row["step"] == 1]
    _at(here, FOLLOW_UP_DAY)
    assert _run(here) == 0
    _at(here, date(2027, 3, 17))
    assert _run(here) == 1, "the next period is not touched"


@pytest.mark.parametrize("how", ["withdrawn", "ended", "erased", "stopped", "protected", "paused"])
def test_whatever_ends_a_plan_ends_it_at_once_with_what_is_queued(here, sink, plan, how):
    person_id, made = plan()
    _at(here, REMINDER_DAY)
    _end(here, person_id, made, how)
    assert _run(here) == 0
    assert _rows(here, Reminder) == []
    assert len(_rows(here, ReminderPlan)) == (1 if how in ("protected", "paused") else 0)


def test_withdrawing_another_consent_leaves_the_plan(here, sink, plan):
    person_id, _ = plan()
    person = _person(here, person_id)
    here.write(lambda session: on_withdrawn(session, here.node, person, "remind:vaccination"))
    here.write(lambda session: on_withdrawn(session, here.node, person, "share_with_peer:790101"))
    _at(here, REMINDER_DAY)
    assert _run(here) == 1


def test_a_paused_plan_goes_on_with_what_is_ahead(here, sink, plan):
    _, made = plan()
    _end(here, None, made, "paused")
    _at(here, date(2026, 12, 20))
    here.write(lambda session: set_paused(session, here.node, session.get_one(ReminderPlan, made.id), "active"))
    assert _states(here) == [(2, "waiting")]
    _at(here, FOLLOW_UP_DAY)
    assert _run(here) == 1


def test_pausing_after_the_reminder_does_not_bring_it_again(here, sink, plan):
    _, made = plan()
    _at(here, REMINDER_DAY)
    _run(here)
    for state in ("paused", "active"):
        here.write(lambda session, to=state: set_paused(session, here.node, session.get_one(ReminderPlan, made.id), to))
    assert _states(here) == [(1, "sent"), (2, "waiting")]
    assert _run(here) == 0


def test_what_is_withdrawn_between_claim_and_sending_is_not_sent(here, sink, plan):
    person_id, made = plan()
    _at(here, REMINDER_DAY)

    def withdraw(name):
        if name == "reminders.claimed":
            _end(here, person_id, made, "withdrawn")

    assert _run(_with_point(here, withdraw)) == 0
    assert sink.mails == []


# --- faults -----------------------------------------------------------------------------------------------------------


def test_while_the_mail_server_is_out_of_reach_the_channel_rests_longer_and_longer(here, sink, plan):
    plan()
    _at(here, REMINDER_DAY, 8)
    away = _elsewhere(here, f"smtp://127.0.0.1:{free_port()}")
    waits = []
    for _ in range(4):
        assert _run(away) == 0
        (row,) = _rows(here, ChannelState)
        waits.append((row.next_attempt_at - here.clock.now()).total_seconds())
        assert _run(here) == 0, "it rests, whoever asks"
        here.clock.set(row.next_attempt_at)
    assert waits == [60, 120, 240, 480]
    assert _run(here) == 1
    assert _rows(here, ChannelState) == []


def test_a_recipient_who_is_refused_for_good_is_given_up_and_the_others_go(here, sink, plan):
    plan()
    plan(name="刘一", document_number="790101198502021219", email="gone@example.net")
    sink.refuse_recipient["gone@example.net"] = "550 no such user"
    _at(here, REMINDER_DAY)
    assert _run(here) == 1
    assert sorted(_states(here)) == [(1, "sent"), (1, "undeliverable"), (2, "waiting"), (2, "waiting")]


def test_a_mail_that_is_put_off_waits_alone_and_is_tried_later(here, sink, plan):
    plan()
    sink.refuse_data = "451 try later"
    _at(here, REMINDER_DAY, 9)
    assert (_run(here), _run(here)) == (0, 0)
    assert _rows(here, ChannelState) == []
    sink.refuse_data = None
    here.clock.advance(seconds=59)
    assert _run(here) == 0
    here.clock.advance(seconds=1)
    assert _run(here) == 1


def test_a_mail_that_is_put_off_again_and_again_is_given_up_for_this_period(here, sink, plan):
    plan()
    sink.refuse_data = "451 try later"
    _at(here, REMINDER_DAY, 8)
    for _ in range(10):
        _run(here)
        here.clock.advance(hours=1)
    assert (1, "undeliverable") in _states(here)


def test_without_a_mail_server_nothing_is_claimed_and_periods_still_turn(database, here, plan):
    plan()
    silent = make_side(database, clock=here.clock)
    _at(here, date(2027, 1, 4))
    assert _run(silent) == 0
    assert _rows(here, ReminderPlan)[0].period == "2027Q1"


# --- crashes and many workers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("died_at", [("reminders.claimed", 1), ("reminders.sent", 2)], ids=lambda died: died[0])
def test_a_killed_run_is_made_up_for_and_a_repeat_carries_the_same_message_id(here, sink, plan, database_url, died_at):
    point, copies = died_at
    plan()
    _at(here, REMINDER_DAY)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    arguments = [database_url, sink.url, here.clock.now().isoformat(), point]
    command = [sys.executable, "-m", "tests.service.reminders.dying", *arguments]
    died = subprocess.run(command, cwd=ROOT, env=environment, timeout=120, check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(sink.mails) == copies - 1
    machine = FakeClock(datetime.now(UTC))
    assert asyncio.run(run_reminders(here.node, machine=machine)) == 0, "the dead one's claim still holds"
    machine.advance(seconds=LEASE.total_seconds())
    assert asyncio.run(run_reminders(here.node, machine=machine)) == 1
    assert len(sink.mails) == copies
    assert len({mail["Message-ID"] for mail in sink.mails}) == 1
    assert _states(here) == [(1, "sent"), (2, "waiting")]


def test_two_workers_send_each_mail_once(here, sink, plan, database_url):
    for number in range(30):
        plan(
            name=f"刘{chr(0x4E00 + number)}",
            document_number=f"7901011985020212{number:02}",
            email=f"p{number}@example.net",
        )
    _at(here, REMINDER_DAY)
    other = Database(database_url)
    try:
        second = make_side(other, clock=here.clock, smtp_url=sink.url)

        async def both():
            return await asyncio.gather(run_reminders(here.node), run_reminders(second.node))

        assert sum(asyncio.run(both())) == 30
    finally:
        other.close()
    assert sorted(mail["To"] for mail in sink.mails) == sorted(f"p{number}@example.net" for number in range(30))


def test_a_claim_is_one_workers_until_it_runs_out(here, sink, plan):
    plan()
    _at(here, REMINDER_DAY)
    machine = here.clock.now()
    first = here.write(lambda session: claim_due(session, here.node, machine, "a"))
    assert len(first) == 1
    assert here.write(lambda session: claim_due(session, here.node, machine, "b")) == []
    later = machine + LEASE
    assert here.write(lambda session: claim_due(session, here.node, later, "b")) != []


# --- the stop page's secret -------------------------------------------------------------------------------------------


def test_the_secret_in_the_mail_finds_that_plan_and_stands_nowhere(here, sink, plan):
    _, made = plan()
    _at(here, REMINDER_DAY)
    _run(here)
    secret = sink.mails[0]["List-Unsubscribe"].strip("<>").rpartition("/")[2]
    assert here.read(lambda session: find_plan_to_stop(session, secret)).id == made.id
    assert all(secret.encode() not in value for value in _bytes(here, "reminder_plan"))


def test_no_column_tells_whose_a_plan_is(here, plan):
    person_id, _ = plan()
    for table in ("reminder_plan", "reminder"):
        for value in _bytes(here, table):
            for known in (person_id, PERSON["email"], PERSON["name"], PERSON["document_number"]):
                assert known.encode() not in value


# --- what the tests do ------------------------------------------------------------------------------------------------


def _run(side):
    return asyncio.run(run_reminders(side.node, machine=side.clock))


def _at(side, day, hour=10):
    side.clock.set(datetime(day.year, day.month, day.day, hour, tzinfo=side.node.zone))


def _hour(side, hour):
    _at(side, side.node.today(), hour)


def _rows(side, table):
    return side.read(lambda session: list(session.exec(select(table)).all()))


def _states(side):
    return sorted((row.step, row.state) for row in _rows(side, Reminder))


def _columns(side):
    return sorted((row.model_dump() for row in _rows(side, Reminder)), key=lambda row: row["step"])


def _person(side, person_id):
    return side.read(lambda session: session.get_one(Person, person_id))


def _end(side, person_id, made, how):
    if how in ("stopped", "paused"):

        def act(session):
            plan = session.get_one(ReminderPlan, made.id)
            return drop_plan(session, plan) if how == "stopped" else set_paused(session, side.node, plan, "paused")

        side.write(act)
        return
    person = _person(side, person_id)
    calls = {"erased": on_erased, "protected": on_protected}
    if how == "withdrawn":
        side.write(lambda session: on_withdrawn(session, side.node, person, WANTED))
    elif how == "ended":
        side.write(lambda session: on_ended(session, side.node, [person]))
    else:
        side.write(lambda session: calls[how](session, side.node, person))


def _with_point(side, point):
    return dataclasses.replace(side, node=dataclasses.replace(side.node, point=point))


def _elsewhere(side, url):
    settings = side.node.settings.model_copy(update={"smtp_url": url})
    return dataclasses.replace(side, node=dataclasses.replace(side.node, settings=settings))


def _bytes(side, table):
    def read(session):
        rows = session.execute(sqlalchemy.text(f"SELECT * FROM {table}")).mappings()
        return [
            bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
            for row in rows
            for value in row.values()
        ]

    return side.read(read)
