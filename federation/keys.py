"""A node's own four keys and the JSON Web Keys of others (RFC 7517, 8037; ``kid`` is the RFC 7638 thumbprint).

``transport`` signs requests and answers, ``certificate`` signs certificates and status lists, ``checkpoint`` signs the
tree heads of the access log (all Ed25519); ``seal`` (X25519) opens what is sealed for this node.

Keys are rotated by one process while others serve. So ``NodeKeys`` is a view of ``keys.json``: ``refresh`` looks
whether the file was replaced and takes the new set as a whole. Whoever names a key and signs with it takes both from
one ``NodeKey``, or a rotation between the two would make a signature that nobody can verify.
"""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.clock import rfc3339
from schemas.entropy import Entropy

KeyUse = Literal["transport", "certificate", "checkpoint", "seal"]
KEY_USES: tuple[KeyUse, ...] = ("transport", "certificate", "checkpoint", "seal")
Jwk = dict[str, str]

SEAL_OPENS = timedelta(days=400)
"""How long a retired seal key still opens what was sealed for it; then its private half is destroyed."""


class KeyUnusable(ValueError):
    """A key is not what its use asks for (type, curve, length or thumbprint)."""


def b64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def b64url_bytes(text: str) -> bytes:
    """The bytes of unpadded base64url; ``ValueError`` for anything that is not its one canonical spelling."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64url(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The RFC 7638 thumbprint of an OKP key: base64url SHA-256 over ``crv``, ``kty`` and ``x``."""
    members = {name: jwk[name] for name in ("crv", "kty", "x")}
    return b64url(sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def _curve(use: str) -> str:
    return "X25519" if use == "seal" else "Ed25519"


def public_bytes(jwk: Mapping[str, Any]) -> bytes:
    """The 32 public bytes of a JWK whose type, curve and ``kid`` fit its ``tonglu_use``; else ``KeyUnusable``."""
    try:
        raw = b64url_bytes(jwk["x"])
        fits = jwk["kty"] == "OKP" and jwk["crv"] == _curve(jwk["tonglu_use"]) and jwk["kid"] == thumbprint(jwk)
    except (KeyError, TypeError, ValueError) as error:
        raise KeyUnusable("a key that cannot be read") from error
    if not fits or len(raw) != 32:
        raise KeyUnusable("a key that does not fit its use")
    return raw


def verifies(jwk: Mapping[str, Any], signature: bytes, signed: bytes) -> bool:
    """Whether ``signature`` is this Ed25519 key's over ``signed`` (RFC 8032); never raises for bad input."""
    try:
        Ed25519PublicKey.from_public_bytes(public_bytes(jwk)).verify(signature, signed)
    except (KeyUnusable, InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class NodeKey:
    """One private key: ``private`` are its 32 bytes; ``retired_at`` (RFC 3339) stands once another took its place, and
    ``compromised_from`` if someone else may have had it since.
    """

    use: KeyUse | Literal["directory"]
    private: bytes = field(repr=False)
    retired_at: str | None = None
    compromised_from: str | None = None

    @cached_property
    def jwk(self) -> Jwk:
        """The public JWK with ``kid``, ``use`` and ``tonglu_use``."""
        public: Ed25519PublicKey | X25519PublicKey = (
            self.x25519.public_key() if self.use == "seal" else self.ed25519.public_key()
        )
        x = b64url(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
        jwk = {"kty": "OKP", "crv": _curve(self.use), "x": x}
        jwk |= {"kid": thumbprint(jwk), "use": "enc" if self.use == "seal" else "sig", "tonglu_use": self.use}
        return jwk

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint."""
        return self.jwk["kid"]

    def sign(self, data: bytes) -> bytes:
        """The 64 Ed25519 signature bytes of ``data`` (not for ``seal``)."""
        return self.ed25519.sign(data)

    @cached_property
    def ed25519(self) -> Ed25519PrivateKey:
        """The signing key; not for ``seal``."""
        return Ed25519PrivateKey.from_private_bytes(self.private)

    @cached_property
    def x25519(self) -> X25519PrivateKey:
        """The key agreement key; only for ``seal``."""
        return X25519PrivateKey.from_private_bytes(self.private)


@dataclass(frozen=True)
class _Ring:
    """One state of the keys, as a whole."""

    keys: tuple[NodeKey, ...]
    current: dict[str, NodeKey]
    by_kid: dict[str, NodeKey]

    @classmethod
    def of(cls, keys: list[NodeKey]) -> "_Ring":
        current: dict[str, NodeKey] = {key.use: key for key in keys if key.retired_at is None}
        if set(current) != set(KEY_USES):
            raise KeyUnusable("a node needs one key in force for each use")
        return cls(tuple(keys), current, {key.kid: key for key in keys})


class NodeKeys:
    """The private keys of this node, by use; one of each is in force, retired ones stay to open and to verify."""

    def __init__(self, keys: list[NodeKey]) -> None:
        self._ring = _Ring.of(keys)
        self._path: Path | None = None
        self._seen: tuple[int, int, int] | None = None

    @classmethod
    def generate(cls, entropy: Entropy) -> "NodeKeys":
        """Four new keys from ``entropy``."""
        return cls([NodeKey(use, entropy.token_bytes(32)) for use in KEY_USES])

    @classmethod
    def load(cls, path: Path) -> "NodeKeys":
        """Read ``keys.json``; ``KeyUnusable`` when it is incomplete, a name is wrong or the world may read it."""
        seen = _state_of(path)
        keys = cls(_read(path))
        keys._path, keys._seen = path, seen
        return keys

    def refresh(self) -> None:
        """Take the keys of the file anew if it was replaced since; a file that cannot be read changes nothing."""
        if self._path is None:
            return
        try:
            seen = _state_of(self._path)
            if seen != self._seen:
                self._ring, self._seen = _Ring.of(_read(self._path)), seen
        except (KeyUnusable, OSError):
            return

    def save(self, path: Path) -> None:
        """Write ``keys.json`` with mode 0600, whole or not at all."""
        entries = []
        for key in self._ring.keys:
            entry = {**key.jwk, "d": b64url(key.private), "retired_at": key.retired_at}
            if key.compromised_from is not None:
                entry["compromised_from"] = key.compromised_from
            entries.append(entry)
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"keys": entries}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def rotated(self, entropy: Entropy, now: datetime, compromised_from: datetime | None = None) -> "NodeKeys":
        """These keys with four new ones in force; those in force until ``now`` are retired."""
        since = None if compromised_from is None else rfc3339(compromised_from)
        kept = [
            replace(key, retired_at=rfc3339(now), compromised_from=since) if key.retired_at is None else key
            for key in self._ring.keys
        ]
        return NodeKeys([*kept, *(NodeKey(use, entropy.token_bytes(32)) for use in KEY_USES)])

    def without_old_seals(self, now: datetime) -> "NodeKeys | None":
        """These keys without the seal keys that were retired 400 days ago; ``None`` when there are none such."""
        kept = [key for key in self._ring.keys if not _is_past_opening(key, now)]
        return NodeKeys(kept) if len(kept) < len(self._ring.keys) else None

    def take(self, other: "NodeKeys") -> None:
        """Use the keys of ``other`` from now on, as ``refresh`` takes those of the file."""
        self._ring = _Ring.of(other.all())

    def current(self, use: KeyUse) -> NodeKey:
        """The key in force for ``use``: its name and its signature belong together."""
        return self._ring.current[use]

    def signer(self, kid: str | None) -> NodeKey:
        """The transport key with this id, if it is held, else the one in force."""
        found = self._ring.by_kid.get(kid or "")
        return found if found is not None and found.use == "transport" else self._ring.current["transport"]

    def jwk(self, use: KeyUse) -> Jwk:
        """The public JWK in force for ``use``."""
        return self._ring.current[use].jwk

    def kid(self, use: KeyUse) -> str:
        """The key id in force for ``use``."""
        return self._ring.current[use].kid

    def public_jwks(self) -> dict[str, list[Jwk]]:
        """The JWK set of the keys in force, as the descriptor carries it."""
        current = self._ring.current
        return {"keys": [current[use].jwk for use in KEY_USES]}

    def sign(self, use: KeyUse, data: bytes) -> bytes:
        """The 64 Ed25519 signature bytes of ``data`` by the key in force for ``use`` (not ``seal``)."""
        return self._ring.current[use].sign(data)

    def private_jwk(self, use: KeyUse) -> Jwk:
        """The JWK with its private member ``d``, for libraries that sign JWS; never to be stored or logged."""
        key = self._ring.current[use]
        return {**key.jwk, "d": b64url(key.private)}

    def of_kid(self, kid: str) -> NodeKey | None:
        """The key with this id, retired ones included."""
        return self._ring.by_kid.get(kid)

    def all(self) -> list[NodeKey]:
        """Every key, retired ones included, in the order they were made."""
        return list(self._ring.keys)


def _state_of(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> list[NodeKey]:
    if path.stat().st_mode & 0o077:
        raise KeyUnusable(f"{path} must be readable by its owner alone (mode 0600)")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["keys"]
        return [
            NodeKey(e["tonglu_use"], b64url_bytes(e["d"]), e.get("retired_at"), e.get("compromised_from"))
            for e in entries
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise KeyUnusable(f"{path} cannot be read") from error


def _is_past_opening(key: NodeKey, now: datetime) -> bool:
    if key.use != "seal" or key.retired_at is None:
        return False
    return now >= datetime.fromisoformat(key.retired_at) + SEAL_OPENS
