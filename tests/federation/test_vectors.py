"""The worked example of `docs/protocol.md`: from fixed keys, time and randomness come these very bytes.

`tests/vectors/protocol-v1.json` is for authors of other nodes; a change here is a change of the protocol.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from federation import signatures
from federation.fingerprint import fingerprint, words
from federation.keys import KEY_USES, NodeKey, NodeKeys, b64url
from federation.node import EVENTS_PATH
from federation.outbox import frozen
from federation.sealing import Binding, open_subject, seal_subject
from schemas.envelope import CONTENT_TYPE, canonical, digest, parse_message
from schemas.identity import PersonIdentity

FILE = Path(__file__).parent.parent / "vectors" / "protocol-v1.json"
NOW = datetime(2026, 11, 2, 1, 30, tzinfo=UTC)
ASKER, ANSWERER = "790303", "790101"
URLS = {ASKER: "https://790303.example", ANSWERER: "https://790101.example"}


class Counted:
    """Randomness that is none: byte n of everything is n."""

    def token_bytes(self, n: int) -> bytes:
        return bytes(range(n))

    def uniform(self, a: float, b: float) -> float:
        return a

    def below(self, n: int) -> int:
        return 0


def keys_of(first: int) -> NodeKeys:
    """Keys whose private bytes are all one number."""
    return NodeKeys([NodeKey(use, bytes([first + place]) * 32) for place, use in enumerate(KEY_USES)])


def worked_example() -> dict[str, Any]:
    """Everything that the page shows, made anew."""
    keys = {ASKER: keys_of(0x11), ANSWERER: keys_of(0x21)}
    person = PersonIdentity.model_validate(
        {
            "name": "韩晨曦",
            "document_type": "resident_id",
            "document_number": "79010119900307123X",
            "date_of_birth": "1990-03-07",
        }
    )
    case = "0193f3a0-0000-7000-8000-0000000000c1"
    binding = Binding("0193f3a0-0000-7000-8000-000000000001", f"/regions/{ASKER}", f"/regions/{ANSWERER}")
    sealed = seal_subject(person, binding, keys[ANSWERER].jwk("seal"), Counted())
    waiting = {
        "specversion": "1.0",
        "id": binding.id,
        "source": binding.source,
        "recipient": binding.recipient,
        "type": "tonglu.verification.requested.v1",
        "subject": case,
        "time": "2026-11-02T01:30:00Z",
        "datacontenttype": "application/json",
        "agreement": "0193f3a0-0000-7000-8000-0000000000aa",
        "purpose": "confirm_journey",
        "data": {
            "case": case,
            "subject_identity": sealed,
            "claims": ["identity", "departure_declared"],
            "due_on": "2026-11-16",
            "urgency": "normal",
            "consent": {
                "purpose": "share_with_peer:790101",
                "given_at": "2026-11-02T01:00:00Z",
                "way": "paper",
                "notice_version": "2026-11",
            },
        },
    }
    last = frozen(canonical(waiting), "5b0c2c1e-0000-4000-8000-0000000000b1", 1)
    body = b"[" + last.body + b"]"
    request = signatures.sign_request(
        keys[ASKER],
        "POST",
        URLS[ANSWERER] + EVENTS_PATH,
        content_type=CONTENT_TYPE,
        body=body,
        now=NOW,
        entropy=Counted(),
    )
    result = {
        "id": binding.id,
        "streamseq": 1,
        "result": "accepted",
        "digest": last.digest,
        "recorded_at": "2026-11-02T01:30:00Z",
    }
    answered = json.dumps([result], separators=(",", ":")).encode()
    answer = signatures.sign_answer(
        keys[ANSWERER], request, status=200, content_type="application/json", body=answered, now=NOW
    )
    pull = signatures.sign_request(
        keys[ASKER],
        "GET",
        f"{URLS[ANSWERER]}{EVENTS_PATH}?stream=5b0c2c1e-0000-4000-8000-0000000000b2&after=0",
        now=NOW,
        entropy=Counted(),
    )
    marks = {
        region: fingerprint(region, URLS[region], [key["kid"] for key in keys[region].public_jwks()["keys"]])
        for region in keys
    }
    return {
        "nodes": {
            region: {
                "base_url": URLS[region],
                "keys": [one.private_jwk(use) for use in KEY_USES],
                "fingerprint": {"hex": marks[region].hex()}
                | {language: " ".join(words(marks[region], language)) for language in ("en", "zh-CN")},
            }
            for region, one in keys.items()
        },
        "sealed_subject": {
            "ephemeral_private": b64url(Counted().token_bytes(32)),
            "nonce": b64url(Counted().token_bytes(12)),
            "person": person.to_wire(),
            "id": binding.id,
            "source": binding.source,
            "recipient": binding.recipient,
            "jwe": sealed,
        },
        "message": {"canonical": last.body.decode(), "digest": last.digest},
        "request": _request(request) | {"body": body.decode()},
        "answer": {
            "status": 200,
            "headers": answer.headers(),
            "body": answered.decode(),
            "signature_base": signatures._answer_base(
                request,
                200,
                answer.content_type,
                answer.content_digest,
                answer.signature_input.removeprefix("tonglu="),
            ).decode(),
        },
        "pull": _request(pull),
    }


def _request(request: signatures.SignedRequest) -> dict[str, Any]:
    base = signatures._request_base(
        request.method,
        request.target_uri,
        request.content_type,
        request.content_digest,
        request.signature_input.removeprefix("tonglu="),
    )
    return {
        "method": request.method,
        "target_uri": request.target_uri,
        "headers": request.headers(),
        "signature_base": base.decode(),
    }


@pytest.mark.asvs("11.6.1")
def test_the_worked_example_comes_out_byte_for_byte() -> None:
    assert worked_example() == json.loads(FILE.read_text(encoding="utf-8"))


def test_the_worked_example_is_a_fit_message_of_the_protocol() -> None:
    vector = json.loads(FILE.read_text(encoding="utf-8"))
    message = json.loads(vector["message"]["canonical"])
    envelope = parse_message(message)
    assert digest(message) == vector["message"]["digest"]
    binding = Binding(envelope.id, envelope.source, envelope.recipient)
    person = open_subject(envelope.data["subject_identity"], binding, keys_of(0x21))  # type: ignore[arg-type]
    assert person.to_wire() == vector["sealed_subject"]["person"]


def test_the_page_shows_the_worked_examples_own_lines() -> None:
    vector = json.loads(FILE.read_text(encoding="utf-8"))
    page = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert vector["request"]["signature_base"] in page
    covered = vector["answer"]["headers"]["signature-input"].split("=(", 1)[1].split(");", 1)[0]
    assert covered in page


if __name__ == "__main__":
    FILE.write_text(json.dumps(worked_example(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
