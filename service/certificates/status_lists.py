"""This region's own status lists: an entry for each certificate, and the signed token that everyone may fetch.

The first list exists from the first time that anyone asks for it, whether or not a certificate was ever issued. Its
token is signed anew for each full hour: what is fetched tells neither when a certificate was issued nor, thanks to the
decoys, how many were revoked.
"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from schemas.certificates import (
    STATUS_BITS,
    STATUS_LIST_MAX_AGE_SECONDS,
    STATUS_LIST_SIZE,
    STATUS_LIST_TTL_SECONDS,
    STATUS_LIST_TYPE,
    StatusValue,
)
from service.certificates import sd_jwt, status_bits
from service.certificates.tables import StatusList
from service.context import Node

STATUS_PATH = "/federation/v1/status/"
MAX_LISTS = 4096

_FULL = STATUS_LIST_SIZE // 2
"""Beyond half full a new list begins, so that a random free entry is found at once and tells nothing."""


def status_uri(node: Node, number: int) -> str:
    """Where one of this region's lists is served."""
    return f"{node.base_url.rstrip('/')}{STATUS_PATH}{number}"


def number_in(uri: str) -> int | None:
    """The number of the list that a certificate names; None for a URI of another form."""
    head, found, tail = urlsplit(uri).path.rpartition(STATUS_PATH)
    fits = found and not head.endswith("/") and tail.isascii() and tail.isdigit() and len(tail) <= 4
    return int(tail) if fits and 0 < int(tail) <= MAX_LISTS else None


def ensure_first_list(session: Session, node: Node) -> StatusList:
    """The first list; made when the node has none. Needs a writing transaction."""
    return session.get(StatusList, 1) or _new_list(session, node, 1)


def take_entry(session: Session, node: Node) -> tuple[int, int]:
    """Take a random free entry for a new certificate; returns the list's number and the entry's index."""
    found = session.exec(select(StatusList).order_by(col(StatusList.number).desc()).limit(1).with_for_update()).first()
    row = found or ensure_first_list(session, node)
    if status_bits.taken_count(row.taken) >= _FULL:
        row = _new_list(session, node, row.number + 1)
    index = status_bits.free_index(row.taken, status_bits.decoys(_secret(node, row.number)), node.entropy)
    row.taken = status_bits.with_taken(row.taken, index)
    session.add(row)
    return row.number, index


def set_entry(session: Session, number: int, index: int, value: StatusValue) -> None:
    """Say in a list what a certificate's status is from now on."""
    row = session.exec(select(StatusList).where(col(StatusList.number) == number).with_for_update()).one()
    row.entries = status_bits.with_entry(row.entries, index, value)
    session.add(row)


def own_entry(session: Session, number: int, index: int) -> int | None:
    """The status of a certificate of ours, as it stands this moment; None for an entry that there is not."""
    row = session.get(StatusList, number)
    if row is None or not 0 <= index < STATUS_LIST_SIZE:
        return None
    return status_bits.entry(row.entries, index)


def status_list_token(session: Session, node: Node, number: int) -> str | None:
    """The signed status list token (draft-ietf-oauth-status-list, section 5.1); None for a list that there is not."""
    row = session.get(StatusList, number)
    if row is None:
        return None
    entries = status_bits.with_decoys(row.entries, _secret(node, number), row.created_on, node.today())
    issued = _full_hour(node.now())
    key = node.fed.keys.current("certificate")
    header = {"alg": "Ed25519", "kid": key.kid, "typ": STATUS_LIST_TYPE}
    claims = {
        "sub": status_uri(node, number),
        "iat": issued,
        "exp": issued + STATUS_LIST_MAX_AGE_SECONDS,
        "ttl": STATUS_LIST_TTL_SECONDS,
        "status_list": {"bits": STATUS_BITS, "lst": status_bits.pack(entries)},
    }
    return sd_jwt.sign(header, claims, key.sign)


def _new_list(session: Session, node: Node, number: int) -> StatusList:
    row = StatusList(
        number=number,
        created_on=node.today(),
        entries=status_bits.empty_entries(),
        taken=status_bits.empty_map(),
    )
    session.add(row)
    session.flush()
    return row


def _secret(node: Node, number: int) -> bytes:
    return node.vault.blind("status_list_decoys", str(number))


def _full_hour(now: datetime) -> int:
    return int(now.astimezone(UTC).replace(minute=0, second=0, microsecond=0).timestamp())
