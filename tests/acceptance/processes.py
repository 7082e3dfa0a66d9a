"""Nodes as an operator runs them: processes of their own, that a test starts, kills and starts again."""

import contextlib
import io
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.cli import run

START_SECONDS = 40.0
TONGLU = (sys.executable, "-m", "service.cli")
PASSWORD = "invented-password-1"


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on just now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of a node."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TONGLU_")} | more


@dataclass
class ProcessNode:
    """A node's directory and the process that serves it; `log` holds all that its processes ever printed."""

    directory: Path
    region: str
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | Forked | None" = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.directory.parent / f"{self.region}.log"

    @property
    def environment(self) -> dict[str, str]:
        return environment(TONGLU_ALLOW_PRIVATE_PEERS="true", TONGLU_LISTEN=f"127.0.0.1:{self.port}", **self.settings)

    def command(self, *arguments: str, python: Sequence[str] = TONGLU) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end."""
        return subprocess.run(
            [*python, *arguments], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def told(self, *arguments: str | Path) -> str:
        """What a command prints that must succeed; run within this process: one for each would cost two seconds."""
        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environment)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run([str(argument) for argument in arguments])
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert code == 0, f"tonglu {arguments}: {err.getvalue()}"
        return out.getvalue()

    def start(self, *arguments: str) -> None:
        """Begin to serve: `tonglu serve`, or `arguments` in its place. Says nothing about being ready."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                arguments or (*TONGLU, "serve", str(self.directory)),
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def fork(self, serve: Callable[..., None], *arguments: str) -> None:
        """Begin to serve by `serve(*arguments)` in a process that is forked from one which imported all already."""
        self.process = Forked(serve, arguments, self.environment, self.log)

    def await_ready(self) -> None:
        """Return once the node answers."""
        assert self.process is not None
        for _ in patience(START_SECONDS, f"{self.region} is ready"):
            assert self.process.poll() is None, self.log.read_text("utf-8", "replace")[-3000:]
            try:
                with contextlib.closing(urllib.request.urlopen(f"{self.base_url}/readyz", timeout=5)):  # noqa: S310 - loopback
                    return
            except OSError:
                continue

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self) -> int | None:
        """Stop in order; the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait(10)

    def kill(self) -> None:
        """End it now, in whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def initialise(self, name: str) -> str:
        """`tonglu init`; returns the first officer's one-time password."""
        made = self.told(
            "init", str(self.directory), "--region", self.region, "--name", name, "--base-url", self.base_url, "--json"
        )
        return str(json.loads(made)["password"])


class Forked:
    """A process like those of `subprocess`, started without importing everything anew, which takes two seconds."""

    def __init__(
        self, work: Callable[..., None], arguments: tuple[str, ...], variables: dict[str, str], log: Path
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.acceptance.crash_node"])
        self._process = context.Process(target=_in_child, args=(work, arguments, variables, str(log)), daemon=True)
        self._process.start()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None and self.pid is not None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float) -> int | None:
        self._process.join(seconds)
        if self.poll() is None:
            raise subprocess.TimeoutExpired("forked", seconds)
        return self.poll()


def _in_child(work: Callable[..., None], arguments: tuple[str, ...], variables: dict[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(variables)
    with Path(log).open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    work(*arguments)


def patience(seconds: float, what: str) -> Iterator[None]:
    """Turns to look again, until it is too late. Raises AssertionError then."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        yield
        time.sleep(0.03)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


class Refused(Exception):
    """The node answered with a problem."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body
        super().__init__(f"{status} {body[:2000].decode(errors='replace')}")


def request(
    method: str, url: str, body: Any = None, *, token: str = "", key: str = "", content_type: str = "application/json"
) -> bytes:
    """One plain HTTP request; `body` is JSON unless it is bytes. Raises Refused, or OSError when nobody answers."""
    headers = {"Content-Type": content_type, "Connection": "close"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if key:
        headers["Idempotency-Key"] = key
    data = body if isinstance(body, bytes) or body is None else json.dumps(body, ensure_ascii=False).encode()
    try:
        asked = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - loopback
        with contextlib.closing(urllib.request.urlopen(asked, timeout=60)) as answer:  # noqa: S310 - loopback
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise Refused(error.code, error.read()) from None


def sign_in(node: ProcessNode, name: str, one_time: str) -> str:
    """Change the one-time password, as each officer does at first, and sign in; returns the bearer token."""
    api = f"{node.base_url}/api/v1"
    change = {"name": name, "password": one_time, "new_password": PASSWORD}
    request("POST", f"{api}/session/password", change)
    token: str = json.loads(request("POST", f"{api}/session", {"name": name, "password": PASSWORD}))["token"]
    return token


def password_in(told: str) -> str:
    """The one-time password in what a command printed."""
    return next(line for line in told.splitlines() if line.startswith("password: ")).removeprefix("password: ")
