"""What two regions allow each other: the agreement, and the JWS that both sign."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.claims import Claim, Purpose
from schemas.regions import RegionCode, contains
from schemas.wire import Base64Url, Uuid, WireDate, WireInt, WireModel

LEAST_QUOTA = 50
"""Messages a month that any agreement may allow, however few journeys the regions share."""


class AgreementState(StrEnum):
    """The life of an agreement."""

    PROPOSED = "proposed"
    SIGNED = "signed"
    ENDED = "ended"


class Agreement(WireModel):
    """What two regions allow each other, in both directions.

    `per_month` counts verification requests of one side in one calendar month; `answer_working_days` is the term
    for a normal request; `retention_days` bounds how long the contents of an answered case stay (at most 90).
    """

    id: Uuid
    regions: tuple[RegionCode, RegionCode]
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1, max_length=len(Purpose))]
    claims: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=len(Claim))]
    per_month: Annotated[WireInt, Field(ge=1, le=1_000_000)]
    answer_working_days: Annotated[WireInt, Field(ge=1, le=60)]
    retention_days: Annotated[WireInt, Field(ge=1, le=90)]
    valid_from: WireDate
    valid_until: WireDate

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        one, other = self.regions
        if contains(one, other) or contains(other, one):
            raise ValueError("an agreement is between two regions apart")
        if self.valid_until < self.valid_from:
            raise ValueError("an agreement ends after it begins")
        if len(set(self.purposes)) != len(self.purposes) or len(set(self.claims)) != len(self.claims):
            raise ValueError("each purpose and each claim once")
        return self

    def in_force_on(self, day: date) -> bool:
        """Whether a day lies within the agreement's dates, both included."""
        return self.valid_from <= day <= self.valid_until

    def other_than(self, region: str) -> str:
        """The partner of one of its two regions; raises `ValueError` for a third one."""
        if region not in self.regions:
            raise ValueError("not a region of this agreement")
        return self.regions[1] if self.regions[0] == region else self.regions[0]


class JwsSignature(WireModel):
    """One signature of a JWS; the protected header names `alg` and `kid`."""

    protected: Base64Url
    signature: Base64Url


class SignedAgreement(WireModel):
    """An agreement in JWS general JSON serialisation (RFC 7515, 7.2.1), signed by one region or by both."""

    payload: Base64Url
    signatures: Annotated[tuple[JwsSignature, ...], Field(min_length=1, max_length=2)]


def most_per_month(open_journeys: int) -> int:
    """The hard cap of `per_month`: the open journeys with that region in the answerer's register, at least 50."""
    return max(LEAST_QUOTA, open_journeys)
