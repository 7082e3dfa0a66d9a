"""Reconciliation (对账): two rounds in which two regions learn which journeys with each other both hold, and no more.

Points are ristretto255 elements (RFC 9496), base64url. Round one: the asker offers its journeys, each hidden under its
secret; the answerer raises these by its own secret, in the same order, and offers its own. Round two: the asker raises
the answerer's in turn. What is raised by both secrets is equal where the journey is.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.wire import Uuid, WireInt, WireModel

FEWEST_JOURNEYS = 20
"""With fewer on either side a match would say too much about one person."""

MOST_JOURNEYS = 2_000
"""More than this are not compared at once."""

Point = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
"""The 32 bytes of a ristretto255 element in unpadded base64url."""

Points = Annotated[tuple[Point, ...], Field(max_length=MOST_JOURNEYS)]


class ReconciliationOffer(WireModel):
    """The asker's journeys with the answerer, each hidden under the asker's secret, in no order."""

    reconciliation: Uuid
    agreement: Uuid
    points: Points


class ReconciliationAnswer(WireModel):
    """`raised` are the offered points under both secrets, in the order of the offer; `points` the answerer's own."""

    raised: Points
    points: Points


class ReconciliationProof(WireModel):
    """The answerer's points under both secrets, in the order of its answer."""

    reconciliation: Uuid
    raised: Points


class ReconciliationResult(WireModel):
    """How many journeys both hold, as the answerer counted them."""

    matched: Annotated[WireInt, Field(ge=0, le=MOST_JOURNEYS)]
