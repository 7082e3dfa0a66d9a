"""What was counted a moment ago, kept so that the next who looks does not count it again.

Only counts that took long are kept, and for a minute at most: whoever has a small register always sees it as it is, and
a reader of a large one is told the time of the count. One thread counts; the others who ask meanwhile get what there
is, with its time, or wait where there is nothing.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, TypeVar, cast

KEPT_FOR: Final = timedelta(minutes=1)
MOST_KEPT: Final = 8
WORTH_KEEPING_SECONDS: Final = 0.25
"""A count that takes less is not kept."""

T = TypeVar("T")


@dataclass(slots=True)
class _Kept:
    lock: Lock = field(default_factory=Lock)
    value: Any = None
    at: datetime | None = None


class Counted:
    """Counts by name, a few of them, the least asked for first to go; safe to use from several threads."""

    def __init__(self, worth_keeping_seconds: float = WORTH_KEEPING_SECONDS) -> None:
        """Nothing is kept yet."""
        self._worth_keeping_seconds = worth_keeping_seconds
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def get(self, name: Hashable, now: datetime, count: Callable[[], T]) -> tuple[T, datetime]:
        """Give a count and when it was made: one of the last minute, or a new one. Raises what `count` raises."""
        with self._lock:
            kept = self._kept.setdefault(name, _Kept())
            self._kept.move_to_end(name)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            found, at = kept.value, kept.at
        if at is not None and timedelta(0) <= now - at < KEPT_FOR:
            return cast("T", found), at
        if not kept.lock.acquire(blocking=at is None):
            # Somebody counts just now: what there is has its time with it.
            return cast("T", found), cast("datetime", at)
        try:
            if kept.at is not None and timedelta(0) <= now - kept.at < KEPT_FOR:
                return cast("T", kept.value), kept.at
            begun = time.monotonic()
            made = count()
            worth = time.monotonic() - begun >= self._worth_keeping_seconds
            kept.value, kept.at = (made, now) if worth else (None, None)
        finally:
            kept.lock.release()
        return made, now
