"""Other regions' status lists: fetched whole and ahead, kept, and read when a certificate is checked.

Each active peer's first list is fetched whether or not a certificate of that region was ever seen, then its second,
until there is no further one: what is fetched tells the issuer nothing about who was checked. A list is asked for
again every hour; one that cannot be had is asked for later and later, and the last good one stays in use until it is
too old to prove anything (:mod:`service.certificates.rules`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Protocol

from pydantic import ValidationError
from sqlmodel import Session, col, select

from federation.keys import verifies
from federation.tables import Peer, PeerKey, PeerState
from schemas.certificates import STATUS_BITS, STATUS_LIST_MEDIA_TYPE, STATUS_LIST_TYPE, StatusListClaims
from service.certificates import sd_jwt, status_bits
from service.certificates.sd_jwt import SdJwtMalformed
from service.certificates.status_bits import StatusListMalformed
from service.certificates.status_lists import MAX_LISTS, STATUS_PATH, number_in
from service.certificates.tables import PeerStatusList
from service.context import Node

MAX_TOKEN_BYTES = 262_144
REFETCH = timedelta(hours=1)
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=6)

_AHEAD_OF_CLOCK = timedelta(minutes=5)


class PublicFetcher(Protocol):
    """Whatever fetches a public document of a peer; ``federation.client.PeerClient`` is one."""

    async def get_public(self, base_url: str, path: str, accept: str, max_bytes: int) -> bytes | None:
        """The body at ``path`` of a node; None where it has none (404). Raises `OSError` for anything else."""
        ...


@dataclass(frozen=True, slots=True)
class DueList:
    """A list that is to be fetched now."""

    region: str
    base_url: str
    number: int


def cached_entry(session: Session, region: str, number: int, index: int) -> tuple[int | None, datetime | None]:
    """A certificate's entry in the last good list of its region, and when that list was issued."""
    row = session.get(PeerStatusList, (region, number))
    if row is None or row.issued_at is None:
        return None, None
    bits, entries = _unpacked(row.token)
    try:
        return status_bits.entry(entries, index, bits), row.issued_at
    except StatusListMalformed:
        return None, row.issued_at


def due_lists(session: Session, now: datetime) -> list[DueList]:
    """What to fetch now: the lists of active peers that are due, and the first list of each peer we hold none of."""
    active = (col(Peer.state) == PeerState.ACTIVE) & col(Peer.base_url).is_not(None)
    due = (
        select(Peer.region, Peer.base_url, PeerStatusList.number)
        .join(PeerStatusList, col(PeerStatusList.region) == col(Peer.region))
        .where(active, col(PeerStatusList.next_fetch_at) <= now)
        .order_by(col(Peer.region), col(PeerStatusList.number))
    )
    held = select(PeerStatusList.region)
    unknown = select(Peer.region, Peer.base_url).where(active, col(Peer.region).not_in(held)).order_by(Peer.region)
    return [DueList(region, str(base_url), number) for region, base_url, number in session.exec(due).all()] + [
        DueList(region, str(base_url), 1) for region, base_url in session.exec(unknown).all()
    ]


def keep_list(session: Session, node: Node, due: DueList, body: bytes) -> bool:
    """Keep a fetched list; False for one that is not this region's, not this list, or not newer than the one held."""
    token = body.decode("ascii", errors="replace")
    issued_at = _verified(session, node, due, token)
    row = session.get(PeerStatusList, (due.region, due.number)) or _row(due)
    if issued_at is None or (row.issued_at is not None and issued_at < row.issued_at):
        keep_failure(session, node, due)
        return False
    row.token, row.issued_at = token, issued_at
    row.next_fetch_at, row.failures = node.now() + REFETCH, 0
    session.add(row)
    return True


def keep_failure(session: Session, node: Node, due: DueList) -> None:
    """Ask again later, each time later; the last good list stays."""
    row = session.get(PeerStatusList, (due.region, due.number)) or _row(due)
    row.failures += 1
    row.next_fetch_at = node.now() + min(FIRST_RETRY * (1 << min(row.failures - 1, 16)), LONGEST_RETRY)
    session.add(row)


def fetch_soon(session: Session, region: str, now: datetime) -> None:
    """Ask for a region's lists at once: it has just said that a certificate's state changed."""
    for row in session.exec(select(PeerStatusList).where(col(PeerStatusList.region) == region)).all():
        row.next_fetch_at = now
        session.add(row)


def fetch_missing(session: Session, region: str, now: datetime) -> None:
    """Ask at once for a region's lists that could not be had so far: it is plainly there again."""
    missing = select(PeerStatusList).where(
        col(PeerStatusList.region) == region, col(PeerStatusList.issued_at).is_(None)
    )
    for row in session.exec(missing).all():
        row.next_fetch_at = now
        session.add(row)


def oldest_list(session: Session) -> datetime | None:
    """When the oldest list of an active peer that certificates are checked against was issued."""
    wanted = (
        select(PeerStatusList.issued_at)
        .join(Peer, col(Peer.region) == col(PeerStatusList.region))
        .where(col(Peer.state) == PeerState.ACTIVE, col(PeerStatusList.issued_at).is_not(None))
        .order_by(col(PeerStatusList.issued_at))
    )
    return session.exec(wanted).first()


async def fetch_due_lists(node: Node, fetcher: PublicFetcher) -> int:
    """Fetch what is due once; returns how many lists were renewed. The work of the job ``status_lists``."""
    now = node.now()
    renewed = 0
    waiting = await node.database.read(lambda session: due_lists(session, now))
    while waiting:
        due = waiting.pop()
        if not await _fetch(node, fetcher, due):
            continue
        renewed += 1
        following = DueList(due.region, due.base_url, due.number + 1)
        if due.number < MAX_LISTS and await node.database.read(partial(_unknown, due=following)):
            waiting.append(following)
    return renewed


async def _fetch(node: Node, fetcher: PublicFetcher, due: DueList) -> bool:
    try:
        body = await fetcher.get_public(
            due.base_url, f"{STATUS_PATH}{due.number}", STATUS_LIST_MEDIA_TYPE, MAX_TOKEN_BYTES
        )
    except OSError:
        await node.database.write(lambda session: keep_failure(session, node, due))
        return False
    if body is not None:
        return await node.database.write(lambda session: keep_list(session, node, due, body))
    # A further list that there is not yet is looked for again when the list before it is renewed.
    if due.number == 1:
        await node.database.write(lambda session: keep_failure(session, node, due))
    return False


def _unknown(session: Session, due: DueList) -> bool:
    return session.get(PeerStatusList, (due.region, due.number)) is None


def _row(due: DueList) -> PeerStatusList:
    return PeerStatusList(region=due.region, number=due.number, next_fetch_at=datetime.fromtimestamp(0, UTC))


def _verified(session: Session, node: Node, due: DueList, token: str) -> datetime | None:
    """When a list was issued, if it is signed by that region's certificate key and is the one that was asked for."""
    try:
        parts = sd_jwt.parse_jws(token)
        claims = StatusListClaims.model_validate(parts.payload)
        status_bits.unpack(claims.status_list.lst)
    except (SdJwtMalformed, ValidationError, StatusListMalformed):
        return None
    key = session.get(PeerKey, str(parts.header.get("kid")))
    if key is None or key.region != due.region or key.tonglu_use != "certificate" or key.compromised_from is not None:
        return None
    typed = parts.header.get("alg") == "Ed25519" and parts.header.get("typ") == STATUS_LIST_TYPE
    if not typed or number_in(claims.sub) != due.number or not verifies(key.jwk, parts.signature, parts.signed):
        return None
    issued_at = datetime.fromtimestamp(claims.iat, UTC)
    return issued_at if issued_at <= node.now() + _AHEAD_OF_CLOCK else None


@lru_cache(maxsize=64)
def _unpacked(token: str) -> tuple[int, bytes]:
    """The entries of a token that was verified when it was kept, and the bits that each takes."""
    packed = sd_jwt.parse_jws(token).payload["status_list"]
    return packed.get("bits", STATUS_BITS), status_bits.unpack(packed["lst"])
