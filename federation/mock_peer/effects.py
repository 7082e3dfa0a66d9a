"""What a mock peer does with each message: strict reading, the agreement's gate, opening, one effect an id."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from federation.keys import b64url_bytes
from federation.mock_peer.agreements import add_signature, read_agreement, signers
from federation.mock_peer.lapses import Lapse
from federation.mock_peer.memory import KnownAgreement, KnownPeer, Memory, Taken
from federation.mock_peer.news import News
from federation.mock_peer.reading import Lapses
from federation.node import FederationNode
from federation.results import Result, refused
from federation.sealing import Binding, open_disclosures, open_subject
from schemas.clock import rfc3339
from schemas.envelope import Envelope, digest, parse_message
from schemas.identity import PersonIdentity
from schemas.messages import (
    MESSAGE_TYPES,
    AgreementProposed,
    AgreementSigned,
    ErasureRequested,
    RecordErased,
    needs_agreement,
)
from schemas.problems import (
    IdReused,
    InvalidMessage,
    MessageRefused,
    NoAgreement,
    PurposeNotAgreed,
    QuotaExceeded,
    UnknownType,
    WrongRecipient,
    WrongSource,
)

REQUESTED = "tonglu.verification.requested.v1"

Send = Callable[[str, str, dict[str, Any]], str]
"""Queues a message: peer's region, type, data; returns its id."""

Handler = Callable[[KnownPeer, Envelope, PersonIdentity | None], None]
"""Called once for each message of its type that takes effect; raises ``MessageRefused`` to refuse it."""

__all__ = ["REQUESTED", "Effects", "Handler", "Send"]


class Effects:
    """Takes messages one by one; ``handlers`` may be added by type."""

    def __init__(
        self, own: FederationNode, memory: Memory, lapses: Lapses, send: Send, *, news: News, signs: bool
    ) -> None:
        """``send`` queues what a message causes; ``news`` takes what a peer tells of itself; ``signs`` says that
        agreements are signed as soon as proposed.
        """
        self._own = own
        self._memory = memory
        self._lapses = lapses
        self._send = send
        self._news = news
        self._signs = signs
        self.handlers: dict[str, Handler] = {}

    def take(self, message: Any, peer: KnownPeer, now: datetime) -> Result:
        """One message's result, its effect included."""
        if isinstance(message, MessageRefused):
            return refused(message, message_id=message.message_id, streamseq=message.streamseq, digest=None, now=now)
        name = digest(message)
        message_id, streamseq = message.get("id"), message.get("streamseq")
        known = self._memory.results.get((peer.region, str(message_id)))
        try:
            if known is not None and known.digest != name and Lapse.ID_REUSED_TAKEN not in self._lapses:
                raise IdReused
            if known is not None and known.digest == name:
                return self._repeated(message, known, peer, now)
            envelope, person = self._read(message, peer)
            self._gate(envelope, peer)
            self._effect(envelope, person, peer, now)
            result = Result(envelope.id, envelope.streamseq, "accepted", name, rfc3339(now))
        except MessageRefused as error:
            shown = message_id if isinstance(message_id, str) else error.message_id
            number = streamseq if isinstance(streamseq, int) else error.streamseq
            result = refused(error, message_id=shown, streamseq=number, digest=name, now=now)
        if known is None and (result.result == "accepted" or result.retry == "never"):
            self._memory.results[peer.region, str(message_id)] = result
        return result

    def _repeated(self, message: dict[str, Any], known: Result, peer: KnownPeer, now: datetime) -> Result:
        if Lapse.DUPLICATE_TAKES_EFFECT in self._lapses and known.result == "accepted":
            envelope, person = self._read(message, peer)
            self._effect(envelope, person, peer, now)
        return Result(known.id, known.streamseq, "duplicate", known.digest, rfc3339(now), first=known)

    def _read(self, message: dict[str, Any], peer: KnownPeer) -> tuple[Envelope, PersonIdentity | None]:
        try:
            envelope = parse_message(message)
        except InvalidMessage:
            if Lapse.UNKNOWN_FIELDS_TAKEN not in self._lapses:
                raise
            envelope = parse_message(_known_part(message))
        if envelope.source != peer.source and Lapse.SOURCE_IGNORED not in self._lapses:
            raise WrongSource
        if envelope.recipient != self._own.source and Lapse.RECIPIENT_IGNORED not in self._lapses:
            raise WrongRecipient
        return envelope, self._open(envelope)

    def _open(self, envelope: Envelope) -> PersonIdentity | None:
        binding = Binding(envelope.id, envelope.source, envelope.recipient)
        subject, disclosures = envelope.data.get("subject_identity"), envelope.data.get("disclosures")
        if isinstance(disclosures, str):
            open_disclosures(disclosures, binding, self._own.keys)
        if not isinstance(subject, str):
            return None
        try:
            return open_subject(subject, binding, self._own.keys)
        except InvalidMessage as error:
            lifted = "another message" in json.dumps(error.facts)
            header = json.loads(b64url_bytes(subject.partition(".")[0]))
            is_lapse = (lifted and Lapse.BINDING_IGNORED in self._lapses) or (
                "zip" in header and Lapse.ZIP_TAKEN in self._lapses
            )
            if not is_lapse:
                raise
            return None

    def _gate(self, envelope: Envelope, peer: KnownPeer) -> None:
        agreement = self._memory.agreements.get(envelope.agreement or "")
        if not needs_agreement(envelope.type) or (agreement is None and Lapse.GATE_OPEN in self._lapses):
            return
        if agreement is None or not agreement.in_force or peer.region not in agreement.document.regions:
            raise NoAgreement
        if envelope.purpose not in agreement.document.purposes and Lapse.PURPOSE_IGNORED not in self._lapses:
            raise PurposeNotAgreed
        if envelope.type == REQUESTED:
            if agreement.asked >= agreement.document.per_month and Lapse.QUOTA_IGNORED not in self._lapses:
                raise QuotaExceeded
            agreement.asked += 1

    def _effect(self, envelope: Envelope, person: PersonIdentity | None, peer: KnownPeer, now: datetime) -> None:
        if envelope.type not in MESSAGE_TYPES:
            raise UnknownType
        handler = self.handlers.get(envelope.type)
        if handler is not None:
            handler(peer, envelope, person)
        data = envelope.parsed
        if isinstance(data, ErasureRequested):
            answer = RecordErased(message_ids=data.message_ids, at=now)
            self._send(peer.region, "tonglu.record.erased.v1", answer.to_wire())
        elif isinstance(data, AgreementProposed):
            self._keep(data, peer)
        elif isinstance(data, AgreementSigned):
            document = read_agreement(data.agreement)
            known = [self._own.keys.jwk("transport")], peer.of_use("transport")
            by = signers(data.agreement, {self._own.region: known[0], peer.region: known[1]})
            if by != {self._own.region, peer.region}:
                raise InvalidMessage(errors=[{"field": "data.agreement", "message": "both signatures are needed"}])
            self._memory.agreements[document.id] = KnownAgreement(document, by)
        else:
            self._news.take(data, peer, now)
        self._memory.taken.append(Taken(peer.region, envelope, person))

    def _keep(self, data: AgreementProposed, peer: KnownPeer) -> None:
        document = read_agreement(data.agreement)
        by = signers(data.agreement, {peer.region: peer.of_use("transport")})
        if by != {peer.region} or set(document.regions) != {self._own.region, peer.region}:
            raise InvalidMessage(errors=[{"field": "data.agreement", "message": "the peer's signature is needed"}])
        agreement = KnownAgreement(document, by)
        self._memory.agreements[document.id] = agreement
        if self._signs:
            whole = add_signature(self._own.keys, data.agreement)
            self._memory.agreements[document.id] = replace(agreement, signed_by=by | {self._own.region})
            self._send(peer.region, "tonglu.agreement.signed.v1", AgreementSigned(agreement=whole).to_wire())


def _known_part(message: dict[str, Any]) -> dict[str, Any]:
    """The message without what its type's data do not know."""
    kept = dict(message)
    model, data = MESSAGE_TYPES.get(str(message.get("type"))), message.get("data")
    if model is not None and isinstance(data, dict):
        names = {field.alias or name for name, field in model.model_fields.items()}
        kept["data"] = {name: value for name, value in data.items() if name in names}
    return kept
