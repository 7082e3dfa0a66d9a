"""What a mock peer answers: the protocol's checks in their order, then one fault if one was programmed."""

import json
import zlib
from base64 import b64encode
from dataclasses import replace
from datetime import datetime
from hashlib import sha256, sha512
from typing import Any, Protocol
from urllib.parse import parse_qsl

from federation.bounds import Bounds
from federation.jws import sign_jws
from federation.keys import b64url
from federation.mock_peer.bending import AnswerBend, bent_answer
from federation.mock_peer.comparing import Comparing
from federation.mock_peer.effects import Effects
from federation.mock_peer.faults import JSON, PROBLEM, Delivery, Fault, ProblemAnswer
from federation.mock_peer.lapses import Lapse
from federation.mock_peer.memory import Heard, KnownPeer, Memory
from federation.mock_peer.reading import Lapses, authenticate, check, read_batch
from federation.node import DESCRIPTOR_PATH, EVENTS_PATH, FederationNode
from federation.pairing import descriptor_jws
from federation.reconciliation import RECONCILIATIONS_PATH
from federation.signatures import SignedRequest
from schemas.certificates import (
    STATUS_BITS,
    STATUS_LIST_MAX_AGE_SECONDS,
    STATUS_LIST_SIZE,
    STATUS_LIST_TTL_SECONDS,
    STATUS_LIST_TYPE,
)
from schemas.clock import rfc3339
from schemas.envelope import digest
from schemas.problems import (
    FederationError,
    LocalError,
    Malformed,
    MessageRefused,
    RateLimited,
    TooLarge,
    problem_document,
)

STATUS_PATH = "/federation/v1/status/1"
GOOD = Fault("none")


class Pulled(Protocol):
    """What the sending side holds of a stream for a peer."""

    def held(self, region: str, stream: str, after: int) -> tuple[list[bytes], int]:
        """The messages beyond a number, and the highest number given."""
        ...


class Answering:
    """Answers requests from memory alone."""

    def __init__(self, own: FederationNode, memory: Memory, lapses: Lapses, effects: Effects, pulled: Pulled) -> None:
        self._own = own
        self._memory = memory
        self._lapses = lapses
        self._effects = effects
        self._pulled = pulled
        self._bounds = Bounds(own.limits)
        self._comparing = Comparing(own, memory, lapses)

    def answer(self, heard: Heard, fault: Fault | None = None) -> Delivery:
        """The answer to one request; ``heard`` is filled with what became of it."""
        fault = fault or GOOD
        heard.fault = fault.name
        if heard.path == DESCRIPTOR_PATH and heard.method == "GET":
            return _plain(200, JSON, _json({"jws": descriptor_jws(self._own)}))
        if heard.path.startswith("/federation/v1/status/") and heard.method == "GET":
            return self._status_list(heard.path)
        is_comparison = heard.path.startswith(RECONCILIATIONS_PATH) and heard.method == "POST"
        if not is_comparison and (heard.path != EVENTS_PATH or heard.method not in ("GET", "POST")):
            return _plain(404, "text/plain", b"")
        try:
            if len(heard.body) > self._own.limits.max_bytes:
                raise TooLarge
            now = self._own.clock.now()
            request, peer = authenticate(self._own, self._memory, self._lapses, heard, now)
        except FederationError as problem:
            heard.problem = problem.code
            return fault.instead or _unsigned(problem)
        heard.request, heard.region = request, peer.region
        return self._known(heard, request, peer, fault, now)

    def _known(self, heard: Heard, request: SignedRequest, peer: KnownPeer, fault: Fault, now: datetime) -> Delivery:
        try:
            if Lapse.RATE_UNBOUNDED in self._lapses:
                return self._served(heard, request, peer, fault, now)
            with self._bounds.request_of(peer.region):
                return self._served(heard, request, peer, fault, now)
        except (FederationError, LocalError, MessageRefused) as problem:
            heard.problem = problem.code
            document = ProblemAnswer(problem.status, problem_document(problem))
            if isinstance(problem, RateLimited):
                if Lapse.RATE_UNSIGNED in self._lapses:
                    return _unsigned(problem)
                return self._signed(request, document, fault, now, extra=(("retry-after", "1"),))
            return self._signed(request, document, fault, now)

    def _served(self, heard: Heard, request: SignedRequest, peer: KnownPeer, fault: Fault, now: datetime) -> Delivery:
        check(peer, self._memory, self._lapses, request=request, heard=heard, now=now)
        if peer.state == "invited":
            peer.state = "active"
        if fault.instead is not None:
            return fault.instead
        if fault.problem is not None:
            return self._signed(request, fault.problem, fault, now)
        if heard.method == "GET":
            return self._signed(request, self._pull(peer, heard.query), fault, now)
        if heard.path != EVENTS_PATH:
            return self._signed(request, self._comparing.answer(heard.path, heard.body, peer, now), fault, now)
        messages = read_batch(self._own, self._lapses, heard, request.content_type)
        results = [self._result(place, one, peer, fault, now) for place, one in enumerate(messages)]
        results = self._lapsed(results, heard, messages)
        if fault.results is not None:
            results = fault.results(results)
        return self._signed(request, results, fault, now)

    def _result(self, place: int, message: Any, peer: KnownPeer, fault: Fault, now: datetime) -> dict[str, Any]:
        refusal = fault.refusal
        if refusal is None or refusal.index != place or not isinstance(message, dict):
            return self._effects.take(message, peer, now).to_wire()
        return {
            "id": message.get("id"),
            "streamseq": message.get("streamseq"),
            "result": "refused",
            "digest": digest(message),
            "recorded_at": rfc3339(now),
            "problem": refusal.document,
        }

    def _lapsed(self, results: list[dict[str, Any]], heard: Heard, messages: list[Any]) -> list[dict[str, Any]]:
        if Lapse.RECEIPT_DIGEST_WRONG in self._lapses and len(results) == 1:
            # What somebody gets who hashes the bytes instead of their canonical form.
            raw = heard.body.strip()[1:-1].strip()
            results[0]["digest"] = sha256(raw).hexdigest()
        if Lapse.ABSENT_TOLD in self._lapses:
            for result, message in zip(results, messages, strict=True):
                about = [one for one in self._memory.taken if one.envelope.id == result["id"] and one.person]
                if isinstance(message, dict) and about and about[-1].person:
                    result["retry"] = (about[-1].person.document_number or "") in self._memory.known_people
        return results[::-1] if Lapse.RESULTS_UNORDERED in self._lapses else results

    def _pull(self, peer: KnownPeer, query: str) -> dict[str, Any] | bytes:
        try:
            given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=2))
            stream, after = given["stream"], int(given["after"])
        except (KeyError, ValueError):
            raise Malformed(reason="stream and after are expected") from None
        if len(given) != 2 or len(stream) != 36 or not 0 <= after < 2**31:
            raise Malformed(reason="stream is a UUID, after a whole number")
        items, high_water = self._pulled.held(peer.region, stream, after)
        if Lapse.PULL_EMPTY in self._lapses:
            items = []
        return b'{"items":[%s],"high_water":%d}' % (b",".join(items), high_water)

    def _status_list(self, path: str) -> Delivery:
        if path != STATUS_PATH:
            return _plain(404, PROBLEM, _json({"type": "/problems/not_found", "status": 404}))
        issued = int(self._own.clock.now().timestamp()) // 3600 * 3600
        size = STATUS_LIST_SIZE // (16 if Lapse.STATUS_LIST_SMALL in self._lapses else 1)
        claims = {
            "sub": self._own.base_url + STATUS_PATH,
            "iat": issued,
            "exp": issued + STATUS_LIST_MAX_AGE_SECONDS,
            "ttl": STATUS_LIST_TTL_SECONDS,
            "status_list": {"bits": STATUS_BITS, "lst": b64url(zlib.compress(bytes(size * STATUS_BITS // 8)))},
        }
        token = sign_jws(self._own.keys, "certificate", STATUS_LIST_TYPE, claims)
        return _plain(200, f"application/{STATUS_LIST_TYPE}", token.encode("ascii"))

    def _signed(
        self,
        request: SignedRequest,
        content: ProblemAnswer | dict[str, Any] | list[Any] | bytes,
        fault: Fault,
        now: datetime,
        extra: tuple[tuple[str, str], ...] = (),
    ) -> Delivery:
        status, content_type = 200, JSON
        if isinstance(content, ProblemAnswer):
            status, content_type, content = content.status, PROBLEM, content.document
        body = content if isinstance(content, bytes) else _json(content)
        body = fault.content(body) if fault.content is not None else body
        bend = fault.signature or AnswerBend()
        if bend.digest == "sha-512":
            bend = replace(bend, digest=f"sha-512=:{b64encode(sha512(body).digest()).decode()}:")
        answer = bent_answer(
            self._own.keys, request, status=status, content_type=content_type, body=body, now=now, bend=bend
        )
        fields = tuple((name, value) for name, value in answer.headers().items() if value)
        delivery = Delivery(status, (*fields, *extra), body)
        return fault.delivery(delivery) if fault.delivery is not None else delivery


def _plain(status: int, content_type: str, body: bytes) -> Delivery:
    return Delivery(status, (("content-type", content_type),), body)


def _unsigned(problem: FederationError) -> Delivery:
    return _plain(problem.status, PROBLEM, _json(problem_document(problem)))


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


__all__ = ["STATUS_PATH", "Answering", "Pulled"]
