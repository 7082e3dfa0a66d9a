"""The three federation endpoints as a FastAPI router."""

from collections.abc import Callable

from fastapi import APIRouter

from federation.dispatch import Handlers
from federation.node import AgreementGate, FederationNode, Transactions


def federation_router(
    fed: FederationNode,
    transactions: Transactions,
    handlers: Handlers,
    gate: AgreementGate,
    *,
    wake: Callable[[str | None], None] | None = None,
) -> APIRouter:
    """``POST`` and ``GET /federation/v1/events`` and ``GET /.well-known/tonglu``.

    ``wake`` is told a region when a valid request of that peer came in (its wait is over) and after messages were
    caused (``Delivery.wake`` fits).
    """
    raise NotImplementedError
