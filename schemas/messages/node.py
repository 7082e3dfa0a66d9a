"""`tonglu.keys.rotated.v1`, `tonglu.node.moved.v1`, `.maintenance.v1` and `.returned.v1`: news of the node itself."""

from typing import Annotated

from pydantic import Field

from schemas.descriptor import DescriptorDocument
from schemas.messages.base import MessageData
from schemas.wire import CompactJws, Uuid, WireBool, WireInt, WireTime


class KeysRotated(MessageData):
    """New keys: the descriptor by the new transport key, and the proof by the old one."""

    descriptor: DescriptorDocument
    proof: CompactJws
    compromised_from: WireTime | None = None


class NodeMoved(MessageData):
    """The node answers at another base URL."""

    descriptor: DescriptorDocument


class NodeMaintenance(MessageData):
    """The node will be away on purpose between two moments."""

    starts_at: Annotated[WireTime, Field(alias="from")]
    ends_at: Annotated[WireTime, Field(alias="to")]


class NodeReturned(MessageData):
    """The node is back; of each stream of the recipient the highest number it holds, and whether from a backup."""

    restored: WireBool
    held: Annotated[dict[Uuid, Annotated[WireInt, Field(ge=0)]], Field(max_length=200)]
