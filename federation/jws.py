"""Compact JWS (RFC 7515) with Ed25519 (RFC 9864), its header exactly ``alg kid typ``: descriptors and key proofs."""

import json
from dataclasses import dataclass
from typing import Any

from federation.keys import Jwk, KeyUse, NodeKey, NodeKeys, b64url, b64url_bytes, verifies
from schemas.strict_json import UnreadableJsonError, read_document


class JwsRefused(ValueError):
    """A compact JWS is not of the expected form."""


@dataclass(frozen=True)
class CompactJws:
    """A parsed, not yet verified JWS; ``payload`` is its JSON object."""

    kid: str
    payload: dict[str, Any]
    signed: bytes
    signature: bytes

    def is_by(self, jwk: Jwk) -> bool:
        """Whether the key of this JWK, which must be the one that the header names, made the signature."""
        return jwk.get("kid") == self.kid and verifies(jwk, self.signature, self.signed)


def sign_jws(keys: NodeKeys, use: KeyUse, typ: str, payload: dict[str, Any]) -> str:
    """Sign a JSON object with the key in force for ``use``."""
    return sign_jws_with(keys.current(use), typ, payload)


def sign_jws_with(key: NodeKey, typ: str, payload: dict[str, Any]) -> str:
    """Sign a JSON object with one key, retired or not (the proof of a rotation is the old key's)."""
    header = {"alg": "Ed25519", "kid": key.kid, "typ": typ}
    signed = f"{_part(header)}.{_part(payload)}"
    return f"{signed}.{b64url(key.sign(signed.encode('ascii')))}"


def read_jws(text: str, typ: str) -> CompactJws:
    """Parse a JWS of type ``typ``; raises ``JwsRefused``. Nothing of it is trusted before ``is_by``."""
    parts = text.split(".")
    if len(parts) != 3:
        raise JwsRefused("a compact JWS has three parts")
    try:
        header = read_document(b64url_bytes(parts[0]))
        payload = read_document(b64url_bytes(parts[1]))
        signature = b64url_bytes(parts[2])
    except (UnreadableJsonError, ValueError) as error:
        raise JwsRefused("a part cannot be read") from error
    fits = isinstance(header, dict) and set(header) == {"alg", "kid", "typ"} and isinstance(payload, dict)
    if not fits or header["alg"] != "Ed25519" or header["typ"] != typ or not isinstance(header["kid"], str):
        raise JwsRefused("another header is expected")
    return CompactJws(header["kid"], payload, f"{parts[0]}.{parts[1]}".encode("ascii"), signature)


def _part(document: dict[str, Any]) -> str:
    return b64url(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8"))
