"""How much the node takes at once, and how it says so."""

import asyncio
import time

from federation.conformance.lines import Lines
from federation.conformance.stand import NotHeld, Stand, problem_in, seen
from federation.mock_peer import Exchange

lines = Lines()

MOST = 1200
"""Requests of one burst at most: limits beyond that are not tried."""


@lines.add("rate-limited", "past the requests a second that it promises it answers a signed 429 with Retry-After")
async def _limited(stand: Stand) -> str:
    limits = stand.node.limits
    answers: list[Exchange] = []
    seconds = 0.0
    # Most nodes bound the requests at one time, too: few are enough to meet that.
    for burst in (8 * limits.concurrent, min(MOST, 2 * limits.requests_per_second)):
        together = (stand.me.pull(stand.region, stand.uuid()) for _ in range(burst))
        begun = time.monotonic()
        answers = await asyncio.gather(*together)
        seconds = time.monotonic() - begun
        if any(one.status != 200 for one in answers):
            break
    stand.spent()
    late = [one for one in answers if one.status != 200]
    if not late and len(answers) <= limits.requests_per_second * (1 + seconds):
        # A busy node, or a slow way to it: what it promised was never asked of it.
        return f"{len(answers)} requests took {seconds:.1f} s, which is within its limit"
    if not late:
        raise NotHeld(f"{len(answers)} requests at once, all answered")
    for one in late:
        problem_in(one, 429, "rate_limited", "later")
        if not one.reply.value("retry-after").isdigit():
            raise NotHeld("no Retry-After")
    return f"{len(late)} of {len(answers)} at once: {seen(late[0])}"
