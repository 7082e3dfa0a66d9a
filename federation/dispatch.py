"""From a checked batch to its effects: one savepoint a message, its dedupe row, its handler, what that causes."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlmodel import Session

from federation.tables import Peer
from schemas.envelope import Incoming, Outgoing

Handler = Callable[[Session, Incoming, Peer, datetime], list[Outgoing]]
"""Takes one message in the transaction that records it, and returns what it causes at once. Raises a
``MessageRefused`` to refuse it."""

Handlers = Mapping[str, Handler]
"""Message type (``tonglu.verification.requested.v1``) to its handler."""
