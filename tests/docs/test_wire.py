"""What `docs/protocol/` holds is what the models say, and each example is a message that this node would take."""

import json

import jsonschema
import pytest

from federation.dispatch import prepare
from federation.keys import NodeKeys
from schemas.entropy import SeededEntropy
from schemas.envelope import digest, parse_message
from schemas.export import json_schemas
from schemas.messages import MESSAGE_TYPES
from tests.docs.wire import PERSON, PROTOCOL, RECIPIENT, SENDER, wire


def example(name: str) -> dict[str, object]:
    text = (PROTOCOL / "examples" / f"{name}.json").read_text("utf-8")
    document: dict[str, object] = json.loads(text)
    return document


def test_the_folder_holds_what_is_made_and_nothing_else() -> None:
    held = {path.relative_to(PROTOCOL).as_posix(): path.read_text("utf-8") for path in PROTOCOL.rglob("*.json")}
    assert held.keys() == wire().keys(), "make docs"
    assert held == wire(), "make docs"


def test_each_type_has_a_schema_and_an_example() -> None:
    for name in MESSAGE_TYPES:
        assert (PROTOCOL / "schemas" / f"{name}.json").exists()
        assert example(name)["type"] == name


@pytest.mark.parametrize("name", sorted(MESSAGE_TYPES))
def test_an_example_fits_its_schema_and_is_taken(name: str) -> None:
    whole, schemas = example(name), json_schemas()
    jsonschema.validate(whole, schemas["envelope"], cls=jsonschema.Draft202012Validator)
    jsonschema.validate(whole["data"], schemas[name], cls=jsonschema.Draft202012Validator)
    assert parse_message(whole).type == name
    assert len(digest(whole)) == 64
    keys = NodeKeys.generate(SeededEntropy(f"example node {RECIPIENT}"))
    prepared = prepare(whole, keys, recipient=f"/regions/{RECIPIENT}", source=f"/regions/{SENDER}")
    assert prepared.refusal is None
    assert prepared.incoming is not None
    if "subject_identity" in prepared.incoming.envelope.data:
        assert prepared.incoming.person == PERSON, "the seal opens for the recipient named"


def test_the_page_shows_the_very_bytes_that_are_signed() -> None:
    page = (PROTOCOL.parent / "protocol.md").read_text("utf-8")
    vectors = json.loads((PROTOCOL.parents[1] / "tests" / "vectors" / "protocol-v1.json").read_text("utf-8"))
    unindented = "\n".join(line.strip() for line in page.splitlines())
    for part in ("request", "answer", "pull"):
        assert vectors[part]["signature_base"] in unindented, part
