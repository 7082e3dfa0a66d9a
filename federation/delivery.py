"""Sending: per destination one request in flight, batches of what is due, persisted retry.

Rows are the truth. A loop looks for destinations that have something due, is woken when something was queued (for one
destination, then it looks at that one alone), and looks at all every second, because other processes queue too. For
each such destination a task claims a batch (``batches``), sends it with no transaction open, and records what came of
it (``settling``), until nothing is due. The claim is a lease: several processes may run this on one database, and one
destination still sees one request at a time.

Destinations that failed the last time have places of their own (``turns``), so that the dead, who cost a time-out each,
never stand in the way of the living; they wait in the database until one is free, and the one that has waited longest
comes next. What a peer that failed is sent first is small. One that shows signs of life is no longer counted with them.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from federation.batches import Claim, claim, due_destinations, extend, probe_claim, release
from federation.client import PeerAnswer, PeerClient
from federation.node import DESCRIPTOR_PATH, FederationNode, Transactions
from federation.resealing import MAX_DESCRIPTOR_BYTES, Remake, reseal, speaks_of_seal_keys
from federation.rotation import announce
from federation.settling import OnOutcome, Outcome, expire_due, settle
from federation.turns import AILING_PLACES, Turn, Turns
from schemas.entropy import uuid4
from schemas.problems import TongluError, Unavailable

__all__ = ["Delivery", "OnOutcome", "Outcome"]

LOOK_SECONDS = 1.0
EXTEND_SECONDS = 5.0
MOST_BY_NAME = 50
EXPIRE_EVERY = timedelta(minutes=1)
HANG_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Delivery:
    """Sends what is due, to all peers at once; several processes may run one each on one database."""

    def __init__(
        self,
        fed: FederationNode,
        transactions: Transactions,
        client_factory: Callable[[], PeerClient],
        *,
        on_outcome: OnOutcome | None = None,
        remake: Remake | None = None,
    ) -> None:
        """Build nothing yet; the client is made on the event loop that first sends.

        ``remake`` makes a message anew that its peer could not open (``resealing``).
        """
        self._fed = fed
        self._transactions = transactions
        self._client_factory = client_factory
        self._client: PeerClient | None = None
        self._on_outcome = on_outcome
        self._remake = remake
        self._holder = uuid4(fed.entropy)
        self._tasks: dict[str, asyncio.Task[int]] = {}
        self._woken = asyncio.Event()
        self._woken_for: set[str | None] = {None}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = Turns()
        self._ailing: set[str] = set()
        self._expired_at: datetime | None = None

    async def run(self) -> None:
        """Send until cancelled: at once when woken, else when something becomes due."""
        self._loop = asyncio.get_running_loop()
        look_at = self._loop.time()
        try:
            while True:
                self._woken.clear()
                woken_for, self._woken_for = self._woken_for, set()
                if None in woken_for or len(woken_for) > MOST_BY_NAME or self._loop.time() >= look_at:
                    look_at = self._loop.time() + LOOK_SECONDS
                    await self._start_due(None)
                else:
                    await self._start_due(sorted(region for region in woken_for if region is not None))
                with suppress(TimeoutError):
                    # Not `wait_for`: on Python 3.11 it swallows a cancellation that comes together with the wake.
                    async with asyncio.timeout(max(0.0, look_at - self._loop.time())):
                        await self._woken.wait()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, region: str | None = None) -> None:
        """Something may be due, to one peer or to anyone; callable from any thread, best after the commit."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note, region)

    async def tick(self, now: datetime | None = None) -> int:
        """Send to every destination until nothing is left that is due at ``now`` (by default the clock's time).

        Returns the number of messages receipted. Signatures carry the clock's time in any case.
        """
        moment = now or self._fed.clock.now()
        await self._expire(moment)
        due = await self._transactions.read(lambda session: due_destinations(session, moment))
        serving = [self._serve(one.region, is_ailing=one.is_ailing, at=now) for one in due]
        ended = await asyncio.gather(*serving, return_exceptions=True)
        for one in ended:
            if isinstance(one, BaseException):
                raise one
        return sum(one for one in ended if isinstance(one, int))

    async def probe(self, region: str) -> PeerAnswer | None:
        """Ask a peer whether it knows us (``peer test``) and record the answer; a good one activates an invited peer.

        ``None`` when nothing may be sent to it.
        """
        moment = self._fed.clock.now()
        found = await self._transactions.read(lambda session: probe_claim(session, self._fed, region, moment))
        if found is None:
            return None
        answer = await self._send(found)
        await self._settle(found, answer, None)
        return answer

    async def ask(self, region: str, path: str, document: bytes) -> PeerAnswer | None:
        """Put a question of one JSON document to a peer, beside the messages; ``None`` when nothing may be sent to it.

        Its answer changes no message and no wait.
        """
        now = self._fed.clock.now()
        self._fed.keys.refresh()
        found = await self._transactions.read(lambda session: probe_claim(session, self._fed, region, now))
        if found is None:
            return None
        if self._client is None:
            self._client = self._client_factory()
        return await self._client.post_document(found.base_url, path, document, found.keys, found.kid)

    async def aclose(self) -> None:
        """Close the client."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    # --- One destination -------------------------------------------------------------------------------------------

    def _note(self, region: str | None) -> None:
        self._woken_for.add(region)
        self._woken.set()

    async def _start_due(self, regions: list[str] | None) -> None:
        now = self._fed.clock.now()
        try:
            await self._expire(now)
            due = await self._transactions.read(lambda session: due_destinations(session, now, regions))
        except Exception as error:  # noqa: BLE001 - said in the log; the loop looks again, for nothing else sends
            _log.error("delivery cannot look for what is due: %s", type(error).__name__)
            return
        for one in due:
            if one.region not in self._tasks and not (one.is_ailing and len(self._ailing) >= AILING_PLACES):
                if one.is_ailing:
                    self._ailing.add(one.region)
                task = asyncio.create_task(self._serve(one.region, is_ailing=one.is_ailing, at=None))
                self._tasks[one.region] = task
                task.add_done_callback(partial(self._ended, one.region))

    def _ended(self, region: str, task: asyncio.Task[int]) -> None:
        self._tasks.pop(region, None)
        self._ailing.discard(region)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Class and code alone: an exception's text may quote what it failed on.
            code = error.code if isinstance(error, TongluError) else "fault"
            _log.error("delivery to %s failed: %s %s", region, type(error).__name__, code)

    async def _serve(self, region: str, *, is_ailing: bool, at: datetime | None) -> int:
        """Send to one destination until nothing is due there."""
        receipted = 0
        while True:
            async with self._turns.turn(is_ailing=is_ailing) as turn:
                moment = at or self._fed.clock.now()
                self._fed.keys.refresh()
                claiming = partial(claim, fed=self._fed, region=region, holder=self._holder, now=moment)
                found = await self._transactions.write(claiming)
                if found is None:
                    return receipted
                self._fed.point("delivery.claimed")
                answer = await self._send_held(found, turn)
                self._fed.point("delivery.answered")
                receipted += await self._settle(found, answer, at)
                if answer.answer is not None and speaks_of_seal_keys(answer.answer.body):
                    await self._reseal(found, at)
            # Whoever answered is sound, and waits behind others that are.
            is_ailing = is_ailing and not answer.signed

    async def _send_held(self, found: Claim, turn: Turn) -> PeerAnswer:
        """Send, making way for others and extending the lease for as long as the request takes."""
        sending = asyncio.create_task(self._send(found))
        try:
            if not (await asyncio.wait({sending}, timeout=HANG_SECONDS))[0]:
                turn.linger()
            while not (await asyncio.wait({sending}, timeout=EXTEND_SECONDS))[0]:
                longer = partial(extend, region=found.region, holder=found.holder, now=self._fed.clock.now())
                with suppress(Unavailable):  # then another process may send the same; the peer takes it once
                    await self._transactions.write(longer)
            return sending.result()
        except BaseException:
            sending.cancel()
            with suppress(Unavailable):
                await self._transactions.write(partial(release, region=found.region, holder=found.holder))
            raise

    async def _send(self, found: Claim) -> PeerAnswer:
        if self._client is None:
            self._client = self._client_factory()
        if found.probe_stream is not None:
            return await self._client.get_events(found.base_url, found.probe_stream, 0, found.keys, found.kid)
        return await self._client.post_events(found.base_url, found.body, found.keys, found.kid)

    async def _settle(self, found: Claim, answer: PeerAnswer, at: datetime | None) -> int:
        moment = at or self._fed.clock.now()
        settling = partial(settle, fed=self._fed, claim=found, answer=answer, now=moment, on_outcome=self._on_outcome)
        return await self._transactions.write(settling)

    async def _reseal(self, found: Claim, at: datetime | None) -> None:
        """Seal anew what the peer could not open; while its descriptor cannot be had, the messages wait alone."""
        if self._client is None:
            self._client = self._client_factory()
        accept = "application/json"
        try:
            document = await self._client.get_public(found.base_url, DESCRIPTOR_PATH, accept, MAX_DESCRIPTOR_BYTES)
        except OSError:
            return
        moment = at or self._fed.clock.now()
        sealing = partial(reseal, fed=self._fed, region=found.region, document=document or b"", now=moment)
        await self._transactions.write(partial(sealing, remake=self._remake, on_outcome=self._on_outcome))

    async def _expire(self, now: datetime) -> None:
        if self._expired_at is None or abs(now - self._expired_at) >= EXPIRE_EVERY:
            self._expired_at = now
            self._fed.keys.refresh()
            await self._transactions.write(partial(expire_due, fed=self._fed, now=now, on_outcome=self._on_outcome))
            # What a rotation that was cut short left undone.
            await self._transactions.write(partial(announce, fed=self._fed))
