"""Tree heads of an access log and their cosignatures as text (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

Written on its own, from the protocol page alone, so that a mistake in a node's writing is not repeated here.
"""

import struct
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from federation.keys import Jwk, NodeKeys, public_bytes, verifies

_HEAD, _COSIGNATURE = b"\x01", b"\x04"
"""The signature types of a note (Ed25519) and of a timestamped cosignature in a key id."""


@dataclass(frozen=True)
class Head:
    """A tree head that was read: whose log, how many entries, the root, and the text that is signed."""

    origin: str
    size: int
    root: str
    signed: str
    lines: tuple[str, ...]


def origin_of(region: str) -> str:
    """The name of a region's access log."""
    return f"tonglu/{region}/access-log"


def head(keys: NodeKeys, region: str, size: int, root: bytes) -> str:
    """A tree head, signed by the ``checkpoint`` key in force."""
    name = origin_of(region)
    text = f"{name}\n{size}\n{b64encode(root).decode()}\n"
    blob = _key_id(name, _HEAD, keys.jwk("checkpoint")) + keys.sign("checkpoint", text.encode())
    return f"{text}\n— {name} {b64encode(blob).decode()}\n"


def read_head(text: str) -> Head | None:
    """What a head says; ``None`` for anything else."""
    body, gap, notes = text.partition("\n\n")
    parts = body.split("\n")
    if not gap or len(parts) != 3 or not parts[1].isdecimal() or not notes.endswith("\n"):
        return None
    return Head(parts[0], int(parts[1]), parts[2], body + "\n", tuple(notes[:-1].split("\n")))


def is_signed(found: Head, jwk: Jwk) -> bool:
    """Whether a checkpoint key signed a head."""
    blob = _blob(found.lines[0], found.origin)
    key_id = _key_id(found.origin, _HEAD, jwk)
    return blob[:4] == key_id and verifies(jwk, blob[4:], found.signed.encode())


def cosigned(keys: NodeKeys, region: str, text: str, at: datetime) -> str:
    """A head with one line more: this node, as a witness, saw it at that second."""
    name, seconds = f"tonglu/{region}", int(at.timestamp())
    stamp = struct.pack(">Q", seconds)
    signed = _cosigned_bytes(seconds, text.partition("\n\n")[0] + "\n")
    blob = _key_id(name, _COSIGNATURE, keys.jwk("checkpoint")) + stamp + keys.sign("checkpoint", signed)
    return f"{text}— {name} {b64encode(blob).decode()}\n"


def is_cosigned(text: str, cosigned_text: str, region: str, jwk: Jwk) -> bool:
    """Whether a text is a head of ours and one line more, a region's good cosignature."""
    line = cosigned_text.removeprefix(text).removesuffix("\n")
    blob = _blob(line, f"tonglu/{region}")
    if not cosigned_text.startswith(text) or "\n" in line or len(blob) != 4 + 8 + 64:
        return False
    (seconds,) = struct.unpack(">Q", blob[4:12])
    key_id = _key_id(f"tonglu/{region}", _COSIGNATURE, jwk)
    signed = _cosigned_bytes(seconds, text.partition("\n\n")[0] + "\n")
    return blob[:4] == key_id and verifies(jwk, blob[12:], signed)


def cosigned_at(cosigned_text: str) -> datetime:
    """When the last line of a head says that its witness saw it; the beginning of time for no such line."""
    blob = b64decode(cosigned_text.rstrip("\n").rpartition(" ")[2])
    seconds = struct.unpack(">Q", blob[4:12])[0] if len(blob) == 4 + 8 + 64 else 0
    return datetime.fromtimestamp(min(seconds, 2**36), UTC)


def _cosigned_bytes(seconds: int, body: str) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()


def _key_id(name: str, kind: bytes, jwk: Jwk) -> bytes:
    return sha256(name.encode() + b"\n" + kind + public_bytes(jwk)).digest()[:4]


def _blob(line: str, name: str) -> bytes:
    start = f"— {name} "
    try:
        return b64decode(line.removeprefix(start), validate=True) if line.startswith(start) else b""
    except ValueError:
        return b""
