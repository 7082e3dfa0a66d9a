"""`tonglu.verification.reminded.v1`: the one reminder of a request, between offices."""

from schemas.messages.base import MessageData
from schemas.wire import Uuid


class VerificationReminded(MessageData):
    """The answer to the case is due in two working days."""

    case: Uuid
