"""The person in a message: one JWE that only the recipient opens (RFC 7516; RFC 7518, 4.6; RFC 8037).

ECDH-ES with X25519 as direct key agreement, A256GCM; the protected header is exactly ``alg enc kid typ epk``. The
plaintext repeats the envelope's ``id``, ``source`` and ``recipient``, so a ciphertext cannot be lifted into another
message, and is padded with spaces to 512 or 1,024 bytes, so that its length does not tell a short name from a long one.

The disclosures of a delivered certificate travel the same way, under their own ``typ``.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from federation.keys import Jwk, NodeKeys, b64url, b64url_bytes, public_bytes
from schemas.entropy import Entropy
from schemas.identity import PersonIdentity
from schemas.problems import DateOfBirthMissing, InvalidInput, InvalidMessage, UnknownSealKey
from schemas.strict_json import UnreadableJsonError, read_document

SUBJECT_TYP = "tonglu-subject+jwe"
DISCLOSURES_TYP = "tonglu-disclosures+jwe"
PADDED_BYTES = (512, 1024)

_ENC = "A256GCM"
_HEADER = {"alg", "enc", "kid", "typ", "epk"}
_EPK = {"kty", "crv", "x"}
_MAX_DISCLOSURES = 8


@dataclass(frozen=True)
class Binding:
    """The three envelope fields that a sealed part repeats."""

    id: str
    source: str
    recipient: str


def seal_subject(person: PersonIdentity, binding: Binding, seal_jwk: Jwk, entropy: Entropy) -> str:
    """Seal ``person`` for the holder of ``seal_jwk`` (a public X25519 JWK): a JWE in compact serialisation.

    Raises ``DateOfBirthMissing`` for a person without one: no peer could match them.
    """
    if person.date_of_birth is None:
        raise DateOfBirthMissing
    return _seal({"person": person.to_wire()}, SUBJECT_TYP, binding, seal_jwk, entropy)


def open_subject(sealed: str, binding: Binding, keys: NodeKeys) -> PersonIdentity:
    """Open a sealed subject that came in the envelope of ``binding``.

    Raises ``UnknownSealKey`` when it is for no key of ours, ``InvalidMessage`` when the header, the ciphertext, the
    padding or the binding is not exactly as the protocol says.
    """
    try:
        person = PersonIdentity.model_validate(_open(sealed, SUBJECT_TYP, "person", binding, keys))
    except ValidationError:
        raise _refused("a person that cannot be read") from None
    if person.date_of_birth is None:
        raise _refused("a person without a date of birth")
    return person


def seal_disclosures(disclosures: tuple[str, ...], binding: Binding, seal_jwk: Jwk, entropy: Entropy) -> str:
    """Seal a certificate's disclosures (SD-JWT texts), as ``seal_subject`` does a person."""
    return _seal({"disclosures": list(disclosures)}, DISCLOSURES_TYP, binding, seal_jwk, entropy)


def open_disclosures(sealed: str, binding: Binding, keys: NodeKeys) -> tuple[str, ...]:
    """Open sealed disclosures; raises as ``open_subject``."""
    found = _open(sealed, DISCLOSURES_TYP, "disclosures", binding, keys)
    if not isinstance(found, list) or len(found) > _MAX_DISCLOSURES or not all(isinstance(one, str) for one in found):
        raise _refused("disclosures that cannot be read")
    return tuple(found)


def _seal(content: dict[str, Any], typ: str, binding: Binding, seal_jwk: Jwk, entropy: Entropy) -> str:
    plaintext = json.dumps(asdict(binding) | content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    size = next((size for size in PADDED_BYTES if len(plaintext) <= size), None)
    if size is None:
        raise InvalidInput("What is to be sealed is too long.")
    ephemeral = X25519PrivateKey.from_private_bytes(entropy.token_bytes(32))
    epk = {
        "kty": "OKP",
        "crv": "X25519",
        "x": b64url(ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
    }
    header = {"alg": "ECDH-ES", "enc": _ENC, "kid": seal_jwk["kid"], "typ": typ, "epk": epk}
    protected = b64url(json.dumps(header, separators=(",", ":")).encode("ascii"))
    key = _content_key(ephemeral.exchange(X25519PublicKey.from_public_bytes(public_bytes(seal_jwk))))
    nonce = entropy.token_bytes(12)
    sealed = AESGCM(key).encrypt(nonce, plaintext.ljust(size), protected.encode("ascii"))
    return f"{protected}..{b64url(nonce)}.{b64url(sealed[:-16])}.{b64url(sealed[-16:])}"


def _open(sealed: str, typ: str, member: str, binding: Binding, keys: NodeKeys) -> Any:
    parts = sealed.split(".")
    if len(parts) != 5 or parts[1]:
        raise _refused("not a JWE with direct key agreement")
    try:
        header = read_document(b64url_bytes(parts[0]))
        nonce, ciphertext, tag = (b64url_bytes(part) for part in parts[2:])
        if not _is_exact(header, typ):
            raise _refused("another header is expected")
        public = X25519PublicKey.from_public_bytes(b64url_bytes(header["epk"]["x"]))
    except (UnreadableJsonError, ValueError):
        raise _refused("a part cannot be read") from None
    if len(nonce) != 12 or len(tag) != 16:
        raise _refused("a part has another length")
    key = keys.of_kid(str(header["kid"]))
    if key is None or key.use != "seal":
        raise UnknownSealKey
    try:
        shared = key.x25519.exchange(public)
        plaintext = AESGCM(_content_key(shared)).decrypt(nonce, ciphertext + tag, parts[0].encode("ascii"))
    except (InvalidTag, ValueError):  # ValueError: a public key of small order has no shared secret
        raise _refused("it does not open") from None
    return _bound(plaintext, member, binding)


def _is_exact(header: Any, typ: str) -> bool:
    if not isinstance(header, dict) or set(header) != _HEADER or not isinstance(header["epk"], dict):
        return False
    epk = header["epk"]
    known = set(epk) == _EPK and (epk["kty"], epk["crv"]) == ("OKP", "X25519") and isinstance(epk["x"], str)
    return known and (header["alg"], header["enc"], header["typ"]) == ("ECDH-ES", _ENC, typ)


def _bound(plaintext: bytes, member: str, binding: Binding) -> Any:
    """The member of a plaintext that is padded and bound to its envelope as it must be."""
    try:
        content = read_document(plaintext.rstrip(b" "))
    except UnreadableJsonError:
        raise _refused("its content cannot be read") from None
    whole = isinstance(content, dict) and set(content) == {"id", "source", "recipient", member}
    if not whole or len(plaintext) not in PADDED_BYTES:
        raise _refused("its content has another form")
    if Binding(content["id"], content["source"], content["recipient"]) != binding:
        raise _refused("it was sealed for another message")
    return content[member]


def _content_key(shared: bytes) -> bytes:
    # RFC 7518, 4.6.2: AlgorithmID is the `enc` value, PartyUInfo and PartyVInfo are empty, SuppPubInfo is 256.
    other = len(_ENC).to_bytes(4, "big") + _ENC.encode("ascii") + bytes(8) + (256).to_bytes(4, "big")
    return ConcatKDFHash(SHA256(), 32, other).derive(shared)


def _refused(why: str) -> InvalidMessage:
    return InvalidMessage(errors=[{"field": "data", "message": f"the sealed part: {why}"}])
