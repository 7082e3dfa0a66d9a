"""`tonglu receipts`, as someone uses it years later: the person is erased, the peer revoked, and the proof holds."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.cli import run
from tests.service.two_regions import ANSWERER, ASKER, HAN, Region, Regions
from tests.service.verification.test_dialogue import SHARE_HOME


class CommandLine:
    """A node's command line; the node itself need not run."""

    def __init__(self, region: Region, capsys: Any, monkeypatch: Any) -> None:
        self.region, self.capsys, self.monkeypatch = region, capsys, monkeypatch

    def receipts(self, command: str, *more: str, code: int = 0) -> tuple[str, str]:
        settings = self.region.node.settings
        self.monkeypatch.setenv("TONGLU_DATABASE_URL", settings.database)
        self.monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
        self.capsys.readouterr()
        assert run(["receipts", command, str(settings.dir), *more]) == code, self.capsys.readouterr()
        printed = self.capsys.readouterr()
        return printed.out, printed.err


@pytest.fixture
async def asked(regions: Regions) -> dict[str, Any]:
    """A question that was answered, and whose person was erased since; the regions trust each other no longer."""
    await regions.answerer.leaves()
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(arrival["person_id"])
    await regions.settle()
    view = await regions.asker.get(f"/verifications/{asked['id']}")
    assert view["state"] == "answered"
    await regions.asker.send("DELETE", f"/people/{arrival['person_id']}", {"reason": "persons_request"}, 204)
    await regions.settle()
    await regions.asker.post(f"/peers/{ANSWERER}/revoke")
    return view


async def test_the_proof_outlives_the_person_and_the_trust(regions, asked, capsys, monkeypatch, tmp_path: Path):
    line = CommandLine(regions.asker, capsys, monkeypatch)
    assert len(asked["receipts"]) >= 2
    for message in asked["receipts"]:
        shown, _ = line.receipts("show", message, "--json")
        assert HAN["name"] not in shown
        proven = json.loads(line.receipts("verify", message, "--json")[0])
        assert proven["valid"] is True
        assert proven["recorded_at"] == "2026-11-23T02:00:00Z"
        assert {proven["sent_by"], proven["taken_by"]} == {ASKER, ANSWERER}
        file = tmp_path / "receipt.json"
        file.write_text(shown, encoding="utf-8")
        out, _ = line.receipts("verify", str(file))
        assert out.endswith("at 2026-11-23T02:00:00Z\n")


async def test_what_does_not_hold_is_refused_with_a_reason(regions, asked, capsys, monkeypatch, tmp_path: Path):
    line = CommandLine(regions.asker, capsys, monkeypatch)
    message = asked["receipts"][0]
    document = json.loads(line.receipts("show", message, "--json")[0])
    file = tmp_path / "receipt.json"
    for bent, reason in (
        (document | {"digest": "0" * 64}, "says nothing of this message"),
        (document | {"keys": document["keys"][:1]}, "not those that signed it"),
        (document | {"note": "?"}, "not a receipt"),
        ([], "not a receipt"),
    ):
        file.write_text(json.dumps(bent), encoding="utf-8")
        out, err = line.receipts("verify", str(file), "--json", code=1)
        assert reason in err
        assert json.loads(out) == {"valid": False, "reason": err.strip()}
    file.write_text(json.dumps({"another": "message"}), encoding="utf-8")
    assert "another message" in line.receipts("verify", message, "--message", str(file), code=1)[1]
    assert "no receipt" in line.receipts("verify", "0192f0c1-0000-7000-8000-000000000001", code=1)[1]
    line.receipts("verify", code=2)
