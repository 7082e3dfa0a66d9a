"""When to try again, as the protocol's table says."""

from datetime import timedelta

import pytest

from federation.retry import Verdict, delay, verdict
from schemas.entropy import SeededEntropy


class Still:
    """No jitter."""

    def token_bytes(self, n: int) -> bytes:
        return bytes(n)

    def uniform(self, a: float, b: float) -> float:
        return 1.0

    def below(self, n: int) -> int:
        return 0


@pytest.mark.parametrize(
    ("status", "signed", "retry", "expected"),
    [
        (None, False, None, Verdict.OUTAGE),
        (200, True, None, Verdict.DONE),
        (200, False, None, Verdict.OUTAGE),
        (301, False, None, Verdict.OUTAGE),
        (401, False, "after_fixing", Verdict.OUTAGE),
        (404, False, None, Verdict.OUTAGE),
        (400, False, "never", Verdict.OUTAGE),
        (408, False, None, Verdict.OUTAGE),
        (425, True, None, Verdict.OUTAGE),
        (429, True, "later", Verdict.OUTAGE),
        (500, True, "never", Verdict.OUTAGE),
        (503, True, "later", Verdict.OUTAGE),
        (413, False, None, Verdict.HALVE),
        (413, True, "after_fixing", Verdict.HALVE),
        (400, True, "never", Verdict.HALVE),
        (422, True, "never", Verdict.HALVE),
        (400, True, "now", Verdict.AGAIN),
        (409, True, "now", Verdict.AGAIN),
        (401, True, "after_fixing", Verdict.FIXING),
        (415, True, "after_fixing", Verdict.FIXING),
        (403, True, "later", Verdict.OUTAGE),
        (403, True, "never", Verdict.STOPPED),
    ],
)
def test_an_answer_means(status: int | None, signed: bool, retry: str | None, expected: Verdict) -> None:
    assert verdict(status, signed=signed, retry=retry) is expected


def test_a_blip_is_met_by_three_quick_tries_and_an_outage_by_longer_ones() -> None:
    waits = [delay(n, timedelta(minutes=1), Still()).total_seconds() for n in range(1, 9)]
    assert waits == [1, 1, 1, 10, 20, 30, 30, 30]
    assert delay(40, timedelta(minutes=14, seconds=59), Still()).total_seconds() == 30
    assert delay(40, timedelta(minutes=15), Still()).total_seconds() == 3600


def test_jitter_is_between_0_8_and_1_4() -> None:
    entropy = SeededEntropy(4)
    waits = [delay(4, timedelta(), entropy).total_seconds() for _ in range(500)]
    assert min(waits) >= 8
    assert max(waits) <= 14
    assert max(waits) - min(waits) > 5
