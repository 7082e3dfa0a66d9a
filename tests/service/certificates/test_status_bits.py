"""Status lists by the draft's own examples; free entries and decoys."""

import json
import zlib
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.keys import b64url
from schemas.certificates import STATUS_LIST_SIZE, StatusValue
from schemas.entropy import SeededEntropy
from service.certificates import status_bits
from service.certificates.status_bits import StatusListMalformed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sd-jwt.json").read_text("utf-8"))["status_lists"]
START = date(2026, 11, 22)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["section"])
def test_the_drafts_examples_unpack_to_its_entries(vector):
    entries = status_bits.unpack(vector["lst"])
    assert entries.hex() == vector["bytes"]
    found = [status_bits.entry(entries, index, vector["bits"]) for index in range(len(vector["entries"]))]
    assert found == vector["entries"]
    assert status_bits.pack(entries) == vector["lst"]


@given(st.dictionaries(st.integers(0, STATUS_LIST_SIZE - 1), st.sampled_from(StatusValue), max_size=30))
def test_an_entry_is_what_it_was_set_to_and_no_other_changes(values):
    entries = status_bits.empty_entries()
    for index, value in values.items():
        entries = status_bits.with_entry(entries, index, value)
    again = status_bits.unpack(status_bits.pack(entries))
    assert all(status_bits.entry(again, index) == value for index, value in values.items())
    assert sum(1 for byte in again for shift in (0, 2, 4, 6) if byte >> shift & 3) == sum(map(bool, values.values()))


@pytest.mark.parametrize(
    "text",
    ["", "AAAA", "*", b64url(zlib.compress(b"x" * 50)[:-3]), b64url(zlib.compress(b"\0" * ((1 << 20) + 1), 9))],
)
def test_a_list_that_is_broken_or_too_long_is_refused(text):
    with pytest.raises(StatusListMalformed):
        status_bits.unpack(text)


def test_an_entry_beyond_the_list_is_refused():
    for index in (-1, STATUS_LIST_SIZE):
        with pytest.raises(StatusListMalformed):
            status_bits.entry(status_bits.empty_entries(), index)


def test_a_free_entry_is_neither_taken_nor_a_decoy():
    entropy, decoys = SeededEntropy(1), status_bits.decoys(b"secret")
    taken, given_out = status_bits.empty_map(), set()
    for _ in range(2000):
        index = status_bits.free_index(taken, decoys, entropy)
        assert index not in decoys
        assert index not in given_out
        given_out.add(index)
        taken = status_bits.with_taken(taken, index)
    assert status_bits.taken_count(taken) == 2000
    assert all(status_bits.is_taken(taken, index) for index in given_out)


def test_decoys_follow_from_the_secret_alone_and_change_from_day_to_day():
    assert len(status_bits.decoys(b"secret")) == status_bits.DECOYS
    assert status_bits.decoys(b"secret") != status_bits.decoys(b"another")
    first = _published(START)
    assert first == _published(START)
    counts = Counter(first.values())
    assert counts[StatusValue.REVOKED] > 20
    assert counts[StatusValue.SUSPENDED] > 20
    days = [_published(START + timedelta(days=day)) for day in range(0, 400, 10)]
    changed = [before != after for before, after in pairwise(days)]
    assert sum(changed) > 35
    revoked = [{index for index, value in day.items() if value == StatusValue.REVOKED} for day in days]
    assert all(before <= after for before, after in pairwise(revoked)), "revoked is for good"


def test_decoys_leave_the_entries_of_certificates_as_they_are():
    decoys = status_bits.decoys(b"secret")
    index = next(one for one in range(STATUS_LIST_SIZE) if one not in decoys)
    entries = status_bits.with_entry(status_bits.empty_entries(), index, StatusValue.SUSPENDED)
    shown = status_bits.with_decoys(entries, b"secret", START, START + timedelta(days=90))
    assert status_bits.entry(shown, index) == StatusValue.SUSPENDED


def _published(day):
    entries = status_bits.with_decoys(status_bits.empty_entries(), b"secret", START, day)
    found = ((index, status_bits.entry(entries, index)) for index in status_bits.decoys(b"secret"))
    return {index: value for index, value in found if value}
