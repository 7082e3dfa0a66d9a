"""A programmable peer for those who write or test a node: public API, documented in `docs/how-to/write-a-node.md`."""

from federation.mock_peer import faults
from federation.mock_peer.bending import Bend
from federation.mock_peer.faults import Fault
from federation.mock_peer.lapses import Lapse
from federation.mock_peer.memory import Heard, KnownPeer, Taken
from federation.mock_peer.peer import Exchange, MockPeer
from federation.mock_peer.wire import AsgiWire, Call, Reply, TcpWire, Wire, WireFault

__all__ = [
    "AsgiWire",
    "Bend",
    "Call",
    "Exchange",
    "Fault",
    "Heard",
    "KnownPeer",
    "Lapse",
    "MockPeer",
    "Reply",
    "Taken",
    "TcpWire",
    "Wire",
    "WireFault",
    "faults",
]
