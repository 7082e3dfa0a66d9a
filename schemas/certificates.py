"""What a check certificate says, and how its status is published.

A certificate proves that a service was attended: quarter, issuing region, day and the date until which
it counts. It carries no result. It is an SD-JWT VC (RFC 9901 and draft-ietf-oauth-sd-jwt-vc) signed by
the issuing region's ``certificate`` key. Three of its claims are *selectively disclosable*: they stand in
the signed part only as salted hashes, and whoever holds the certificate decides which of them to show.

Its status (valid, revoked, suspended) is one entry of the issuing region's Token Status List (IETF
draft-ietf-oauth-status-list, 2 bits an entry), fetched whole and ahead, so that checking one certificate
tells the issuer nothing.
"""

from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.claims import CertificateKind
from schemas.quarters import Quarter

VCT = "tonglu-check-certificate"
"""The type of credential (claim ``vct`` of SD-JWT VC)."""

SD_JWT_TYPE = "dc+sd-jwt"
"""The JWS header ``typ`` of an SD-JWT VC (draft-ietf-oauth-sd-jwt-vc, section 3.2.1)."""

STATUS_LIST_TYPE = "statuslist+jwt"
"""The JWS header ``typ`` of a status list token (draft-ietf-oauth-status-list, section 5.1)."""

STATUS_LIST_MEDIA_TYPE = "application/statuslist+jwt"
"""The media type under which a status list token is served (same draft, section 8.1)."""

STATUS_BITS = 2
"""Bits an entry takes: enough for valid, revoked and suspended."""

STATUS_LIST_SIZE = 16_384
"""Entries of one list. The protocol asks for at least 10,000, so that one certificate hides among many."""

STATUS_LIST_TTL_SECONDS = 24 * 3600
"""How long a fetched list is taken as fresh before it is fetched again."""

STATUS_LIST_MAX_AGE_SECONDS = 7 * 24 * 3600
"""A list older than this no longer tells that a certificate is valid (result ``not_current``)."""

MAX_CERTIFICATE_CHARACTERS = 4_096
"""The longest certificate text that is looked at; a QR code holds fewer than 3,000."""


class Disclosable(StrEnum):
    """A claim that only the holder reveals."""

    KIND = "kind"
    NAME = "name"
    DATE_OF_BIRTH = "date_of_birth"


class CertificateState(StrEnum):
    """Where a certificate stands, as the issuing office and its holder see it."""

    ISSUED = "issued"
    DELIVERED = "delivered"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


class StatusValue(IntEnum):
    """An entry of a status list (draft-ietf-oauth-status-list, section 7.1)."""

    VALID = 0
    REVOKED = 1  # the draft calls it INVALID: for ever
    SUSPENDED = 2  # for now


class CheckResult(StrEnum):
    """What checking a certificate comes to."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    UNKNOWN_ISSUER = "unknown_issuer"
    ALTERED = "altered"
    NOT_CURRENT = "not_current"


class StatusReference(BaseModel):
    """Where a certificate's status stands: one entry of one list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idx: Annotated[int, Field(ge=0, lt=1 << 24)]
    uri: Annotated[str, Field(max_length=512)]


class StatusClaim(BaseModel):
    """The claim ``status`` of a certificate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status_list: StatusReference


class CertificateClaims(BaseModel):
    """The signed part of a certificate: what anyone who sees it may read.

    ``sd`` holds one digest for each of the three disclosable claims, always three, in random order: a
    certificate whose holder has no date of birth on record carries a decoy, so that the number tells
    nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    vct: Literal["tonglu-check-certificate"]
    iss: Annotated[str, Field(pattern=r"^/regions/[0-9]{2,12}$")]
    quarter: Quarter
    attended_on: date
    valid_until: date
    status: StatusClaim
    sd: Annotated[tuple[str, ...], Field(alias="_sd", min_length=3, max_length=3)]
    sd_alg: Annotated[Literal["sha-256"], Field(alias="_sd_alg")] = "sha-256"

    @model_validator(mode="after")
    def _dates_in_order(self) -> "CertificateClaims":
        if self.valid_until <= self.attended_on:
            raise ValueError("valid_until must be later than attended_on")
        return self

    @property
    def region(self) -> str:
        """The code of the region that issued it."""
        return self.iss.removeprefix("/regions/")


class DisclosedClaims(BaseModel):
    """The disclosable claims that came with a certificate; those kept back are ``None``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: CertificateKind | None = None
    name: Annotated[str, Field(max_length=50)] | None = None
    date_of_birth: date | None = None


class StatusListClaims(BaseModel):
    """The signed part of a status list token (draft-ietf-oauth-status-list, section 5.1)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sub: Annotated[str, Field(max_length=512)]
    iat: Annotated[int, Field(ge=0)]
    exp: Annotated[int, Field(ge=0)] | None = None
    ttl: Annotated[int, Field(gt=0)] | None = None
    status_list: "PackedStatusList"


class PackedStatusList(BaseModel):
    """A status list as it travels: base64url of the zlib-compressed entries."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bits: Literal[1, 2, 4, 8]
    lst: Annotated[str, Field(max_length=1_000_000)]


class CertificateCheck(BaseModel):
    """The answer to a check: ``claims`` holds what the certificate shows, and nothing if it is altered.

    ``status_age_hours`` is the age of the status list the answer rests on, ``None`` where none is held.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: CheckResult
    status_age_hours: int | None = None
    checked_at: datetime
    claims: dict[str, Any]
