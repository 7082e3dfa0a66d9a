"""What is held in memory for a while and nowhere else: uploads, until somebody has said what their columns are.

An upload holds columns that may not be stored (rule 1 of the domain), so it is never written down, not even sealed. It
lies in this process for half an hour at most; when the room is needed, when the process ends, or as soon as the ledger
is imported, it is gone, and the file is asked for again.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

HELD_FOR: Final = timedelta(minutes=30)
MOST_HELD_BYTES: Final = 64 * 1024 * 1024


class Held:
    """Uploads by a name of ours, the oldest first; safe to use from several threads."""

    def __init__(self) -> None:
        """Nothing is held yet."""
        self._lock = Lock()
        self._held: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()

    def put(self, name: str, content: bytes, now: datetime) -> None:
        """Hold an upload; the oldest ones make room. One that is larger than all the room is not held."""
        with self._lock:
            self._drop_old(now)
            self._held.pop(name, None)
            while self._held and self._size() + len(content) > MOST_HELD_BYTES:
                self._held.popitem(last=False)
            if len(content) <= MOST_HELD_BYTES:
                self._held[name] = (now, content)

    def get(self, name: str, now: datetime) -> bytes | None:
        """Give an upload that is still held."""
        with self._lock:
            self._drop_old(now)
            found = self._held.get(name)
            return found[1] if found else None

    def drop(self, name: str) -> None:
        """Forget an upload, whether it was held or not."""
        with self._lock:
            self._held.pop(name, None)

    def drop_old(self, now: datetime) -> None:
        """Forget what has been held for too long."""
        with self._lock:
            self._drop_old(now)

    def _drop_old(self, now: datetime) -> None:
        for name in [name for name, (since, _) in self._held.items() if now - since >= HELD_FOR]:
            del self._held[name]

    def _size(self) -> int:
        return sum(len(content) for _, content in self._held.values())
