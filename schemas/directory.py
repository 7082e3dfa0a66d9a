"""A directory: a versioned, signed list of regions with nodes, followed by choice. Shapes; trust is federation's."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.descriptor import BaseUrl
from schemas.regions import RegionCode
from schemas.wire import WireInt, WireModel, WireTime

DIRECTORY_TYP = "tonglu-directory+jws"
"""The `typ` of the list's JWS header; its `alg` is `Ed25519`, its `kid` the directory's key."""

MAX_LIST_BYTES = 4_194_304
_COMPACT = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"

DirectoryName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Thumbprint = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]


class DirectoryJwk(WireModel):
    """The public key that signs a directory (RFC 8037); `kid` is its RFC 7638 thumbprint."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: Thumbprint
    kid: Thumbprint
    use: Literal["sig"]
    tonglu_use: Literal["directory"]


class DirectoryFile(WireModel):
    """What is carried by hand to follow a directory: where its list stands, and the key that signs it."""

    tonglu_directory: Literal[1]
    name: DirectoryName
    url: Annotated[str, StringConstraints(pattern=r"^https?://[\x21-\x7e]+$", max_length=500)]
    jwk: DirectoryJwk


class ListedNode(WireModel):
    """One region of the list: where its node answers, and its transport key."""

    region: RegionCode
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    base_url: BaseUrl
    transport_kid: Thumbprint


class DirectoryList(WireModel):
    """The payload of the list's JWS; a higher version replaces a lower one."""

    directory: DirectoryName
    version: Annotated[WireInt, Field(ge=1, le=2**31 - 1)]
    issued_at: WireTime
    nodes: Annotated[tuple[ListedNode, ...], Field(max_length=5_000)]


class DirectoryDocument(WireModel):
    """What stands at the directory's URL: a compact JWS (typ `tonglu-directory+jws`) over a `DirectoryList`."""

    jws: Annotated[str, StringConstraints(pattern=_COMPACT, max_length=MAX_LIST_BYTES)]
