"""`tonglu.message.voided.v1`: a message that was withdrawn before its receipt."""

from schemas.messages.base import MessageData
from schemas.wire import Uuid


class MessageVoided(MessageData):
    """Takes the stream and number of the voided message, under a new id."""

    voided: Uuid
