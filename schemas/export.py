"""JSON Schemas (2020-12) of all that crosses a border, made from the models, for `docs/` and for other nodes."""

from typing import Any

from pydantic import BaseModel

from schemas.agreements import Agreement
from schemas.descriptor import Descriptor, DescriptorDocument, Invitation
from schemas.envelope import Envelope
from schemas.identity import PersonIdentity
from schemas.messages import MESSAGE_TYPES
from schemas.reconciliation import (
    ReconciliationAnswer,
    ReconciliationOffer,
    ReconciliationProof,
    ReconciliationResult,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schemas() -> dict[str, dict[str, Any]]:
    """The schemas by name: `envelope`, `descriptor`, …, and each message's data by its full type."""
    models: dict[str, type[BaseModel]] = {
        "envelope": Envelope,
        "person": PersonIdentity,
        "descriptor": Descriptor,
        "descriptor-document": DescriptorDocument,
        "invitation": Invitation,
        "agreement": Agreement,
        "reconciliation-offer": ReconciliationOffer,
        "reconciliation-answer": ReconciliationAnswer,
        "reconciliation-proof": ReconciliationProof,
        "reconciliation-result": ReconciliationResult,
    }
    return {name: json_schema(model) for name, model in (models | MESSAGE_TYPES).items()}


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of one model. What is optional is left out of a document, so `null` fits nowhere."""
    schema = model.model_json_schema(by_alias=True)
    without_null: dict[str, Any] = _without_null(schema)
    return {"$schema": DIALECT} | without_null


def _without_null(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_null(item) for key, item in value.items() if not (key == "default" and item is None)}
    choices = kept.get("anyOf")
    if isinstance(choices, list):
        some = [choice for choice in choices if choice != {"type": "null"}]
        if len(some) == 1:
            del kept["anyOf"]
            return some[0] | kept
        kept["anyOf"] = some
    return kept
