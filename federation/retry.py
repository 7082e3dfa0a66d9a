"""When to try again, decided from values alone.

One destination has one request in flight. Its answers fall into few verdicts:

* ``DONE``: a signed ``200``; every message has its own result.
* ``AGAIN``: a new request at once (a replay, a body changed on the way), three times, then an outage.
* ``OUTAGE``: nothing is known to be wrong with what we send: no answer, 408, 425, 429, 5xx, every *unsigned* 4xx (a
  proxy's page says nothing about the peer), a signature that does not verify, and signed problems with ``later``.
* ``HALVE``: 413, or a signed 400 or 422: the batch is halved until the one message is found, and only that is parked.
* ``FIXING``: a signed ``after_fixing``: the destination waits and the peers page says why.
* ``STOPPED``: a signed ``never``: nothing goes there until an officer acts.

A blip is met by three quick tries. After that an outage waits 10 s, doubled each time, with jitter 0.8–1.4, at most
30 s for the first 15 minutes, then an hour; the failures are kept in the database, so a restart changes nothing.
"""

from datetime import timedelta
from enum import StrEnum

from schemas.entropy import Entropy

QUICK_TRIES = 3
QUICK_SECONDS = 1.0
FIRST_SECONDS = 10.0
SHORT_CAP_SECONDS = 30.0
LONG_CAP_SECONDS = 3600.0
SHORT_PHASE = timedelta(minutes=15)
JITTER = (0.8, 1.4)


class Verdict(StrEnum):
    """What an answer means for the destination."""

    DONE = "done"
    AGAIN = "again"
    OUTAGE = "outage"
    HALVE = "halve"
    FIXING = "fixing"
    STOPPED = "stopped"


def verdict(status: int | None, *, signed: bool, retry: str | None) -> Verdict:
    """Judge one answer: its HTTP ``status`` (``None``: no answer came), whether its signature verified, and the
    ``retry`` member of its problem.

    A signed 400 or 422 that says ``now`` is about the way, not about a message, and goes by its ``retry``.
    """
    if status == 413:
        return Verdict.HALVE
    if status is None or not signed:
        return Verdict.OUTAGE
    if status == 200:
        return Verdict.DONE
    if status in (408, 425, 429) or status >= 500:
        return Verdict.OUTAGE
    if retry == "now":
        return Verdict.AGAIN
    if status in (400, 422):
        return Verdict.HALVE
    if retry == "after_fixing":
        return Verdict.FIXING
    return Verdict.STOPPED if retry == "never" else Verdict.OUTAGE


def delay(failures: int, failing_for: timedelta, entropy: Entropy) -> timedelta:
    """How long to wait after the ``failures``-th failure in a row (1 is the first), ``failing_for`` after that one."""
    jitter = entropy.uniform(*JITTER)
    if failures <= QUICK_TRIES:
        return timedelta(seconds=QUICK_SECONDS * jitter)
    cap = SHORT_CAP_SECONDS if failing_for < SHORT_PHASE else LONG_CAP_SECONDS
    doublings = min(failures - QUICK_TRIES - 1, 20)
    return timedelta(seconds=min(cap, FIRST_SECONDS * 2**doublings) * jitter)


def mending_delay(entropy: Entropy) -> timedelta:
    """How long a destination that someone must mend waits before it is asked again by itself."""
    return timedelta(seconds=LONG_CAP_SECONDS * entropy.uniform(*JITTER))
