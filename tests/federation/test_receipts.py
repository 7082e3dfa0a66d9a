"""A receipt proves to anyone, offline, who sent what and who took it."""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from copy import deepcopy
from pathlib import Path
from typing import Any

from federation.receipts import receipt_document, receipts_about
from tests.federation.nodes import Pair, Side, ask

SCRIPT = Path(__file__).parent.parent / "vectors" / "verify_receipt.py"


def verify(document: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT)], input=json.dumps(document), capture_output=True, text=True, check=False
    )


def receipt(side: Side, message_id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = side.read(lambda session: receipt_document(session, message_id))
    assert found is not None
    return found


def test_the_script_is_short_and_imports_only_cryptography_and_json() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    assert all(line.split()[1].split(".")[0] in {"json", "cryptography"} for line in imports)


async def test_each_side_can_prove_what_was_sent_and_taken(pair: Pair) -> None:
    sent = [ask(pair.lan, pair.qing), pair.lan.remind(pair.qing)]
    await pair.lan.delivery.tick()
    for side in (pair.lan, pair.qing):
        for one in sent:
            document = receipt(side, one)
            assert set(document) == {"message_id", "digest", "request", "answer", "keys"}
            done = verify(document)
            assert done.returncode == 0, done.stderr
            assert done.stdout.startswith(f"{one} accepted 2026-11-02T01:30:00Z: sent by ")
            assert pair.lan.fed.keys.kid("transport") in done.stdout.split("taken by")[0]
            assert pair.qing.fed.keys.kid("transport") in done.stdout.split("taken by")[1]
            assert "韩晨曦" not in json.dumps(document, ensure_ascii=False)
    assert pair.lan.read(lambda session: receipt_document(session, "0192f0c1-0000-7000-8000-000000000001")) is None


async def test_a_receipt_of_a_repeat_proves_the_first_result(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    pair.wire.lost_answers = 1
    await pair.lan.delivery.tick()
    pair.clock.advance(seconds=5)
    await pair.lan.delivery.tick()
    done = verify(receipt(pair.lan, sent))
    assert done.stdout.startswith(f"{sent} accepted 2026-11-02T01:30:00Z"), done.stderr


async def test_any_change_to_a_receipt_is_found(pair: Pair) -> None:
    sent, other = pair.lan.remind(pair.qing), "0192f0c1-0000-7000-8000-0000000000ff"
    await pair.lan.delivery.tick()
    good = receipt(pair.lan, sent)
    body = b64decode(good["answer"]["body_b64"])
    changes: list[tuple[tuple[str, ...], Any]] = [
        (("message_id",), other),
        (("digest",), "0" * 64),
        (("request", "method"), "PUT"),
        (("request", "target_uri"), "http://790102.example/federation/v1/events"),
        (("request", "content_digest"), good["answer"]["content_digest"]),
        (("request", "signature"), good["answer"]["signature"]),
        (("request", "signature_input"), good["request"]["signature_input"].replace("created=1", "created=2", 1)),
        (("answer", "status"), 202),
        (("answer", "signature"), good["request"]["signature"]),
        (("answer", "body_b64"), b64encode(body.replace(sent.encode(), other.encode())).decode()),
        (("keys",), good["keys"][:1]),
        (("keys",), [{**key, "x": good["keys"][0]["x"]} for key in good["keys"]]),
    ]
    for path, value in changes:
        bent = deepcopy(good)
        place = bent
        for name in path[:-1]:
            place = place[name]
        assert place[path[-1]] != value
        place[path[-1]] = value
        assert verify(bent).returncode != 0, path


async def test_the_receipts_of_a_case_are_found_by_its_subject(pair: Pair) -> None:
    case = "0192f0c1-0000-7000-8000-0000000000c1"
    sent = [pair.lan.remind(pair.qing, case) for _ in range(2)]
    back = pair.qing.remind(pair.lan, case)
    await pair.lan.delivery.tick()
    await pair.qing.delivery.tick()
    found = pair.lan.read(lambda session: receipts_about(session, case))
    assert {(one.message_id, one.direction) for one in found} == {(one, "sent") for one in sent} | {(back, "received")}
