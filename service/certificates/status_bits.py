"""The entries of a status list, packed, and the decoys among them.

Two bits an entry, the first entry in the lowest bits of the first byte, the whole compressed with zlib
(draft-ietf-oauth-status-list, sections 4.1 and 4.2). A second map, one bit an entry, tells which ones are taken.

**Decoys** (section 12.6 of the draft, "decoy entries"). Whoever fetches the list every day sees entries change. So that
neither their number nor the day of a change tells how many certificates were revoked, some hundred entries never belong
to a certificate and change by themselves: each is revoked for good, or suspended for a while, from a day of its own on.
Which entries, which days and which state follow from a secret of the node, not from the stored row, so that every
process of the node computes the same list, and a stolen database does not tell decoys from certificates.
"""

import hmac
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import date, timedelta

from federation.keys import b64url
from schemas.certificates import STATUS_BITS, STATUS_LIST_SIZE, StatusValue
from schemas.entropy import Entropy

DECOYS = 384
"""Entries of a list that never belong to a certificate."""

_SPREAD_DAYS = 800
_LONGEST_SUSPENSION_DAYS = 120
_MASK = (1 << STATUS_BITS) - 1
_PER_BYTE = 8 // STATUS_BITS
_MAX_UNPACKED_BYTES = 1 << 20


class StatusListMalformed(ValueError):
    """A status list that cannot be unpacked, or that has no such entry."""


def empty_entries() -> bytes:
    """A list whose entries are all ``VALID``."""
    return bytes(STATUS_LIST_SIZE // _PER_BYTE)


def empty_map() -> bytes:
    """A map with no entry taken."""
    return bytes(STATUS_LIST_SIZE // 8)


def entry(entries: bytes, index: int, bits: int = STATUS_BITS) -> int:
    """The value of one entry. Raises :class:`StatusListMalformed` when the list is shorter than that."""
    per_byte = 8 // bits
    if not 0 <= index < len(entries) * per_byte:
        raise StatusListMalformed("the status list has no such entry")
    return entries[index // per_byte] >> (index % per_byte * bits) & ((1 << bits) - 1)


def with_entry(entries: bytes, index: int, value: StatusValue) -> bytes:
    """The list with one entry set."""
    changed = bytearray(entries)
    shift = index % _PER_BYTE * STATUS_BITS
    changed[index // _PER_BYTE] = changed[index // _PER_BYTE] & ~(_MASK << shift) | value << shift
    return bytes(changed)


def with_taken(taken: bytes, index: int) -> bytes:
    """The map with one entry taken."""
    changed = bytearray(taken)
    changed[index // 8] |= 1 << index % 8
    return bytes(changed)


def is_taken(taken: bytes, index: int) -> bool:
    """Whether an entry belongs to a certificate, or once did."""
    return bool(taken[index // 8] >> index % 8 & 1)


def taken_count(taken: bytes) -> int:
    """How many entries are taken."""
    return int.from_bytes(taken, "big").bit_count()


def free_index(taken: bytes, decoys: frozenset[int], entropy: Entropy) -> int:
    """A random entry that is neither taken nor a decoy; the list must not be full."""
    while True:
        index = entropy.below(STATUS_LIST_SIZE)
        if index not in decoys and not is_taken(taken, index):
            return index


def pack(entries: bytes) -> str:
    """The list as it travels: base64url of zlib at the highest level."""
    return b64url(zlib.compress(entries, 9))


def unpack(text: str) -> bytes:
    """The entries that travel as ``text``, at most 1 MiB. Raises :class:`StatusListMalformed`."""
    reader = zlib.decompressobj()
    try:
        entries = reader.decompress(urlsafe_b64decode(text + "=" * (-len(text) % 4)), _MAX_UNPACKED_BYTES)
    except (ValueError, zlib.error) as error:
        raise StatusListMalformed("a status list that cannot be unpacked") from error
    if not reader.eof:
        raise StatusListMalformed("a status list that is cut off or too long")
    return entries


def decoys(secret: bytes) -> frozenset[int]:
    """The entries of a list that are decoys; ``secret`` belongs to this list of this node."""
    return frozenset(index for index, _, _, _ in _plan(secret))


def with_decoys(entries: bytes, secret: bytes, created_on: date, today: date) -> bytes:
    """The list as it is published on a day: the decoys whose day has come are set."""
    for index, value, starts_after, lasts in _plan(secret):
        starts = created_on + timedelta(days=starts_after)
        over = value is StatusValue.SUSPENDED and today >= starts + timedelta(days=lasts)
        if starts <= today and not over:
            entries = with_entry(entries, index, value)
    return entries


def _plan(secret: bytes) -> Iterator[tuple[int, StatusValue, int, int]]:
    """Each decoy's entry, state, first day (after the list's own) and length of a suspension in days."""
    seen: set[int] = set()
    number = 0
    while len(seen) < DECOYS:
        draw = hmac.digest(secret, number.to_bytes(4, "big"), "sha256")
        number += 1
        index = int.from_bytes(draw[:8], "big") % STATUS_LIST_SIZE
        if index in seen:
            continue
        seen.add(index)
        value = StatusValue.REVOKED if draw[8] & 1 else StatusValue.SUSPENDED
        # A quarter of them stand from the first day on: a new list does not look new.
        starts_after = 0 if draw[9] % 4 == 0 else int.from_bytes(draw[10:14], "big") % _SPREAD_DAYS
        yield index, value, starts_after, 1 + int.from_bytes(draw[14:18], "big") % _LONGEST_SUSPENSION_DAYS
