"""CloudEvents envelopes, strictly read."""

import json
from contextlib import suppress
from hashlib import sha256

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claims import Purpose
from schemas.envelope import (
    MAX_MESSAGE_BYTES,
    Incoming,
    Outgoing,
    canonical,
    digest,
    parse_batch,
    parse_data,
    parse_message,
)
from schemas.identity import DocumentType, PersonIdentity
from schemas.messages import MESSAGE_TYPES, VerificationRequested
from schemas.problems import InvalidMessage, Malformed, UnknownType
from tests.schemas.samples import CASE, DATA, JOURNEY, MESSAGE, WITH_AGREEMENT, message


def batch(*messages):
    return json.dumps(messages, ensure_ascii=False).encode()


@pytest.mark.parametrize("name", DATA)
def test_a_message_of_each_type_is_taken(name):
    subject = {"subject": CASE} if name == "message.voided" else {}
    (raw,) = parse_batch(batch(message(name, **subject)))
    envelope = parse_message(raw)
    assert type(envelope.parsed) is MESSAGE_TYPES[f"tonglu.{name}.v1"]
    assert envelope.to_wire() == raw
    assert (envelope.source_region, envelope.recipient_region) == ("790303", "790101")


def test_the_parsed_data_are_typed():
    parsed = parse_message(message()).parsed
    assert isinstance(parsed, VerificationRequested)
    assert parsed.journey == JOURNEY
    assert parsed.consent.purpose.region == "790101"


@pytest.mark.parametrize("attribute", sorted(message()))
def test_every_attribute_is_required(attribute):
    with pytest.raises(InvalidMessage):
        parse_message(message(**{attribute: None}))


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "1.1"},
        {"specversion": 1},
        {"id": "x"},
        {"id": "5b0c2c1e-0000-4000-8000-0000000000b1"},
        {"id": MESSAGE.upper()},
        {"source": "790303"},
        {"source": "/regions/79030"},
        {"source": "/regions/790303/"},
        {"source": "/regions/790303\n"},
        {"recipient": "https://a.example/regions/790101"},
        {"type": "tonglu.verification.requested"},
        {"type": 7},
        {"subject": ""},
        {"subject": "王明"},
        {"subject": "node"},
        {"subject": "0193f3a0-0000-7000-8000-00000000ffff"},
        {"time": "2026-11-22"},
        {"time": "2026-11-22T04:00:00"},
        {"time": 1763812800},
        {"datacontenttype": "text/plain"},
        {"data": []},
        {"data": "{}"},
        {"stream": "stream-1"},
        {"streamseq": 0},
        {"streamseq": -1},
        {"streamseq": "1"},
        {"streamseq": True},
        {"streamseq": 2**31},
        {"agreement": "x"},
        {"purpose": "curiosity"},
        {"dataschema": "https://a.example"},
        {"traceparent": "00-x"},
        {"data_base64": "e30="},
    ],
)
def test_other_attributes_are_refused_and_never_quoted(change):
    with pytest.raises(InvalidMessage) as refused:
        parse_message(message(**change))
    assert refused.value.retry == "never"
    said = json.dumps(refused.value.facts, ensure_ascii=False)
    assert "王明" not in said
    assert "a.example" not in said


@pytest.mark.parametrize("name", sorted(set(DATA) - WITH_AGREEMENT))
def test_types_without_an_agreement_refuse_one(name):
    fit = message(name, **({"subject": CASE} if name == "message.voided" else {}))
    for extra in ({"agreement": message()["agreement"]}, {"purpose": "confirm_journey"}):
        with pytest.raises(InvalidMessage):
            parse_message(fit | extra)


@pytest.mark.parametrize("name", sorted(WITH_AGREEMENT))
def test_types_with_an_agreement_need_both(name):
    for missing in ({"agreement": None}, {"purpose": None}):
        with pytest.raises(InvalidMessage):
            parse_message(message(name, **missing))


def test_an_unknown_type_is_told_apart_from_a_broken_message():
    with pytest.raises(UnknownType) as refused:
        parse_message(message("agreement.signed", type="tonglu.weather.reported.v1"))
    assert (refused.value.message_id, refused.value.streamseq) == (MESSAGE, 1)


def test_errors_name_the_field_and_what_the_sender_invented_is_not_repeated():
    data = DATA["verification.answered"]
    with pytest.raises(InvalidMessage) as refused:
        parse_message(message("verification.answered", data=data | {"王明": 1, "answers": {"zhangsan": "yes"}}))
    assert {error["field"] for error in refused.value.facts["errors"]} == {"data", "data.answers"}
    assert "王明" not in str(refused.value.facts)
    assert "zhangsan" not in str(refused.value.facts)
    assert refused.value.message_id == MESSAGE


def test_the_subject_may_be_any_of_the_things_the_data_are_about():
    assert parse_message(message("arrival.confirmed", subject=JOURNEY)).subject == JOURNEY
    assert parse_message(message("arrival.confirmed", subject=CASE)).subject == CASE


def test_a_flawed_message_leaves_its_batch_whole():
    good = json.dumps(message())
    doubled = good[:-1] + ', "streamseq": 2}'
    found = parse_batch(f"[{good},{doubled},{good},7]".encode())
    assert found[0] == found[2] == message()
    assert isinstance(found[1], InvalidMessage)
    assert found[1].message_id == MESSAGE
    assert isinstance(found[3], InvalidMessage)
    assert found[3].message_id is None


def test_a_message_of_more_than_16_kib_is_refused_alone():
    long = message("log.checkpoint", data={"checkpoint": "县" * (MAX_MESSAGE_BYTES // 3)})
    found = parse_batch(batch(message(), long))
    assert found[0] == message()
    assert isinstance(found[1], InvalidMessage)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"[", b"\xff", b"[" * 5000, batch(*[message()] * 201)])
def test_what_is_no_batch_is_malformed(raw):
    with pytest.raises(Malformed):
        parse_batch(raw)


def test_data_to_be_sent_are_checked_by_the_same_model():
    data = DATA["verification.reminded"]
    assert parse_data("tonglu.verification.reminded.v1", data).to_wire() == data
    with pytest.raises(InvalidMessage):
        parse_data("tonglu.verification.reminded.v1", data | {"note": "x"})
    with pytest.raises(UnknownType):
        parse_data("tonglu.weather.reported.v1", {})


def test_the_digest_is_the_sha_256_of_the_canonical_form():
    fit = message()
    assert digest(fit) == sha256(rfc8785.dumps(fit)).hexdigest()
    assert digest(dict(reversed(fit.items()))) == digest(fit)
    assert digest(fit | {"streamseq": 2}) != digest(fit)


def test_the_canonical_form_of_the_standards_example():
    # RFC 8785, 3.2.3: keys sort by UTF-16 unit, so U+1F600 (a surrogate pair) stands before U+FB33.
    document = {"\u20ac": "Euro", "\r": "CR", "\ufb33": "Dalet", "1": "One", "\U0001f600": "Smile", "\u0080": "Control"}
    assert [*json.loads(canonical(document))] == ["\r", "1", "\u0080", "\u20ac", "\U0001f600", "\ufb33"]


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.text('ab\n"\\\x7f\x1f', max_size=3), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(VALUES)
@settings(derandomize=True, max_examples=500)
def test_the_quick_canonical_form_is_that_of_rfc_8785(value):
    assert canonical(value) == rfc8785.dumps(value)


def test_what_has_no_canonical_form_is_refused():
    for value in ({"a": 2**53}, {"a": "\ud800"}):
        with pytest.raises(ValueError):
            digest(value)


@given(
    st.sampled_from(sorted(message())),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=2)
    ),
)
@settings(derandomize=True, max_examples=300)
def test_any_value_in_any_attribute_is_taken_or_refused(attribute, value):
    mutated = message() | {attribute: value}
    with suppress(InvalidMessage, UnknownType):
        parse_message(mutated)


@given(
    st.sampled_from(sorted(DATA)),
    st.data(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    ),
)
@settings(derandomize=True, max_examples=300)
def test_any_value_in_any_field_is_taken_or_refused(name, draw, value):
    field = draw.draw(st.sampled_from(sorted(DATA[name])))
    subject = CASE if name == "message.voided" else message(name)["subject"]
    with suppress(InvalidMessage):
        parse_message(message(name, data=DATA[name] | {field: value}, subject=subject))


def test_what_goes_out_and_comes_in_does_not_show_the_person():
    person = PersonIdentity(name="王明", document_type=DocumentType.NONE)
    outgoing = Outgoing(
        recipient="790101",
        type="tonglu.verification.requested.v1",
        subject=CASE,
        data={},
        purpose=Purpose.CONFIRM_JOURNEY,
        person=person,
        disclosures=("secret",),
    )
    envelope = parse_message(message())
    incoming = Incoming(envelope=envelope, data=envelope.parsed, person=person)
    for shown in (repr(outgoing), repr(incoming)):
        assert "王明" not in shown
        assert "secret" not in shown
