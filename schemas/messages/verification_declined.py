"""`tonglu.verification.declined.v1` and `tonglu.verification.cancelled.v1`: a case that ends without an answer."""

from schemas.claims import CancelReason, DeclineReason
from schemas.messages.base import MessageData
from schemas.wire import Uuid


class VerificationDeclined(MessageData):
    """The asked office cannot take the request."""

    case: Uuid
    reason: DeclineReason


class VerificationCancelled(MessageData):
    """The asking office takes the request back; a withdrawn consent says `no_longer_needed`."""

    case: Uuid
    reason: CancelReason
