"""JSON with one spelling for each value."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.strict_json import UnreadableJsonError, read_array, read_document


def flaws(raw):
    return [member.flaw for member in read_array(raw, 200)]


def test_members_come_with_their_size():
    members = read_array('[ {"a": "县"} ,\n{"b":[1,true,null]}]'.encode(), 200)
    assert [member.value for member in members] == [{"a": "县"}, {"b": [1, True, None]}]
    assert [member.flaw for member in members] == [None, None]
    assert [member.size for member in members] == [len('{"a": "县"}'.encode()), 19]


def test_an_empty_array_has_no_members():
    assert read_array(b" [ ] ", 200) == []


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (b'{"a":1,"a":2}', "twice"),
        (b'{"x":[{"a":1,"a":1}]}', "twice"),
        (b'{"a":1.0}', "whole"),
        (b'{"a":1e3}', "whole"),
        (b'{"a":NaN}', "whole"),
        (b'{"a":-Infinity}', "whole"),
        (b'{"a":9007199254740992}', "large"),
        (b'{"a":-9007199254740992}', "large"),
        (b'{"a":' + b"9" * 5000 + b"}", "large"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b"[" * 9 + b"]" * 9, "levels"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "levels"),
    ],
)
def test_a_flaw_spoils_its_member_alone(one, says):
    found = flaws(b'[{"a":1},' + one + b',{"b":2}]')
    assert (found[0], found[2]) == (None, None)
    assert says in found[1]
    with pytest.raises(UnreadableJsonError):
        read_document(one)


def test_eight_levels_and_the_largest_number_are_taken():
    assert flaws(b"[" + b"[" * 8 + b"]" * 8 + b"]") == [None]
    assert flaws(b"[9007199254740991,-9007199254740991]") == [None, None]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   ",
        b"{}",
        b"null",
        b'"x"',
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1]x",
        b"[1][2]",
        b"\xef\xbb\xbf[1]",
        b"[\xff]",
        "[1]".encode("utf-16"),
        b"[" * 100_000,
        b'[{"a":' * 100_000,
        b"['a']",
        b"[{a:1}]",
        b"[01]",
        b"[+1]",
        b'["\x01"]',
        b"[" + b"1," * 200 + b"1]",
        "[1]\u00a0".encode(),
        b"[nan]",
        b"[truE]",
    ],
)
def test_what_is_no_array_is_refused_whole(raw):
    with pytest.raises(UnreadableJsonError):
        read_array(raw, 200)


def test_a_document_is_one_value():
    assert read_document(b' {"a": [1]} ') == {"a": [1]}
    with pytest.raises(UnreadableJsonError):
        read_document(b"{} {}")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=4), st.booleans(), st.sampled_from([None, 1]))
@settings(derandomize=True, max_examples=200)
def test_all_other_json_reads_like_pythons_own(values, ascii_only, indent):
    raw = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode()
    assert [member.value for member in read_array(raw, 200)] == values


@given(st.binary(max_size=60) | st.text('[]{}",:0123.eE-\\u tn', max_size=40).map(str.encode))
@settings(derandomize=True, max_examples=500)
def test_any_bytes_are_read_or_refused(raw):
    try:
        read_array(raw, 200)
    except UnreadableJsonError:
        pass
    else:
        json.loads(raw)
