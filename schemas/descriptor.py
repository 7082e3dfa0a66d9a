"""What a node says of itself: the signed descriptor and the invitation file of a pairing.

Keys are JWKs (RFC 7517, RFC 8037) of four uses. These are shapes only: signing, thumbprints and trust are
federation's.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas.regions import RegionCode
from schemas.wire import CompactJws, Uuid, WireInt, WireModel, WireTime

DESCRIPTOR_TYP = "tonglu-descriptor+jws"
"""The `typ` of the descriptor's JWS header; its `alg` is `Ed25519`, its `kid` the transport key's."""


class KeyUse(StrEnum):
    """What a node's key is for (the JWK member `tonglu_use`)."""

    TRANSPORT = "transport"
    CERTIFICATE = "certificate"
    CHECKPOINT = "checkpoint"
    SEAL = "seal"


def _base_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("a base URL is https://host[:port][/path]") from None
    plain = parts.scheme in ("https", "http") and parts.hostname and "@" not in parts.netloc and port_is_fine
    if not plain or parts.query or parts.fragment or text.endswith(("/", "?", "#")):
        raise ValueError("a base URL is https://host[:port][/path], without a final slash")
    return text


BaseUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[\x21-\x7e]+$", max_length=300), AfterValidator(_base_url)
]
"""Where a node answers: `https` (plain `http` for demos alone), no user, query, fragment or final slash."""


class PublicJwk(WireModel):
    """A public key of the curve 25519 family; `kid` is its RFC 7638 thumbprint."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519", "X25519"]
    x: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    kid: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    use: Literal["sig", "enc"]
    tonglu_use: KeyUse
    alg: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+_-]{1,32}$")] | None = None

    @model_validator(mode="after")
    def _curve_fits_use(self) -> Self:
        wanted = ("X25519", "enc") if self.tonglu_use is KeyUse.SEAL else ("Ed25519", "sig")
        if (self.crv, self.use) != wanted:
            raise ValueError("the seal key is X25519 for enc, the others Ed25519 for sig")
        return self


class PublicJwks(WireModel):
    """A JWK set with at least one key of each use."""

    keys: Annotated[tuple[PublicJwk, ...], Field(min_length=4, max_length=16)]

    @model_validator(mode="after")
    def _every_use(self) -> Self:
        if {key.tonglu_use for key in self.keys} != set(KeyUse):
            raise ValueError("a key of each use is needed")
        if len({key.kid for key in self.keys}) != len(self.keys):
            raise ValueError("each key once")
        return self

    def of_use(self, use: KeyUse) -> PublicJwk:
        """The first key of a use, which is the one in force."""
        return next(key for key in self.keys if key.tonglu_use is use)


class Limits(WireModel):
    """What the node takes from one peer."""

    max_messages: Annotated[WireInt, Field(ge=1, le=200)] = 200
    max_bytes: Annotated[WireInt, Field(ge=16_384, le=1_048_576)] = 1_048_576
    requests_per_second: Annotated[WireInt, Field(ge=1, le=1_000)] = 10
    concurrent: Annotated[WireInt, Field(ge=1, le=100)] = 2


class Descriptor(WireModel):
    """Who a node is: the payload of the descriptor's JWS. `issued_at` also tells the node's clock."""

    region: RegionCode
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    base_url: BaseUrl
    versions: Annotated[tuple[Annotated[WireInt, Field(ge=1)], ...], Field(min_length=1, max_length=16)]
    limits: Limits
    keys: PublicJwks
    issued_at: WireTime


class DescriptorDocument(WireModel):
    """The answer of `GET /.well-known/tonglu`: a compact JWS (typ `tonglu-descriptor+jws`) over a `Descriptor`."""

    jws: CompactJws


class Invitation(WireModel):
    """The file of a pairing, carried by hand: valid for 14 days and for one use."""

    tonglu_invitation: Literal[1]
    descriptor: DescriptorDocument
    invitation_id: Uuid
    expires_at: WireTime
