"""One node with hundreds or thousands of peers that exist only as keys and answers, alive or dead."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlmodel import Session

from federation.keys import NodeKeys
from federation.results import Result
from federation.signatures import read_request, sign_answer
from federation.tables import Destination, Peer, PeerKey, PeerState
from schemas.clock import Clock, rfc3339
from schemas.entropy import SeededEntropy, uuid4
from schemas.envelope import digest
from schemas.strict_json import read_document

DEAD_AFTER_SECONDS = 5.0
"""So long a dead peer holds a connection: until the time-out for connecting."""


async def passing(seconds: float) -> None:
    """So much of the event loop's time passes, which may be virtual."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(seconds, lambda: over.done() or over.set_result(None))
    try:
        await over
    finally:
        timer.cancel()


class Crowd(httpx.AsyncBaseTransport):
    """The simulated wire: each host is a peer that answers after a while, or a dead one that never does."""

    def __init__(self, count: int, *, clock: Clock, answer_seconds: float, seed: str = "crowd") -> None:
        """Make the keys of ``count`` peers, all alive; ``took`` is told the subject of each message that comes."""
        entropy = SeededEntropy(seed)
        self.regions = [f"790{number:06d}" for number in range(1, count + 1)]
        self.keys = {region: NodeKeys.generate(entropy) for region in self.regions}
        self.dead: set[str] = set()
        self.took: Callable[[str], None] = lambda _subject: None
        self.most_at_once = 0
        self.tries = 0
        """How often a dead peer was asked."""
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._at_once = 0
        self._entropy = entropy

    def introduce(self, session: Session, now: datetime) -> None:
        """Pin all of them at a node, as active peers."""
        for region, keys in self.keys.items():
            session.add(
                Peer(
                    region=region,
                    name=region,
                    base_url=f"http://{region}.example",
                    state=PeerState.ACTIVE,
                    accepted_at=now,
                    activated_at=now,
                    changed_at=now,
                )
            )
            session.add(Destination(region=region, stream=uuid4(self._entropy)))
            for jwk in keys.public_jwks()["keys"]:
                session.add(
                    PeerKey(
                        kid=jwk["kid"],
                        region=region,
                        tonglu_use=jwk["tonglu_use"],
                        jwk=dict(jwk),
                        in_force_from=now - timedelta(days=1),
                    )
                )
        session.flush()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the peer would, or not at all."""
        region = request.url.host.removesuffix(".example")
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if region in self.dead:
                self.tries += 1
                await passing(DEAD_AFTER_SECONDS)
                raise httpx.ConnectTimeout("dead", request=request)
            await passing(self._answer_seconds)
        finally:
            self._at_once -= 1
        return self._answer(region, request)

    def _answer(self, region: str, request: httpx.Request) -> httpx.Response:
        now = self._clock.now()
        messages: Any = read_document(request.content)
        results = [
            Result(one["id"], one["streamseq"], "accepted", digest(one), rfc3339(now)).to_wire() for one in messages
        ]
        fields = [(name.lower(), value) for name, value in request.headers.items()]
        read = read_request(request.method, str(request.url), fields, has_body=True)
        body = httpx.Response(200, json=results).content
        signed = sign_answer(self.keys[region], read, status=200, content_type="application/json", body=body, now=now)
        for one in messages:
            self.took(one["subject"])
        return httpx.Response(200, content=body, headers=signed.headers(), request=request)
