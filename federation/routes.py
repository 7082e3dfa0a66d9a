"""The federation's endpoints as a FastAPI router.

Bodies are read raw and bounded here, before anything looks at them; what is in them is the inbox's.
"""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from federation.dispatch import AgreementGate, Handlers
from federation.inbox import Inbox, RawRequest, Reply
from federation.node import DESCRIPTOR_PATH, EVENTS_PATH, FederationNode, Transactions
from federation.pairing import descriptor_jws
from federation.reconciliation import RECONCILIATIONS_PATH, Reconciler, answer_offer, answer_proof
from schemas.envelope import CONTENT_TYPE

_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "Malformed, or content that does not fit its digest; signed.", **_PROBLEM},
    401: {"description": "Not signed by a known peer (unsigned answer), or the clocks differ (signed).", **_PROBLEM},
    403: {"description": "The exchange with this peer is suspended; signed.", **_PROBLEM},
    409: {"description": "The request was received before; signed.", **_PROBLEM},
    413: {"description": "Too large.", **_PROBLEM},
    415: {"description": "A content coding; signed.", **_PROBLEM},
    429: {"description": "Too many requests of one peer; signed.", **_PROBLEM},
    503: {"description": "The node cannot take messages just now.", **_PROBLEM},
}
_BATCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {CONTENT_TYPE: {"schema": {"type": "array", "minItems": 1, "maxItems": 200}}},
    }
}
_PULL: dict[str, Any] = {
    "parameters": [
        {"name": "stream", "in": "query", "required": True, "schema": {"type": "string", "format": "uuid"}},
        {"name": "after", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 0}},
    ]
}


def federation_router(
    fed: FederationNode,
    transactions: Transactions,
    handlers: Handlers,
    gate: AgreementGate,
    *,
    reconciler: Reconciler | None = None,
    wake: Callable[[str | None], None] | None = None,
) -> APIRouter:
    """``POST`` and ``GET /federation/v1/events`` and ``GET /.well-known/tonglu``; with a ``reconciler`` also the rounds
    of ``/federation/v1/reconciliations``.

    ``wake`` is told the region of each peer that was heard (its wait is over, and messages may have been caused);
    ``Delivery.wake`` fits.
    """
    inbox = Inbox(fed, transactions, handlers, gate, wake=wake)
    router = APIRouter(tags=["federation"])

    @router.post(EVENTS_PATH, summary="Messages from a peer", responses=_RESPONSES, openapi_extra=_BATCH)
    async def post_events(request: Request) -> Response:
        """Take a signed batch of messages and answer with a signed result for each."""
        raw = await _raw(request, fed.limits.max_bytes)
        return _response(inbox.too_large() if raw is None else await inbox.take(raw))

    @router.get(EVENTS_PATH, summary="What a peer missed", responses=_RESPONSES, openapi_extra=_PULL)
    async def get_events(request: Request) -> Response:
        """Answer a signed question for the messages of one stream beyond a number."""
        raw = await _raw(request, fed.limits.max_bytes)
        return _response(inbox.too_large() if raw is None else await inbox.pull(raw))

    @router.get(DESCRIPTOR_PATH, summary="Who this node is")
    async def get_descriptor() -> JSONResponse:
        """The signed descriptor of this node: region, name, base URL, limits, public keys, and its clock."""
        return JSONResponse({"jws": descriptor_jws(fed)}, headers={"cache-control": "no-cache"})

    if reconciler is not None:
        _add_reconciliation(router, fed, inbox, reconciler)
    return router


def _add_reconciliation(router: APIRouter, fed: FederationNode, inbox: Inbox, reconciler: Reconciler) -> None:
    @router.post(RECONCILIATIONS_PATH, summary="Compare journeys, round one", responses=_RESPONSES)
    async def post_offer(request: Request) -> Response:
        """Take a peer's journeys, hidden, and answer with ours, hidden."""
        raw = await _raw(request, fed.limits.max_bytes)
        return _response(inbox.too_large() if raw is None else await answer_offer(fed, inbox, reconciler, raw))

    second = f"{RECONCILIATIONS_PATH}/{{reconciliation}}"

    @router.post(second, summary="Compare journeys, round two", responses=_RESPONSES)
    async def post_proof(request: Request) -> Response:
        """Take what tells us which of ours the peer holds, and answer with how many they are."""
        raw = await _raw(request, fed.limits.max_bytes)
        return _response(inbox.too_large() if raw is None else await answer_proof(inbox, reconciler, raw))


async def _raw(request: Request, max_bytes: int) -> RawRequest | None:
    """The request with its whole body; ``None`` when that is larger than allowed, without reading it to its end."""
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or int(declared[:20]) > max_bytes:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            return None
    scope = request.scope
    return RawRequest(
        method=request.method,
        path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=bytes(body),
    )


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, headers=reply.headers)
