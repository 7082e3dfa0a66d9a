"""How much the node takes at once, and how it says so."""

import asyncio

from federation.conformance.lines import Lines
from federation.conformance.stand import NotHeld, Stand, problem_in, seen

lines = Lines()

MOST = 1200
"""Requests of one burst at most: limits beyond that are not tried."""


@lines.add("rate-limited", "past the requests a second that it promises it answers a signed 429 with Retry-After")
async def _limited(stand: Stand) -> str:
    limits = stand.node.limits
    burst = min(MOST, 2 * limits.requests_per_second + limits.concurrent)
    answers = await asyncio.gather(*(stand.me.pull(stand.region, stand.uuid()) for _ in range(burst)))
    stand.spent()
    late = [one for one in answers if one.status != 200]
    if not late:
        raise NotHeld(f"{burst} requests at once, all answered")
    for one in late:
        problem_in(one, 429, "rate_limited", "later")
        if not one.reply.value("retry-after").isdigit():
            raise NotHeld("no Retry-After")
    return f"{len(late)} of {burst} at once: {seen(late[0])}"
