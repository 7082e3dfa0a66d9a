"""`tonglu conformance`, against a node on this machine that plays the office, too."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from federation.mock_peer import Lapse, MockPeer
from federation.node import Limits
from service.cli import run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def node_on_a_port(own: Path, invitation: Path, *lapses: Lapse) -> Iterator[str]:
    """A node in a thread of its own, whose office takes the suite's invitation as soon as it is written."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    ready, done = threading.Event(), threading.Event()

    def invited() -> dict[str, Any] | None:
        text = own.read_text("utf-8") if own.exists() else ""
        return json.loads(text) if text.endswith("}\n") else None

    def introduce(node: MockPeer) -> None:
        invitation.write_text(json.dumps(node.invitation()), encoding="utf-8")

    async def live() -> None:
        limits = Limits(requests_per_second=1000, concurrent=50)
        async with MockPeer("790101", url, limits=limits, lapses=lapses) as node:
            await node.listen(port=port)
            introduce(node)
            ready.set()
            while not done.is_set():
                if not node.memory.peers and (document := invited()) is not None:
                    node.accept(document)
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    try:
        assert ready.wait(10)
        yield url
    finally:
        done.set()
        thread.join(10)


def test_it_prints_what_holds_and_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, invitation = tmp_path / "own.json", tmp_path / "node.json"
    where = f"127.0.0.1:{free_port()}"
    with node_on_a_port(own, invitation) as url:
        asked = ["--invitation", str(invitation), "--listen", where, "--own", str(own), "--chapter", "signing"]
        assert run(["conformance", url, *asked]) == 0
    told = capsys.readouterr()
    assert "sig-nonce-missing" in told.out
    assert "FAILED" not in told.out
    assert "peer accept DIR" in told.err


def test_it_ends_with_1_and_names_what_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, invitation = tmp_path / "own.json", tmp_path / "node.json"
    where = f"127.0.0.1:{free_port()}"
    with node_on_a_port(own, invitation, Lapse.APPLICATION_IGNORED) as url:
        asked = ["--invitation", str(invitation), "--listen", where, "--own", str(own), "--chapter", "signing"]
        assert run(["conformance", url, *asked, "--json"]) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert json.loads(first)["accept"] == str(own)
    report = json.loads(last)
    assert not report["held"]
    assert [one["id"] for one in report["lines"] if not one["held"]] == ["sig-tag"]


def test_what_is_no_invitation_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "node.json"
    file.write_text("no", encoding="utf-8")
    asked = ["--invitation", str(file), "--listen", "127.0.0.1:0"]
    assert run(["conformance", "http://127.0.0.1:9", *asked]) == 1
    assert "not an invitation" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--listen", "nowhere"], ["--listen", "127.0.0.1:0", "--chapter", "none"]])
def test_wrong_usage_ends_with_2(tmp_path: Path, wrong: list[str]) -> None:
    file = tmp_path / "node.json"
    file.write_text("{}", encoding="utf-8")
    assert run(["conformance", "http://127.0.0.1:9", "--invitation", str(file), *wrong]) == 2
