"""`tonglu.log.checkpoint.v1` and `tonglu.log.cosigned.v1`: witnesses for each other's access logs."""

from typing import Annotated

from pydantic import StringConstraints

from schemas.messages.base import MessageData

Checkpoint = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
"""A signed tree head as text (C2SP tlog-checkpoint)."""


class LogCheckpoint(MessageData):
    """The sender's signed tree head."""

    checkpoint: Checkpoint


class LogCosigned(MessageData):
    """The recipient's tree head with the sender's cosignature line added (C2SP tlog-cosignature)."""

    checkpoint: Checkpoint
