"""Time and randomness as arguments."""

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from schemas.clock import FakeClock, SystemClock, local_date, parse_rfc3339, rfc3339
from schemas.entropy import SeededEntropy, SystemEntropy, numbered_uuid7, uuid4, uuid7
from schemas.points import POINTS, pass_by

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_fake_clock_moves_only_when_told():
    clock = FakeClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.advance(hours=3, seconds=1) == NOON + timedelta(hours=3, seconds=1)
    clock.set(NOON - timedelta(days=1))
    assert clock.now() == NOON - timedelta(days=1)


def test_a_fake_clock_refuses_a_moment_without_a_zone():
    with pytest.raises(ValueError, match="zone"):
        FakeClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the naive moment is what is refused


def test_the_system_clock_tells_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_the_local_day_is_that_of_the_zone():
    late = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    assert local_date(late, ZoneInfo("Asia/Shanghai")) == date(2027, 1, 1)
    assert local_date(late, ZoneInfo("UTC")) == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22t12:00:00z", NOON),
        ("2026-11-22T20:00:00+08:00", NOON),
        ("2026-11-22T12:00:00.250Z", NOON + timedelta(milliseconds=250)),
    ],
)
def test_rfc_3339_is_read(text, moment):
    assert parse_rfc3339(text) == moment
    assert parse_rfc3339(rfc3339(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22",
        "2026-11-22T12:00:00",
        "2026-11-22 12:00:00Z",
        "20261122T120000Z",
        "2026-11-22T12:00Z",
        "1763812800",
        "2026-13-01T00:00:00Z",
        "2026-11-22T12:00:00Z\n",
        "0001-01-01T00:00:00+14:00",
        "２026-11-22T12:00:00Z",
    ],
)
def test_other_spellings_of_time_are_refused(text):
    with pytest.raises(ValueError):
        parse_rfc3339(text)


def test_times_are_written_in_utc_with_z():
    assert rfc3339(datetime(2026, 11, 22, 20, 0, tzinfo=timezone(timedelta(hours=8)))) == "2026-11-22T12:00:00Z"


def test_seeded_entropy_repeats_itself():
    def draw(seed):
        source = SeededEntropy(seed)
        return source.token_bytes(16), source.uniform(0.8, 1.4), source.below(1000), uuid7(NOON, source), uuid4(source)

    assert draw("twin") == draw("twin")
    assert draw("twin") != draw("other")


def test_system_entropy_stays_within_its_bounds():
    source = SystemEntropy()
    assert len(source.token_bytes(32)) == 32
    assert 0.8 <= source.uniform(0.8, 1.4) <= 1.4
    assert {source.below(2) for _ in range(100)} == {0, 1}


def test_ids_have_the_version_and_variant_of_rfc_9562():
    source = SeededEntropy(1)
    seven, four = UUID(uuid7(NOON, source)), UUID(uuid4(source))
    assert (seven.version, seven.variant) == (7, "specified in RFC 4122")
    assert (four.version, four.variant) == (4, "specified in RFC 4122")
    assert seven.int >> 80 == int(NOON.timestamp() * 1000)


def test_ids_sort_by_the_microsecond_they_were_made_in():
    source = SeededEntropy(2)
    made = [uuid7(NOON + timedelta(microseconds=step), source) for step in range(0, 5000, 7)]
    assert made == sorted(made)


def test_points_are_named_and_passed_by():
    for name in POINTS:
        pass_by(name)
    assert {"database.before_commit", "inbox.committed", "delivery.claimed", "log.sequencing"} <= POINTS.keys()


def test_a_numbered_id_is_the_same_again_and_orders_what_was_made_at_one_moment():
    made = [numbered_uuid7(NOON, number, b"\xff" * 16) for number in (0, 1, 4095, 4096, 200_000, 2**24 - 1)]
    assert made == sorted(set(made))
    assert {UUID(one).version for one in made} == {7}
    assert {UUID(one).variant for one in made} == {UUID(uuid4(SystemEntropy())).variant}
    assert made[0][:13] == uuid7(NOON, SystemEntropy())[:13]
    assert numbered_uuid7(NOON, 1, b"a" * 16) != numbered_uuid7(NOON, 1, b"b" * 16)
    assert numbered_uuid7(NOON, 1, b"a" * 16) == numbered_uuid7(NOON, 1, b"a" * 16)
