"""Taking requests from peers: the checks in the protocol's order on raw bytes, one transaction, one answer.

1. *Size*, before the body is read whole. 2. *Key*: who of our peers claims to speak. 3. *Signature*, over our own list
of components and our own address. 4. *Digest* of the raw body. 5. *Clock*. 6. *Nonce*, unique for its key while the
request could still be accepted. Only then is anything of the body parsed.

Whoever is not a known peer with a good signature gets one and the same unsigned problem, whatever was wrong; all else
is signed, for from then on we know who listens. A suspended peer is told so before its clock is looked at.

The nonce, the effects, the messages that these cause, the results and the evidence of the exchange are one transaction.
The answer's signature is part of that evidence, so it is made inside; it leaves only after the commit, and is made for
nobody if there is none.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from federation.bounds import Bounds
from federation.dispatch import AgreementGate, Handlers, Prepared, dispatch, prepare
from federation.keys import Jwk
from federation.node import FederationNode, Transactions
from federation.peers import activate, clear_wait, destination_of, peer_of_key, signing_kid
from federation.receipts import store_exchange
from federation.signatures import (
    Headers,
    SignedAnswer,
    SignedRequest,
    check_clock,
    check_digest,
    read_request,
    sign_answer,
    verify_request,
)
from federation.tables import MessageState, Nonce, OutboxMessage, Peer, PeerState
from schemas.entropy import uuid7
from schemas.envelope import CONTENT_TYPE, parse_batch
from schemas.problems import (
    FederationError,
    LocalError,
    Malformed,
    MessageRefused,
    PeerSuspended,
    RateLimited,
    Replayed,
    TongluError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedCoding,
    problem_document,
)

P = TypeVar("P")

JSON = "application/json"
PROBLEM = "application/problem+json"
_TOLD = (FederationError, MessageRefused, LocalError)
_HELD = (
    MessageState.QUEUED,
    MessageState.WAITING,
    MessageState.PARKED,
    MessageState.RECEIPTED,
)


@dataclass(frozen=True)
class RawRequest:
    """A request as it came: ``headers`` with names in lower case, ``path`` and ``query`` undecoded."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What goes back: status, header fields, body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class _Checked(Generic[P]):
    """A request whose signature is a known peer's: what was prepared from it, or the problem in its way.

    ``kid`` names our key that this peer knows. ``early`` problems leave no trace; ``late`` ones were found while
    parsing, after the nonce in the protocol's order, so they use it up.
    """

    request: SignedRequest
    region: str
    jwk: Jwk
    kid: str | None
    prepared: P | None = None
    early: TongluError | None = None
    late: TongluError | None = None


class Inbox:
    """Takes what peers send and answers what they ask."""

    def __init__(
        self,
        fed: FederationNode,
        transactions: Transactions,
        handlers: Handlers,
        gate: AgreementGate,
        *,
        wake: Callable[[str | None], None] | None = None,
    ) -> None:
        """``wake`` is told the region of each peer that was heard, after the commit."""
        self._fed = fed
        self._transactions = transactions
        self._handlers = handlers
        self._gate = gate
        self._wake = wake
        self._bounds = Bounds(fed.limits)

    async def take(self, raw: RawRequest) -> Reply:
        """Answer a ``POST`` of messages: a result for each, or a problem for the whole request."""
        return await self._answer(raw, self._prepare_batch, self._record_batch)

    async def pull(self, raw: RawRequest) -> Reply:
        """Answer a ``GET`` of what we hold for the peer: ``{items, high_water}`` of one stream beyond one number."""
        return await self._answer(raw, self._prepare_pull, self._record_pull)

    async def ask(
        self,
        raw: RawRequest,
        read: Callable[[RawRequest, str], P],
        act: Callable[[Session, Peer, P, datetime], dict[str, Any]],
    ) -> Reply:
        """Answer a ``POST`` of one JSON document: ``read`` it off the writer's thread, ``act`` on it, sign the answer.

        ``read`` is told whose request it is (the signature verified; its nonce is looked at with the act).
        Both may raise any problem of the tree; the peer is told.
        """

        def reading(request: RawRequest, signed: SignedRequest, region: str) -> P:
            if signed.content_type != JSON or any(name == "content-encoding" for name, _ in request.headers):
                raise Malformed(reason=f"the content type is {JSON}, without a coding")
            return read(request, region)

        def acting(session: Session, peer: Peer, checked: "_Checked[P]", prepared: P, now: datetime) -> SignedAnswer:
            body = _json(act(session, peer, prepared, now))
            keys, kid = self._fed.keys, checked.kid
            return sign_answer(keys, checked.request, status=200, content_type=JSON, body=body, now=now, kid=kid)

        return await self._answer(raw, reading, acting)

    def too_large(self) -> Reply:
        """The answer to a request that is not read to its end: unsigned, for nobody is known yet."""
        return _unsigned(TooLarge())

    async def _answer(
        self, raw: RawRequest, preparing: "Callable[[RawRequest, SignedRequest, str], P]", recording: "_Recording[P]"
    ) -> Reply:
        now = self._fed.clock.now()
        self._fed.keys.refresh()
        try:
            checked = await self._transactions.read(partial(self._check, raw=raw, preparing=preparing, now=now))
        except Unauthenticated as problem:
            return _unsigned(problem)
        except (SQLAlchemyError, Unavailable):
            return _unsigned(Unavailable())
        try:
            with self._bounds.request_of(checked.region):
                if checked.early is not None:
                    raise checked.early
                record = partial(self._record, checked=checked, recording=recording, now=now)
                answer = await self._transactions.write(record)
        except Unauthenticated as problem:
            return _unsigned(problem)
        except _TOLD as problem:
            return self._signed(checked, problem)
        except SQLAlchemyError:
            return self._signed(checked, Unavailable())
        self._fed.point("inbox.committed")
        if self._wake is not None:
            self._wake(checked.region)
        return Reply(answer.status, answer.headers(), answer.body)

    # --- Checks, in order --------------------------------------------------------------------------------------------

    def _check(
        self,
        session: Session,
        *,
        raw: RawRequest,
        preparing: "Callable[[RawRequest, SignedRequest, str], P]",
        now: datetime,
    ) -> "_Checked[P]":
        """Key, signature, digest and clock; then, off the writer's thread, what parsing and opening can prepare.

        Raises ``Unauthenticated``; what is wrong with a known peer's request stands in the value.
        """
        has_body = raw.method == "POST"
        if has_body != bool(raw.body):
            raise Unauthenticated
        uri = self._fed.target_uri(raw.path, raw.query)
        request = read_request(raw.method, uri, raw.headers, has_body=has_body)
        found = peer_of_key(session, request.keyid, now)
        if found is None:
            raise Unauthenticated
        peer, jwk = found
        verify_request(request, jwk)
        kid = signing_kid(self._fed, destination_of(session, peer.region))
        try:
            if peer.state == PeerState.SUSPENDED:
                raise PeerSuspended
            if has_body:
                check_digest(request, raw.body)
            check_clock(request, now)
        except FederationError as problem:
            return _Checked(request, peer.region, jwk, kid, early=problem)
        try:
            return _Checked(request, peer.region, jwk, kid, preparing(raw, request, peer.region))
        except _TOLD as problem:
            return _Checked(request, peer.region, jwk, kid, late=problem)

    def _record(
        self, session: Session, *, checked: "_Checked[P]", recording: "_Recording[P]", now: datetime
    ) -> SignedAnswer:
        """The nonce, then the effects, and the answer that says so; all in one transaction."""
        # Locking the peer's row lets one request of a peer take effect at a time, on every database.
        locked = select(Peer).where(col(Peer.region) == checked.region).with_for_update()
        peer = session.exec(locked.execution_options(populate_existing=True)).one()
        # Meanwhile the peer may have been revoked, or have said that this key is compromised.
        if peer.state == PeerState.REVOKED or peer_of_key(session, checked.request.keyid, now) is None:
            raise Unauthenticated
        if peer.state == PeerState.SUSPENDED:
            raise PeerSuspended
        self._use_nonce(session, checked.request)
        activate(session, peer, now)
        clear_wait(session, peer.region)
        if checked.prepared is None:
            return self._problem(checked, checked.late or Malformed())
        return recording(session, peer, checked, checked.prepared, now)

    def _use_nonce(self, session: Session, request: SignedRequest) -> None:
        if session.get(Nonce, (request.keyid, request.nonce)) is not None:
            raise Replayed
        expires_at = datetime.fromtimestamp(request.expires, UTC)
        session.add(Nonce(keyid=request.keyid, nonce=request.nonce, expires_at=expires_at))
        session.flush()

    # --- Messages in -------------------------------------------------------------------------------------------------

    def _prepare_batch(self, raw: RawRequest, request: SignedRequest, region: str) -> list[Prepared]:
        codings = [value.strip().lower() for name, value in raw.headers if name == "content-encoding"]
        if any(coding != "identity" for coding in codings):
            raise UnsupportedCoding
        if request.content_type != CONTENT_TYPE:
            raise Malformed(reason=f"the content type is {CONTENT_TYPE}")
        if raw.query:
            raise Malformed(reason="messages are posted without a query")
        messages = parse_batch(raw.body)
        if len(messages) > self._fed.limits.max_messages:
            raise TooLarge
        keys, own, source = self._fed.keys, self._fed.source, f"/regions/{region}"
        return [prepare(one, keys, recipient=own, source=source) for one in messages]

    def _record_batch(
        self, session: Session, peer: Peer, checked: "_Checked[list[Prepared]]", batch: list[Prepared], now: datetime
    ) -> SignedAnswer:
        fed = self._fed
        done = dispatch(session, fed, peer, batch, handlers=self._handlers, gate=self._gate, now=now)
        body = _json([result.to_wire() for result in done.results])
        answer = sign_answer(
            fed.keys, checked.request, status=200, content_type=JSON, body=body, now=now, kid=checked.kid
        )
        if done.taken:
            store_exchange(
                session,
                exchange_id=uuid7(now, fed.entropy),
                direction="received",
                peer=peer.region,
                request=checked.request,
                answer=answer,
                keys=[dict(checked.jwk), dict(fed.keys.signer(checked.kid).jwk)],
                taken=done.taken,
                now=now,
            )
        return answer

    # --- Messages out, on request ------------------------------------------------------------------------------------

    def _prepare_pull(self, raw: RawRequest, request: SignedRequest, region: str) -> "_Pull":
        return _pull_parameters(raw.query)

    def _record_pull(
        self, session: Session, peer: Peer, checked: "_Checked[_Pull]", pull: "_Pull", now: datetime
    ) -> SignedAnswer:
        limits = self._fed.limits
        ours = col(OutboxMessage.region) == peer.region, col(OutboxMessage.stream) == pull.stream
        highest = select(OutboxMessage.streamseq).where(*ours).order_by(col(OutboxMessage.streamseq).desc()).limit(1)
        beyond = (
            col(OutboxMessage.streamseq) > pull.after,
            col(OutboxMessage.state).in_(_HELD),
            col(OutboxMessage.body) != b"",
        )
        held = select(OutboxMessage.body).where(*ours, *beyond).order_by(col(OutboxMessage.streamseq))
        items: list[bytes] = []
        size = 0
        for body in session.exec(held.limit(limits.max_messages)).all():
            size += len(body) + 1
            if size > limits.max_bytes and items:
                break
            items.append(body)
        content = b'{"items":[%s],"high_water":%d}' % (b",".join(items), session.exec(highest).first() or 0)
        return sign_answer(
            self._fed.keys, checked.request, status=200, content_type=JSON, body=content, now=now, kid=checked.kid
        )

    # --- Problems ----------------------------------------------------------------------------------------------------

    def _problem(self, checked: "_Checked[P]", problem: TongluError) -> SignedAnswer:
        body, now, keys = _json(problem_document(problem)), self._fed.clock.now(), self._fed.keys
        kid, status = checked.kid, problem.status
        return sign_answer(keys, checked.request, status=status, content_type=PROBLEM, body=body, now=now, kid=kid)

    def _signed(self, checked: "_Checked[P]", problem: TongluError) -> Reply:
        answer = self._problem(checked, problem)
        return Reply(answer.status, answer.headers() | _retry_after(problem), answer.body)


@dataclass(frozen=True)
class _Pull:
    """What a pull asks for: the messages of a stream beyond a number."""

    stream: str
    after: int


_Recording = Callable[[Session, Peer, "_Checked[P]", P, datetime], SignedAnswer]


def _pull_parameters(query: str) -> _Pull:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=2)
    except ValueError:
        raise Malformed(reason="stream and after are expected") from None
    given = dict(pairs)
    if len(pairs) != len(given) or set(given) != {"stream", "after"}:
        raise Malformed(reason="stream and after are expected, each once")
    stream, after = given["stream"], given["after"]
    is_number = after.isascii() and after.isdigit() and len(after) <= 10
    if len(stream) != 36 or not is_number or int(after) >= 2**31:
        raise Malformed(reason="stream is a UUID, after a whole number")
    return _Pull(stream, int(after))


def _retry_after(problem: TongluError) -> dict[str, str]:
    return {"retry-after": "1"} if isinstance(problem, RateLimited | Unavailable) else {}


def _unsigned(problem: FederationError) -> Reply:
    return Reply(problem.status, {"content-type": PROBLEM} | _retry_after(problem), _json(problem_document(problem)))


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
