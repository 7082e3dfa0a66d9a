"""What all message data share."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.claims import ConsentPurpose, Way
from schemas.wire import CompactJwe, Uuid, WireModel, WireTime


class MessageData(WireModel):
    """The `data` of a message: exactly its type's fields, nothing else."""


class ConsentRecord(WireModel):
    """The consent that a message rests on, as the sender recorded it."""

    purpose: ConsentPurpose
    given_at: WireTime
    way: Way
    notice_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")]


class AboutPerson(MessageData):
    """Message data that name a person, sealed for the recipient (federation/sealing.py)."""

    subject_identity: CompactJwe


MessageIds = Annotated[tuple[Uuid, ...], Field(min_length=1, max_length=200)]
"""The ids of 1 to 200 messages."""
