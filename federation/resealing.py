"""Sealing anew what a peer could not open (``unknown_seal_key``).

A peer that lost a seal key, or destroyed it after 400 days, refuses what was sealed for it and leaves no row. Then its
descriptor is fetched, and its keys are taken if a pinned key signed it. What was sealed for another key than the one in
force now is made anew by the host, which alone knows the person: it gets a new id, and the old message is voided. What
cannot be made anew, or was sealed for the very key that the peer shows, is parked for an officer: sealing again would
change nothing.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session, col, select

from federation.keys import b64url_bytes
from federation.node import FederationNode
from federation.outbox import void
from federation.peers import OPEN_STATES, peer_key
from federation.rotation import take_descriptor
from federation.settling import UNKNOWN_SEAL_KEY, OnOutcome, Outcome, tell
from federation.tables import DATABASE_FAULTS, MessageState, OutboxMessage
from schemas.strict_json import UnreadableJsonError, read_document

__all__ = ["MAX_DESCRIPTOR_BYTES", "Remake", "reseal", "speaks_of_seal_keys"]

Remake = Callable[[Session, OutboxMessage, datetime], str | None]
"""Queues a message anew, sealed for the key in force, and gives its id; ``None`` where that cannot be done."""

MAX_DESCRIPTOR_BYTES = 65_536

_log = logging.getLogger(__name__)


def speaks_of_seal_keys(body: bytes) -> bool:
    """Whether an answer's body refuses some message for its seal key."""
    return f'"/problems/{UNKNOWN_SEAL_KEY}"'.encode() in body.replace(b'": "', b'":"')


def reseal(
    session: Session,
    *,
    fed: FederationNode,
    region: str,
    document: bytes,
    now: datetime,
    remake: Remake | None,
    on_outcome: OnOutcome | None = None,
) -> int:
    """Take a peer's descriptor and make anew what it could not open; returns how many are on their way again."""
    take_descriptor(session, region, document, now)
    in_force = peer_key(session, region, "seal")
    refused = session.exec(
        select(OutboxMessage)
        .where(
            col(OutboxMessage.region) == region,
            col(OutboxMessage.state).in_(OPEN_STATES),
            col(OutboxMessage.problem_code) == UNKNOWN_SEAL_KEY,
        )
        .order_by(col(OutboxMessage.number))
    ).all()
    done = 0
    for row in refused:
        if in_force is not None and _sealed_for(row) != in_force["kid"] and _remade(session, row, now, remake):
            void(session, fed, row)
            done += 1
            continue
        row.state, row.finished_at, row.refused_at = MessageState.PARKED, now, now
        session.add(row)
        session.flush()
        tell(session, on_outcome, [Outcome(row.id, region, row.type, row.subject, "parked", UNKNOWN_SEAL_KEY)], now)
    return done


def _remade(session: Session, row: OutboxMessage, now: datetime, remake: Remake | None) -> bool:
    if remake is None:
        return False
    try:
        with session.begin_nested():
            return remake(session, row, now) is not None
    except DATABASE_FAULTS:
        raise
    except Exception as error:  # noqa: BLE001 - said in the log, by class alone: its text may quote a person
        _log.error("%s (%s) could not be sealed anew: %s", row.id, row.type, type(error).__name__)
        return False


def _sealed_for(row: OutboxMessage) -> str | None:
    """The id of the key for which a message's sealed part is."""
    try:
        data = read_document(row.body)["data"]
        sealed = data.get("subject_identity") or data.get("disclosures")
        return str(read_document(b64url_bytes(str(sealed).split(".", 1)[0]))["kid"])
    except (UnreadableJsonError, KeyError, TypeError, ValueError):
        return None
