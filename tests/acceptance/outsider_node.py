"""One node as an outsider sees it: its published API and its commands, and people of the outsider's own.

Only the standard library is used, and `tonglu` from the PATH.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60.0
TONGLU = shutil.which("tonglu") or str(Path(sys.executable).with_name("tonglu"))
SURNAMES = "尚丁闵桑靳车谷宁柏项"
GIVEN = "木兰青云石泉松鹤竹溪"
TODAY = datetime.now(timezone(timedelta(hours=8))).date()
started: list["subprocess.Popen[bytes]"] = []


def check_digit(stem: str) -> str:
    """GB 11643's last character (ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(stem)) % 11]


class Person:
    def __init__(self, dice: random.Random, county: str) -> None:
        self.name = dice.choice(SURNAMES) + dice.choice(GIVEN) + dice.choice(GIVEN)
        self.born = date(dice.randint(1960, 2000), dice.randint(1, 12), dice.randint(1, 28))
        stem = f"{county}{self.born:%Y%m%d}{dice.randint(100, 999)}"
        self.number = stem + check_digit(stem)
        self.phone = f"139{dice.randint(10_000_000, 99_999_999)}"
        self.moved = TODAY - timedelta(days=dice.randint(20, 300))

    def body(self, **other: str) -> dict[str, str]:
        facts = {
            "name": self.name,
            "document_type": "resident_id",
            "document_number": self.number,
            "date_of_birth": self.born.isoformat(),
            "phone": self.phone,
        }
        return facts | other


class Node:
    """One node, seen through its API and its commands."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.region, self.url, self.dir, self.pid = told["region"], told["base_url"], told["dir"], told["pid"]
        self.officer, self.password = told["officer"], told["password"]
        self.second, self.second_password = told["second_officer"], told["second_password"]
        self.token = self.sign_in(self.officer, self.password)
        self.wording = self.get("/notices/current")["version"]

    def sign_in(self, name: str, password: str) -> str:
        return str(self.call("POST", "/session", {"name": name, "password": password}, token=None)["token"])

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = "", key: str = "") -> Any:
        headers = {"Content-Type": "application/json"}
        if token is not None and (token or getattr(self, "token", "")):
            headers["Authorization"] = f"Bearer {token or self.token}"
        if key:
            headers["Idempotency-Key"] = key
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)  # noqa: S310  loopback
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  loopback
                raw = answer.read()
        except urllib.error.HTTPError as error:
            problem = error.read().decode(errors="replace")
            raise SystemExit(f"{self.region} {method} {path}: {error.code} {problem}") from None
        return json.loads(raw) if raw[:1] in (b"{", b"[") else raw

    def refused(self, method: str, path: str, body: Any = None, *, token: str | None = "") -> int:
        """The status of a call that must be refused, with a problem document and no 5xx."""
        try:
            self.call(method, path, body, token=token)
        except SystemExit as refusal:
            words = str(refusal)
        else:
            raise SystemExit(f"{self.region} {method} {path}: taken, and should have been refused")
        status = int(words.split(": ", 1)[1].split(" ", 1)[0])
        assert 400 <= status < 500, words
        assert '"type"' in words, words
        return status

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, key: str = "") -> Any:
        return self.call("POST", path, body if body is not None else {}, key=key)

    def command(self, *arguments: str) -> str:
        done = subprocess.run([TONGLU, *arguments], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise SystemExit(f"tonglu {' '.join(arguments)}: {done.returncode} {done.stderr}")
        return done.stdout

    def notice(self) -> dict[str, str]:
        return {"version": self.wording, "way": "spoken", "given_at": datetime.now(UTC).isoformat(timespec="seconds")}

    def consent(self, purpose: str) -> dict[str, str]:
        return {"purpose": purpose, "way": "spoken", "witness": self.second}

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        for _ in waiting("the node is gone"):
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=1).close()  # noqa: S310  loopback
            except OSError:
                return

    def serve(self) -> None:
        process = subprocess.Popen(
            [TONGLU, "serve", self.dir], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        started.append(process)
        self.pid = process.pid
        for _ in waiting("the node is ready"):
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=1).close()  # noqa: S310  loopback
            except OSError:
                continue
            return


def waiting(what: str) -> Any:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        yield
        time.sleep(0.1)
    raise SystemExit(f"not within {PATIENCE_SECONDS:.0f} s: {what}")


def until(read: Any, good: Any, what: str) -> Any:
    seen = None
    for _ in waiting(what):
        seen = read()
        if good(seen):
            return seen
    raise SystemExit(f"{what}: {seen}")
