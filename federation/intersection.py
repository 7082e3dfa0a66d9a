"""Private set intersection on ristretto255 (Meadows 1986; Huberman, Franklin, Hogg 1999), for two honest parties.

Each element is mapped onto the group (SHA-512; RFC 9496, section 4.3.4) and raised to a party's secret. Raising
commutes, so an element that both raised is the same point whoever began, and without the secrets it says nothing.
A party that lies about its set learns of each element that it made up whether the other holds it: hence the bounds
around it.
"""

from collections.abc import Iterable
from hashlib import sha512

import rbcl

from federation.keys import b64url, b64url_bytes
from schemas.entropy import Entropy
from schemas.problems import InvalidMessage

_DOMAIN = b"tonglu-reconciliation-v1\x00"
_IDENTITY = bytes(32)


def new_secret(entropy: Entropy) -> bytes:
    """A uniform scalar (32 bytes), for one reconciliation and one party alone."""
    return bytes(rbcl.crypto_core_ristretto255_scalar_reduce(entropy.token_bytes(64)))


def hide(elements: Iterable[bytes], secret: bytes) -> list[str]:
    """Map each element onto the group and raise it to ``secret``; in the order given."""
    return [b64url(rbcl.crypto_scalarmult_ristretto255(secret, _mapped(element))) for element in elements]


def raise_points(points: Iterable[str], secret: bytes) -> list[str]:
    """Raise another party's points to ``secret``, in their order.

    Raises ``InvalidMessage`` for what is no element of the group, for its identity, and for a point given twice.
    """
    given = [_point(point) for point in points]
    if len(set(given)) != len(given):
        raise InvalidMessage(errors=[{"field": "points", "message": "each point once"}])
    return [b64url(rbcl.crypto_scalarmult_ristretto255(secret, point)) for point in given]


def _mapped(element: bytes) -> bytes:
    return bytes(rbcl.crypto_core_ristretto255_from_hash(sha512(_DOMAIN + element).digest()))


def _point(text: str) -> bytes:
    try:
        point = b64url_bytes(text)
    except ValueError:
        point = b""
    if len(point) != 32 or point == _IDENTITY or not rbcl.crypto_core_ristretto255_is_valid_point(point):
        raise InvalidMessage(errors=[{"field": "points", "message": "not an element of ristretto255"}])
    return point
