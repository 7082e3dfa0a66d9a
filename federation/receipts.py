"""Evidence of what was exchanged, kept by both sides, and the receipt that anyone can verify from it.

An *exchange* is one signed request with its signed answer: every covered value, both signature fields, the answer's
body, the keys that were in force. A *receipt* says of one message that such an exchange proves it taken (or refused
for good). Neither holds personal data, and both outlive what they prove.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal

from pydantic import Field
from sqlmodel import Session, col, select

from federation.keys import Jwk
from federation.node import FederationNode
from federation.results import read_results
from federation.signatures import SignedAnswer, SignedRequest, read_request, verify_answer, verify_request
from federation.tables import Exchange, PeerKey, Receipt, insert_new
from schemas.clock import rfc3339
from schemas.envelope import canonical
from schemas.problems import Unauthenticated
from schemas.wire import WireInt, WireModel

Direction = Literal["sent", "received"]


@dataclass(frozen=True)
class Taken:
    """What one receipt says: the message, the digest of its canonical form, and how it ended."""

    message_id: str
    type: str
    subject: str
    digest: str
    result: str
    problem_code: str | None


def store_exchange(
    session: Session,
    *,
    exchange_id: str,
    direction: Direction,
    peer: str,
    request: SignedRequest,
    answer: SignedAnswer,
    keys: list[Jwk],
    taken: list[Taken],
    now: datetime,
) -> None:
    """Keep the evidence of an exchange and a receipt for each message that it settles for the first time."""
    session.add(
        Exchange(
            id=exchange_id,
            direction=direction,
            peer=peer,
            method=request.method,
            target_uri=request.target_uri,
            content_type=request.content_type,
            content_digest=request.content_digest,
            signature_input=request.signature_input,
            signature=request.signature,
            answer_status=answer.status,
            answer_content_type=answer.content_type,
            answer_content_digest=answer.content_digest,
            answer_signature_input=answer.signature_input,
            answer_signature=answer.signature,
            answer_body=answer.body,
            keys=keys,
            recorded_at=now,
        )
    )
    session.flush()
    insert_new(
        session,
        Receipt,
        [
            {
                "message_id": one.message_id,
                "direction": direction,
                "peer": peer,
                "exchange_id": exchange_id,
                "type": one.type,
                "subject": one.subject,
                "digest": one.digest,
                "result": one.result,
                "problem_code": one.problem_code,
                "recorded_at": now,
            }
            for one in taken
        ],
    )


def without_receipt(session: Session, peer: str, repeated: list[Taken]) -> list[Taken]:
    """Those of a peer's ``repeated`` messages for which no receipt of ours stands here yet (they were pulled)."""
    ids = [one.message_id for one in repeated]
    if not ids:
        return []
    ours = col(Receipt.direction) == "received", col(Receipt.peer) == peer
    given = set(session.exec(select(Receipt.message_id).where(*ours, col(Receipt.message_id).in_(ids))).all())
    return [one for one in repeated if one.message_id not in given]


def receipts_of(session: Session, message_id: str) -> list[Receipt]:
    """The receipts of one message: by the peer for one that we sent, by us for one that we took."""
    return list(
        session.exec(
            select(Receipt).where(col(Receipt.message_id) == message_id).order_by(col(Receipt.direction).desc())
        ).all()
    )


def receipts_about(session: Session, subject: str) -> list[Receipt]:
    """The receipts of every message about one subject (a case, a journey, ...), oldest first."""
    about = select(Receipt).where(col(Receipt.subject) == subject)
    return list(session.exec(about.order_by(col(Receipt.recorded_at), col(Receipt.message_id))).all())


def receipt_document(session: Session, message_id: str) -> dict[str, Any] | None:
    """The receipt of one message as ``{message_id, digest, request, answer, keys}``; ``None`` without one.

    It verifies offline, by the keys that it names: ``tests/vectors/verify_receipt.py`` shows how.
    """
    found = receipts_of(session, message_id)
    exchange = session.get(Exchange, found[0].exchange_id) if found else None
    if exchange is None:
        return None
    return {
        "message_id": message_id,
        "digest": found[0].digest,
        "request": {
            "method": exchange.method,
            "target_uri": exchange.target_uri,
            "content_type": exchange.content_type,
            "content_digest": exchange.content_digest,
            "signature_input": exchange.signature_input,
            "signature": exchange.signature,
        },
        "answer": {
            "status": exchange.answer_status,
            "content_type": exchange.answer_content_type,
            "content_digest": exchange.answer_content_digest,
            "signature_input": exchange.answer_signature_input,
            "signature": exchange.answer_signature,
            "body_b64": b64encode(exchange.answer_body).decode("ascii"),
        },
        "keys": exchange.keys,
    }


# --- Verifying -----------------------------------------------------------------------------------------------------


class ReceiptUnproven(ValueError):
    """A receipt does not prove what it says; the text is the reason."""


class _Request(WireModel):
    method: str
    target_uri: str
    content_type: str
    content_digest: str
    signature_input: str
    signature: str


class _Answer(WireModel):
    status: WireInt
    content_type: str
    content_digest: str
    signature_input: str
    signature: str
    body_b64: str


class ReceiptDocument(WireModel):
    """A receipt as ``receipt_document`` writes it."""

    message_id: str
    digest: str
    request: _Request
    answer: _Answer
    keys: tuple[dict[str, Any], ...] = Field(max_length=16)


@dataclass(frozen=True)
class Proven:
    """What a receipt proves: which region sent a message, which took it, when, and how it ended.

    ``recorded_at`` is when the message took effect (of a repeat: when it first came), ``answered_at`` when the answer
    that says so was signed; both by the clock of the region that took it.
    """

    message_id: str
    digest: str
    sent_by: str
    taken_by: str
    recorded_at: str
    answered_at: str
    result: str
    problem_code: str | None


@dataclass(frozen=True)
class TrustedKey:
    """A transport key that may stand under a receipt: whose it is, and since when someone else may have had it."""

    region: str
    jwk: Jwk
    compromised_from: datetime | None = None


def trusted_keys(session: Session, fed: FederationNode) -> dict[str, TrustedKey]:
    """Every transport key that may stand under a receipt, by key id: ours and all peers', replaced ones and those of
    revoked peers included, for what they signed stays signed.
    """
    wanted = select(PeerKey).where(col(PeerKey.tonglu_use) == "transport")
    trusted = {key.kid: TrustedKey(key.region, key.jwk, key.compromised_from) for key in session.exec(wanted).all()}
    for own in fed.keys.all():
        if own.use == "transport":
            since = None if own.compromised_from is None else datetime.fromisoformat(own.compromised_from)
            trusted[own.kid] = TrustedKey(fed.region, own.jwk, since)
    return trusted


def exchange_of(session: Session, receipt: ReceiptDocument) -> Exchange | None:
    """The exchange that a receipt shows, as this node recorded it; ``None`` for one that it never saw."""
    same = (
        col(Exchange.answer_signature) == receipt.answer.signature,
        col(Exchange.signature) == receipt.request.signature,
        col(Exchange.answer_content_digest) == receipt.answer.content_digest,
    )
    return session.exec(select(Exchange).where(*same).order_by(col(Exchange.recorded_at))).first()


def evidence_hash(exchange: Exchange) -> bytes:
    """SHA-256 of all that an exchange proves: what was covered, both signatures, the answer's body, the keys."""
    names = (*_REQUEST_COLUMNS, *_ANSWER_COLUMNS)
    document: dict[str, Any] = {name: getattr(exchange, name) for name in names}
    document |= {"answer_body": sha256(exchange.answer_body).hexdigest(), "keys": exchange.keys}
    return sha256(canonical(document)).digest()


def verify_receipt(
    receipt: ReceiptDocument, trusted: Mapping[str, TrustedKey], *, witnessed_at: datetime | None = None
) -> Proven:
    """Verify a receipt by pinned keys alone: those that it brings must be the very same.

    A key that someone else may have had proves only what lay under a cosigned checkpoint before (``witnessed_at`` says
    since when this evidence did): anyone who has the key can write any date. Raises ``ReceiptUnproven``.
    """
    given, answer = receipt.request, receipt.answer
    try:
        request = read_request(given.method, given.target_uri, _fields(given), has_body=True)
        verify_request(request, trusted[request.keyid].jwk)
    except (Unauthenticated, KeyError):
        raise ReceiptUnproven("The request is not signed by a key that is known here.") from None
    body = _body(answer.body_b64)
    keys = [key.jwk for key in trusted.values()]
    try:
        signed = verify_answer(request, status=answer.status, headers=_fields(answer), body=body, keys=keys)
    except Unauthenticated:
        raise ReceiptUnproven("The answer to this request is not signed by a key that is known here.") from None
    sender, taker = trusted[request.keyid], trusted[signed.keyid]
    if list(receipt.keys) != [sender.jwk, taker.jwk]:
        raise ReceiptUnproven("The keys in the receipt are not those that signed it.")
    for key in (sender, taker):
        if key.compromised_from is not None and (witnessed_at is None or witnessed_at >= key.compromised_from):
            raise ReceiptUnproven("A key that signed it was compromised, and no cosigned checkpoint is from before.")
    for result in read_results(body) or []:
        if (result.id, result.digest) == (receipt.message_id, receipt.digest) and answer.status == _OK:
            final = result.final
            answered_at = rfc3339(datetime.fromtimestamp(signed.created, UTC))
            return Proven(
                receipt.message_id,
                receipt.digest,
                sender.region,
                taker.region,
                final.recorded_at,
                answered_at,
                final.result,
                final.code,
            )
    raise ReceiptUnproven("The answer says nothing of this message.")


def _fields(part: _Request | _Answer) -> list[tuple[str, str]]:
    fields = [(name, str(getattr(part, name.replace("-", "_")))) for name in _FIELDS]
    if any(value != value.strip() for _, value in fields):
        raise ReceiptUnproven("The receipt was changed: a field is not as it was sent.")
    return fields


def _body(text: str) -> bytes:
    try:
        body = b64decode(text, validate=True)
    except ValueError:
        body = b""
    if b64encode(body).decode("ascii") != text:
        raise ReceiptUnproven("The answer's body cannot be read.")
    return body


_REQUEST_COLUMNS = ("method", "target_uri", "content_type", "content_digest", "signature_input", "signature")
_ANSWER_COLUMNS = (
    "answer_status",
    "answer_content_type",
    "answer_content_digest",
    "answer_signature_input",
    "answer_signature",
)
_FIELDS = ("content-type", "content-digest", "signature-input", "signature")
_OK = 200
