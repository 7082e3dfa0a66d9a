"""`tonglu.record.erased.v1`: what came with these messages is gone."""

from schemas.messages.base import MessageData, MessageIds
from schemas.wire import WireTime


class RecordErased(MessageData):
    """The same, in the same time, when nothing was held."""

    message_ids: MessageIds
    at: WireTime
