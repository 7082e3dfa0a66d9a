"""The Merkle tree against published vectors, and a checkpoint against the specification's words."""

from base64 import b64decode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federation.keys import NodeKeys, public_bytes
from schemas.entropy import SeededEntropy
from service.log_tree import EMPTY_ROOT, Frontier, leaf_bytes, sign_checkpoint

# transparency-dev/merkle, testonly/constants.go: leaf inputs and the root at each size
LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    bytes(range(0x40, 0x44)),
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
ENTRY = {
    "index": 7,
    "id": "0193b000-0000-7000-8000-000000000000",
    "at": "2026-11-23T02:00:00.000000Z",
    "actor": "officer",
    "office": "790303",
    "officer": '王"芳',
    "action": "person",
    "purpose": None,
    "automatic": False,
    "subject": b"\x00\xff",
    "sealed": b"",
}


def test_roots_are_those_of_the_published_vectors() -> None:
    tree = Frontier()
    assert tree.root().hex() == ROOTS[0] == EMPTY_ROOT.hex()
    for leaf, root in zip(LEAVES, ROOTS[1:], strict=True):
        tree.append(sha256(b"\x00" + leaf).digest())
        assert tree.root().hex() == root


def test_a_frontier_goes_on_from_what_was_packed() -> None:
    whole = Frontier()
    resumed = Frontier()
    for number in range(40):
        leaf = sha256(bytes([number])).digest()
        whole.append(leaf)
        resumed = Frontier(resumed.size, resumed.pack())
        resumed.append(leaf)
        assert (resumed.size, resumed.root()) == (whole.size, whole.root())


def test_a_frontier_that_does_not_fit_its_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Frontier(3, bytes(32))


def test_an_entry_is_written_the_one_way_that_the_documentation_gives() -> None:
    assert leaf_bytes(ENTRY).decode() == (
        '["tonglu-log-entry-1",7,"0193b000-0000-7000-8000-000000000000","2026-11-23T02:00:00.000000Z","officer",'
        '"790303","王\\"芳","person",null,0,{"b64":"AP8="},{"b64":""}]'
    )


def test_types_are_told_apart() -> None:
    assert leaf_bytes(ENTRY | {"subject": "AP8="}) != leaf_bytes(ENTRY)
    assert leaf_bytes(ENTRY | {"index": "7"}) != leaf_bytes(ENTRY)
    with pytest.raises(TypeError):
        leaf_bytes(ENTRY | {"index": 7.5})


def test_a_checkpoint_is_a_signed_note() -> None:
    """C2SP signed-note and tlog-checkpoint, checked with nothing but the key."""
    keys = NodeKeys.generate(SeededEntropy("note"))
    note = sign_checkpoint(keys, "790303", 12, sha256(b"root").digest())
    text, _, signature = note.partition("\n\n")
    origin, size, root = text.split("\n")
    assert (origin, size, b64decode(root)) == ("tonglu/790303/access-log", "12", sha256(b"root").digest())
    dash, name, value = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("—", origin)
    key = public_bytes(keys.jwk("checkpoint"))
    assert b64decode(value)[:4] == sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
    Ed25519PublicKey.from_public_bytes(key).verify(b64decode(value)[4:], f"{text}\n".encode())
