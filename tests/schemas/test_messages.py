"""The data of every message type: exactly its fields, in their one spelling."""

import jsonschema
import pytest
from pydantic import ValidationError

from schemas.export import json_schema, json_schemas
from schemas.messages import MESSAGE_TYPES, NodeMaintenance, needs_agreement, subject_of, type_of
from tests.schemas.samples import CASE, CERTIFICATE, DATA, JOURNEY, JWE, MESSAGE, PLAN, WITH_AGREEMENT, message


def model(name):
    return MESSAGE_TYPES[f"tonglu.{name}.v1"]


def test_the_types_are_those_of_the_protocols_table():
    assert set(MESSAGE_TYPES) == {f"tonglu.{name}.v1" for name in DATA}


@pytest.mark.parametrize("name", DATA)
def test_data_are_read_and_written_unchanged(name):
    parsed = model(name).from_wire(DATA[name])
    assert parsed.to_wire() == DATA[name]
    assert type_of(parsed) == f"tonglu.{name}.v1"


@pytest.mark.parametrize("name", DATA)
def test_an_unknown_field_is_refused(name):
    with pytest.raises(ValidationError):
        model(name).from_wire(DATA[name] | {"note": "x"})


@pytest.mark.parametrize("name", DATA)
def test_null_is_never_taken_for_absent(name):
    for field in model(name).model_fields:
        with pytest.raises(ValidationError):
            model(name).from_wire(DATA[name] | {field: None})


@pytest.mark.parametrize("name", DATA)
def test_data_are_frozen(name):
    parsed = model(name).from_wire(DATA[name])
    with pytest.raises(ValidationError):
        setattr(parsed, next(iter(model(name).model_fields)), "x")


@pytest.mark.parametrize("name", DATA)
def test_agreement_and_purpose_belong_to_the_types_of_the_protocol(name):
    assert needs_agreement(f"tonglu.{name}.v1") is (name in WITH_AGREEMENT)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("verification.requested", CASE),
        ("arrival.confirmed", CASE),
        ("arrival.ended", JOURNEY),
        ("certificate.delivered", JOURNEY),
        ("certificate.revoked", CERTIFICATE),
        ("plan.accepted", PLAN),
        ("agreement.signed", "node"),
        ("node.returned", "node"),
    ],
)
def test_the_subject_is_what_the_data_are_about(name, subject):
    assert subject_of(model(name).from_wire(DATA[name])) == subject


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("verification.requested", {"claims": []}),
        ("verification.requested", {"claims": ["identity", "identity"]}),
        ("verification.requested", {"claims": ["identity", "pregnancy"]}),
        ("verification.requested", {"claims": "identity"}),
        ("verification.requested", {"case": CASE.upper()}),
        ("verification.requested", {"case": "case-1"}),
        ("verification.requested", {"due_on": "2026-12-04T00:00:00Z"}),
        ("verification.requested", {"due_on": 20261204}),
        ("verification.requested", {"due_on": "2026-02-30"}),
        ("verification.requested", {"urgency": "very"}),
        ("verification.requested", {"subject_identity": "王明"}),
        ("verification.requested", {"subject_identity": "a.b.c"}),
        ("verification.requested", {"consent": {"purpose": "share_with_peer:790101"}}),
        ("verification.answered", {"answers": {}}),
        ("verification.answered", {"answers": {"identity": "yes"}}),
        ("verification.answered", {"answers": {"marriage": "confirmed"}}),
        ("verification.answered", {"automatic": 1}),
        ("verification.answered", {"automatic": "true"}),
        ("verification.answered", {"answered_at": "2026-11-22T04:00:05"}),
        ("verification.answered", {"answered_at": 1763812800}),
        ("verification.declined", {"reason": "other"}),
        ("verification.cancelled", {"reason": "withdrawn"}),
        ("departure.notified", {"departed_on": "2026"}),
        ("departure.notified", {"expected_return_on": "春节"}),
        ("arrival.ended", {"reason": "deceased"}),
        ("arrival.ended", {"to": "790202"}),
        ("certificate.delivered", {"certificate": "eyJh.cGF5.c2ln~disclosed~"}),
        ("certificate.delivered", {"subject_identity": JWE}),
        ("plan.handed_over", {"lead_days": []}),
        ("plan.handed_over", {"lead_days": [14, 7, 3]}),
        ("plan.handed_over", {"lead_days": ["14"]}),
        ("plan.handed_over", {"lead_days": [True]}),
        ("plan.handed_over", {"cadence": "yearly"}),
        ("plan.handed_over", {"next_period": "2027q1"}),
        ("plan.handed_over", {"anchor_on": "2027-03-01"}),
        ("erasure.requested", {"message_ids": []}),
        ("erasure.requested", {"message_ids": [MESSAGE] * 201}),
        ("erasure.requested", {"reason": "withdrawal"}),
        ("node.returned", {"held": {"stream": 1}}),
        ("node.returned", {"restored": "no"}),
        ("agreement.signed", {"agreement": {"payload": "cGF5", "signatures": []}}),
        ("keys.rotated", {"descriptor": {"jws": "x"}}),
    ],
)
def test_other_values_are_refused_by_the_model_and_mostly_by_the_json_schema(name, change):
    with pytest.raises(ValidationError) as refused:
        model(name).from_wire(DATA[name] | change)
    assert "王明" not in str(refused.value)


def test_a_certificate_names_its_person_in_exactly_one_way():
    data = DATA["certificate.delivered"]
    by_identity = {key: value for key, value in data.items() if key != "journey"} | {"subject_identity": JWE}
    assert model("certificate.delivered").from_wire(by_identity).journey is None
    with pytest.raises(ValidationError):
        model("certificate.delivered").from_wire({key: data[key] for key in data if key != "journey"})


def test_a_yearly_plan_has_an_anchor():
    yearly = DATA["plan.handed_over"] | {"cadence": "yearly", "anchor_on": "2027-03-01"}
    assert model("plan.handed_over").from_wire(yearly).to_wire() == yearly


def test_maintenance_is_from_one_moment_to_another():
    parsed = NodeMaintenance.from_wire(DATA["node.maintenance"])
    assert parsed.starts_at < parsed.ends_at


def test_no_message_has_a_field_for_what_a_register_must_not_ask():
    names = {field for cls in MESSAGE_TYPES.values() for field in cls.model_fields}
    assert not names & {"note", "remark", "sex", "gender", "ethnicity", "marital_status", "children", "result", "photo"}


@pytest.mark.parametrize("name", DATA)
def test_the_json_schema_takes_what_the_model_takes(name):
    schema = json_schema(model(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(DATA[name], schema, cls=jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(DATA[name] | {"note": "x"}, schema, cls=jsonschema.Draft202012Validator)
    for field in DATA[name]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(DATA[name] | {field: None}, schema, cls=jsonschema.Draft202012Validator)


def test_every_exported_schema_is_one_and_none_allows_null():
    schemas = json_schemas()
    assert {"envelope", "descriptor", "invitation", "agreement", "person"} <= set(schemas)
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "'null'" not in repr(schema), name
    jsonschema.validate(message(), schemas["envelope"], cls=jsonschema.Draft202012Validator)
