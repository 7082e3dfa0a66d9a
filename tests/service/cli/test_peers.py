"""`tonglu peer`, `agreement`, `keys` and `receipts`, as two operators run them; one of the nodes serves."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import select

from federation.tables import Receipt
from service.cli import run
from service.database import Database

REGIONS = {"790303": "澜江市", "790101": "青禾县"}


@dataclass
class Operator:
    """Someone at a node's command line."""

    region: str
    directory: Path
    database_url: str
    port: int
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def tonglu(self, group: str, command: str, *more: str, code: int = 0) -> str:
        self.monkeypatch.setenv("TONGLU_DATABASE_URL", self.database_url)
        self.capsys.readouterr()
        assert run([group, command, str(self.directory), *more]) == code, self.capsys.readouterr().err
        printed = self.capsys.readouterr()
        return printed.out if code == 0 else printed.err

    def invitation(self) -> Path:
        file = self.directory / "invitation.json"
        file.write_text(self.tonglu("peer", "invite"), encoding="utf-8")
        return file

    def states(self) -> dict[str, str]:
        return {peer["region"]: peer["state"] for peer in json.loads(self.tonglu("peer", "list", "--json"))}

    @contextmanager
    def serving(self) -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve", str(self.directory), "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TONGLU_DATABASE_URL": self.database_url},
        )
        assert process.stdout is not None
        try:
            assert any(line.startswith("ready") for line in process.stdout)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            process.stdout.close()


@pytest.fixture
def operators(
    tmp_path: Path,
    new_database_url: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Operator]:
    """澜江 and 青禾, each with a directory that `tonglu init` made."""
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    made = {}
    for region, name in REGIONS.items():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        one = Operator(region, tmp_path / region, new_database_url(empty=True), port, capsys, monkeypatch)
        monkeypatch.setenv("TONGLU_DATABASE_URL", one.database_url)
        url = f"http://127.0.0.1:{port}"
        assert run(["init", str(one.directory), "--region", region, "--name", name, "--base-url", url]) == 0
        made[region] = one
    return made


def test_two_operators_pair_agree_and_prove_it(operators: dict[str, Operator]) -> None:
    lan, qing = operators["790303"], operators["790101"]
    words = json.loads(lan.tonglu("keys", "list", "--json"))["six_words"]
    accepted = qing.tonglu("peer", "accept", str(lan.invitation()), "--yes")
    assert f"790303 澜江市, http://127.0.0.1:{lan.port}" in accepted
    assert " ".join(words["en"]) in accepted
    assert " ".join(words["zh-CN"]) in accepted
    assert lan.states() == {}
    assert "There is no peer" in lan.tonglu("peer", "test", "790101", code=1)
    lan.tonglu("peer", "accept", str(qing.invitation()), "--yes")
    assert (lan.states(), qing.states()) == ({"790101": "invited"}, {"790303": "invited"})
    assert "no_connection" in lan.tonglu("peer", "test", "790101", code=1)
    with qing.serving():
        assert "knows this node" in lan.tonglu("peer", "test", "790101")
        assert lan.states() == {"790101": "active"}
        assert qing.states() == {"790303": "active"}
        agreement = lan.tonglu("agreement", "propose", "--peer", "790101", "--until", "2027-06-30").strip()
        assert run(["tick", str(lan.directory), "delivery"]) == 0
    (proposed,) = json.loads(qing.tonglu("agreement", "list", "--json"))
    assert (proposed["id"], proposed["state"], proposed["valid_until"]) == (agreement, "proposed", "2027-06-30")
    assert "signed" in qing.tonglu("agreement", "sign", agreement)
    assert agreement in qing.tonglu("agreement", "list")
    assert qing.tonglu("agreement", "sign", agreement, code=1)

    database = Database(lan.database_url)
    message = database.read_sync(lambda session: session.exec(select(Receipt.message_id)).one())
    database.close()
    shown = lan.tonglu("receipts", "show", message, "--json")
    file = lan.directory / "receipt.json"
    file.write_text(shown, encoding="utf-8")
    for one in (message, str(file)):
        assert re.fullmatch(
            rf"{message}: sent by 790303, accepted by 790101 at \S+Z\n", lan.tonglu("receipts", "verify", one)
        )
    assert "sent by 790303, accepted by 790101" in qing.tonglu("receipts", "verify", str(file))
    bent = json.loads(shown)
    bent["digest"] = "0" * 64
    file.write_text(json.dumps(bent), encoding="utf-8")
    assert "says nothing of this message" in lan.tonglu("receipts", "verify", str(file), code=1)
    file.write_text("[]", encoding="utf-8")
    assert "not a receipt" in lan.tonglu("receipts", "verify", str(file), code=1)
    assert "no receipt" in lan.tonglu("receipts", "show", "0192f0c1-0000-7000-8000-000000000001", code=1)


def test_an_operator_suspends_resumes_retries_and_revokes(operators: dict[str, Operator]) -> None:
    lan, qing = operators["790303"], operators["790101"]
    invitation = str(qing.invitation())
    lan.tonglu("peer", "accept", invitation, "--yes")
    assert "taken before" in lan.tonglu("peer", "accept", invitation, "--yes", code=1)
    assert lan.tonglu("peer", "suspend", "790101") == "790101 suspended\n"
    assert lan.tonglu("peer", "resume", "790101") == "790101 invited\n"
    assert lan.tonglu("peer", "retry", "790101") == "790101 invited\n"
    assert "790101\t青禾县\tinvited" in lan.tonglu("peer", "list")
    assert lan.tonglu("peer", "revoke", "790101", "--yes") == "790101 revoked\n"
    assert lan.tonglu("peer", "resume", "790101", code=1)
    assert lan.tonglu("peer", "suspend", "790909", code=1)
    assert "transport\tEd25519" in lan.tonglu("keys", "list")


def test_without_the_same_words_nothing_is_pinned(
    operators: dict[str, Operator], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    lan, qing = operators["790303"], operators["790101"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert "nothing was changed" in lan.tonglu("peer", "accept", str(qing.invitation()), code=1)
    assert lan.states() == {}
    nonsense = lan.directory / "nonsense.json"
    nonsense.write_text("{", encoding="utf-8")
    assert "not an invitation" in lan.tonglu("peer", "accept", str(nonsense), "--yes", code=1)
