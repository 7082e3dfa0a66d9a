"""The vault: what a stolen database file does not tell.

Every person has a data key of their own. It lies in the database wrapped by the node's master key, and whoever
erases the wrapped key has erased all that was sealed under it, in every backup made from then on as well.

Four keys come out of the master key by HKDF (RFC 5869), one for each use, so that no use can speak for another:

============  =====================================================================================================
``wrap``      AES-256-GCM over a person's data key
``secret``    AES-256-GCM over what is nobody's in particular yet (drafts, received subjects, kept answers)
``blind``     HMAC-SHA-256 over a whole value: equality of document numbers, and nothing else
``token``     HMAC-SHA-256 over a piece of a value, under a key of its own for each area: search
============  =====================================================================================================

and two out of a person's key: one seals, one links. A *link* is HMAC(the person's key, a table's name): rows that
must not say whose they are (certificates, reminder plans, refusals, log entries) carry it instead of a person's id.
From the opened person one finds the rows, from a row nobody finds the person (PIPL arts 6, 51).

A sealed value is ``0x01 | nonce (12) | ciphertext and tag``. Its *context* (``"person.identity:<id>"``) is the
associated data, so that a sealed value moved to another row or column does not open there.
"""

import hmac
from functools import lru_cache
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.entropy import Entropy

KEY_BYTES = 32
NONCE_BYTES = 12
INDEX_BYTES = 16
_VERSION = b"\x01"
_HEAD_BYTES = len(_VERSION) + NONCE_BYTES
_WRAP_CONTEXT = b"person.key"


class VaultError(Exception):
    """A sealed value does not open: wrong key, wrong context, or altered bytes.

    Never a fault of what a user typed, hence no problem code: it surfaces as a fault of ours, with a reference.
    """


class KeyHolder(Protocol):
    """A row that owns a person's key: the person itself, or a case that keeps a received subject."""

    @property
    def wrapped_key(self) -> bytes | None:
        """The data key as :meth:`Vault.new_person_key` wrapped it, or None once it is erased."""


class NewKey(NamedTuple):
    """A fresh data key: ``key`` to use now and never store, ``wrapped`` to store."""

    key: bytes
    wrapped: bytes


class Vault:
    """Seals, opens and indexes; holds the node's keys and no data.

    ``master_key`` is 32 bytes. All methods may be called from several threads at once.
    """

    def __init__(self, master_key: bytes, entropy: Entropy) -> None:
        if len(master_key) != KEY_BYTES:
            message = f"the master key must have {KEY_BYTES} bytes, it has {len(master_key)}"
            raise VaultError(message)
        self._entropy = entropy
        self._wrap = AESGCM(_derive(master_key, "wrap"))
        self._secret = AESGCM(_derive(master_key, "secret"))
        self._blind_key = _derive(master_key, "blind")
        self._token_key = _derive(master_key, "token")
        self._area_key = lru_cache(maxsize=4096)(self._derive_area_key)

    # -- a person's key ------------------------------------------------------------------------------------------

    def new_person_key(self) -> NewKey:
        """Make a data key for one person (or one received case)."""
        key = self._entropy.token_bytes(KEY_BYTES)
        return NewKey(key, self._close(self._wrap, key, _WRAP_CONTEXT))

    def open_key(self, wrapped: bytes) -> bytes:
        """Unwrap a data key. Raises :class:`VaultError` if it was not wrapped by this node's master key."""
        return _open(self._wrap, wrapped, _WRAP_CONTEXT)

    # -- under a person's key ------------------------------------------------------------------------------------

    def seal(self, key: bytes, plaintext: bytes, context: str, *, pad_to: int = 0) -> bytes:
        """Seal ``plaintext`` under a person's ``key`` for one ``context`` (``"<table>.<column>:<row id>"``).

        With ``pad_to`` the plaintext is filled with spaces to the next multiple of so many bytes, for JSON whose
        length would tell a secret; the reader's JSON parser skips them.
        """
        return self._close(_sealer(key), _padded(plaintext, pad_to), context.encode())

    def unseal_bytes(self, key: bytes, sealed: bytes, context: str) -> bytes:
        """Open what :meth:`seal` made. Private door: only a room's logged ``unseal`` may call it.

        Raises :class:`VaultError` when key or context is another one or a byte was altered.
        """
        return _open(_sealer(key), sealed, context.encode())

    def link(self, key: bytes, table: str) -> bytes:
        """Give the one-way link (16 bytes) of a person to their rows in ``table``."""
        return hmac.digest(_subkey(key, b"tonglu link"), table.encode(), "sha256")[:INDEX_BYTES]

    # -- under the node's keys -----------------------------------------------------------------------------------

    def blind(self, kind: str, value: str) -> bytes:
        """Index a whole ``value`` for equality only (16 bytes), the same for the whole node.

        ``kind`` keeps indexes apart (``"document"``, ``"sign_in"``): equal values of two kinds do not match.
        """
        return hmac.digest(self._blind_key, _framed(kind, value), "sha256")[:INDEX_BYTES]

    def token(self, area: str, kind: str, value: str) -> bytes:
        """Index a piece of a value for search within one area (16 bytes): keyed by the area's own key."""
        return hmac.digest(self._area_key(area), _framed(kind, value), "sha256")[:INDEX_BYTES]

    def seal_secret(self, context: str, plaintext: bytes, *, pad_to: int = 0) -> bytes:
        """Seal what has no person's key (drafts, kept answers, a received subject before it is matched)."""
        return self._close(self._secret, _padded(plaintext, pad_to), context.encode())

    def open_secret(self, context: str, sealed: bytes) -> bytes:
        """Open what :meth:`seal_secret` made for the same context. Raises :class:`VaultError`."""
        return _open(self._secret, sealed, context.encode())

    def _close(self, box: AESGCM, plaintext: bytes, context: bytes) -> bytes:
        nonce = self._entropy.token_bytes(NONCE_BYTES)
        return _VERSION + nonce + box.encrypt(nonce, plaintext, context)

    def _derive_area_key(self, area: str) -> bytes:
        return hmac.digest(self._token_key, area.encode(), "sha256")


def _derive(master_key: bytes, use: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"tonglu vault 1 {use}".encode()).derive(
        master_key
    )


def _subkey(key: bytes, use: bytes) -> bytes:
    return hmac.digest(key, use, "sha256")


@lru_cache(maxsize=256)
def _sealer(key: bytes) -> AESGCM:
    """Reuse the cipher of a person whose fields are sealed or opened one after another."""
    return AESGCM(_subkey(key, b"tonglu seal"))


def _framed(kind: str, value: str) -> bytes:
    return kind.encode() + b"\x00" + value.encode()


def _padded(plaintext: bytes, pad_to: int) -> bytes:
    return plaintext + b" " * (-len(plaintext) % pad_to) if pad_to else plaintext


def _open(box: AESGCM, sealed: bytes, context: bytes) -> bytes:
    if sealed[:1] != _VERSION or len(sealed) <= _HEAD_BYTES:
        raise VaultError("not a sealed value of version 1")
    try:
        return box.decrypt(sealed[1:_HEAD_BYTES], sealed[_HEAD_BYTES:], context)
    except InvalidTag:
        raise VaultError("the sealed value does not open with this key in this context") from None
