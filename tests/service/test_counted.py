"""What took long to count is kept for a minute; who asks meanwhile gets what there is."""

import threading
from datetime import UTC, datetime, timedelta

from service.counted import KEPT_FOR, MOST_KEPT, Counted

NOW = datetime(2026, 11, 3, 2, tzinfo=UTC)


def test_a_long_count_is_made_once_a_minute():
    counts = iter(range(10))
    kept = Counted(worth_keeping_seconds=0)
    assert kept.get("flows", NOW, lambda: next(counts)) == (0, NOW)
    later = NOW + KEPT_FOR - timedelta(seconds=1)
    assert kept.get("flows", later, lambda: next(counts)) == (0, NOW), "and it says when it was made"
    assert kept.get("quality", later, lambda: next(counts)) == (1, later), "each by its name"
    assert kept.get("flows", NOW + KEPT_FOR, lambda: next(counts)) == (2, NOW + KEPT_FOR)
    assert kept.get("flows", NOW, lambda: next(counts)) == (3, NOW), "a clock that was put back is no reason to wait"


def test_a_short_count_is_never_old():
    counts = iter(range(10))
    kept = Counted(worth_keeping_seconds=60)
    assert [kept.get("flows", NOW, lambda: next(counts))[0] for _ in range(3)] == [0, 1, 2]


def test_few_are_kept_and_a_failure_is_not():
    counts = iter(range(100))
    kept = Counted(worth_keeping_seconds=0)
    for number in range(MOST_KEPT + 1):
        kept.get(number, NOW, lambda: next(counts))
    assert kept.get(MOST_KEPT, NOW, lambda: -1)[0] == MOST_KEPT
    assert kept.get(0, NOW, lambda: -1)[0] == -1, "the one that was asked for first made room"

    def fails() -> int:
        raise ValueError

    for _ in range(2):
        try:
            kept.get("bad", NOW, fails)
        except ValueError:
            continue
        raise AssertionError


def test_while_one_counts_anew_the_others_get_what_there_is():
    kept = Counted(worth_keeping_seconds=0)
    kept.get("flows", NOW, lambda: "old")
    counting, done = threading.Event(), threading.Event()
    given: list[tuple[str, datetime]] = []
    later = NOW + 2 * KEPT_FOR

    def slowly() -> str:
        counting.set()
        assert done.wait(10)
        return "new"

    one = threading.Thread(target=lambda: given.append(kept.get("flows", later, slowly)))
    one.start()
    assert counting.wait(10)
    assert kept.get("flows", later, lambda: "another") == ("old", NOW)
    done.set()
    one.join()
    assert given == [("new", later)]
