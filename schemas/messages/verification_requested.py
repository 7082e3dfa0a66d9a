"""`tonglu.verification.requested.v1`: a question about one person."""

from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.claims import Claim, Urgency
from schemas.messages.base import AboutPerson, ConsentRecord
from schemas.wire import Uuid, WireDate


def _once_each(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    if len(set(claims)) != len(claims):
        raise ValueError("each claim once")
    return claims


Claims = Annotated[
    tuple[Claim, ...],
    Field(min_length=1, max_length=len(Claim), json_schema_extra={"uniqueItems": True}),
    AfterValidator(_once_each),
]
"""One or more claims, each once."""


class VerificationRequested(AboutPerson):
    """A question about one person, answered by `verification.answered` or `verification.declined`."""

    case: Uuid
    journey: Uuid | None = None
    claims: Claims
    due_on: WireDate
    urgency: Urgency
    consent: ConsentRecord
