"""The stage of the demo: two nodes as two processes, paired and agreed, and a mail sink.

Everything goes the way an office would go it: the nodes are made, paired and set up with `tonglu`'s own
commands, and serve from directories of their own; nothing is written behind their backs.
"""

import contextlib
import io
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from schemas.clock import local_date
from service.demo.api import Api, ApiError
from service.demo.mail import MailSink

HERE = "790303"
"""澜江市: people come here."""
HOME = "790101"
"""青禾县: people come from there."""
PAPER = "790202"
"""云台县: a region without a node."""

NAMES = {HERE: "澜江市", HOME: "青禾县"}
PORTS = {HERE: 8801, HOME: 8802}
SECOND_OFFICER = "second"
END_SECONDS = 15.0
"""So long a node may take to end: the ten seconds that it gives to requests under way, and a little more."""
START_SECONDS = 30.0


class StageError(Exception):
    """The demo could not be set up; the message says what to do."""


@dataclass
class RunningNode:
    """One region's node: where it lies and listens, and who may sign in."""

    region: str
    directory: Path
    base_url: str
    officer: str = ""
    password: str = ""
    second_officer: str = SECOND_OFFICER
    second_password: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    def described(self) -> dict[str, Any]:
        """What `demo --json` tells of this node."""
        return {
            "region": self.region,
            "base_url": self.base_url,
            "dir": str(self.directory),
            "pid": self.process.pid if self.process else None,
            "officer": self.officer,
            "password": self.password,
            "second_officer": self.second_officer,
            "second_password": self.second_password,
        }


def tonglu(*arguments: str) -> str:
    """Run one `tonglu` command in this process and return what it printed.

    Raises:
        StageError: the command failed, with its words.
    """
    from service.cli import run  # noqa: PLC0415  the command line knows this room; asked late, no circle

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    if code:
        raise StageError(f"tonglu {' '.join(arguments)}: {err.getvalue().strip() or out.getvalue().strip()}")
    return out.getvalue()


class Stage:
    """Two paired nodes in `directory`; use as a context manager, which ends what it started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mail_directory = directory / "mail"
        self.nodes = {
            region: RunningNode(region, directory / region, f"http://127.0.0.1:{PORTS[region]}") for region in NAMES
        }
        self._sink = MailSink(self.mail_directory)

    def __enter__(self) -> Self:
        for port in PORTS.values():
            _refuse_if_taken(port)
        self._sink.start()
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End both nodes in order, and the mail sink."""
        for node in self.nodes.values():
            if node.process and node.process.poll() is None:
                node.process.send_signal(signal.SIGTERM)
        for node in self.nodes.values():
            if node.process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    node.process.wait(timeout=END_SECONDS)
                if node.process.poll() is None:
                    node.process.kill()
                    # Its port is free only once it is gone.
                    node.process.wait()
        self._sink.stop()

    def _set_up(self) -> None:
        for node in self.nodes.values():
            self._initialise(node)
        self._exchange_invitations()
        for node in self.nodes.values():
            self._serve(node)
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(self._await_ready, self.nodes.values()))
        for node in self.nodes.values():
            self._choose_password(node)
        self._await_paired()
        self._agree()

    def _initialise(self, node: RunningNode) -> None:
        printed = tonglu(
            "init",
            str(node.directory),
            "--region",
            node.region,
            "--name",
            NAMES[node.region],
            "--base-url",
            node.base_url,
            "--json",
        )
        first = json.loads(printed)
        node.officer, node.password = first["officer"], first["password"]
        with (node.directory / "tonglu.toml").open("a", encoding="utf-8") as settings:
            settings.write(
                "\n# the demo: everything on this machine, answers leave at once\n"
                f'listen = "127.0.0.1:{PORTS[node.region]}"\n'
                f'smtp_url = "{self._sink.url}"\n'
                "allow_private_peers = true\n"
                'release_times = "always"\n'
            )
        added = tonglu("officer", "add", str(node.directory), SECOND_OFFICER, "--role", "clerk", "--role", "supervisor")
        node.second_password = _password_in(added)

    def _exchange_invitations(self) -> None:
        files = {}
        for node in self.nodes.values():
            files[node.region] = node.directory / "invitation.json"
            files[node.region].write_text(tonglu("peer", "invite", str(node.directory)), encoding="utf-8")
        for node in self.nodes.values():
            other = HOME if node.region == HERE else HERE
            tonglu("peer", "accept", str(node.directory), str(files[other]), "--yes")

    def _serve(self, node: RunningNode) -> None:
        output = (node.directory / "serve.log").open("ab")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TONGLU_")}
        node.process = subprocess.Popen(  # noqa: S603  this interpreter, our own command
            [sys.executable, "-m", "service.cli", "serve", str(node.directory)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends the nodes in order
        )
        output.close()

    def _await_ready(self, node: RunningNode) -> None:
        ends_at = time.monotonic() + START_SECONDS
        while time.monotonic() < ends_at:
            if node.process and node.process.poll() is not None:
                raise StageError(f"{node.region}: {_tail(node.directory / 'serve.log')}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORTS[node.region]), 1):
                return
            time.sleep(0.05)
        raise StageError(f"{node.region}: not ready after {START_SECONDS:.0f} s; see {node.directory / 'serve.log'}")

    def _choose_password(self, node: RunningNode) -> None:
        """Replace the one-time passwords, as each officer does at the first sign-in."""
        for attribute, name in (("password", node.officer), ("second_password", node.second_officer)):
            chosen = secrets.token_urlsafe(12)
            Api(node.base_url).post(
                "/session/password", {"name": name, "password": getattr(node, attribute), "new_password": chosen}
            )
            setattr(node, attribute, chosen)

    def signed_in(self, region: str) -> Api:
        """The first officer's API of one node."""
        node = self.nodes[region]
        api = Api(node.base_url)
        api.sign_in(node.officer, node.password)
        return api

    def _await_paired(self) -> None:
        apis = {region: self.signed_in(region) for region in self.nodes}
        ends_at = time.monotonic() + START_SECONDS
        states: dict[str, list[str]] = {}
        while time.monotonic() < ends_at:
            states = {region: [peer["state"] for peer in api.get("/peers")["items"]] for region, api in apis.items()}
            if all(state == ["active"] for state in states.values()):
                return
            time.sleep(0.05)
        raise StageError(f"the nodes did not pair: {states}")

    def _agree(self) -> None:
        here, home = self.signed_in(HERE), self.signed_in(HOME)
        agreement = tonglu("agreement", "propose", str(self.nodes[HERE].directory), "--peer", HOME).split()[-1]
        for _ in _until(START_SECONDS):
            with contextlib.suppress(ApiError):
                home.post(f"/agreements/{agreement}/sign")
                break
        for _ in _until(START_SECONDS):
            states = [
                [item["state"] for item in api.get("/agreements")["items"] if item["id"] == agreement]
                for api in (here, home)
            ]
            if states == [["signed"], ["signed"]]:
                return
        raise StageError("the agreement was not signed on both sides")

    def tick(self, region: str, job: str, at: datetime) -> None:
        """Run what is due of one job, as if it were `at` (`tonglu tick`)."""
        tonglu("tick", str(self.nodes[region].directory), job, "--at", at.isoformat())

    def mails(self) -> list[Path]:
        """What the sink was given so far, one file a message."""
        return sorted(self.mail_directory.glob("*.eml"))

    def verify_log(self, region: str) -> str:
        """What `tonglu log verify` says. Raises StageError when the log does not verify."""
        return tonglu("log", "verify", str(self.nodes[region].directory)).strip().splitlines()[-1]

    def verify_receipt(self, receipt: dict[str, Any]) -> None:
        """Verify a receipt offline, from the evidence in it alone. Raises StageError when it does not hold."""
        path = self.directory / "receipt.json"
        path.write_text(json.dumps(receipt), encoding="utf-8")
        tonglu("receipts", "verify", str(self.nodes[HERE].directory), str(path))

    def described(self) -> dict[str, Any]:
        """What `demo --json` prints."""
        return {
            "nodes": [node.described() for node in self.nodes.values()],
            "mail_dir": str(self.mail_directory),
        }

    def today(self) -> date:
        """Today in the one zone of both nodes."""
        return local_date(datetime.now().astimezone(), ZoneInfo("Asia/Shanghai"))


def _until(seconds: float) -> Iterator[None]:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        yield
        time.sleep(0.1)


def _refuse_if_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StageError(
                f"127.0.0.1:{port} 已被占用，请先结束占用它的程序 · is in use: end the program that listens there first"
            ) from error


def _password_in(printed: str) -> str:
    for line in printed.splitlines():
        if line.startswith("password:"):
            return line.partition(":")[2].strip()
    raise StageError(f"no password in: {printed}")


def _tail(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-2000:]
