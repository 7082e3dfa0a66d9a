"""Private set intersection: what two honest parties learn is the intersection of two plain sets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.intersection import hide, new_secret, raise_points
from federation.keys import b64url
from schemas.entropy import SeededEntropy
from schemas.problems import InvalidMessage

ONE, OTHER = new_secret(SeededEntropy("one")), new_secret(SeededEntropy("other"))
ELEMENTS = st.sets(st.binary(min_size=1, max_size=8).map(lambda one: b"journey " + one), max_size=12)


@given(ours=ELEMENTS, theirs=ELEMENTS, shared=ELEMENTS)
@settings(max_examples=30, deadline=None)
def test_both_learn_the_intersection_as_plain_sets_give_it(ours, theirs, shared):
    mine, yours = sorted(ours | shared), sorted(theirs | shared)
    offered = hide(mine, ONE)
    raised, points = raise_points(offered, OTHER), hide(yours, OTHER)
    back = raise_points(points, ONE)
    here = {element for element, point in zip(mine, raised, strict=True) if point in set(back)}
    there = {element for element, point in zip(yours, back, strict=True) if point in set(raised)}
    assert here == there == set(mine) & set(yours)


def test_what_travels_says_nothing_without_the_secret():
    element = "韩晨曦 790101".encode()
    assert hide([element], ONE) != hide([element], OTHER)
    assert len({new_secret(SeededEntropy(str(number))) for number in range(50)}) == 50


@pytest.mark.parametrize(
    "points",
    [
        [b64url(bytes(32))],
        [b64url(b"\xff" * 32)],
        [b64url(b"\x01" + bytes(31))],
        [b64url(bytes(31))],
        ["?" * 43],
        hide([b"twice"], ONE) * 2,
    ],
)
def test_what_is_no_element_of_the_group_is_refused(points):
    with pytest.raises(InvalidMessage):
        raise_points(points, OTHER)
