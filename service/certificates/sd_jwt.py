"""SD-JWT (RFC 9901): a signed part that holds salted digests, and the disclosures that open them.

An SD-JWT is ``<JWS>~<disclosure>~…~``. A disclosure is the base64url of ``[salt, claim, value]``, and its digest is
SHA-256 over the *base64url text* (section 4.2.3), so that a digest never depends on how JSON was spelled again. The
issuer signs the digests; whoever holds the certificate decides which disclosures travel along. A reader hashes each
one it was given, finds that digest in the signed part and puts the claim in its place (section 7.1); a disclosure that
no digest asks for, a digest that stands twice and a claim that would overwrite another are refused.

Key binding (section 4.3) is not used: a certificate on paper has no key, and showing it is the holder's choice.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from federation.keys import b64url, b64url_bytes

SALT_BYTES = 16
"""128 bits a salt, as section 9.3 recommends."""

MAX_DEPTH = 12


class SdJwtMalformed(ValueError):
    """The text is not an SD-JWT, or its disclosures do not belong to its signed part."""


@dataclass(frozen=True, slots=True)
class SdJwt:
    """An SD-JWT taken apart; nothing of it is verified yet. ``signed`` are the bytes under ``signature``."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes
    disclosures: tuple[str, ...]


def disclosure(claim: str, value: object, salt: bytes) -> str:
    """Write one disclosure of an object's claim (section 4.2.1)."""
    return b64url(_compact([b64url(salt), claim, value]))


def digest(text: str) -> str:
    """Give the digest of a disclosure's text (section 4.2.3)."""
    return b64url(sha256(text.encode("ascii")).digest())


def disclosed_value(text: str) -> str:
    """Read the value back from a disclosure of ours."""
    return str(_disclosed(text)[-1])


def sign(header: Mapping[str, Any], payload: Mapping[str, Any], signer: Callable[[bytes], bytes]) -> str:
    """Write a compact JWS (RFC 7515, 7.1); ``signer`` gives the signature of the bytes it gets."""
    signed = f"{b64url(_compact(header))}.{b64url(_compact(payload))}"
    return f"{signed}.{b64url(signer(signed.encode('ascii')))}"


def combine(token: str, disclosures: Sequence[str]) -> str:
    """Put the signed part and the disclosures to be shown together (section 4)."""
    return "~".join([token, *disclosures, ""])


def parse_jws(token: str) -> SdJwt:
    """Take a compact JWS apart, without verifying it. Raises :class:`SdJwtMalformed`."""
    try:
        first, second, third = token.encode("ascii").decode("ascii").split(".")
        header, payload = _object(b64url_bytes(first)), _object(b64url_bytes(second))
        return SdJwt(header, payload, f"{first}.{second}".encode("ascii"), b64url_bytes(third), ())
    except (ValueError, RecursionError) as error:
        raise SdJwtMalformed("not a signed token") from error


def parse(text: str) -> SdJwt:
    """Take an SD-JWT apart, without verifying it. Raises :class:`SdJwtMalformed`, for a key binding JWT as well."""
    token, *disclosures = text.split("~")
    if not disclosures or disclosures.pop() != "":
        raise SdJwtMalformed("an SD-JWT ends with a tilde")
    jws = parse_jws(token)
    return SdJwt(jws.header, jws.payload, jws.signed, jws.signature, tuple(disclosures))


def reveal(sd_jwt: SdJwt) -> dict[str, Any]:
    """Put the disclosed claims into the signed part and take the digests out (section 7.1, steps 3 to 5).

    Raises :class:`SdJwtMalformed` when a disclosure is not asked for by exactly one digest, when a claim would
    overwrite another or is named ``_sd`` or ``...``, or when another hash than SHA-256 is named.
    """
    if sd_jwt.payload.get("_sd_alg", "sha-256") != "sha-256":
        raise SdJwtMalformed("only sha-256 digests are taken")
    reader = _Reader(sd_jwt.disclosures)
    claims = reader.object(sd_jwt.payload, 0)
    if reader.unused:
        raise SdJwtMalformed("a disclosure belongs to no digest")
    claims.pop("_sd_alg", None)
    return claims


class _Reader:
    """One pass over a signed part: which disclosures are left, and which digests were met."""

    def __init__(self, disclosures: Sequence[str]) -> None:
        self.unused = {digest(text): _disclosed(text) for text in disclosures}
        if len(self.unused) != len(disclosures):
            raise SdJwtMalformed("a disclosure stands twice")
        self._met: set[str] = set()

    def object(self, source: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """The object with its disclosed claims in place, and those of the objects in it."""
        claims = {name: self._value(value, depth) for name, value in source.items() if name not in ("_sd", "...")}
        if "..." in source:
            raise SdJwtMalformed("a digest of an array's element stands outside an array")
        for found in self._digests(source.get("_sd", [])):
            match self._take(found):
                case [_, str(name), value] if name not in ("_sd", "...") and name not in claims:
                    claims[name] = self._value(value, depth)
                case None:
                    continue
                case _:
                    raise SdJwtMalformed("a disclosure does not fit its digest's place")
        return claims

    def _array(self, source: list[Any], depth: int) -> list[Any]:
        items: list[Any] = []
        for item in source:
            if not (isinstance(item, dict) and "..." in item):
                items.append(self._value(item, depth))
                continue
            if set(item) != {"..."}:
                raise SdJwtMalformed("a digest of an array's element stands alone")
            match self._take(self._digests([item["..."]])[0]):
                case [_, value]:
                    items.append(self._value(value, depth))
                case None:
                    continue
                case _:
                    raise SdJwtMalformed("a disclosure does not fit its digest's place")
        return items

    def _value(self, value: Any, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            raise SdJwtMalformed("nested too deeply")
        if isinstance(value, dict):
            return self.object(value, depth + 1)
        return self._array(value, depth + 1) if isinstance(value, list) else value

    def _digests(self, found: Any) -> list[str]:
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise SdJwtMalformed("digests are a list of texts")
        for item in found:
            if item in self._met:
                raise SdJwtMalformed("a digest stands twice")
            self._met.add(item)
        return found

    def _take(self, found: str) -> list[Any] | None:
        return self.unused.pop(found, None)


def _disclosed(text: str) -> list[Any]:
    try:
        content = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as error:
        raise SdJwtMalformed("a disclosure cannot be read") from error
    if not isinstance(content, list) or len(content) not in (2, 3) or not isinstance(content[0], str):
        raise SdJwtMalformed("a disclosure cannot be read")
    return content


def _object(raw: bytes) -> dict[str, Any]:
    content = json.loads(raw, object_pairs_hook=_without_repeats)
    if not isinstance(content, dict):
        raise SdJwtMalformed("not an object")
    return content


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise SdJwtMalformed("a name stands twice")
    return content


def _compact(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
