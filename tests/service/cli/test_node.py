"""`tonglu init`, `serve`, `tick`, `doctor`, `backup`, `restore` and `privacy`, as an operator runs them."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from service.cli import run

Serve = Callable[..., "Serving"]


@pytest.fixture
def node(tmp_path: Path, new_database_url: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node's directory, as `tonglu init` leaves it."""
    monkeypatch.setenv("TONGLU_DATABASE_URL", new_database_url(empty=True))
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    monkeypatch.setenv("TONGLU_LISTEN", "127.0.0.1:0")
    assert init(tmp_path / "node") == 0
    return tmp_path / "node"


def init(directory: Path, *more: str, base_url: str = "http://127.0.0.1:8800") -> int:
    return run(["init", str(directory), "--region", "790303", "--name", "澜江市", "--base-url", base_url, *more])


class Serving:
    """A `tonglu serve` process and the addresses that it said."""

    def __init__(self, process: "subprocess.Popen[str]", listeners: int) -> None:
        self.process = process
        assert process.stdout is not None
        self.urls: list[str] = []
        for line in process.stdout:
            if said := re.match(r"ready: (.+)", line):
                self.urls.append(said[1])
                if len(self.urls) == listeners:
                    break

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def serve(node: Path) -> Iterator[Serve]:
    with contextlib.ExitStack() as ending:

        def start(*arguments: str, listeners: int = 1, **environment: str) -> Serving:
            process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "serve", str(node), *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, **environment},
            )
            ending.callback(process.stdout.close)
            ending.callback(process.wait, 30)
            ending.callback(process.kill)
            return Serving(process, listeners)

        yield start


# --- init -------------------------------------------------------------------------------------------------------------


@pytest.mark.one_database("sqlite", "the default database")
def test_init_prints_the_first_officers_password_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], database_kind: str
) -> None:
    assert init(tmp_path / "node", base_url="https://lanjiang.example") == 0
    printed = capsys.readouterr()
    password = re.fullmatch(r"officer: first\npassword: (\S+)\ngood until: \S+ \S+\n", printed.out)
    assert password
    assert printed.err == ""
    kept = b"".join(path.read_bytes() for path in (tmp_path / "node").iterdir())
    assert password[1].encode() not in kept


@pytest.mark.one_database("sqlite", "the default database")
def test_init_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], database_kind: str) -> None:
    assert init(tmp_path / "node", "--json", base_url="https://lanjiang.example") == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"officer", "password", "expires_at"}
    assert told["officer"] == "first"


def test_init_over_a_node_is_refused(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(node) == 1
    assert capsys.readouterr().err == f"{node} is not empty\n"


def test_init_with_a_wrong_region_says_so_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", str(tmp_path / "x"), "--region", "79", "--name", "", "--base-url", "https://x.example"]) == 1
    assert capsys.readouterr().err.startswith("name: ")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("arguments", [["init"], ["serve"], ["nonsense"], ["serve", "x", "--port", "many"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert run(arguments) == 2


def test_a_missing_node_ends_with_1_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["serve"], ["tick"], ["doctor"]):
        assert run([*command, str(tmp_path)]) == 1
        errors = capsys.readouterr().err
        assert "tonglu.toml" in errors
        assert errors.count("\n") == 1


# --- serve ------------------------------------------------------------------------------------------------------------


def test_a_node_serves_officers_and_peers_and_ends_cleanly(serve: Serve) -> None:
    serving = serve()
    with httpx.Client(base_url=serving.urls[0], trust_env=False) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert client.get("/.well-known/tonglu").json().keys() == {"jws"}
        assert client.get("/signin").status_code == 200
        assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert serving.end() == 0


def test_peers_can_have_a_listener_of_their_own(serve: Serve) -> None:
    serving = serve(listeners=2, TONGLU_FEDERATION_LISTEN="127.0.0.1:0")
    officers, peers = (httpx.Client(base_url=url, trust_env=False) for url in serving.urls)
    with officers, peers:
        assert officers.get("/signin").status_code == 200
        assert officers.get("/.well-known/tonglu").status_code == 404
        assert officers.post("/federation/v1/events").status_code == 404
        assert peers.get("/.well-known/tonglu").status_code == 200
        assert peers.post("/federation/v1/events").status_code == 401
        assert peers.get("/signin").status_code == 404
        assert peers.get("/api/v1/people/x").status_code == 404
        assert officers.get("/healthz").status_code == peers.get("/healthz").status_code == 200
    assert serving.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("only", "there", "absent"),
    [("officers", "/signin", "/.well-known/tonglu"), ("federation", "/.well-known/tonglu", "/signin")],
)
def test_several_processes_can_share_the_work(serve: Serve, only: str, there: str, absent: str) -> None:
    serving = serve("--only", only)
    with httpx.Client(base_url=serving.urls[0], trust_env=False) as client:
        assert client.get(there).status_code == 200
        assert client.get(absent).status_code == 404
    assert serving.end() == 0


def test_a_worker_listens_nowhere_and_ends_cleanly(serve: Serve) -> None:
    serving = serve("--only", "worker")
    assert serving.urls == ["worker"]
    assert serving.end() == 0


def test_a_port_that_is_taken_is_named(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["serve", str(node), "--port", str(port)]) == 1
    assert capsys.readouterr().err == f"127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TONGLU_TIMEZONE", "Nowhere"), ("TONGLU_ALLOW_PRIVATE_PEERS", "false"), ("TONGLU_LISTEM", "127.0.0.1:1")],
)
def test_a_wrong_or_unsafe_setting_stops_the_start_with_one_line(
    node: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    capsys.readouterr()
    assert run(["serve", str(node)]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert variable in printed.err
    assert printed.out == ""


# --- and the rest -----------------------------------------------------------------------------------------------------


def test_tick_runs_what_is_due_and_names_each_job(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["tick", str(node)]) == 0
    done = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert {"delivery", "matching", "releases", "deadlines", "reminders", "log", "purge", "duplicates",
            "status_lists"} <= done.keys()  # fmt: skip
    assert int(done["log"]) >= 1, "the first officer's entry got its number"
    assert run(["tick", str(node), "log", "--at", "2030-01-01T00:00"]) == 0
    assert capsys.readouterr().out == "log: 0\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["log", "--at", "tomorrow"]])
def test_tick_refuses_what_it_does_not_know(node: Path, arguments: list[str]) -> None:
    assert run(["tick", str(node), *arguments]) == 2


def test_doctor_finds_a_new_node_well(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["doctor", str(node)]) == 0
    told = capsys.readouterr().out
    assert "takes writes" in told
    assert "wrong" not in told
    assert run(["doctor", str(node), "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert {finding["check"] for finding in findings} >= {"settings", "keys", "disk", "database", "log", "calendar"}


def test_a_node_is_backed_up_and_restored(
    node: Path,
    tmp_path: Path,
    new_database_url: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["backup", str(node), str(tmp_path / "b.tar.gz")]) == 0
    assert run(["backup", str(node), str(tmp_path / "b.tar.gz")]) == 1
    monkeypatch.setenv("TONGLU_DATABASE_URL", new_database_url(empty=True))
    assert run(["restore", str(tmp_path / "b.tar.gz"), str(tmp_path / "again")]) == 0
    assert run(["restore", str(tmp_path / "b.tar.gz"), str(tmp_path / "again")]) == 1
    assert run(["doctor", str(tmp_path / "again")]) == 0


def test_the_privacy_report_counts_nothing_small(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["privacy", "report", str(node), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["counts"].values()) == {"<10"}
    assert run(["privacy", "report", str(node)]) == 0
    assert "never kept:" in capsys.readouterr().out
