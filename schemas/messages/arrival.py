"""`tonglu.arrival.confirmed.v1` and `tonglu.arrival.ended.v1`: what the origin may know of a journey."""

from typing import Literal

from schemas.calendar import PartialDate
from schemas.messages.base import MessageData
from schemas.wire import Uuid


class ArrivalConfirmed(MessageData):
    """The person of this journey is registered in the sender's region."""

    journey: Uuid
    case: Uuid | None = None
    arrived_on: PartialDate


class ArrivalEnded(MessageData):
    """The journey ended; the only reason on the wire is `ended`, and never where to."""

    journey: Uuid
    case: Uuid | None = None
    ended_on: PartialDate
    reason: Literal["ended"]
