"""`tonglu.erasure.requested.v1`: what the recipient holds from these messages must go."""

from schemas.messages.base import MessageData, MessageIds


class ErasureRequested(MessageData):
    """Withdrawal, erasure and retention look alike: no reason is given. Answered by `record.erased`."""

    message_ids: MessageIds
