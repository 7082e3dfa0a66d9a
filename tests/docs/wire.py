"""`docs/protocol/`: a JSON Schema of all that crosses a border, and a whole example of each message type.

The examples have real seals, keys and signatures. All of it is invented and made from fixed seeds, so that it comes out
the same each time.
"""

import json
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from federation.jws import sign_jws, sign_jws_with
from federation.keys import NodeKeys
from federation.node import FederationNode
from federation.pairing import descriptor_jws
from federation.sealing import Binding, seal_disclosures, seal_subject
from schemas.clock import FakeClock
from schemas.descriptor import DESCRIPTOR_TYP
from schemas.entropy import SeededEntropy
from schemas.export import json_schemas
from schemas.identity import PersonIdentity
from service.log_tree import sign_checkpoint
from service.log_verify import read_checkpoints
from service.witnesses import cosignature
from tests.schemas.samples import DATA, message

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol"
SENDER, RECIPIENT = "790303", "790101"
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
PERSON = PersonIdentity.model_validate(
    {
        "name": "韩晨曦",
        "document_type": "resident_id",
        "document_number": "79010119900307123X",
        "date_of_birth": "1990-03-07",
    }
)


def wire() -> dict[str, str]:
    """File name to text, of everything under `docs/protocol/`."""
    schemas = {f"schemas/{name}.json": _text(schema) for name, schema in json_schemas().items()}
    return schemas | {f"examples/{name}.json": _text(one) for name, one in examples().items()}


def write() -> None:
    """Write it all, and take away what is made no more."""
    made = wire()
    for folder in ("schemas", "examples"):
        (PROTOCOL / folder).mkdir(parents=True, exist_ok=True)
        for path in (PROTOCOL / folder).glob("*.json"):
            if f"{folder}/{path.name}" not in made:
                path.unlink()
    for name, text in made.items():
        (PROTOCOL / name).write_text(text, encoding="utf-8")


@cache
def examples() -> dict[str, dict[str, Any]]:
    """A message of each type, by its full type."""
    return {f"tonglu.{name}.v1": _example(name) for name in DATA}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _example(name: str) -> dict[str, Any]:
    whole = deepcopy(message(name, source=f"/regions/{SENDER}", recipient=f"/regions/{RECIPIENT}"))
    data, entropy = whole["data"], SeededEntropy(f"example {name}")
    sender, recipient = _node(SENDER, "澜江市"), _node(RECIPIENT, "青禾县")
    binding = Binding(whole["id"], whole["source"], whole["recipient"])
    if whole.get("purpose") and name.startswith(("certificate.", "plan.")):
        whole["purpose"] = "persons_request"
    if "subject_identity" in data:
        data["subject_identity"] = seal_subject(PERSON, binding, recipient.keys.jwk("seal"), entropy)
    if "disclosures" in data:
        disclosures = ("WyJzYWx0IiwibmFtZSIsIumfqeaZqOabpiJd",)
        data["disclosures"] = seal_disclosures(disclosures, binding, recipient.keys.jwk("seal"), entropy)
    if "descriptor" in data:
        data["descriptor"] = {"jws": descriptor_jws(sender)}
    if name == "keys.rotated":
        former = NodeKeys.generate(SeededEntropy("the former keys"))
        payload = {"descriptor": data["descriptor"]}
        data["proof"] = sign_jws_with(former.current("transport"), DESCRIPTOR_TYP, payload)
    if name == "certificate.delivered":
        claims = {"vct": "tonglu-check-certificate", "quarter": "2026Q4", "attended_on": "2026-11-20"}
        data["certificate"] = sign_jws(sender.keys, "certificate", "dc+sd-jwt", claims) + "~"
    if "checkpoint" in data:
        log_of = sender if name == "log.checkpoint" else recipient
        text = sign_checkpoint(log_of.keys, log_of.region, 12, bytes(range(32)))
        signed = read_checkpoints(text)[0].signed
        data["checkpoint"] = text if log_of is sender else text + cosignature(sender.keys, SENDER, signed, NOW)
    return whole


@cache
def _node(region: str, name: str) -> FederationNode:
    entropy = SeededEntropy(f"example node {region}")
    url = f"https://{region}.example"
    return FederationNode(region, name, url, NodeKeys.generate(entropy), FakeClock(NOW), entropy)
