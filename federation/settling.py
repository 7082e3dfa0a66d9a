"""What an answer changes: receipts, messages that wait or are parked, and when the destination is tried again.

Everything here happens in one transaction after the answer was read, and in none of it is anything sent. Until it is
committed the messages count as unsent; if the process dies before, they go again and the peer answers ``duplicate``.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from sqlmodel import Session, col, select, update

from federation import retry
from federation.batches import Claim, Sent, release
from federation.client import PeerAnswer
from federation.node import FederationNode
from federation.outbox import RESTORED, void
from federation.peers import OPEN_STATES, activate, note_clock
from federation.receipts import Taken, store_exchange
from federation.results import Result, problem_code, read_results
from federation.retry import Verdict
from federation.rotation import note_receipted, note_understood
from federation.sets import Failed, in_sets
from federation.tables import Destination, MessageState, OutboxMessage, Peer, Wait
from schemas.entropy import uuid7
from schemas.problems import UnknownSealKey

_log = logging.getLogger(__name__)

_NEVER_SHRINK_BELOW = 1
_EXPIRE_AT_ONCE = 500
_ID_REUSED = "id_reused"
UNKNOWN_SEAL_KEY = UnknownSealKey.code


@dataclass(frozen=True)
class Outcome:
    """How one message ended: taken (``accepted``), refused for good (``parked``), or not taken in time."""

    message_id: str
    peer: str
    type: str
    subject: str
    result: Literal["accepted", "parked", "expired"]
    problem_code: str | None = None


OnOutcome = Callable[[Session, Sequence[Outcome], datetime], None]
"""Called in the transaction that records the outcomes, with as many of them as there are at once."""


def settle(
    session: Session,
    fed: FederationNode,
    claim: Claim,
    answer: PeerAnswer,
    *,
    now: datetime,
    on_outcome: OnOutcome | None = None,
) -> int:
    """Record the answer to a claimed batch or probe; returns how many messages are receipted by it."""
    verdict = retry.verdict(answer.status, signed=answer.signed, retry=_retry_of(answer))
    results = None
    if verdict is Verdict.DONE and claim.messages:
        body = answer.answer.body if answer.answer else b""
        results = read_results(body, [(one.id, one.digest) for one in claim.messages])
        verdict = Verdict.OUTAGE if results is None else verdict
    if verdict is Verdict.HALVE and not (len(claim.messages) > 1 or (answer.signed and claim.messages)):
        # One message that is too large for something on the way, or a probe: nothing to halve and nothing to park.
        verdict = Verdict.OUTAGE
    if answer.answer is not None:
        note_understood(session, fed, claim.region, answer.request.keyid)
        note_clock(session, claim.region, answer.answer.created - answer.request.created)
    outcomes: list[Outcome] = []
    if verdict is Verdict.DONE:
        outcomes = _record(session, fed, claim, answer, results=results or [], now=now)
        _succeed(session, claim, now)
    elif verdict is Verdict.HALVE:
        outcomes = _halve(session, claim, answer, now)
    else:
        _fail(session, fed, claim, answer, verdict=verdict, now=now)
    if claim.holder:
        release(session, claim.region, claim.holder)
    tell(session, on_outcome, outcomes, now)
    return sum(outcome.result == "accepted" for outcome in outcomes)


def expire_due(session: Session, fed: FederationNode, now: datetime, on_outcome: OnOutcome | None = None) -> int:
    """Give up what nobody took in time; what had a number is voided, so that the peer does not wait for it."""
    late = session.exec(
        select(OutboxMessage)
        .where(col(OutboxMessage.state).in_(OPEN_STATES), col(OutboxMessage.expires_at) <= now)
        .order_by(col(OutboxMessage.number))
        .limit(_EXPIRE_AT_ONCE)
        .with_for_update()
    ).all()
    for row in late:
        if row.streamseq is None:
            row.state, row.finished_at = MessageState.EXPIRED, now
            session.add(row)
            session.flush()
        else:
            void(session, fed, row, MessageState.EXPIRED)
    tell(session, on_outcome, [Outcome(row.id, row.region, row.type, row.subject, "expired") for row in late], now)
    return len(late)


def tell(session: Session, on_outcome: OnOutcome | None, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Tell the host, in savepoints: a fault of its own undoes neither a receipt nor what became of other messages.

    Else the messages would count as unsent and go again, for ever.
    """
    if on_outcome is None:
        return
    telling = partial(_tell_some, session, on_outcome, now)
    for part in in_sets(session, outcomes, telling):
        if isinstance(part, Failed):
            # By class alone: its text may quote a person.
            untold, fault = part.item, type(part.error).__name__
            _log.error("the outcome of %s (%s) was not taken: %s", untold.message_id, untold.type, fault)


def _tell_some(session: Session, on_outcome: OnOutcome, now: datetime, outcomes: Sequence[Outcome]) -> None:
    on_outcome(session, outcomes, now)


# --- Results -------------------------------------------------------------------------------------------------------


def _record(
    session: Session,
    fed: FederationNode,
    claim: Claim,
    answer: PeerAnswer,
    *,
    results: list[Result],
    now: datetime,
) -> list[Outcome]:
    """Receipts for what is settled, and what becomes of the rest."""
    settled = [(sent, one.final) for sent, one in zip(claim.messages, results, strict=True) if _is_final(one.final)]
    open_ones = [(sent, one) for sent, one in zip(claim.messages, results, strict=True) if not _is_final(one.final)]
    if settled and answer.answer is not None:
        signer = next(key for key in claim.keys if key["kid"] == answer.answer.keyid)
        store_exchange(
            session,
            exchange_id=uuid7(now, fed.entropy),
            direction="sent",
            peer=claim.region,
            request=answer.request,
            answer=answer.answer,
            keys=[dict(fed.keys.signer(answer.request.keyid).jwk), dict(signer)],
            taken=[Taken(s.id, s.type, s.subject, s.digest, one.result, one.code) for s, one in settled],
            now=now,
        )
    accepted = [sent for sent, one in settled if one.result == "accepted"]
    note_receipted(session, claim.region, accepted)
    still_open = _finish(session, accepted, MessageState.RECEIPTED, None, now)
    outcomes = [_outcome(claim, sent, "accepted", None) for sent in accepted if sent.number in still_open]
    for sent, one in settled:
        if one.result == "refused" and one.code == _ID_REUSED and _was_forgotten(session, sent):
            if _finish(session, [sent], MessageState.RECEIPTED, one.code, now):
                outcomes.append(_outcome(claim, sent, "accepted", None))
        elif one.result == "refused" and _finish(session, [sent], MessageState.PARKED, one.code, now):
            outcomes.append(_outcome(claim, sent, "parked", one.code))
    for sent, one in open_ones:
        if one.retry == "after_fixing" and one.code != UNKNOWN_SEAL_KEY:
            if _finish(session, [sent], MessageState.PARKED, one.code, now):
                outcomes.append(_outcome(claim, sent, "parked", one.code))
        else:
            # What its peer could not open is sealed anew right after this (``resealing``), or waits for that.
            _wait_alone(session, fed, sent, one, now)
    return outcomes


def _was_forgotten(session: Session, sent: Sent) -> bool:
    """Whether this node was restored and cannot know that it sent this message before, under another number."""
    wanted = select(OutboxMessage.problem_code).where(col(OutboxMessage.number) == sent.number)
    return session.exec(wanted).first() == RESTORED


def _is_final(one: Result) -> bool:
    return one.result == "accepted" or (one.result == "refused" and one.retry == "never")


def _finish(session: Session, sent: list[Sent], state: MessageState, code: str | None, now: datetime) -> set[int]:
    """End those of ``sent`` that are still open, and return their numbers (one may have been withdrawn meanwhile)."""
    numbers = col(OutboxMessage.number).in_([one.number for one in sent])
    is_open = numbers, col(OutboxMessage.state).in_(OPEN_STATES)
    found = {number for number in session.exec(select(OutboxMessage.number).where(*is_open)).all() if number}
    values: dict[str, Any] = {"state": state.value, "problem_code": code, "finished_at": now, "next_attempt_at": None}
    if state is MessageState.PARKED:
        values["refused_at"] = now
    if found:
        session.exec(update(OutboxMessage).where(*is_open).values(**values))
    return found


def _wait_alone(session: Session, fed: FederationNode, sent: Sent, one: Result, now: datetime) -> None:
    since = sent.refused_at or now
    wait = retry.delay(sent.attempts, now - since, fed.entropy)
    is_open = col(OutboxMessage.number) == sent.number, col(OutboxMessage.state).in_(OPEN_STATES)
    session.exec(
        update(OutboxMessage)
        .where(*is_open)
        .values(state=MessageState.WAITING.value, problem_code=one.code, refused_at=since, next_attempt_at=now + wait)
    )


def _outcome(claim: Claim, sent: Sent, result: Literal["accepted", "parked"], code: str | None) -> Outcome:
    return Outcome(sent.id, claim.region, sent.type, sent.subject, result, code)


# --- The destination -------------------------------------------------------------------------------------------------


def _succeed(session: Session, claim: Claim, now: datetime) -> None:
    destination, peer = session.get(Destination, claim.region), session.get(Peer, claim.region)
    if destination is not None:
        destination.failures, destination.failing_since, destination.next_attempt_at = 0, None, None
        destination.wait, destination.wait_code, destination.last_answer_at = None, None, now
        if claim.messages and destination.batch_limit is not None:
            # What was too much once is tried again in growing steps.
            grown = destination.batch_limit * 2
            destination.batch_limit = grown if peer is not None and grown < peer.max_messages else None
        session.add(destination)
    if peer is not None:
        activate(session, peer, now)
    session.flush()


def _halve(session: Session, claim: Claim, answer: PeerAnswer, now: datetime) -> list[Outcome]:
    code = _code(answer)
    destination = session.get(Destination, claim.region)
    if destination is not None:
        destination.batch_limit = max(_NEVER_SHRINK_BELOW, len(claim.messages) // 2)
        destination.next_attempt_at = None
        # A 413 may be a proxy's, which says nothing of the peer.
        destination.last_answer_at = now if answer.signed else destination.last_answer_at
        session.add(destination)
        session.flush()
    if len(claim.messages) > 1:
        return []
    only = claim.messages[0]
    ended = _finish(session, [only], MessageState.PARKED, code, now)
    return [_outcome(claim, only, "parked", code)] if ended else []


def _fail(
    session: Session, fed: FederationNode, claim: Claim, answer: PeerAnswer, *, verdict: Verdict, now: datetime
) -> None:
    destination = session.get(Destination, claim.region)
    if destination is None:
        return
    destination.failures += 1
    destination.failing_since = destination.failing_since or now
    destination.wait, destination.wait_code = Wait.OUTAGE, _code(answer)
    wait = retry.delay(destination.failures, now - destination.failing_since, fed.entropy)
    if verdict is Verdict.AGAIN and destination.failures <= retry.QUICK_TRIES:
        wait = timedelta()
    elif verdict is Verdict.FIXING:
        destination.wait, wait = Wait.FIXING, retry.mending_delay(fed.entropy)
    elif verdict is Verdict.STOPPED:
        destination.wait = Wait.STOPPED
    destination.next_attempt_at = now + max(wait, timedelta(seconds=answer.retry_after_seconds))
    session.add(destination)
    session.flush()


def _retry_of(answer: PeerAnswer) -> str | None:
    return str(answer.problem.get("retry")) if answer.signed and answer.problem else None


def _code(answer: PeerAnswer) -> str:
    """Why, as a short code: the peer's own when it signed it, else what was seen here."""
    signed = problem_code(answer.problem) if answer.signed else None
    return signed or answer.fault or "answer_unfit"
