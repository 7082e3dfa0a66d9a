"""One person's sealed sheet in a table of this room: read whole, written whole.

Sheets are padded, so that their length does not tell how much stands in them.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlmodel import Session, col, select

from service.consents.tables import Consent, ConsentRefusal
from service.context import Node

_PAD_BYTES = 2048


def read_consents(session: Session, node: Node, key: bytes) -> dict[str, list[dict[str, Any]]]:
    """Give the sheet ``{"notices": [...], "consents": [...]}`` of the person with this data key."""
    return read_all_consents(session, node, [key])[key]


def read_all_consents(
    session: Session, node: Node, keys: Sequence[bytes]
) -> dict[bytes, dict[str, list[dict[str, Any]]]]:
    """Give several people's sheets, by their data keys, in one look-up."""
    links = {node.vault.link(key, "consent"): key for key in keys}
    sheets: dict[bytes, dict[str, list[dict[str, Any]]]] = {key: {"notices": [], "consents": []} for key in keys}
    for row in session.exec(select(Consent).where(col(Consent.link).in_(links))):
        key = links[row.link]
        sheets[key] = json.loads(node.vault.unseal_bytes(key, row.sealed, "consent.sealed"))
    return sheets


def write_consents(session: Session, node: Node, key: bytes, sheet: dict[str, list[dict[str, Any]]]) -> None:
    """Keep the sheet."""
    link = node.vault.link(key, "consent")
    sealed = node.vault.seal(key, _json(sheet), "consent.sealed", pad_to=_PAD_BYTES)
    session.merge(Consent(link=link, sealed=sealed))
    session.flush()


def read_refusals(session: Session, node: Node, key: bytes) -> list[dict[str, Any]]:
    """Give the refusals of the person with this data key, old ones included."""
    row = session.get(ConsentRefusal, node.vault.link(key, "consent_refusal"))
    if row is None:
        return []
    sheet: list[dict[str, Any]] = json.loads(node.vault.unseal_bytes(key, row.sealed, "consent_refusal.sealed"))
    return sheet


def write_refusals(session: Session, node: Node, key: bytes, sheet: list[dict[str, Any]], purge_on: date) -> None:
    """Keep the refusals until ``purge_on``."""
    link = node.vault.link(key, "consent_refusal")
    sealed = node.vault.seal(key, _json(sheet), "consent_refusal.sealed", pad_to=_PAD_BYTES)
    session.merge(ConsentRefusal(link=link, sealed=sealed, purge_on=purge_on))
    session.flush()


def drop_sheets(session: Session, node: Node, key: bytes) -> None:
    """Delete both sheets of a person who is being erased."""
    for row in (
        session.get(Consent, node.vault.link(key, "consent")),
        session.get(ConsentRefusal, node.vault.link(key, "consent_refusal")),
    ):
        if row is not None:
            session.delete(row)
    session.flush()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
