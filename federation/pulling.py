"""Asking peers for what is missing here: the other end of ``GET /federation/v1/events?stream=&after=``.

A stream is pulled when a number of it has been missing for a while, after this node was restored, and once a day while
a peer is silent (``streams`` says when). What comes back is signed by the peer and goes the way of what it sends: the
same checks of each message, the same row that makes it happen once. Pull is not delivery: it gives no receipt, so the
peer keeps sending until it has one, and its repetition is answered ``duplicate``.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session, col, select

from federation.client import PeerAnswer, PeerClient
from federation.dispatch import AgreementGate, Handlers, Prepared, dispatch, prepare
from federation.keys import Jwk
from federation.node import FederationNode, Transactions
from federation.peers import destination_of, signing_kid, transport_keys
from federation.streams import Wanted, claim_pulls, was_pulled
from federation.tables import Peer, PeerState
from schemas.envelope import MAX_MESSAGE_BYTES, MAX_MESSAGES, canonical
from schemas.problems import TongluError
from schemas.strict_json import UnreadableJsonError, read_document

AT_ONCE = 8
MOST_PAGES = 50
"""How many answers of one stream are taken at a time; what lies beyond comes the next time."""

_OK = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """One answer to a pull: the messages, and the highest number that the peer gave on this stream."""

    items: list[dict[str, Any]]
    high_water: int


async def pull_due(
    fed: FederationNode,
    transactions: Transactions,
    client: PeerClient,
    handlers: Handlers,
    gate: AgreementGate,
    *,
    at: datetime | None = None,
) -> int:
    """Ask for everything that is due at ``at`` (by default the clock's time).

    Returns how many messages were taken that were not here before.
    """
    moment = at or fed.clock.now()
    wanted = await transactions.write(lambda session: claim_pulls(session, moment))
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(stream: Wanted) -> int:
        async with slots:
            return await _pull(fed, transactions, client, stream, handlers=handlers, gate=gate)

    ended = await asyncio.gather(*map(one, wanted), return_exceptions=True)
    for stream, result in zip(wanted, ended, strict=True):
        if isinstance(result, BaseException):
            if not isinstance(result, Exception):
                raise result
            code = result.code if isinstance(result, TongluError) else "fault"
            _log.error("pulling from %s failed: %s %s", stream.peer, type(result).__name__, code)
    return sum(result for result in ended if isinstance(result, int))


async def _pull(
    fed: FederationNode,
    transactions: Transactions,
    client: PeerClient,
    wanted: Wanted,
    *,
    handlers: Handlers,
    gate: AgreementGate,
) -> int:
    """Take one stream page by page, as far as the peer has it."""
    after, taken = wanted.after, 0
    for _ in range(MOST_PAGES):
        peer, keys, kid = await transactions.read(partial(_address, region=wanted.peer, fed=fed))
        if peer is None or peer.base_url is None:
            return taken
        page = read_page(await client.get_events(peer.base_url, wanted.stream, after, keys, kid))
        if page is None:
            return taken
        source = f"/regions/{wanted.peer}"
        batch = [prepare(item, fed.keys, recipient=fed.source, source=source) for item in page.items]
        highest = max((one.streamseq or 0 for one in batch), default=0)
        is_last = highest <= after or highest >= page.high_water
        record = partial(_take, fed=fed, wanted=wanted, batch=batch, is_last=is_last, handlers=handlers, gate=gate)
        taken += await transactions.write(record)
        if is_last:
            return taken
        after = highest
    return taken


def read_page(answer: PeerAnswer) -> Page | None:
    """What a peer answered to a pull; ``None`` when it did not sign it, refused, or says something else."""
    if answer.answer is None or answer.status != _OK:
        return None
    try:
        found = read_document(answer.answer.body)
    except UnreadableJsonError:
        return None
    if not isinstance(found, dict) or set(found) != {"items", "high_water"}:
        return None
    items, high_water = found["items"], found["high_water"]
    if not isinstance(items, list) or len(items) > MAX_MESSAGES or not isinstance(high_water, int):
        return None
    if not all(isinstance(one, dict) and len(canonical(one)) <= MAX_MESSAGE_BYTES for one in items):
        return None
    return Page(items, high_water)


def _address(session: Session, region: str, fed: FederationNode) -> tuple[Peer | None, list[Jwk], str | None]:
    """Where a peer is asked, its keys that may answer, and which of ours it knows."""
    peer = session.get(Peer, region)
    if peer is None or peer.state != PeerState.ACTIVE:
        return None, [], None
    session.expunge(peer)
    kid = signing_kid(fed, destination_of(session, region))
    return peer, transport_keys(session, region, fed.clock.now()), kid


def _take(
    session: Session,
    *,
    fed: FederationNode,
    wanted: Wanted,
    batch: list[Prepared],
    is_last: bool,
    handlers: Handlers,
    gate: AgreementGate,
) -> int:
    """Let what was pulled take effect, behind any request of the same peer that is being taken just now."""
    now = fed.clock.now()
    locked = select(Peer).where(col(Peer.region) == wanted.peer).with_for_update()
    peer = session.exec(locked.execution_options(populate_existing=True)).one()
    if peer.state != PeerState.ACTIVE:
        return 0
    done = dispatch(session, fed, peer, batch, handlers=handlers, gate=gate, now=now)
    if is_last:
        was_pulled(session, wanted, now)
    return sum(result.result == "accepted" for result in done.results)
