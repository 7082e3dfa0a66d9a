"""What is installed is what is used, and the lock says the same as what pip is given."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_layout import ROOT

BIN = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def test_every_dependency_is_used_and_every_import_is_declared() -> None:
    checked = run("deptry", ".", "--no-ansi")
    assert checked.returncode == 0, checked.stderr


def test_nothing_is_left_that_nobody_uses() -> None:
    checked = run("vulture")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.asvs("15.1.2")
@pytest.mark.parametrize(("extras", "file"), [((), "requirements.txt"), (("--extra", "dev"), "requirements-dev.txt")])
def test_pip_is_given_what_the_lock_says(extras: tuple[str, ...], file: str) -> None:
    exported = run(
        "uv", "export", "--offline", "--frozen", "--quiet", "--no-emit-project", "--no-header", "--no-annotate", *extras
    )
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout == (ROOT / file).read_text("utf-8"), "make lock"
