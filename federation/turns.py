"""Whose turn it is to be sent to, so that the dead, who cost a time-out each, never stand in the way of the living.

There are places for destinations that are sound and places of their own for those that failed the last time. For the
first failure nobody can know: so a sound destination whose answer does not come soon leaves its place to the next one
and goes on waiting beside, as long as there is room for that. All together are fewer than the client's connections.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SOUND_PLACES = 64
AILING_PLACES = 192
HANGING_PLACES = 192


class Turns:
    """The places of one process."""

    def __init__(self) -> None:
        """All places are free."""
        self._places = {False: asyncio.Semaphore(SOUND_PLACES), True: asyncio.Semaphore(AILING_PLACES)}
        self._hanging = 0

    @asynccontextmanager
    async def turn(self, *, is_ailing: bool) -> "AsyncIterator[Turn]":
        """Wait for a place and hold it."""
        places = self._places[is_ailing]
        await places.acquire()
        turn = Turn(self, places, may_linger=not is_ailing)
        try:
            yield turn
        finally:
            turn.end()

    def take_hanging(self) -> bool:
        """Take a place beside, if one is free."""
        if self._hanging >= HANGING_PLACES:
            return False
        self._hanging += 1
        return True

    def leave_hanging(self) -> None:
        """Give a place beside back."""
        self._hanging -= 1


class Turn:
    """One destination's leave to send."""

    def __init__(self, turns: Turns, places: asyncio.Semaphore, *, may_linger: bool) -> None:
        """Hold one of ``places``; an ailing destination has nowhere else to wait."""
        self._turns = turns
        self._places = places
        self._may_linger = may_linger
        self._lingers = False

    def linger(self) -> None:
        """The answer takes its time: make way for the next one, if there is room to wait elsewhere."""
        if self._may_linger and not self._lingers and self._turns.take_hanging():
            self._lingers = True
            self._places.release()

    def end(self) -> None:
        """Give the place back, whichever it is."""
        if self._lingers:
            self._turns.leave_hanging()
        else:
            self._places.release()
