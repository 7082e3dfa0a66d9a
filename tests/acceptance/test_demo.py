"""The two commands that a newcomer meets first: the demo's story, and what an outsider sees of the same nodes."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

OUTSIDER = Path(__file__).with_name("outsider.py")
ENDS_WITHIN_SECONDS = 180


@pytest.fixture
def demo_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The demo's two ports, which one test at a time may use, whichever worker runs it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "demo-ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "service.cli", "demo", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_demo_plays_the_story_and_prints_each_step_of_both_nodes(demo_ports):
    demo = start("--once")
    printed, complaint = demo.communicate(timeout=ENDS_WITHIN_SECONDS)
    assert demo.returncode == 0, complaint + printed
    for number in range(1, 14):
        assert f"\n{number:2}. " in printed
    assert printed.count("    澜江市 790303: {") == 13
    assert printed.count("    青禾县 790101: {") == 13


def test_an_outsider_who_knows_the_contract_alone_sees_the_same_story(demo_ports):
    demo = start("--json")
    try:
        line = demo.stdout.readline()
        assert set(json.loads(line)["nodes"][0]) >= {
            "region", "base_url", "dir", "pid", "officer", "password", "second_officer", "second_password",
        }  # fmt: skip
        seen = subprocess.run(
            [sys.executable, str(OUTSIDER)],
            input=line,
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN_SECONDS,
            check=False,
        )
        assert seen.returncode == 0, seen.stderr + seen.stdout
        assert seen.stdout.splitlines()[-1] == "the outsider saw what was promised"
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)


def test_a_taken_port_ends_the_demo_with_one_line_that_says_what_to_do(demo_ports):
    import socket

    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 8801))
        taken.listen()
        demo = start("--once")
        printed, complaint = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert printed == ""
    assert "127.0.0.1:8801" in complaint
    assert len(complaint.strip().splitlines()) == 1
