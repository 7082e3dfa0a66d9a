"""The person in a message: one JWE that only the recipient opens (RFC 7516, 7518 section 4.6, 8037).

ECDH-ES with X25519, direct key agreement, A256GCM; the protected header is exactly ``alg enc kid typ epk``. The
plaintext repeats the envelope's ``id``, ``source`` and ``recipient``, so a ciphertext cannot be lifted into another
message, and is padded with spaces to 512 or 1,024 bytes, so that its length does not tell a short name from a long one.
"""

from dataclasses import dataclass

from federation.keys import Jwk, NodeKeys
from schemas.entropy import Entropy
from schemas.identity import PersonIdentity

SUBJECT_TYP = "tonglu-subject+jwe"


@dataclass(frozen=True)
class Binding:
    """The three envelope fields that a sealed subject repeats."""

    id: str
    source: str
    recipient: str


def seal_subject(person: PersonIdentity, binding: Binding, seal_jwk: Jwk, entropy: Entropy) -> str:
    """Seal ``person`` for the holder of ``seal_jwk`` (a public X25519 JWK): a JWE in compact serialisation."""
    raise NotImplementedError


def open_subject(sealed: str, binding: Binding, keys: NodeKeys) -> PersonIdentity:
    """Open a sealed subject that came in the envelope of ``binding``.

    Raises ``UnknownSealKey`` when it is for no key of ours, ``InvalidMessage`` when the header, the ciphertext, the
    padding or the binding is not exactly as the protocol says.
    """
    raise NotImplementedError
