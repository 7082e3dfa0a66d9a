"""The box of an old workbook, in all the ways in which its stream may lie; and boxes that were made to trap."""

import random
import struct
from contextlib import suppress

import pytest

from service.ledgers.files.compound import NoStream, workbook_stream

END, FREE, IS_TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
SECTOR = 512


def entry(name: str, kind: int, first: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    head = text.ljust(64, b"\x00") + struct.pack("<HBB", len(text) + 2 if name else 0, kind, 1)
    return head.ljust(116, b"\x00") + struct.pack("<IQ", first, size)


def box(stream: bytes, *, order=None, table=None, **changes: int) -> bytes:
    """A compound file of version 3: sector 0 the table, 1 the directory, 2 the small streams' table, then sectors.

    Small streams lie in a stream of their own, which then fills the sectors; `order` says where its pieces lie.
    """
    is_small = len(stream) < 4096
    piece = 64 if is_small else SECTOR
    count = -(-len(stream) // piece)
    order = list(order or range(count))
    laid = bytearray(piece * count)
    for number, place in enumerate(order):
        laid[place * piece : (place + 1) * piece] = stream[number * piece : (number + 1) * piece].ljust(piece, b"\x00")
    laid += bytes(-len(laid) % SECTOR)
    sectors = len(laid) // SECTOR
    following = {place: order[number + 1] if number + 1 < count else END for number, place in enumerate(order)}
    fat = [IS_TABLE, END, END] + [FREE] * (SECTOR // 4 - 3)
    small = [FREE] * (SECTOR // 4)
    if is_small:
        fat[3 : 3 + sectors] = [*range(4, 3 + sectors), END]
        small[:count] = [following[place] for place in range(count)]
    else:
        fat[3 : 3 + count] = [following[n] + 3 if following[n] != END else END for n in range(count)]
    for place, number in (table or {}).items():
        fat[place] = number
    first = order[0] if is_small else order[0] + 3
    directory = (
        entry("Root Entry", 5, 3 if is_small else END, len(laid))
        + entry("Other", 2, END, 0)
        + entry("Workbook", 2, first, changes.get("size", len(stream)))
        + entry("", 0, 0, 0)
    )
    header = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(SECTOR, b"\x00"))
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, changes.get("shift", 9), 6)
    struct.pack_into("<8I", header, 44, 1, 1, 0, 4096, 2, 1, changes.get("more", END), changes.get("many", 0))
    struct.pack_into("<109I", header, 76, 0, *[FREE] * 108)
    return bytes(header) + struct.pack("<128I", *fat) + directory + struct.pack("<128I", *small) + bytes(laid)


@pytest.mark.parametrize("length", [1, 64, 700, 4095, 4096, 20_000])
def test_a_stream_is_put_together_wherever_its_pieces_lie(length):
    chance = random.Random(length)
    stream = chance.randbytes(length)
    assert workbook_stream(box(stream)) == stream
    pieces = list(range(-(-length // (64 if length < 4096 else SECTOR))))
    chance.shuffle(pieces)
    assert workbook_stream(box(stream, order=pieces)) == stream


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no compound file" * 100,
        box(bytes(5000))[:900],
        box(bytes(5000), table={1: 1}),
        box(bytes(5000), table={5: 3}),
        box(bytes(5000), table={5: 0x00FFFFFF}),
        box(bytes(5000), shift=31),
        box(bytes(5000), more=3, many=0xFFFFFFFF),
    ],
)
def test_a_box_that_is_broken_or_runs_in_circles_ends(content):
    with suppress(NoStream):
        assert len(workbook_stream(content)) <= len(content)
