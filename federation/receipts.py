"""Evidence of what was exchanged, kept by both sides, and the receipt that anyone can verify from it."""

from typing import Any

from sqlmodel import Session

from federation.tables import Receipt


def receipts_of(session: Session, message_id: str) -> list[Receipt]:
    """The receipts of one message (ours for it, the peer's for it), the sent one first."""
    raise NotImplementedError


def receipts_about(session: Session, subject: str) -> list[Receipt]:
    """The receipts of every message about one subject (a case, a journey, ...), oldest first."""
    raise NotImplementedError


def receipt_document(session: Session, message_id: str) -> dict[str, Any] | None:
    """The receipt of one message as ``{message_id, digest, request, answer, keys}``; ``None`` without one."""
    raise NotImplementedError
